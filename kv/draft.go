package kv

import (
	"fmt"
	"slices"
)

// draft is a stream that is being assembled.
type draft struct {
	Stream
	shape    []int // of the tensor in the first file that has it
	segments []segment
}

// segment is a passage of a stream: a run of entries of a tensor's first axis.
type segment struct {
	file   *container
	array  *array
	from   int // first entry
	tokens int
	title  string // of the passage in its file; "" where the file is one passage
}

func (d *draft) perToken() int { return d.Heads * d.HeadDim / d.Dim }

// add takes over the tensors of one file.
func (d *dump) add(file *container) error {
	meta, err := readMetadata(file)
	if err != nil {
		return err
	}
	if meta.source != "" {
		d.notice("%s says of itself: %s", file.path, meta.source)
	}
	var ignored []string
	outside := tally{}
	start, startName := -1, "" // where the file's passages begin in its streams
	ropeUnused := false
	for i := range file.arrays {
		a := &file.arrays[i]
		if isPassages(a.name) || !d.selects(a.name) {
			continue
		}
		if why := a.unusable(); why != "" {
			ignored = append(ignored, fmt.Sprintf("%s (%s)", a.name, why))
			continue
		}
		draft, err := d.draft(file, a, meta, &ropeUnused)
		if err != nil {
			return err
		}
		if start < 0 {
			start, startName = len(draft.segments), a.name
		}
		if len(draft.segments) != start {
			return fmt.Errorf("kv: %s: its passages follow %d others in %s but %d in %s: give files that hold the same streams, or choose streams with --tensors",
				file.path, start, startName, len(draft.segments), a.name)
		}
		segments, err := cutPassages(file, a)
		if err != nil {
			return err
		}
		draft.segments = append(draft.segments, segments...)
		covered := 0
		for _, s := range segments {
			covered += s.tokens
		}
		outside.add((a.shape[0]-covered)*draft.perToken(), a.name)
	}
	if len(ignored) > 0 {
		d.notice("%s: left out: %s", file.path, shortList(ignored))
	}
	if ropeUnused {
		d.notice("%s: rope_dims %d is not used: where a vector is all heads of a token, its RoPE dimensions are not at its end", file.path, meta.ropeDims)
	}
	if len(outside) > 0 {
		d.notice("%s: vectors outside the passages are left out: %s", file.path, outside)
	}
	return nil
}

// selects says whether a name matches one of the patterns.
func (d *dump) selects(name string) bool {
	return len(d.globs) == 0 || slices.ContainsFunc(d.globs, func(g glob) bool { return g.match(name) })
}

// draft returns the stream that a tensor belongs to, a new one if the name is
// new. ropeUnused is set where the file's rope_dims cannot be applied.
func (d *dump) draft(file *container, a *array, meta metadata, ropeUnused *bool) (*draft, error) {
	s, err := d.describe(file, a, meta, ropeUnused)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(d.drafts, func(x *draft) bool { return x.Name == a.name })
	if at < 0 {
		d.drafts = append(d.drafts, &draft{Stream: s, shape: a.shape})
		return d.drafts[len(d.drafts)-1], nil
	}
	known := d.drafts[at]
	first := known.segments[0].file.path
	if !slices.Equal(known.shape[1:], a.shape[1:]) {
		return nil, fmt.Errorf("kv: tensor %s has shape %v in %s and %v in %s: only the first axis may differ between files", a.name, known.shape, first, a.shape, file.path)
	}
	if known.RopeDims != s.RopeDims {
		return nil, fmt.Errorf("kv: tensor %s has rope_dims %d in %s and %d in %s: files of one stream must agree", a.name, known.RopeDims, first, s.RopeDims, file.path)
	}
	return known, nil
}

// describe reads a stream's description off its tensor.
func (d *dump) describe(file *container, a *array, meta metadata, ropeUnused *bool) (Stream, error) {
	kind, layer := parseName(a.name)
	s := Stream{Name: a.name, Kind: kind, Layer: layer, Heads: 1, HeadDim: a.shape[len(a.shape)-1]}
	if len(a.shape) == 3 {
		s.Heads = a.shape[1]
	}
	s.Dim = s.HeadDim
	if d.opt.Vector == "token" {
		s.Dim *= s.Heads
	}
	switch {
	case slices.Contains(a.shape, 0):
		return s, fmt.Errorf("kv: %s: tensor %s of shape %v holds no vectors: leave it out with --tensors", file.path, a.name, a.shape)
	case kind == Value: // no position in values
	case meta.ropeDims >= s.HeadDim:
		return s, fmt.Errorf("kv: %s: rope_dims %d is not below the %d dimensions of a head of %s: leave it out where all dimensions are rotated",
			file.path, meta.ropeDims, s.HeadDim, a.name)
	case s.Dim > s.HeadDim && meta.ropeDims > 0:
		*ropeUnused = true
	default:
		s.RopeDims = meta.ropeDims
	}
	return s, nil
}

// stream makes the stream of a finished draft.
func (x *draft) stream() *Stream {
	segments := x.segments
	tokens := make([]int, len(segments))
	files := make([]string, len(segments))
	for p, s := range segments {
		tokens[p], files[p] = s.tokens, s.file.path
	}
	row := x.Heads * x.HeadDim
	s := NewStream(x.Stream, tokens, func(dst []float32, p int) error {
		return segments[p].array.read(dst, segments[p].from*row)
	})
	s.files = files
	return s
}
