package main

import (
	"encoding/json"
	"fmt"
	"os"

	"kakeyalattice/kv"
	"kakeyalattice/page"
)

type codecDecodeCmd struct {
	In      string `required:"" placeholder:"FILE.klp" help:"The page to read."`
	Out     string `required:"" placeholder:"FILE" help:"Write the tensor here, float32, with the name and shape in the page; .safetensors or .npy."`
	Workers int    `placeholder:"N" help:"Chunks decoded at once. Default: all cores."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Help adds examples to the generated text.
func (codecDecodeCmd) Help() string {
	return `Decodes a page to a tensor, which may be larger than memory. A page that is damaged anywhere leaves no file.

Examples:
  kakeya codec decode --in k.0.klp --out k.0.safetensors
  kakeya codec decode --in keys.klp --out keys.npy`
}

func (c *codecDecodeCmd) Run(t *terminal) error {
	if c.Workers < 0 {
		return usagef("--workers takes a positive number")
	}
	p, err := openPage(c.In)
	if err != nil {
		return err
	}
	defer p.Close()
	h := p.Header()
	err = kv.WriteTensorParts(c.Out, h.Tensor, h.Shape, func(yield func([]float32, error) bool) {
		// Whole chunks, so that none is read twice.
		size := max(1, blockValues/h.Dim/h.ChunkVectors) * h.ChunkVectors
		buffer := make([]float32, min(size, h.Vectors)*h.Dim)
		for first := 0; first < h.Vectors; first += size {
			block := buffer[:min(size, h.Vectors-first)*h.Dim]
			err := interrupted(t.ctx)
			if err == nil {
				if err = p.ReadParallel(block, first, c.Workers); err != nil {
					err = fmt.Errorf("%s: %w", c.In, err)
				}
			}
			if !yield(block, err) || err != nil {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(factsOf(p.Page))
	}
	_, err = fmt.Fprintf(t.stdout, "%s: tensor %s %v of %s\n", c.Out, h.Tensor, h.Shape, h.Spec)
	return err
}

// pageFile is an open page in a file.
type pageFile struct {
	*page.Page
	file *os.File
}

func (p pageFile) Close() error { return p.file.Close() }

// openPage opens the page that a file holds.
func openPage(path string) (pageFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return pageFile{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file")
	}
	var p *page.Page
	if err == nil {
		p, err = page.Open(f, info.Size())
	}
	if err != nil {
		f.Close()
		return pageFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return pageFile{p, f}, nil
}
