package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"text/tabwriter"

	"kakeyalattice/codec"
	"kakeyalattice/internal/atomicfile"
	"kakeyalattice/kv"
	"kakeyalattice/page"
)

type codecEncodeCmd struct {
	Codec        string `required:"" placeholder:"SPEC" help:"Codec, such as e8:q=38."`
	In           string `required:"" placeholder:"FILE" help:"A .safetensors or .npy file."`
	Tensor       string `placeholder:"NAME" help:"Tensor of the file; not needed where it has one."`
	Out          string `required:"" placeholder:"FILE.klp" help:"The page to write."`
	Vector       string `enum:"head,token" default:"head" help:"What a vector is: the last axis (head) or the last two axes of a [tokens, heads, dim] tensor (token)."`
	ChunkVectors int    `placeholder:"N" help:"Vectors that are checked and read together, a multiple of 16. Default 64."`
	Workers      int    `placeholder:"N" help:"Chunks encoded at once. Default: all cores. The page does not depend on it."`
	JSON         bool   `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (codecEncodeCmd) Help() string {
	return `Writes the vectors of one tensor as a page: the bytes of the codec with a header and checksums, see docs/format.md. The tensor may be larger than memory.

Examples:
  kakeya codec encode --codec e8:q=38 --in cache.safetensors --tensor k.0 --out k.0.klp
  kakeya codec encode --codec nvfp4 --in keys.npy --out keys.klp --json`
}

func (c *codecEncodeCmd) Run(t *terminal) error {
	spec, err := codec.Parse(c.Codec)
	if err != nil {
		return usageError{err}
	}
	if c.ChunkVectors < 0 || c.Workers < 0 {
		return usagef("--chunk-vectors and --workers take positive numbers")
	}
	tensor, err := kv.OpenTensor(c.In, c.Tensor)
	if err != nil {
		return err
	}
	defer tensor.Close()
	dim, err := tensor.VectorDim(c.Vector)
	if err != nil {
		return err
	}
	requested, err := codec.New(spec, dim)
	if err != nil {
		return usageError{err}
	}
	fitted, err := fit(t.ctx, requested, tensor)
	if err != nil {
		return fmt.Errorf("%s: tensor %s: %w", c.In, tensor.Name, err)
	}
	header := page.Header{
		Spec: fitted, Dim: dim, Vectors: tensor.Len() / dim,
		Tensor: tensor.Name, Shape: tensor.Shape, ChunkVectors: c.ChunkVectors,
	}
	err = atomicfile.Write(c.Out, func(w io.Writer) error {
		p, err := page.NewWriter(w, header, page.Options{Workers: c.Workers})
		if err != nil {
			return usageError{err}
		}
		if err := writePage(p, blocks(t.ctx, tensor, dim)); err != nil {
			return fmt.Errorf("%s: tensor %s: %w", c.In, tensor.Name, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	p, err := openPage(c.Out)
	if err != nil {
		return err
	}
	defer p.Close()
	facts := factsOf(p.Page)
	for i := range p.Chunks() {
		if err := facts.countOverflows(p.Page, i); err != nil {
			return fmt.Errorf("%s: %w", c.Out, err)
		}
	}
	facts.Codec = requested.Spec().String()
	if _, ok := requested.(codec.Fitter); ok {
		facts.Fitted = fitted.String()
	}
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(facts)
	}
	return facts.table(t.stdout)
}

// writePage writes a page of parts.
func writePage(p *page.Writer, parts iter.Seq2[[]float32, error]) error {
	for values, err := range parts {
		if err != nil {
			return err
		}
		if err := p.Write(values); err != nil {
			return err
		}
	}
	return p.Close()
}

// blockValues is about how many values of a tensor are in memory at a time.
const blockValues = 1 << 22

// blocks yields whole vectors until the tensor ends or the context is done.
func blocks(ctx context.Context, t *kv.TensorFile, dim int) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		size := max(1, blockValues/dim) * dim
		buffer := make([]float32, min(size, t.Len()))
		for from := 0; from < t.Len(); from += size {
			block := buffer[:min(size, t.Len()-from)]
			err := interrupted(ctx)
			if err == nil {
				err = t.Read(block, from)
			}
			if !yield(block, err) || err != nil {
				return
			}
		}
	}
}

// interrupted returns an error once the context is done.
func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted, no file was written: %w", context.Cause(ctx))
	}
	return nil
}

// fit returns the spec of the codec, with its constant for the tensor where it
// needs one.
func fit(ctx context.Context, c codec.Codec, t *kv.TensorFile) (codec.Spec, error) {
	f, ok := c.(codec.Fitter)
	if !ok || f.Fitted() {
		return c.Spec(), nil
	}
	var failed error
	spec, err := f.Fit(func(yield func([]float32) bool) {
		for values, err := range blocks(ctx, t, c.Dim()) {
			if failed = err; err != nil || !yield(values) {
				return
			}
		}
	})
	return spec, errors.Join(failed, err)
}

// pageFacts is what encode and inspect report about a page.
type pageFacts struct {
	Codec        string `json:"codec"`
	Fitted       string `json:"fitted,omitempty"`
	Tensor       string `json:"tensor"`
	Shape        []int  `json:"shape"`
	Dim          int    `json:"dim"`
	Vectors      int    `json:"vectors"`
	ChunkVectors int    `json:"chunk_vectors"`
	Bytes        int64  `json:"bytes"` // what the codec wrote
	// BitsPerVector counts Bytes and the constant of a codec that is fitted,
	// PageBitsPerVector the whole page; null where there are no vectors.
	BitsPerVector     *float64 `json:"bits_per_vector"`
	PageBytes         int64    `json:"page_bytes"`
	PageBitsPerVector *float64 `json:"page_bits_per_vector"`
	// Overflows counts vectors that did not fit their slots and were coded more
	// coarsely; only for a codec with slots.
	Overflows *int `json:"overflows,omitempty"`
}

// countOverflows adds those of chunk i.
func (f *pageFacts) countOverflows(p *page.Page, i int) error {
	c, ok := p.Codec().(codec.Overflower)
	if !ok {
		return nil
	}
	payload, err := p.AppendPayload(nil, i)
	if err != nil {
		return err
	}
	if f.Overflows == nil {
		f.Overflows = new(int)
	}
	*f.Overflows += c.Overflows(payload)
	return nil
}

func factsOf(p *page.Page) pageFacts {
	h := p.Header()
	side := 0
	if f, ok := p.Codec().(codec.Fitter); ok {
		side = f.SideBits()
	}
	n := float64(h.Vectors)
	return pageFacts{
		Codec:             h.Spec.String(),
		Tensor:            h.Tensor,
		Shape:             h.Shape,
		Dim:               h.Dim,
		Vectors:           h.Vectors,
		ChunkVectors:      h.ChunkVectors,
		Bytes:             p.PayloadSize(),
		BitsPerVector:     quotient(float64(8*p.PayloadSize()+int64(side)), n),
		PageBytes:         p.Size(),
		PageBitsPerVector: quotient(float64(8*p.Size()), n),
	}
}

// quotient is a/b, null in JSON where b is 0.
func quotient(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	q := a / b
	return &q
}

// table prints the facts.
func (f *pageFacts) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "codec\t%s\n", f.Codec)
	if f.Fitted != "" && f.Fitted != f.Codec {
		fmt.Fprintf(w, "fitted\t%s\n", f.Fitted)
	}
	fmt.Fprintf(w, "tensor\t%s %v, %d vectors of %d values\n", f.Tensor, f.Shape, f.Vectors, f.Dim)
	fmt.Fprintf(w, "bytes\t%d, the page %d\n", f.Bytes, f.PageBytes)
	fmt.Fprintf(w, "bits per vector\t%s, of the page %s\n", figure(f.BitsPerVector), figure(f.PageBitsPerVector))
	if f.Overflows != nil {
		fmt.Fprintf(w, "overflows\t%d vectors did not fit their slots and were coded more coarsely\n", *f.Overflows)
	}
	return w.Flush()
}
