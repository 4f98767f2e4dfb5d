//go:build !noasm

package kernel

import "math"

// A boxTable holds what the kernels of a box need, in rows of 64 bytes; kernels
// of AVX2 use the first 32. The order of the rows is that of
// _generate/table.go.
type boxTable [rowUnpack + 8][8]uint64

// Rows of a boxTable. All lanes of those before rowOffsets are equal: float32
// unless stated otherwise. n = 2q+1. A word is what a block of eight values
// takes in the bits: the rank of an E8 point or of two D4 points.
const (
	rowMagic         = iota         // 1.5*2^23
	rowAbs                          // all bits but the sign
	rowSign                         // the sign
	rowIntOne                       // uint32 1
	rowHalf                         // 1/2
	rowMinusHalf                    // -1/2
	rowOne                          // 1
	row3Halves                      // 3/2
	rowTwo                          // 2
	rowMinus2                       // -2
	rowQ                            // q
	rowMinusQ                       // -q
	rowBound                        // q - 1/2
	rowLowest                       // rowMagic - (q-1)
	rowHighest                      // rowMagic + (q-1)
	rowN                            // n
	rowN2                           // uint32 n^2
	rowN4                           // uint64, in a word the factor of its upper half: n^4 for E8
	rowBase                         // uint32, makes digits of coordinates: q(1 + n + n^2 + n^3)
	rowBaseLowerHalf                // the same for the half coset: with q - 1/2 for q,
	rowBaseUpperHalf                // and with 1 added to the last digit
	rowLow32                        // uint64 2^32 - 1
	rowWordMask                     // uint64, the bits of a word
	rowHalfMask                     // uint64, the bits of the lower half of a word, for D4
	rowLongOne                      // uint64 1
	rowPerN4                        // float64, a little less than 1/n^4
	rowLastN4                       // uint64 n^4 - 1
	rowPerN2                        // a little less than 1/n^2; AVX2: doubled
	rowLastN2                       // uint32 n^2 - 1
	rowPerN                         // a little more than 1/n
	rowDigitHalf                    // makes coordinates of digits in the half coset: 1/2 - q,
	rowDigitLast                    // and for the last -1/2 - q
	rowHalfWidth                    // uint64, the width of half a word, for D4
	rowLastRank                     // uint32, the largest rank of D4
	rowTwo52                        // float64 2^52
	rowTwo84                        // float64 2^84
	rowTwo84And52                   // float64 2^84 + 2^52
	rowOffsets                      // where what is stored of a group begins, but for 0; then how long the group is
	rowPack                         // 12 rows: how words are put together
	rowUnpack        = rowPack + 12 // 8 rows: how they are taken apart
)

// boxTables are the tables of the levels, each a memory block of its own, which
// aligns them.
type boxTables struct {
	avx2, avx512 *boxTable
	packs        bool // there are kernels for words of this width
}

// The widths of words that kernels pack.
const (
	minWord = 33
	maxWord = 64
)

func newBoxTables(b *Box) boxTables {
	t := boxTables{avx2: new(boxTable), avx512: new(boxTable)}
	q := b.box.Q()
	word := b.box.BitsE8()
	if b.lattice == D4 {
		word = 2 * b.box.BitsD4()
	}
	t.avx2.setBox(q)
	t.avx512.setBox(q)
	if q > 127 || word < minWord || word > maxWord {
		return t
	}
	t.packs = true
	t.avx2.setRanks(b.lattice, uint64(q), word, 2)
	t.avx512.setRanks(b.lattice, uint64(q), word, 1)
	t.avx2.setWordsAVX2(word)
	t.avx512.setWordsAVX512(word)
	return t
}

// unbounded is the table of a lattice without a box.
var unbounded = func() *boxTable {
	t := new(boxTable)
	t.setBox(1)
	return t
}()

// setLong sets a row of 64-bit lanes.
func (t *boxTable) setLong(row int, v uint64) {
	for i := range t[row] {
		t[row][i] = v
	}
}

// setInt sets a row of 32-bit lanes.
func (t *boxTable) setInt(row int, v uint32) { t.setLong(row, uint64(v)<<32|uint64(v)) }

func (t *boxTable) setFloat(row int, v float32) { t.setInt(row, math.Float32bits(v)) }

func (t *boxTable) setDouble(row int, v float64) { t.setLong(row, math.Float64bits(v)) }

// setBox sets the rows that the search for closest points needs.
func (t *boxTable) setBox(q int) {
	const magic = 3 << 22
	t.setFloat(rowMagic, magic)
	t.setInt(rowAbs, signBit-1)
	t.setInt(rowSign, signBit)
	t.setInt(rowIntOne, 1)
	t.setFloat(rowHalf, 0.5)
	t.setFloat(rowMinusHalf, -0.5)
	t.setFloat(rowOne, 1)
	t.setFloat(row3Halves, 1.5)
	t.setFloat(rowTwo, 2)
	t.setFloat(rowMinus2, -2)
	t.setFloat(rowQ, float32(q))
	t.setFloat(rowMinusQ, -float32(q))
	t.setFloat(rowBound, float32(q)-0.5)
	t.setFloat(rowLowest, float32(magic-(q-1)))
	t.setFloat(rowHighest, float32(magic+(q-1)))
}

// setRanks sets the rows for ranks. perN2 is what rowPerN2 is a multiple of.
func (t *boxTable) setRanks(l Lattice, q uint64, word int, perN2 float64) {
	n := 2*q + 1
	n2 := n * n
	n4 := n2 * n2
	// The reciprocals of n^2 and n^4 are less than exact by more than three
	// roundings of what they are multiplied with, that of n is more.
	const slack32, slack64 = 0x1p-21, 0x1p-50
	t.setFloat(rowN, float32(n))
	t.setInt(rowN2, uint32(n2))
	t.setInt(rowLastN2, uint32(n2-1))
	t.setFloat(rowPerN2, float32(perN2*(1-slack32)/float64(n2)))
	t.setFloat(rowPerN, float32((1+slack32)/float64(n)))
	base := q * (1 + n) * (1 + n2)
	half := (2*q - 1) * (q + 1) * (1 + n2) // (q - 1/2)(1 + n)(1 + n^2)
	t.setInt(rowBase, uint32(base))
	t.setInt(rowBaseLowerHalf, uint32(half))
	t.setInt(rowBaseUpperHalf, uint32(half+n2*n))
	t.setFloat(rowDigitHalf, 0.5-float32(q))
	t.setFloat(rowDigitLast, -0.5-float32(q))
	t.setLong(rowLow32, 1<<32-1)
	t.setLong(rowWordMask, math.MaxUint64>>(64-word))
	t.setLong(rowLongOne, 1)
	t.setDouble(rowTwo52, 0x1p52)
	t.setDouble(rowTwo84, 0x1p84)
	t.setDouble(rowTwo84And52, 0x1p84+0x1p52)
	if l == E8 {
		t.setLong(rowN4, n4)
		t.setLong(rowLastN4, n4-1)
		t.setDouble(rowPerN4, (1-slack64)/float64(n4))
	} else {
		t.setLong(rowN4, 1<<(word/2))
		t.setLong(rowHalfMask, 1<<(word/2)-1)
		t.setLong(rowHalfWidth, uint64(word/2))
		t.setInt(rowLastRank, uint32((n4-1)/2))
	}
}

// setWordsAVX512 sets the rows for 16 words of the given width, 2*width bytes
// in two vectors of eight 64-bit parts, the first at the beginning of the group
// and the second at its end. Words are chosen from those of the even lanes, 0 to
// 7, and those of the odd lanes, 8 to 15.
func (t *boxTable) setWordsAVX512(width int) {
	starts := [2]int{0, 16*width - 512} // of the two vectors, in bits
	t[rowOffsets] = [8]uint64{uint64(starts[1] / 8), uint64(2 * width)}
	// The order of lanes in rows is that of the bits b4, b5, b3, b6.
	var blocks, lanes [16]int
	for lane := range blocks {
		b4, b5, b3, b6 := lane&1, lane>>1&1, lane>>2&1, lane>>3
		block := b3 | b4<<1 | b5<<2 | b6<<3
		blocks[lane], lanes[block] = block, lane
	}
	for v, start := range starts {
		for part := range 8 {
			at := start + 64*part
			first := at / width
			for k := range 3 {
				choose, shift := &t[rowPack+6*v+2*k], &t[rowPack+6*v+2*k+1]
				word := first + k
				switch {
				case word > 15:
					shift[part] = 64
					continue
				case k == 0:
					shift[part] = uint64(at - word*width)
				default:
					shift[part] = uint64(word*width - at)
				}
				choose[part] = uint64(lanes[word]>>1 | lanes[word]&1<<3)
			}
		}
	}
	for lane, block := range blocks {
		v := block / 8
		at := block*width - starts[v]
		rows := t[rowUnpack+4*(lane&1):]
		rows[0][lane/2] = uint64(at/64 + 8*v)
		rows[1][lane/2] = uint64(at % 64)
		rows[2][lane/2] = uint64(min(at/64+1, 7) + 8*v)
		rows[3][lane/2] = uint64(64 - at%64)
	}
}

// setWordsAVX2 sets the rows for 8 words of the given width, see putWordsAVX2
// and getWordsAVX2 of the generator.
func (t *boxTable) setWordsAVX2(width int) {
	t[rowOffsets][7] = uint64(width)
	for k := range 8 {
		start := k * width
		offset := start / 8
		if k == 7 {
			offset = width - 8
		}
		if k > 0 {
			t[rowOffsets][k-1] = uint64(offset)
		}
		shift := uint64(start - 8*offset)
		// What the next store needs of this word: the bits from where it begins.
		next := (start + width) / 8
		if k == 6 {
			next = width - 8
		}
		t[rowPack+k%2][k/2] = shift
		t[rowPack+2+k%2][k/2] = uint64(8*next - start)
		t[rowUnpack+4*(k%2)][k/2] = shift
		t[rowUnpack+4*(k%2)+1][k/2] = 8 - shift
		if k == 7 {
			t[rowUnpack+4+1][3] = 64
		}
	}
}
