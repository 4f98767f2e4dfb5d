package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/codec"
)

// readAll opens and decodes a page, as a careful reader does.
func readAll(b []byte) ([]float32, error) {
	p, err := OpenBytes(b)
	if err != nil {
		return nil, err
	}
	return p.Decode(1)
}

// small returns a page of 20 vectors of 8 values in two chunks.
func small(t testing.TB, text string) []byte {
	t.Helper()
	x := bell(20*8, 12)
	h := header(t, text, 8, x)
	h.ChunkVectors = 16
	return build(t, h, x)
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for _, text := range examples {
		b := small(t, text)
		if _, err := readAll(b); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				p, err := OpenBytes(b)
				if err == nil {
					err = p.Verify(t.Context(), 1)
				}
				if _, again := readAll(b); err == nil || again == nil {
					t.Errorf("%s: bit %d of byte %d is flipped: Verify says %v, Decode %v", text, bit, i, err, again)
				}
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
					t.Errorf("%s: bit %d of byte %d: %v", text, bit, i, err)
				}
				b[i] ^= 1 << bit
			}
		}
	}
}

func TestEveryByteValueInEveryPlaceIsFound(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 37
	}
	for _, text := range examples {
		b := small(t, text)
		c := mustOpen(t, b).Codec() // so that the tables are made once
		for i := range b {
			for change := 1; change < 256; change += step {
				b[i] ^= byte(change)
				p, err := OpenWith(c, bytes.NewReader(b), int64(len(b)))
				if err == nil {
					_, err = p.Decode(1)
				}
				if err == nil {
					t.Errorf("%s: byte %d is changed to %#02x: no error", text, i, b[i])
				}
				b[i] ^= byte(change)
			}
		}
	}
}

func TestEveryPrefixAndEveryExtensionIsRefused(t *testing.T) {
	for _, text := range examples {
		b := small(t, text)
		for n := range b {
			if _, err := OpenBytes(b[:n]); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: the first %d of %d bytes: %v", text, n, len(b), err)
			}
		}
		for _, more := range []string{"\x00", "1234", strings.Repeat("\x00", 1000)} {
			if _, err := OpenBytes(append(slices.Clone(b), more...)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %d more bytes: %v", text, len(more), err)
			}
		}
		if _, err := OpenBytes(append(slices.Clone(b), b...)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: two pages: %v", text, err)
		}
	}
}

func TestPartsOfOtherPlacesAndPagesAreFound(t *testing.T) {
	x := bell(32*8, 13)
	h := header(t, "e8:q=3", 8, x)
	h.ChunkVectors = 16
	b := build(t, h, x)
	p := mustOpen(t, b)
	first, second := p.Chunk(0), p.Chunk(1)
	swapped := slices.Concat(b[:first.Offset], b[second.Offset:], b[first.Offset:second.Offset])
	if _, err := readAll(swapped); !errors.Is(err, ErrCorrupt) {
		t.Errorf("chunks 0 and 1 are swapped: %v", err)
	}
	h.Tensor = "k.1"
	other := build(t, h, x)
	if _, err := readAll(slices.Concat(other[:first.Offset], b[first.Offset:])); !errors.Is(err, ErrCorrupt) {
		t.Errorf("chunks of another page: %v", err)
	}
}

// mend makes the header's CRC right again, if it lies in the page.
func mend(b []byte) []byte {
	end := int(binary.LittleEndian.Uint32(b[offHeaderSize:])) - crcSize
	if end >= 0 && end <= len(b)-crcSize {
		binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	}
	return b
}

// mendIndex makes the index's CRC right again where the header says that there
// is one.
func mendIndex(b []byte) {
	le := binary.LittleEndian
	vectors, size := le.Uint64(b[offVectors:]), uint64(le.Uint32(b[offChunkVectors:]))
	header := int(le.Uint32(b[offHeaderSize:]))
	if b[offFlags]&flagIndex == 0 || size == 0 || vectors > uint64(len(b)) || header < crcSize || header > len(b) {
		return
	}
	chunks := int((vectors + size - 1) / size)
	if begin := len(b) - footerSize - 8*chunks; begin >= 0 {
		at := len(b) - footerSize + footCRC
		le.PutUint32(b[at:], indexCRC(le.Uint32(b[header-crcSize:]), b[begin:at]))
	}
}

func TestHeadersOfIntactCRCAreCheckedFieldByField(t *testing.T) {
	le := binary.LittleEndian
	x := bell(16, 14)
	h := Header{Spec: fit(t, "bf16", 8, x), Dim: 8, Vectors: 2, Tensor: "k", Shape: []int{2, 8}}
	spec := offShape + 16
	for name, c := range map[string]struct {
		change func(b []byte)
		offset int
		err    error
		want   string
	}{
		"version 0":                           {func(b []byte) { le.PutUint16(b[offVersion:], 0) }, offVersion, ErrVersion, "version 0"},
		"a later version":                     {func(b []byte) { le.PutUint16(b[offVersion:], 2) }, offVersion, ErrVersion, "version 2"},
		"an unknown flag":                     {func(b []byte) { b[offFlags] = 2 }, offFlags, ErrCorrupt, "flags"},
		"an index of fixed sizes":             {func(b []byte) { b[offFlags] = 1 }, offFlags, ErrCorrupt, "flags"},
		"no dimension":                        {func(b []byte) { le.PutUint32(b[offDim:], 0) }, offDim, ErrCorrupt, "dimension 0"},
		"an absurd dimension":                 {func(b []byte) { le.PutUint32(b[offDim:], math.MaxUint32) }, offDim, ErrCorrupt, "dimension"},
		"a dimension above the codec's limit": {func(b []byte) { le.PutUint32(b[offDim:], 1<<17) }, spec, ErrCorrupt, "dimension 131072"},
		"no vectors a chunk":                  {func(b []byte) { le.PutUint32(b[offChunkVectors:], 0) }, offChunkVectors, ErrCorrupt, "0 vectors"},
		"odd vectors a chunk":                 {func(b []byte) { le.PutUint32(b[offChunkVectors:], 65) }, offChunkVectors, ErrCorrupt, "65 vectors"},
		"absurd vectors a chunk":              {func(b []byte) { le.PutUint32(b[offChunkVectors:], 1<<31-16) }, offChunkVectors, ErrCorrupt, "at most"},
		"an absurd count":                     {func(b []byte) { le.PutUint64(b[offVectors:], math.MaxUint64) }, offVectors, ErrCorrupt, "vectors in a page of"},
		"a count beyond the page":             {func(b []byte) { b[offVectors], b[offShape] = 90, 90 }, offVectors, ErrCorrupt, "truncated"},
		"one vector more":                     {func(b []byte) { b[offVectors], b[offShape] = 3, 3 }, offVectors, ErrCorrupt, "truncated"},
		"one vector less":                     {func(b []byte) { b[offVectors], b[offShape] = 1, 1 }, spec + 9 + 20, ErrCorrupt, "16 bytes after the last chunk"},
		"another shape":                       {func(b []byte) { b[offShape] = 4 }, offShape, ErrCorrupt, "shape [4 8]"},
		"an absurd axis":                      {func(b []byte) { le.PutUint64(b[offShape+8:], math.MaxUint64) }, offShape + 8, ErrCorrupt, "axis"},
		"no axes":                             {func(b []byte) { b[offAxes] = 0 }, offAxes, ErrCorrupt, "0 axes"},
		"absurd axes":                         {func(b []byte) { le.PutUint32(b[offAxes:], math.MaxUint32) }, offAxes, ErrCorrupt, "axes"},
		"a longer spec":                       {func(b []byte) { b[offSpecSize]++ }, offHeaderSize, ErrCorrupt, "its fields take"},
		"a spec that ends later":              {func(b []byte) { b[offSpecSize]++; b[offTensorSize]-- }, spec, ErrVersion, "bf16k"},
		"an unknown codec":                    {func(b []byte) { b[spec] = 'c' }, spec, ErrVersion, "cf16"},
		"a codec of other sizes":              {func(b []byte) { copy(b[spec:], "int8") }, spec + 9 + 24, ErrCorrupt, "after the last chunk"},
		"a name that is no UTF-8":             {func(b []byte) { b[spec+4] = 0xff }, offTensorSize, ErrCorrupt, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, h, x)
			c.change(b)
			_, err := OpenBytes(mend(b))
			var format *FormatError
			if !errors.As(err, &format) || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v", err)
			}
			if format.Offset != int64(c.offset) {
				t.Errorf("at byte %d, want %d: %v", format.Offset, c.offset, err)
			}
		})
	}
}

// rename puts another spec into a page.
func rename(t *testing.T, h Header, x []float32, spec string) []byte {
	t.Helper()
	b := build(t, h, x)
	at := h.specOffset()
	was := int(binary.LittleEndian.Uint16(b[offSpecSize:]))
	b = slices.Concat(b[:at], []byte(spec), b[at+was:])
	binary.LittleEndian.PutUint16(b[offSpecSize:], uint16(len(spec)))
	binary.LittleEndian.PutUint32(b[offHeaderSize:], uint32(headerSize(len(h.Shape), len(spec), len(h.Tensor))))
	return mend(b)
}

func TestCodecsWithoutBytesOrConstantAreRefused(t *testing.T) {
	x := bell(16, 15)
	h := Header{Spec: fit(t, "bf16", 8, x), Dim: 8, Vectors: 2, Tensor: "k", Shape: []int{2, 8}}
	for spec, want := range map[string]string{
		"ref-e8:q=38": "simulated",
		"nvfp4":       "constant missing",
		"fp8-v4":      "dimension 8",
	} {
		if _, err := OpenBytes(rename(t, h, x, spec)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestAChunkOfIntactCRCThatTheCodecRefusesIsCorrupt(t *testing.T) {
	b := small(t, "e8:q=3")
	p := mustOpen(t, b)
	c := p.Chunk(1)
	payload := b[c.Offset : c.Offset+c.Size-crcSize]
	copy(payload, "\xff\xff\xff\xff")
	binary.LittleEndian.PutUint32(b[c.Offset+c.Size-crcSize:], chunkCRC(p.crc, 1, payload))
	_, err := readAll(b)
	var format *FormatError
	if !errors.Is(err, ErrCorrupt) || !errors.Is(err, codec.ErrCorrupt) || !errors.As(err, &format) || format.Offset != c.Offset {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(err.Error(), "vectors 16 to 19") {
		t.Errorf("%v", err)
	}
	// The intact chunk can be read.
	if err := mustOpen(t, b).ReadVectors(make([]float32, 16*8), 0); err != nil {
		t.Error(err)
	}
}

func TestOpenTakesLittleMemoryWhateverTheHeaderClaims(t *testing.T) {
	le := binary.LittleEndian
	claim := func(text string, vectors, dim, chunk, axis uint64) []byte {
		b := small(t, text)
		le.PutUint64(b[offVectors:], vectors)
		le.PutUint32(b[offDim:], uint32(dim))
		le.PutUint32(b[offChunkVectors:], uint32(chunk))
		le.PutUint64(b[offShape:], axis)
		return mend(b)
	}
	for _, text := range examples {
		for _, b := range [][]byte{
			claim(text, 1<<62, 8, 16, 1<<62),
			claim(text, 1<<40, 1<<16, 64, 1<<40),
			claim(text, 100, 1<<16, 64, 1<<13*100),
			claim(text, 100, 8, 1<<19, 100),
			claim(text, 1<<61, 8, 1<<19, 1<<61),
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readAll(b)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Errorf("%s: no error", text)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<18 {
				t.Errorf("%s: %d bytes of memory for %d bytes of page: %v", text, taken, len(b), err)
			}
		}
	}
}

// failing is a reader that fails from an offset on.
type failing struct {
	b    []byte
	from int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errFull
	}
	return bytes.NewReader(f.b).ReadAt(p, off)
}

func TestErrorsOfTheReaderUnderneathAreNotCorruption(t *testing.T) {
	for _, text := range examples {
		b := small(t, text)
		for from := range b {
			p, err := Open(failing{b, int64(from)}, int64(len(b)))
			if err == nil {
				_, err = p.Decode(2)
			}
			if !errors.Is(err, errFull) || errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: reading fails from byte %d on: %v", text, from, err)
			}
		}
		_, err := Open(bytes.NewReader(b[:50]), int64(len(b)))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: a reader that is shorter than the size: %v", text, err)
		}
	}
}

func TestTheFirstDamagedChunkIsReportedWhateverTheWorkers(t *testing.T) {
	x := bell(1000*8, 16)
	h := header(t, "e8:q=3", 8, x)
	h.ChunkVectors = 16
	b := build(t, h, x)
	p := mustOpen(t, b)
	for i := 20; i < p.Chunks(); i += 3 {
		b[p.Chunk(i).Offset]++
	}
	if b, err := p.AppendPayload([]byte("before"), 20); !errors.Is(err, ErrCorrupt) || string(b) != "before" {
		t.Errorf("the payload of a damaged chunk: %q, %v", b, err)
	}
	for _, workers := range []int{1, 2, 7} {
		err := p.Verify(t.Context(), workers)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("at byte %d: chunk 20,", p.Chunk(20).Offset)) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
}

// FuzzOpen reads any bytes as a page.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(magic))
	for _, text := range examples {
		b := small(f, text)
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(b[:offShape+crcSize])
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkAny(t, b) })
}

// FuzzMutate changes a byte of a valid page and makes the CRCs right again, so
// that the checks behind them are met.
func FuzzMutate(f *testing.F) {
	pages := make([][]byte, len(examples))
	for i, text := range examples {
		pages[i] = small(f, text)
		for _, at := range []int{offVersion, offFlags, offDim, offChunkVectors, offVectors, offSpecSize, offShape, offShape + 8, offShape + 16, len(pages[i]) - footerSize, len(pages[i]) - footerSize - 8} {
			f.Add(i, at, uint8(1), 9, uint8(0x80))
		}
	}
	f.Fuzz(func(t *testing.T, which, at1 int, xor1 uint8, at2 int, xor2 uint8) {
		b := slices.Clone(pages[uint(which)%uint(len(pages))])
		b[uint(at1)%uint(len(b))] ^= xor1
		b[uint(at2)%uint(len(b))] ^= xor2
		mendIndex(mend(b))
		if p, err := OpenBytes(b); err == nil {
			for i := range p.Chunks() {
				c := p.Chunk(i)
				end := c.Offset + c.Size - crcSize
				binary.LittleEndian.PutUint32(b[end:], chunkCRC(p.crc, i, b[c.Offset:end]))
			}
		}
		checkAny(t, b)
	})
}

// checkAny makes sure that bytes are either refused as corrupt or a page that
// is all there.
func checkAny(t *testing.T, b []byte) {
	p, err := OpenBytes(b)
	if err == nil && p.Header().Vectors*p.Header().Dim < 1<<22 {
		var x []float32
		if x, err = p.Decode(2); err == nil && len(x) != p.Header().Vectors*p.Header().Dim {
			t.Errorf("%d values", len(x))
		}
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
		t.Errorf("%v", err)
	}
}
