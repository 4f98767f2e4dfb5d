package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"kakeyalattice/codec"
	"kakeyalattice/kv"
	"kakeyalattice/metric"
	"kakeyalattice/stats"
)

// journalFormat names the version of the journal. A journal lives as long as
// its run: there is no reading of older versions.
const journalFormat = "kakeya.journal/2"

// Setting is one named choice that the figures of a run depend on, such as
// the digest of an input or the list of codecs.
type Setting struct{ Name, Value string }

// settings is an ordered JSON object of strings.
type settings []Setting

func (s settings) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, x := range s {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

func (s *settings) UnmarshalJSON(b []byte) error {
	*s = nil
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("settings are not an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("setting %q is not a text", name)
		}
		*s = append(*s, Setting{name.(string), text})
	}
	return nil
}

// value returns the value of a setting and whether it is there.
func (s settings) value(name string) (string, bool) {
	i := slices.IndexFunc(s, func(x Setting) bool { return x.Name == name })
	if i < 0 {
		return "", false
	}
	return s[i].Value, true
}

// differences lists what changed from one run's settings to another's, as
// "name: was X, now Y", in the order of the new ones.
func differences(was, now settings) []string {
	text := func(s settings, name string) string {
		if v, ok := s.value(name); ok && v != "" {
			return v
		}
		return "unset"
	}
	var diff []string
	compare := func(name string) {
		if w, n := text(was, name), text(now, name); w != n {
			diff = append(diff, fmt.Sprintf("%s: was %s, now %s", name, w, n))
		}
	}
	for _, x := range now {
		compare(x.Name)
	}
	for _, x := range was {
		if _, ok := now.value(x.Name); !ok {
			compare(x.Name)
		}
	}
	return diff
}

// header is the first line of a journal.
type header struct {
	Format string   `json:"format"`
	Plan   settings `json:"plan"`
}

// What a line of a journal after the first is about.
const (
	codeKind  = "code"  // a codec on one passage of a group
	auditKind = "audit" // the non-Gaussian audit of one passage of a stream
	fitKind   = "fit"   // the per-stream constant of a codec
)

// key says what a line of a journal is about. Names, not numbers, so that it
// means the same in a plan that orders its units differently.
type key struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"` // of the group (code) or the stream (audit, fit)
	Passage int    `json:"passage"`
	Codec   string `json:"codec,omitempty"` // spec as requested
}

// fitKey is the key of a codec's constant for a stream.
func fitKey(s *kv.Stream, requested codec.Spec) key {
	return key{Kind: fitKind, Name: s.Name, Codec: requested.String()}
}

// entry is one line of a journal after the first. The field that its kind
// calls for is set.
type entry struct {
	key
	Code   *codeRecord  `json:"code,omitempty"`
	Audit  *auditRecord `json:"audit,omitempty"`
	Fitted string       `json:"fitted,omitempty"` // canonical spec with the constant
}

// check says what makes an entry meaningless, whatever the plan.
func (e *entry) check() error {
	switch {
	case e.Kind == codeKind && e.Code != nil, e.Kind == auditKind && e.Audit != nil:
		return nil
	case e.Kind == fitKind:
		_, err := codec.Parse(e.Fitted)
		return err
	}
	return fmt.Errorf("no record of kind %q", e.Kind)
}

// codeRecord is what one codec did to one passage of a group.
type codeRecord struct {
	Streams []streamRecord `json:"streams"` // in the group's order
	// Attention is the attention-output error; nil where undefined or not asked for.
	Attention *float64 `json:"attention,omitempty"`
}

// streamRecord is what one codec did to one passage of a stream.
type streamRecord struct {
	Bytes      int64             `json:"bytes"` // 0 for a simulated codec
	Distortion metric.Distortion `json:"distortion,omitzero"`
	Overflows  int               `json:"overflows,omitempty"` // vectors coded more coarsely to fit their slots
	// Skip says why the codec is left out of the stream: it cannot code this
	// passage, and nobody named it.
	Skip string `json:"skip,omitempty"`
}

// auditRecord is a [metric.NonGaussian] whose undefined figures are null.
type auditRecord struct {
	ExcessKurtosis stats.Float `json:"excess_kurtosis"`
	Isotropy       stats.Float `json:"isotropy"`
	HadamardRatio  stats.Float `json:"hadamard_ratio"`
	TailOneSided   stats.Float `json:"tail_one_sided"`
	TailTwoSided   stats.Float `json:"tail_two_sided"`
}

func recordAudit(g metric.NonGaussian) *auditRecord {
	return &auditRecord{
		ExcessKurtosis: stats.Float(g.ExcessKurtosis),
		Isotropy:       stats.Float(g.Isotropy),
		HadamardRatio:  stats.Float(g.HadamardRatio),
		TailOneSided:   stats.Float(g.TailOneSided),
		TailTwoSided:   stats.Float(g.TailTwoSided),
	}
}

// figures gives the audit back. An infinity becomes NaN here, because that is
// what a journal would make of it.
func (r *auditRecord) figures() metric.NonGaussian {
	figure := func(f stats.Float) float64 {
		if !f.Defined() {
			return math.NaN()
		}
		return float64(f)
	}
	return metric.NonGaussian{
		ExcessKurtosis: figure(r.ExcessKurtosis),
		Isotropy:       figure(r.Isotropy),
		HadamardRatio:  figure(r.HadamardRatio),
		TailOneSided:   figure(r.TailOneSided),
		TailTwoSided:   figure(r.TailTwoSided),
	}
}

// marshalLine is the text of one line of a journal, line end included.
func marshalLine(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("experiment: journal entry: %w", err)
	}
	return append(b, '\n'), nil
}

// contents is what a journal holds.
type contents struct {
	header  *header // nil where not even the first line is whole
	entries []entry
	// size is the length in bytes of the whole lines; what follows is a line
	// torn by a crash.
	size int
}

// parseJournal reads a journal. The last line may be torn: without its line
// end, or not valid; any other line that is not valid is an error, beside which
// the contents before it are returned.
func parseJournal(data []byte) (contents, error) {
	var c contents
	for number := 1; c.size < len(data); number++ {
		text, _, ended := bytes.Cut(data[c.size:], []byte{'\n'})
		next := c.size + len(text) + 1
		if !ended {
			if c.header == nil && !startsHeader(text) {
				return c, fmt.Errorf("line %d: not a journal of format %s", number, journalFormat)
			}
			break
		}
		var err error
		if c.header == nil {
			err = c.addHeader(text)
		} else {
			err = c.addEntry(text)
		}
		if err != nil {
			if next == len(data) && c.header != nil {
				break
			}
			return c, fmt.Errorf("line %d: %w", number, err)
		}
		c.size = next
	}
	return c, nil
}

// startsHeader says whether the text is the beginning of a header that was
// never finished.
func startsHeader(text []byte) bool {
	begin := fmt.Sprintf(`{"format":%q`, journalFormat)
	return strings.HasPrefix(begin, string(text)) || bytes.HasPrefix(text, []byte(begin))
}

func (c *contents) addHeader(text []byte) error {
	var h header
	if err := json.Unmarshal(text, &h); err != nil || h.Format != journalFormat {
		return fmt.Errorf("not a journal of format %s", journalFormat)
	}
	c.header = &h
	return nil
}

func (c *contents) addEntry(text []byte) error {
	var e entry
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	c.entries = append(c.entries, e)
	return nil
}
