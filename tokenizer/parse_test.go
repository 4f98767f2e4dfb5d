package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// small is a tokenizer.json with one section replaced.
func small(section, body string) []byte {
	sections := map[string]json.RawMessage{
		"model":          json.RawMessage(`{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3, "▁": 4}, "merges": ["a b"]}`),
		"added_tokens":   json.RawMessage(`[{"id": 3, "content": "<s>", "special": true, "normalized": false}]`),
		"normalizer":     json.RawMessage(`null`),
		"pre_tokenizer":  json.RawMessage(`null`),
		"post_processor": json.RawMessage(`null`),
		"decoder":        json.RawMessage(`{"type": "Fuse"}`),
	}
	if section != "" {
		sections[section] = json.RawMessage(body)
	}
	data, err := json.Marshal(sections)
	if err != nil {
		panic(err)
	}
	return data
}

func TestWhatAFileAsksForInVainIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name, section, body string
		want                []string // in the message
	}{
		{"unknown pre-tokenizer", "pre_tokenizer", `{"type": "Morphemes"}`, []string{"pre_tokenizer", `"Morphemes"`, "supported: ByteLevel"}},
		{"unknown pre-tokenizer in a sequence", "pre_tokenizer", `{"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "BertPreTokenizer"}]}`, []string{"pre_tokenizer.pretokenizers[1]", "BertPreTokenizer"}},
		{"unknown pattern", "pre_tokenizer", `{"type": "Split", "pattern": {"Regex": "\\d+(?!x)"}, "behavior": "Isolated"}`, []string{"pre_tokenizer.pattern", `\\d+(?!x)`, "Qwen2"}},
		{"unknown behaviour", "pre_tokenizer", `{"type": "Split", "pattern": {"String": " "}, "behavior": "Doubled"}`, []string{`"Doubled"`}},
		{"pattern with another behaviour", "pre_tokenizer", `{"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "MergedWithNext"}`, []string{`"MergedWithNext"`}},
		{"inverted string", "pre_tokenizer", `{"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": true}`, []string{"invert"}},
		{"pre-tokenizer after ByteLevel", "pre_tokenizer", `{"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]}`, []string{"pretokenizers[1]", "after ByteLevel"}},
		{"prepend scheme", "pre_tokenizer", `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"}`, []string{`"last"`}},
		{"unknown normalizer", "normalizer", `{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}`, []string{"normalizer.normalizers[1]", `"Lowercase"`, "NFKC"}},
		{"normalizer with a regular expression", "normalizer", `{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}`, []string{"normalizer.pattern", " {2,}"}},
		{"unknown decoder", "decoder", `{"type": "WordPiece"}`, []string{"decoder", `"WordPiece"`}},
		{"decoder that strips the end", "decoder", `{"type": "Strip", "content": " ", "start": 0, "stop": 1}`, []string{"decoder.stop"}},
		{"bytes after joining", "decoder", `{"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]}`, []string{"decoder.decoders[1]", "ByteFallback"}},
		{"unknown post-processor", "post_processor", `{"type": "BertProcessing"}`, []string{"post_processor", `"BertProcessing"`}},
		{"template without the text", "post_processor", `{"type": "TemplateProcessing", "single": [], "special_tokens": {}}`, []string{"post_processor.single"}},
		{"template of two texts", "post_processor", `{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "B"}}], "special_tokens": {}}`, []string{"post_processor.single[1]"}},
		{"other model", "model", `{"type": "Unigram", "vocab": [["a", -1.5]]}`, []string{"model", "Unigram", "BPE"}},
		{"dropout", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}`, []string{"model.dropout", "0.1"}},
		{"prefix", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "continuing_subword_prefix": "##"}`, []string{"continuing_subword_prefix", "##"}},
		{"suffix", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "end_of_word_suffix": "</w>"}`, []string{"end_of_word_suffix", "</w>"}},
		{"deep nesting", "normalizer", strings.Repeat(`{"type": "Sequence", "normalizers": [`, 20) + strings.Repeat(`]}`, 20), []string{"nested"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x/tokenizer.json", small(tt.section, tt.body))
			if !errors.Is(err, ErrUnsupported) {
				t.Fatalf("got %v, want ErrUnsupported", err)
			}
			for _, want := range append(tt.want, "x/tokenizer.json") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %q", err, want)
				}
			}
		})
	}
}

func TestABrokenFileIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, section, body, want string }{
		{"no model", "model", `null`, "model: missing"},
		{"no vocabulary", "model", `{"type": "BPE", "merges": []}`, "model.vocab"},
		{"merge without its token", "model", `{"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}`, `merges[0] joins "a" and "b", but "ab" is not`},
		{"merge of an unknown token", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "z"]]}`, `"z" is not in the vocabulary`},
		{"merge of one part", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": ["ab"]}`, "merges[0]"},
		{"merge of three parts", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": ["a b", "a b c"]}`, "merges[1]"},
		{"merge of three strings", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b", "c"]]}`, "merges[0]"},
		{"merge of numbers", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [[1, 2]]}`, "merges[0]"},
		{"merges no list", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": {}}`, "merges is no list"},
		{"vocabulary no object", "model", `{"type": "BPE", "vocab": ["a"], "merges": []}`, "vocab is no object of tokens and ids"},
		{"two tokens of one id", "model", `{"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}`, `tokens "a" and "b" have the same id 0`},
		{"empty token of the same id", "model", `{"type": "BPE", "vocab": {"a": 0, "": 0}, "merges": []}`, "the same id 0"},
		{"negative id", "model", `{"type": "BPE", "vocab": {"a": -1}, "merges": []}`, `token "a" has the id -1`},
		{"huge id", "model", `{"type": "BPE", "vocab": {"a": 123456789}, "merges": []}`, "123456789"},
		{"id that is no number", "model", `{"type": "BPE", "vocab": {"a": {"b": 1}}, "merges": []}`, `token "a"`},
		{"fractional id", "model", `{"type": "BPE", "vocab": {"a": 1.5}, "merges": []}`, "1.5"},
		{"unknown unk_token", "model", `{"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"}`, `"<unk>" is not in the vocabulary`},
		{"added token without id", "added_tokens", `[{"content": "<s>"}]`, `added_tokens[0]: "<s>" has no id`},
		{"added token of another id", "added_tokens", `[{"id": 9, "content": "a"}]`, "9 here and 0"},
		{"added token of a taken id", "added_tokens", `[{"id": 0, "content": "x"}]`, `which is that of "a"`},
		{"normalizer without type", "normalizer", `{}`, "normalizer: has no type"},
		{"normalizer that is a number", "normalizer", `7`, "normalizer: "},
		{"empty pattern", "normalizer", `{"type": "Replace", "pattern": {"String": ""}, "content": ""}`, "normalizer.pattern"},
		{"long replacement", "pre_tokenizer", `{"type": "Metaspace", "replacement": "__"}`, "not one character"},
		{"contradiction", "pre_tokenizer", `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "add_prefix_space": false}`, "add_prefix_space is false"},
		{"template with an unknown token", "post_processor", `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}], "special_tokens": {}}`, `"<x>" is not in special_tokens`},
		{"template with an unknown id", "post_processor", `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}], "special_tokens": {"<x>": {"ids": [77]}}}`, "77"},
		{"strip below zero", "decoder", `{"type": "Strip", "content": " ", "start": -1, "stop": 0}`, "decoder.start"},
		{"strip of a word", "decoder", `{"type": "Strip", "content": "ab", "start": 1, "stop": 0}`, "decoder.content"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x/tokenizer.json", small(tt.section, tt.body))
			if err == nil {
				t.Fatal("no error")
			}
			if errors.Is(err, ErrUnsupported) {
				t.Errorf("%v: is ErrUnsupported", err)
			}
			for _, want := range []string{tt.want, "x/tokenizer.json"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %q", err, want)
				}
			}
		})
	}
}

func TestWhatIsNoJSONIsRefusedWithAHint(t *testing.T) {
	for _, text := range []string{"", "<!DOCTYPE html><p>403 Forbidden", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "[]", `{"model": {"type": "BPE", "vocab": {"a": 0`} {
		_, err := Parse("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "tokenizer: f: ") {
			t.Errorf("%q: got %v", text, err)
		}
		if strings.HasPrefix(text, "<") && !strings.Contains(err.Error(), "error page") {
			t.Errorf("%q: no hint in %v", text, err)
		}
	}
}

func TestBothFormatsOfMergesMeanTheSame(t *testing.T) {
	pairs, err := Parse("pairs", small("model", `{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "abab": 5}, "merges": [["a", "b"] , ["ab","ab"]]}`))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Parse("lines", small("model", `{"vocab": {"a": 0, "b": 1, "ab": 2, "abab": 5}, "merges": ["#version: 0.2", "a b", "ab ab"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []*Tokenizer{pairs, lines} {
		if got, want := tok.Encode("ababbab"), []int32{5, 1, 2}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestEscapesAndWhiteSpaceOfJSONAreRead(t *testing.T) {
	tok, err := Parse("escapes", []byte("{\"model\": {\"type\": \"BPE\", \"vocab\" : { \"\\u0061\" : 0 ,\t\"\\\"\":1,\n\"\\\\\" : 2, \"\\u00e9\": 3, \"a\\u00e9\": 4 , \"\\ud83d\\ude00\":6}, \"merges\" : [ \"a \\u00e9\" ] } }"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Encode(`aé"\é😀`), []int32{4, 1, 2, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := tok.VocabSize(); n != 7 {
		t.Errorf("VocabSize is %d", n)
	}
	if token, ok := tok.Token(5); ok {
		t.Errorf("the gap is %q", token)
	}
	if s := tok.Decode([]int32{0, 5, 3}); s != "a é" {
		t.Errorf("without a decoder: %q", s)
	}
}

func TestTheLastOfEqualKeysCounts(t *testing.T) {
	tok, err := Parse("twice", small("model", `{"type": "BPE", "vocab": {"a": 0, "b": 1, "a": 2, "c": 0}, "merges": []}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Encode("abc"), []int32{2, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAddedTokensStandForThemselvesWhenDecoded(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "qwen2.json"))
	if err != nil {
		t.Fatal(err)
	}
	// é is also what a byte-level vocabulary calls the byte E9.
	data = bytes.Replace(data, []byte(`"added_tokens":[`), []byte(`"added_tokens":[{"id":500,"content":"<é>"},`), 1)
	tok, err := Parse("added", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"<é>", "x<é>鼆é", "<é><é>"} {
		ids := tok.Encode(text)
		if !slices.Contains(ids, 500) {
			t.Errorf("%q: no <é> in %q", text, tokens(tok, ids))
		}
		if got := tok.Decode(ids); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
	}
}

func TestOpenReadsAFolderWithItsConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "tokenizer.json") {
		t.Errorf("empty folder: %v", err)
	}
	write("tokenizer.json", string(small("", "")))
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tok.BOS(); ok {
		t.Error("BOS is known without a config")
	}
	write("tokenizer_config.json", `{"bos_token": "<s>"}`)
	if tok, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	if id, ok := tok.BOS(); !ok || id != 3 {
		t.Errorf("BOS is %d, %v", id, ok)
	}
	write("tokenizer_config.json", `{`)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "tokenizer_config.json") {
		t.Errorf("broken config: %v", err)
	}
}

func TestAConfigNamesSpecialTokens(t *testing.T) {
	with := EncodeOptions{AddSpecial: true}
	template := `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [3]}}}`
	for _, tt := range []struct {
		name, post, config string
		bos, eos, pad      int32 // -1: unknown
		want               []int32
	}{
		{"strings", "null", `{"bos_token": "<s>", "eos_token": "b", "pad_token": null}`, 3, 1, -1, []int32{0}},
		{"objects", "null", `{"pad_token": {"__type": "AddedToken", "content": "<s>"}}`, -1, -1, 3, []int32{0}},
		{"a token that the vocabulary lacks", "null", `{"pad_token": "<pad>"}`, -1, -1, -1, []int32{0}},
		{"BOS added", "null", `{"bos_token": "<s>", "add_bos_token": true}`, 3, -1, -1, []int32{3, 0}},
		{"BOS and EOS added", "null", `{"bos_token": "<s>", "add_bos_token": true, "eos_token": "b", "add_eos_token": true}`, 3, 1, -1, []int32{3, 0, 1}},
		{"BOS of the template", template, `{"bos_token": "<s>"}`, 3, -1, -1, []int32{3, 0}},
		{"BOS of the template once", template, `{"bos_token": "<s>", "add_bos_token": true}`, 3, -1, -1, []int32{3, 0}},
		{"BOS of the template refused", template, `{"bos_token": "<s>", "add_bos_token": false}`, 3, -1, -1, []int32{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, err := Parse("t", small("post_processor", tt.post))
			if err != nil {
				t.Fatal(err)
			}
			before := plain.EncodeWith("a", with)
			tok, err := plain.WithConfig("c", []byte(tt.config))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []struct {
				name string
				get  func() (int32, bool)
				want int32
			}{{"BOS", tok.BOS, tt.bos}, {"EOS", tok.EOS, tt.eos}, {"PAD", tok.PAD, tt.pad}} {
				if id, ok := s.get(); ok != (s.want >= 0) || ok && id != s.want {
					t.Errorf("%s is %d, %v", s.name, id, ok)
				}
			}
			if got := tok.EncodeWith("a", with); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := tok.Encode("a"); !slices.Equal(got, []int32{0}) {
				t.Errorf("Encode adds tokens: %v", got)
			}
			if got := plain.EncodeWith("a", with); !slices.Equal(got, before) {
				t.Errorf("the first tokenizer has changed: %v, not %v", got, before)
			}
		})
	}
	tok, err := Parse("t", small("", ""))
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]string{
		`{"add_bos_token": true}`:                     "bos_token is missing",
		`{"add_eos_token": true, "eos_token": "<e>"}`: `"<e>" is not in the vocabulary`,
		`{"bos_token": 7}`:                            "c: ",
		`not JSON`:                                    "c: ",
	} {
		if _, err := tok.WithConfig("c", []byte(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", config, err)
		}
	}
}

func TestSpecialTokensOfSeveralProcessorsNest(t *testing.T) {
	one := `{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "x"}}], "special_tokens": {"x": {"ids": [1]}}}`
	two := strings.ReplaceAll(one, "[1]", "[2, 3]")
	tok, err := Parse("t", small("post_processor", `{"type": "Sequence", "processors": [`+one+`, {"type": "ByteLevel"}, `+two+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := tok.EncodeWith("a", EncodeOptions{AddSpecial: true})
	if want := []int32{2, 3, 1, 0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
