package page

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakeyalattice/codec"
	"kakeyalattice/minifloat"
)

// A piece is a run of bytes of one meaning.
type piece struct {
	size int
	what string
}

// annotate prints a page as offset, bytes and meaning. vector takes one
// encoded vector apart.
func annotate(t *testing.T, b []byte, vector func(v []byte) []piece) string {
	t.Helper()
	p := mustOpen(t, b)
	h := p.Header()
	var text strings.Builder
	at := 0
	add := func(size int, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		for begin := at; at < begin+size; what = "" {
			n := min(16, begin+size-at)
			line := fmt.Sprintf("%06x  %-48s %s", at, fmt.Sprintf("% x", b[at:at+n]), what)
			text.WriteString(strings.TrimRight(line, " ") + "\n")
			at += n
		}
	}
	le := binary.LittleEndian
	add(8, "magic")
	add(2, "format version %d", le.Uint16(b[offVersion:]))
	add(2, "flags")
	add(4, "header of %d bytes", le.Uint32(b[offHeaderSize:]))
	add(4, "vectors of %d values", h.Dim)
	add(4, "chunks of %d vectors", h.ChunkVectors)
	add(8, "%d vectors", h.Vectors)
	add(2, "codec spec of %d bytes", le.Uint16(b[offSpecSize:]))
	add(2, "tensor name of %d bytes", le.Uint16(b[offTensorSize:]))
	add(4, "shape of %d axes", len(h.Shape))
	for i, axis := range h.Shape {
		add(8, "axis %d of length %d", i, axis)
	}
	add(len(h.Spec.String()), "codec spec %s", h.Spec)
	add(len(h.Tensor), "tensor name %s", h.Tensor)
	add(4, "CRC-32C of the header so far")
	for i := range p.Chunks() {
		c := p.Chunk(i)
		payload := b[c.Offset : c.Offset+c.Size-crcSize]
		fmt.Fprintf(&text, "chunk %d, vectors %s\n", i, p.span(i))
		for len(payload) > 0 {
			pieces := vector(payload)
			for _, f := range pieces {
				add(f.size, "%s", f.what)
				payload = payload[f.size:]
			}
		}
		add(4, "CRC-32C of header CRC, chunk number and chunk")
	}
	if at < len(b) {
		text.WriteString("index\n")
		for i := range p.Chunks() {
			add(8, "chunk %d ends at %d", i, le.Uint64(b[at:]))
		}
		add(8, "the index begins at %d", le.Uint64(b[at:]))
		add(8, "payload of %d bytes", le.Uint64(b[at:]))
		add(4, "CRC-32C of header CRC, index and footer so far")
		add(4, "end magic")
	}
	if at != len(b) {
		t.Fatalf("annotated %d of %d bytes", at, len(b))
	}
	return text.String()
}

// The annotated pages are what docs/format.md shows.
func TestAnnotatedPagesAreAsCommitted(t *testing.T) {
	// -n/2 .. n/2-1 and 1, 1/2, 1/3 ... 1/n
	two := func(dim int) []float32 {
		x := make([]float32, 2*dim)
		for i := range dim {
			x[i], x[dim+i] = float32(i-dim/2), 1/float32(i+1)
		}
		return x
	}
	gs, err := codec.New(fit(t, "e8-gs", 8, nil), 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec   string
		dim    int
		vector func(v []byte) []piece
	}{
		{"bf16", 4, func(v []byte) []piece {
			return []piece{{2, fmt.Sprintf("%v in BF16", minifloat.BF16ToFloat32(binary.LittleEndian.Uint16(v)))}}
		}},
		{"e8:q=3", 8, func(v []byte) []piece {
			step := binary.LittleEndian.Uint32(v)
			rank := uint32(v[4]) | uint32(v[5])<<8 | uint32(v[6])<<16
			digits := ""
			for m := rank; len(digits) < 2*8; m /= 7 {
				digits += fmt.Sprintf(" %d", m%7)
			}
			return []piece{
				{4, fmt.Sprintf("step (1 + %d/2^23) * 2^(%d-256)", step&(1<<23-1), step>>23)},
				{3, fmt.Sprintf("rank %d, %s coset, digits base 7 from the lowest%s; 1 bit of padding",
					rank, []string{"integer", "half"}[rank&1], digits)},
			}
		}},
		{"fp8-v4", 128, func(v []byte) []piece {
			return []piece{
				{64, "64 E4M3 codes"},
				{128, "64 values in BF16"},
				{1, fmt.Sprintf("UE8M0 scale 2^(%d-127)", v[192])},
				{7, "padding"},
			}
		}},
		{"nvfp4", 16, func(v []byte) []piece {
			return []piece{
				{8, "16 E2M1 codes"},
				{1, fmt.Sprintf("E4M3 scale %v, in units of the scale in the spec", minifloat.E4M3ToFloat32(v[8]))},
			}
		}},
		{"e8-gs", 8, func(v []byte) []piece {
			n, err := gs.(codec.Varying).VectorLen(v)
			if err != nil {
				t.Fatal(err)
			}
			const raw = 1 // byte a block
			size := 4 - (n-raw)%2
			var word [4]byte
			copy(word[:], v[:size])
			header := binary.LittleEndian.Uint32(word[:])
			pieces := []piece{{size, fmt.Sprintf("record of %d bytes: code %d, state %d", n, header&7, header>>3)}}
			for i := size; i < n-raw; i += 2 {
				pieces = append(pieces, piece{2, "word"})
			}
			return append(pieces, piece{raw, fmt.Sprintf("raw bits, coset %d", v[n-1]>>7)})
		}},
	} {
		t.Run(c.spec, func(t *testing.T) {
			x := two(c.dim)
			b := build(t, header(t, c.spec, c.dim, x), x)
			got := []byte(annotate(t, b, c.vector))
			name, _, _ := strings.Cut(c.spec, ":")
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.MkdirAll("testdata", 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; write it with -update", err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; it is now\n%s", path, got)
			}
		})
	}
}

// The document cannot rot where it shows or names what tests know.
func TestTheFormatDocumentShowsTheGoldenPagesAndNamesEveryCodec(t *testing.T) {
	b, err := os.ReadFile("../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(b)
	for _, name := range []string{"e8.txt", "e8-gs.txt"} {
		page, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(document, string(page)) {
			t.Errorf("docs/format.md does not show %s as it is", name)
		}
	}
	for _, name := range codec.Names() {
		if spec, err := codec.Parse(name); err != nil || spec.Simulated() {
			continue
		}
		if !strings.Contains(document, "`"+name+"`") {
			t.Errorf("docs/format.md does not describe %s", name)
		}
	}
}
