package codec

import (
	"math"
	"sync"

	"kakeyalattice/internal/kernel"
)

// A gsShape codes gains and shapes of vectors of one dimension.
type gsShape struct {
	*gsModel
	rotation rotation
	steps    [slotClasses]float32   // by class
	symbols  []ransSymbol           // of all alphabets
	codes    []gsCode               // by alphabet
	slots    []*[ransTotal]ransSlot // by alphabet
	offsets  [2][8]int32            // by coset and coordinate
	rawBytes int                    // of a vector
	// alphabet is that of all coordinates, where they share one: then lanes go
	// through the coder side by side. nil if shift = 0.
	alphabet *kernel.RansAlphabet
	// e8 cuts points of E8, where shift = 1; else nil.
	e8 *kernel.ShapeE8
	// Scratch.
	encodings sync.Pool // of *gsEncodings
	decodings sync.Pool // of *gsDecodings
}

// A gsCode turns values of an alphabet into what the coder codes.
type gsCode struct {
	base   uint32 // the first of its symbols among those of all alphabets
	lo     int32
	values uint32
	escape int32 // the value that an escape of 0 stands for
}

func (c *gsCode) item(v int32) ransItem {
	i := uint32(v - c.lo)
	if i < c.values {
		return ransItem(c.base + i)
	}
	return ransEscape(c.base+c.values, uint32(v-c.escape))
}

func newGSShape(m *gsModel, r rotation) *gsShape {
	s := &gsShape{gsModel: m, rotation: r}
	for class, factor := range slotFactors {
		s.steps[class] = float32(float64(m.delta*factor) / math.Sqrt(float64(m.dim)))
	}
	for _, a := range m.alphabets {
		s.codes = append(s.codes, gsCode{uint32(len(s.symbols)), int32(a.lo), uint32(a.values), int32(m.escapeLow())})
		s.symbols = append(s.symbols, ransSymbols(a.freqs)...)
		s.slots = append(s.slots, ransSlots(a.freqs))
	}
	if m.shift > 0 {
		s.alphabet = kernel.NewRansAlphabet(m.alphabets[0].freqs)
	}
	if m.shift == 1 && m.halves {
		s.e8 = kernel.NewShapeE8(s.codes[0].lo, int32(s.codes[0].values), r.runs)
	}
	for coset := range s.offsets {
		for i := range s.offsets[coset] {
			s.offsets[coset][i] = int32(m.offset(i, coset))
		}
	}
	s.rawBytes = (m.dim/m.block*int(m.rawWidth()) + 7) / 8
	s.encodings.New = func() any { return s.newEncodings() }
	s.decodings.New = func() any { return s.newDecodings() }
	return s
}

// gsPair is how many vectors are coded side by side where there is no batch.
const gsPair = 2

// lanes is how many vectors are coded side by side: as many as the coder takes,
// but of long vectors fewer, for the memory that they need.
func (s *gsShape) lanes() int {
	const symbols = 1 << 17
	if s.alphabet == nil {
		return gsPair
	}
	return max(8, min(kernel.RansLanes, symbols/s.dim))
}

// lastState is the state that a decoder of a vector ends with.
func lastState(g gain, mantissa int) uint32 { return 1<<(9+mantissa) + uint32(g) }

// gainOf returns the gain of a last state.
func gainOf(state uint32, mantissa int) (gain, error) {
	if state>>(9+mantissa) != 1 {
		return 0, errState(state)
	}
	return gain(state - lastState(0, mantissa)), nil
}
