// Package synthetic makes KV streams out of random numbers: five families of
// known distribution, for runs without input and for tests. They say how a
// codec answers to one property of the data at a time, and nothing about any
// model.
//
//	gaussian         iid N(0, 1)
//	student-t        iid Student t, 3 degrees of freedom: heavy tails
//	anisotropic      N(0, s_i^2), scales s_i = exp(2.5 g_i)
//	mean-shifted     N(3 s_i h_i, s_i^2), scales s_i = exp(1.5 g_i)
//	outlier-channel  N(0, 1), but N(0, 20^2) in 4 coordinates
//
// g_i, h_i (iid N(0, 1)) and the 4 coordinates belong to the family and are
// the same in every passage; i counts the coordinates of a vector.
//
// The values are the same on every machine, bit for bit, and will stay so:
// they come from PCG-DXSM (math/rand/v2) seeded with the 128-bit FNV-1a hash of
// "kakeya/<family>/<passage>", passages counted from 0, through additions,
// products, quotients and square roots in float64, which IEEE 754 defines to
// the last bit. The logarithm and the exponential are this package's own, since
// those of package math differ between architectures.
package synthetic

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/kv"
)

// The defaults of [Options].
const (
	DefaultDim      = 512
	DefaultVectors  = 512
	DefaultPassages = 8
)

// maxValues bounds the values of a passage: 1 GiB of float32.
const maxValues = 1 << 28

// Options is the size of the streams; 0 stands for the default.
type Options struct {
	Dim      int // values in a vector
	Vectors  int // in a passage
	Passages int
}

// withDefaults fills in and checks the sizes.
func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{{"dim", &o.Dim, DefaultDim}, {"vectors", &o.Vectors, DefaultVectors}, {"passages", &o.Passages, DefaultPassages}} {
		if *f.value < 0 {
			return o, fmt.Errorf("synthetic: %s %d: want a positive number", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.Vectors > maxValues/o.Dim {
		return o, fmt.Errorf("synthetic: %d vectors of dimension %d: a passage holds at most %d values; use more passages", o.Vectors, o.Dim, maxValues)
	}
	return o, nil
}

// Names lists the families.
func Names() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// About is the one-line description of a family; empty if unknown.
func About(name string) string {
	if f := find(name); f != nil {
		return f.about
	}
	return ""
}

// Source returns a source with a stream for each of the families, all of them
// if none is named. A passage is made when it is read.
func Source(names []string, opt Options) (*kv.Source, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = Names()
	}
	src := &kv.Source{
		Input: kv.Input{Kind: "synthetic", Name: strings.Join(names, ", "), Synthetic: true},
		Close: func() error { return nil },
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("synthetic: %s is named twice", name)
		}
		s, err := stream(name, opt)
		if err != nil {
			return nil, err
		}
		src.Streams = append(src.Streams, s)
	}
	for p := range opt.Passages {
		src.Passages = append(src.Passages, kv.Passage{ID: p, Title: fmt.Sprintf("draw %d", p), Tokens: opt.Vectors})
	}
	return src, nil
}

func stream(name string, opt Options) (*kv.Stream, error) {
	f := find(name)
	if f == nil {
		return nil, fmt.Errorf("synthetic: unknown family %q; known are %s", name, strings.Join(Names(), ", "))
	}
	if opt.Dim < f.minDim {
		return nil, fmt.Errorf("synthetic: %s needs vectors of at least %d values, not %d", name, f.minDim, opt.Dim)
	}
	draw := f.prepare(newNoise(name, "shape"), opt.Dim)
	tokens := slices.Repeat([]int{opt.Vectors}, opt.Passages)
	s := kv.Stream{Name: name, Kind: kv.Other, Layer: -1, Dim: opt.Dim, Heads: 1, HeadDim: opt.Dim}
	return kv.NewStream(s, tokens, func(dst []float32, passage int) error {
		n := newNoise(name, fmt.Sprint(passage))
		for vector := range slices.Chunk(dst, opt.Dim) {
			draw(n, vector)
		}
		return nil
	}), nil
}
