package codec

import "testing"

func TestGainShapeGoldenBytes(t *testing.T) {
	// Read by an independent decoder. The gain's exponent is biased by 256; at 8
	// dimensions its mantissa has 1 bit in a record and 7 in a slot.
	const dim = 8
	ramp := []float32{1, 2, 3, 4, 5, 6, 7, 8} // length 14.28
	oneHot := []float32{0, 0, 0, 0, 0, -1, 0, 0}
	zero := make([]float32, dim)
	for spec, goldens := range map[string][]golden{
		"e8-gs:delta=0.09": {
			{"zero vector", zero, `
				00         the zero vector`},
			{"point 25 -3 -5 0 -11 0 0 0", ramp, `
				bb7c01     code 3: 5 + 3 bytes; state 0x2f97, which takes a word
				cf8f b618  words; the last state is 2^10 + 0x208, gain 1.0 * 2^4
				17         lowest bits 1 1 1 0 1 0 0, the coset 0`},
			{"point -11 11 -11 11 11 -11 11 -11", oneHot, `
				f3e702     code 3: 5 + 3 bytes; state 0x5cfe, which takes a word
				7142 e20c  words; the last state is 2^10 + 0x200, gain 1.0 * 2^0
				7f         lowest bits 1 1 1 1 1 1 1, the coset 0`},
		},
		"e8-gs:delta=0.3": {
			{"point 8 -1 -2 0 -3 0 0 0", ramp, `
				7bbe93     code 3: 3 + 3 bytes; state 0x1277cf
				081a b6    `},
		},
		"e8-gs:delta=0.09,slot=12": {
			{"zero vector", zero, `00000000 00000000 00000000`},
			{"point 28 -3 -6 0 -13 0 0 0", ramp, `
				987f80         class 0; state 0x201fe6
				3516 2f58      words; the last state is 2^16 + 0x81e5, gain (1 + 101/128) * 2^3
				0000 0000      padding
				12             lowest bits 0 1 0 0 1 0 0, the coset 0`},
		},
		"d4-gs:delta=0.09": {
			{"points 25 -3 -6 0 and -12 0 0 0", ramp, `
				bc7c01     code 4: 4 + 4 bytes; state 0x2f97, which takes a word
				cf8f b618  words
				03         lowest bits 1 1 0 and 0 0 0, 2 bits of padding`},
		},
		"z-gs:delta=0.05": {
			{"point 45 -5 -10 0 -20 0 0 0", ramp, `
				42fe98     code 2; state 0x131fc8
				6e76 8782  words
				03         lowest bits`},
		},
	} {
		checkGolden(t, mustNew(t, spec, dim), goldens)
	}
}
