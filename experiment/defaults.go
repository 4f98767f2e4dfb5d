package experiment

import (
	"strings"

	"kakeyalattice/codec"
)

// The specs that commands use where the user names none.
const (
	// DefaultBaselines are the caches that engines run, the DeepSeek-V4 layout
	// first, and last the one that the reference compares with.
	DefaultBaselines = "fp8-v4 fp8-v41 fp8-tensor fp8:group=64"
	// DefaultAudit is the entropy-coded lattice at two steps, the finer one for
	// baselines that keep the rotary part in bfloat16, the reference's choice and ours
	// at the same rate step, with the controls that any comparison must include.
	DefaultAudit = "e8-gs:delta=0.09 e8-gs:delta=0.07 e8:q=38 e8:q=44 d4:q=38 int6:group=64,hadamard fp8-rans nvfp4 q8_0 q4_0 ref-e8:q=38"

	// The published experiment: its baseline, its audit and its sweep.
	ReferenceBaselines = "ref-fp8"
	ReferenceAudit     = "ref-e8:q=10 ref-e8:q=38"
)

// boxSweep lists half-widths for the box codes: those that the reference swept,
// and the tops of the rate steps that they leave out. Two half-widths in one
// step cost the same bits, and the larger has the smaller error.
var boxSweep = []string{"1", "2", "3", "4", "6", "8", "10", "14", "19", "24", "28", "31", "34", "37", "38", "40", "44", "48", "50", "56", "62", "68", "76"}

// DefaultSweep is what a sweep measures: the entropy-coded E8 over its step,
// which makes a sweep solve for it, E8 and D4 over boxSweep, and the controls.
func DefaultSweep() string {
	var b strings.Builder
	b.WriteString("e8-gs:delta=0.05..0.12/0.005 d4-gs:delta=0.09 z-gs:delta=0.09 ")
	for _, family := range []string{"e8", "d4"} {
		for _, q := range boxSweep {
			b.WriteString(family + ":q=" + q + " ")
		}
	}
	b.WriteString("fp8-rans int8:group=64 int6:group=64,hadamard int4:group=64,hadamard nvfp4 mxfp4 q8_0 q4_0 ref-e8:q=38")
	return b.String()
}

// ReferenceSweep is the half-widths that the reference swept, coarse and fine.
func ReferenceSweep() string {
	var b strings.Builder
	for _, q := range []string{"1", "2", "3", "4", "6", "8", "10", "14", "19", "24", "38", "44", "50", "56", "62", "68", "76"} {
		b.WriteString("ref-e8:q=" + q + " ")
	}
	return b.String()
}

// MustSpecs parses one of the lists above.
func MustSpecs(list string) []codec.Spec {
	specs, err := codec.ParseList(list)
	if err != nil {
		panic(err)
	}
	return specs
}
