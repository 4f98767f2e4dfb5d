package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kakeyalattice/capacity"
	"kakeyalattice/stats"
)

// FileName is the name of the result in an output folder.
const FileName = "result.json"

// maxResult bounds the size of a result that is read: a guard against a file
// that is something else.
const maxResult = 1 << 30

// Read reads a result file, or the result.json of an output folder.
func Read(path string) (*Result, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w; give a result.json or the folder that holds one", err)
	}
	defer file.Close()
	r, err := ReadJSON(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	return r, nil
}

// ReadJSON reads a result and checks that it is complete and consistent.
// Fields that this version does not know are skipped: the schema allows more.
func ReadJSON(in io.Reader) (*Result, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxResult+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxResult:
		return nil, fmt.Errorf("more than %d MiB: not a result of kakeya", maxResult>>20)
	case len(strings.TrimSpace(string(data[:min(len(data), 4096)]))) == 0:
		return nil, errors.New("empty file; run the command again, with --resume in its folder")
	}
	// The schema is looked at first, so that a file of another kind is not
	// blamed for a field.
	var head struct {
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, jsonError(err, len(data))
	}
	switch {
	case head.Schema == nil:
		return nil, fmt.Errorf("no field \"schema\": not a result of kakeya, which has %q", Schema)
	case *head.Schema != Schema:
		return nil, fmt.Errorf("schema %q; this version reads %q: use the version that wrote the file", shorten(*head.Schema, maxName), Schema)
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, jsonError(err, len(data))
	}
	if err := check(&r); err != nil {
		return nil, err
	}
	return &r, nil
}

// jsonError says where and what, and tells a truncated file from a wrong one.
func jsonError(err error, size int) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && syntax.Offset >= int64(size):
		return fmt.Errorf("truncated after %d bytes; run the command again, with --resume in its folder", size)
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d: %v", syntax.Offset, err)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("a JSON %s, not an object: not a result of kakeya", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("field %s at byte %d: a %s where a %s belongs", kind.Field, kind.Offset, kind.Value, kind.Type)
	}
	return err
}

// check refuses what no writer of the schema produces and a renderer would
// misread.
func check(r *Result) error {
	for i := range r.Streams {
		s := &r.Streams[i]
		at := fmt.Sprintf("streams[%d] (%s)", i, name(s.Name))
		if s.Dim < 1 {
			return fmt.Errorf("%s: dim %d: want at least 1", at, s.Dim)
		}
		for _, v := range s.Vectors {
			if v < 0 {
				return fmt.Errorf("%s: a passage of %d vectors", at, v)
			}
		}
		for _, g := range gates {
			if err := checkStat(g.Of(&s.Audit)); err != nil {
				return fmt.Errorf("%s: audit, %s: %w", at, g.Name, err)
			}
		}
		for j := range s.Codecs {
			if err := checkCodec(&s.Codecs[j]); err != nil {
				return fmt.Errorf("%s: codecs[%d] (%s): %w", at, j, name(s.Codecs[j].Codec), err)
			}
		}
	}
	for i := range r.Quality {
		q := &r.Quality[i]
		for _, s := range []stats.Stat{q.LnPPLRatio, q.KL.Passages, q.Top1Agreement, q.RelMSEEnergy} {
			if err := checkStat(s); err != nil {
				return fmt.Errorf("quality[%d] (%s): %w", i, name(q.Codec), err)
			}
		}
		for _, l := range q.Attention {
			if err := checkStat(l.Error); err != nil {
				return fmt.Errorf("quality[%d] (%s): attention of layer %d: %w", i, name(q.Codec), l.Layer, err)
			}
		}
	}
	return nil
}

func checkCodec(c *Codec) error {
	if c.Codec == "" {
		return errors.New("it has no name")
	}
	if c.BitsPerVector <= 0 {
		return fmt.Errorf("bits_per_vector %v: want more than 0", c.BitsPerVector)
	}
	if c.Overflows != nil && *c.Overflows < 0 {
		return fmt.Errorf("%d overflows", *c.Overflows)
	}
	for _, f := range []struct {
		name string
		stat *stats.Stat
	}{
		{"rel_mse", &c.RelMSE}, {"rel_mse_energy", &c.RelMSEEnergy}, {"cosine", &c.Cosine},
		{"rel_mse_energy_nope", c.RelMSEEnergyNope}, {"rel_mse_energy_rope", c.RelMSEEnergyRope},
	} {
		if f.stat == nil {
			continue
		}
		if err := checkStat(*f.stat); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for b, s := range c.Ratios {
		if err := checkStat(s); err != nil {
			return fmt.Errorf("ratio to %s: %w", name(b), err)
		}
	}
	return nil
}

func checkStat(s stats.Stat) error {
	switch {
	case s.N < 0 || s.N > len(s.Values):
		return fmt.Errorf("n = %d beside %d values", s.N, len(s.Values))
	case s.CI95.Defined() && s.CI95 < 0:
		return fmt.Errorf("ci95 = %v: a half-width is not negative", s.CI95)
	}
	return nil
}

// writeJSON writes the result with lists that are empty, never null.
func writeJSON(w io.Writer, r *Result) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(listed(r)); err != nil {
		return fmt.Errorf("report: %s: %w", FileName, err)
	}
	return nil
}

// listed is a copy of a result in which no list is nil.
func listed(r *Result) *Result {
	c := *r
	if c.Schema == "" {
		c.Schema = Schema
	}
	c.Command, c.Passages, c.Baselines = list0(c.Command), list0(c.Passages), list0(c.Baselines)
	c.Thresholds, c.FamilyThresholds = list0(c.Thresholds), list0(c.FamilyThresholds)
	c.Quality, c.Policies = append([]Quality{}, c.Quality...), list0(c.Policies)
	c.Skipped, c.Notices = list0(c.Skipped), list0(c.Notices)
	for i := range c.Quality {
		q := &c.Quality[i]
		q.Streams, q.Written = list0(q.Streams), list0(q.Written)
	}
	c.Streams = append([]Stream{}, c.Streams...)
	for i := range c.Streams {
		s := &c.Streams[i]
		s.Vectors, s.Codecs, s.Pareto = list0(s.Vectors), list0(s.Codecs), list0(s.Pareto)
	}
	c.Attention = append([]Attention{}, c.Attention...)
	for i := range c.Attention {
		a := &c.Attention[i]
		a.Streams, a.Codecs = list0(a.Streams), list0(a.Codecs)
	}
	c.Capacity = append([]capacity.Plan{}, c.Capacity...)
	for i := range c.Capacity {
		p := &c.Capacity[i]
		p.Notices, p.Layouts, p.Nodes = list0(p.Notices), append([]capacity.LayoutPlan{}, p.Layouts...), append([]capacity.NodePlan{}, p.Nodes...)
		for j := range p.Layouts {
			p.Layouts[j].Components = list0(p.Layouts[j].Components)
		}
		for j := range p.Nodes {
			p.Nodes[j].Layouts = list0(p.Nodes[j].Layouts)
		}
	}
	return &c
}

func list0[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
