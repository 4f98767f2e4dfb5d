package page

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// refusedDir holds pages whose CRCs are right and which a decoder must refuse
// all the same.
const refusedDir = vectorDir + "/refused"

// refusedVectors change the payload of a page of one vector of ones.
var refusedVectors = []struct {
	name   string
	spec   string
	dim    int
	change func(b []byte)
}{
	{"bf16-infinity", "bf16", 8, put16(4, 0x7f80)},
	{"fp16-nan", "fp16", 8, put16(0, 0xfe00)},
	{"fp8-code-nan", "fp8", 8, put(3, 0xff)},
	{"fp8-scale-negative", "fp8", 8, put16(8, 0x8000)},
	{"fp8-scale-infinite", "fp8", 8, put16(8, 0x7c00)},
	{"fp8-scale-0-but-codes", "fp8", 8, put16(8, 0)},
	{"fp8-v41-scale-nan", "fp8-v41", 8, put(8, 0xff)},
	{"fp8-v4-bf16-nan", "fp8-v4", 128, put16(64, 0x7fc0)},
	{"fp8-v4-padding", "fp8-v4", 128, put(199, 1)},
	{"fp8-tensor-code-nan", "fp8-tensor", 8, put(7, 0x7f)},
	{"nvfp4-scale-nan", "nvfp4", 16, put(8, 0x7f)},
	{"nvfp4-scale-negative", "nvfp4", 16, put(8, 0x80)},
	{"nvfp4-half-byte", "nvfp4", 9, put(4, 0x17)},
	{"nvfp4-v4-padding", "nvfp4-v4", 128, put(164, 0x80)},
	{"mxfp4-v4-padding", "mxfp4-v4", 128, put(175, 1)},
	{"int8-code-lowest", "int8", 8, put(2, 0x80)},
	{"int6-padding", "int6", 7, put(7, 0x80)},
	{"q8_0-scale-negative", "q8_0", 8, put16(0, 0xa000)},
	{"q8_0-code-lowest", "q8_0", 8, put(9, 0x80)},
	{"q4_0-half-byte", "q4_0", 9, put(6, 0x10)},
	{"d4-rank-too-large", "d4:q=1", 4, put(4, 41)}, // of (3^4+1)/2
	{"d4-padding", "d4:q=1", 4, put(4, 0x80)},
	{"e8-rank-too-large", "e8:q=3", 8, putRank(7 * 7 * 7 * 7 * 7 * 7 * 7 * 7)},
	{"e8-half-without-last-digit", "e8:q=3", 8, putRank(1)},
	{"e8-half-outside-the-box", "e8:q=3", 8, putRank(6 + 7*7*7*7*7*7*7)},
	{"e8-half-outside-the-box-late", "e8:q=3", 8, putRank(6*7*7*7*7*7*7 + 7*7*7*7*7*7*7)},
	{"e8-padding", "e8:q=3", 8, put(6, 0x80)},
	{"e8-exponent-too-large", "e8:q=3", 8, put32(0, (256+135)<<23)},
	{"e8-exponent-too-small", "e8:q=3", 8, put32(0, (256-171)<<23)},
	{"e8-zero-but-not-all", "e8:q=3", 8, put32(0, 0)},
	{"e8-gs-zero-with-more", "e8-gs", 8, put(0, 8)},
	{"e8-gs-longer-than-the-chunk", "e8-gs", 8, put(0, 6)},
	{"e8-gs-prefix-of-nothing", "e8-gs", 8, put(0, 0xff)},
	{"e8-gs-last-state", "e8-gs", 64, put(20, 0xff)},
	{"e8-gs-slot-padding", "e8-gs:slot=20", 8, put(10, 1)},
	{"e8-gs-slot-zero-but-not-all", "e8-gs:slot=20", 8, func(b []byte) { clear(b[:19]); b[19] = 1 }},
	{"d4-gs-padding", "d4-gs", 4, func(b []byte) { b[len(b)-1] |= 0x80 }},
	{"fp8-rans-alphabet", "fp8-rans", 8, func(b []byte) { b[2] |= 7 }},
	{"fp8-rans-longer-than-the-chunk", "fp8-rans", 8, put(0, 200)},
	{"fp8-rans-sign-padding", "fp8-rans", 9, func(b []byte) { b[len(b)-1] |= 0x80 }},
	{"fp8-rans-code-nan", "fp8-rans", 8, func(b []byte) { clear(b[2:]) }},
}

func put(at int, v byte) func([]byte) { return func(b []byte) { b[at] = v } }

func put16(at int, v uint16) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) }
}

func put32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
}

// putRank sets the rank of the one block of an e8:q=3 vector of 8 values.
func putRank(m int) func([]byte) {
	return func(b []byte) { copy(b[4:7], []byte{byte(m), byte(m >> 8), byte(m >> 16)}) }
}

// refusedHeaders change the header of a page of 17 vectors of bf16.
var refusedHeaders = []struct {
	name   string
	change func(b []byte)
}{
	{"header-version", put16(offVersion, 2)},
	{"header-flag", put16(offFlags, 0x8000)},
	{"header-index", put16(offFlags, flagIndex)},
	{"header-dimension", put32(offDim, 4)},
	{"header-chunk", put32(offChunkVectors, 24)},
	{"header-chunk-0", put32(offChunkVectors, 0)},
	{"header-chunk-too-large", put32(offChunkVectors, maxChunkValues/8+16)},
	{"header-vectors", put32(offVectors, 16)},
	{"header-shape", put32(offShape, 18)},
	{"header-no-shape", put32(offAxes, 0)},
	{"header-codec", put(offShape+16, 'x')},
	{"header-name", put(offShape+16+4, 0xff)},
}

// refusedIndexes change index and footer, from the end, of a page of 32 vectors of
// e8-gs in two chunks.
var refusedIndexes = []struct {
	name   string
	change func(b []byte)
}{
	{"index-magic", func(b []byte) { b[len(b)-1] ^= 1 }},
	{"index-payload", func(b []byte) { b[len(b)-footerSize+footPayload]++ }},
	{"index-offset", func(b []byte) { b[len(b)-footerSize+footIndex]++ }},
	{"index-chunk-ends-early", func(b []byte) { b[len(b)-footerSize-16] -= 40 }},
	{"index-chunk-ends-late", func(b []byte) { b[len(b)-footerSize-16+7] = 0x80 }},
	{"index-last-chunk", func(b []byte) { b[len(b)-footerSize-8]-- }},
	{"index-flag", func(b []byte) { b[offFlags] = 0 }},
}

// ones is a page of ones.
func ones(t *testing.T, spec string, dim, vectors int) []byte {
	x := slices.Repeat([]float32{1}, dim*vectors)
	h := header(t, spec, dim, x)
	h.ChunkVectors = 16
	return build(t, h, x)
}

func TestPagesThatNoWriterMakesAreRefused(t *testing.T) {
	refused := map[string][]byte{}
	for _, v := range refusedVectors {
		b := ones(t, v.spec, v.dim, 1)
		p := mustOpen(t, b)
		c := p.Chunk(0)
		end := c.Offset + c.Size - crcSize
		v.change(b[c.Offset:end])
		binary.LittleEndian.PutUint32(b[end:], chunkCRC(p.crc, 0, b[c.Offset:end]))
		refused[v.name] = b
	}
	for _, h := range refusedHeaders {
		b := ones(t, "bf16", 8, 17)
		h.change(b)
		refused[h.name] = mend(b)
	}
	for _, i := range refusedIndexes {
		b := ones(t, "e8-gs", 8, 32)
		i.change(b)
		mendIndex(b)
		refused[i.name] = mend(b)
	}
	one := header(t, "e8-gs:slot=20", 8, []float32{0, 0, 0, 0, 0, 0, 0, 0})
	refused["header-auto-slot"] = rename(t, one, make([]float32, 8), "e8-gs:delta=0.09,slot=auto")
	refused["header-no-scale"] = rename(t, one, make([]float32, 8), "nvfp4")
	two := ones(t, "bf16", 8, 32)
	p := mustOpen(t, two)
	refused["chunks-swapped"] = slices.Concat(two[:p.Chunk(0).Offset], two[p.Chunk(1).Offset:], two[p.Chunk(0).Offset:p.Chunk(1).Offset])
	for name, b := range refused {
		golden(t, filepath.Join(refusedDir, name+".klp"), b)
	}
	paths, err := filepath.Glob(refusedDir + "/*.klp")
	if err != nil || len(paths) < len(refused) {
		t.Fatalf("%d pages: %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(b); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
