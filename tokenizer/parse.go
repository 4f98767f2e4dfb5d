package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrUnsupported is in errors about a file that may be right but asks for what
// this package does not do.
var ErrUnsupported = errors.New("not supported")

// maxFile is far above the largest tokenizer.json, which has some 30 MB.
const maxFile = 256 << 20

// Open reads a tokenizer.json. If path is a folder, it reads the tokenizer.json
// in it and, if there is one, the tokenizer_config.json as WithConfig does.
func Open(path string) (*Tokenizer, error) {
	file, config := path, ""
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file, config = filepath.Join(path, "tokenizer.json"), filepath.Join(path, "tokenizer_config.json")
	}
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	t, err := Parse(file, data)
	if err != nil || config == "" {
		return t, err
	}
	data, err = readFile(config)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	return t.WithConfig(config, data)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("tokenizer: %s: larger than %d MiB; is it a tokenizer.json?", path, maxFile>>20)
	}
	return data, nil
}

// Parse reads the bytes of a tokenizer.json; name is for messages. What the
// file asks for and this package does not do is an error that wraps
// ErrUnsupported. The entries truncation and padding are not applied.
func Parse(name string, data []byte) (*Tokenizer, error) {
	var file struct {
		AddedTokens   []addedJSON     `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         *modelJSON      `json:"model"`
	}
	p := parser{name: name, r: new(rules)}
	if err := p.decode(data, "", &file); err != nil {
		return nil, err
	}
	if file.Model == nil {
		return nil, p.errorf("model", "missing; is it a tokenizer.json?")
	}
	if err := p.normalizer("normalizer", file.Normalizer, 0); err != nil {
		return nil, err
	}
	if err := p.preTokenizer("pre_tokenizer", file.PreTokenizer, 0); err != nil {
		return nil, err
	}
	if err := p.model(file.Model); err != nil {
		return nil, err
	}
	if err := p.addedTokens(file.AddedTokens); err != nil {
		return nil, err
	}
	if err := p.decoder("decoder", file.Decoder, 0); err != nil {
		return nil, err
	}
	t := &Tokenizer{rules: p.r, bos: -1, eos: -1, pad: -1}
	if err := p.postProcessor(t, "post_processor", file.PostProcessor, 0); err != nil {
		return nil, err
	}
	return t, nil
}

// parser builds the rules that a file states.
type parser struct {
	name      string
	r         *rules
	byteLevel bool // the pre-tokenizer ends in ByteLevel
	fused     bool // a decoder has made one token of all
}

// errorf returns an error about the entry where of the file.
func (p *parser) errorf(where, format string, args ...any) error {
	if where != "" {
		where += ": "
	}
	return fmt.Errorf("tokenizer: %s: %s%w", p.name, where, fmt.Errorf(format, args...))
}

// unsupported returns the error for an entry whose what (type, pattern) is not
// one of those known.
func (p *parser) unsupported(where, what, value string, known ...string) error {
	list := ""
	if len(known) > 0 {
		list = "; supported: " + strings.Join(known, ", ")
	}
	return p.errorf(where, "%s %q: %w%s", what, value, ErrUnsupported, list)
}

// decode reads data into v. Sections that a file lacks are like null.
func (p *parser) decode(data []byte, where string, v any) error {
	if where != "" && len(data) == 0 {
		return nil
	}
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	hint := ""
	if where == "" && !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		hint = " (it does not begin as a JSON object: an error page, a pointer of Git LFS or another file?)"
	}
	if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
		return p.errorf(where, "at byte %d: %w%s", e.Offset, err, hint)
	}
	return p.errorf(where, "%w%s", err, hint)
}

// maxNesting is how deep Sequences may be nested.
const maxNesting = 8

// typed is what every section begins with. Type is empty for null.
type typed struct {
	Type string `json:"type"`
}

// sequence calls each for the entries of the list under key.
func (p *parser) sequence(where, key string, data []byte, depth int, each func(where string, data json.RawMessage, depth int) error) error {
	if depth == maxNesting {
		return p.errorf(where, "sequences nested more than %d deep: %w", maxNesting, ErrUnsupported)
	}
	var body map[string]json.RawMessage
	if err := p.decode(data, where, &body); err != nil {
		return err
	}
	var list []json.RawMessage
	if err := p.decode(body[key], where+"."+key, &list); err != nil {
		return err
	}
	for i, entry := range list {
		if err := each(fmt.Sprintf("%s.%s[%d]", where, key, i), entry, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// textPattern returns the string that a pattern stands for; regular expressions
// are unsupported.
func (p *parser) textPattern(where string, pattern patternJSON) (string, error) {
	if pattern.Regex != nil {
		return "", p.unsupported(where+".pattern", "regular expression", *pattern.Regex)
	}
	if pattern.String == nil || *pattern.String == "" {
		return "", p.errorf(where+".pattern", "missing or empty")
	}
	return *pattern.String, nil
}

// patternJSON is a pattern of Split and Replace: one of its two fields.
type patternJSON struct {
	String *string
	Regex  *string
}

func (p *parser) normalizer(where string, data json.RawMessage, depth int) error {
	var n struct {
		typed
		Prepend string      `json:"prepend"`
		Pattern patternJSON `json:"pattern"`
		Content string      `json:"content"`
	}
	if err := p.decode(data, where, &n); err != nil {
		return err
	}
	var step normalizerStep
	switch n.Type {
	case "":
		return p.nullOnly(where, data)
	case "Sequence":
		return p.sequence(where, "normalizers", data, depth, p.normalizer)
	case "NFC", "NFD", "NFKC", "NFKD":
		step = unicodeForm(slices.Index([]string{"NFC", "NFD", "NFKC", "NFKD"}, n.Type))
	case "Prepend":
		step = prepend(n.Prepend)
	case "Replace":
		old, err := p.textPattern(where, n.Pattern)
		if err != nil {
			return err
		}
		step = replace{old, n.Content}
	default:
		return p.unsupported(where, "type", n.Type, "NFC", "NFD", "NFKC", "NFKD", "Prepend", "Replace", "Sequence")
	}
	p.r.normalizer = append(p.r.normalizer, step)
	return nil
}

// nullOnly refuses a section that is there but has no type.
func (p *parser) nullOnly(where string, data json.RawMessage) error {
	if len(data) == 0 || string(data) == "null" {
		return nil
	}
	return p.errorf(where, "has no type")
}
