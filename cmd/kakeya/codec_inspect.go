package main

import (
	"encoding/json"
	"fmt"

	"kakeyalattice/page"
)

type codecInspectCmd struct {
	In   string `required:"" placeholder:"FILE.klp" help:"The page to read."`
	JSON bool   `name:"json" help:"Print JSON, every chunk included."`
}

// Help adds examples to the generated text.
func (codecInspectCmd) Help() string {
	return `Reads a page from end to end and reports what it holds, what it costs and which chunks are damaged, in which case it ends with exit code 1.

Examples:
  kakeya codec inspect --in k.0.klp
  kakeya codec inspect --in k.0.klp --json`
}

// inspection is what the command reports.
type inspection struct {
	pageFacts
	Version  int           `json:"version"`
	Overhead int64         `json:"overhead_bytes"` // of the page over Bytes
	Damaged  int           `json:"damaged_chunks"`
	Chunks   []chunkReport `json:"chunks"`
}

type chunkReport struct {
	First   int    `json:"first_vector"`
	Vectors int    `json:"vectors"`
	Offset  int64  `json:"offset"`
	Bytes   int64  `json:"bytes"` // CRC included
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
}

func (c *codecInspectCmd) Run(t *terminal) error {
	p, err := openPage(c.In)
	if err != nil {
		return err
	}
	defer p.Close()
	r := inspection{pageFacts: factsOf(p.Page), Version: page.Version, Chunks: []chunkReport{}}
	r.Overhead = r.PageBytes - r.Bytes
	for i := range p.Chunks() {
		if err := t.ctx.Err(); err != nil {
			return fmt.Errorf("%s: interrupted: %w", c.In, err)
		}
		chunk := p.Chunk(i)
		report := chunkReport{First: chunk.First, Vectors: chunk.Vectors, Offset: chunk.Offset, Bytes: chunk.Size, OK: true}
		err := p.VerifyChunk(i)
		if err == nil {
			err = r.countOverflows(p.Page, i)
		}
		if err != nil {
			report.OK, report.Error = false, err.Error()
			r.Damaged++
		}
		r.Chunks = append(r.Chunks, report)
	}
	if err := c.print(t, &r); err != nil {
		return err
	}
	if r.Damaged > 0 {
		return fmt.Errorf("%s: %d of %d chunks are damaged: restore the file or encode the tensor again", c.In, r.Damaged, len(r.Chunks))
	}
	return nil
}

func (c *codecInspectCmd) print(t *terminal, r *inspection) error {
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(r)
	}
	if err := r.table(t.stdout); err != nil {
		return err
	}
	state := "all intact"
	if r.Damaged > 0 {
		state = fmt.Sprintf("%d damaged", r.Damaged)
	}
	fmt.Fprintf(t.stdout, "format version %d, %d bytes of header, checksums and index; %d chunks of %d vectors, %s\n",
		r.Version, r.Overhead, len(r.Chunks), r.ChunkVectors, state)
	for i, chunk := range r.Chunks {
		if !chunk.OK {
			fmt.Fprintf(t.stdout, "chunk %d: %s\n", i, chunk.Error)
		}
	}
	return nil
}
