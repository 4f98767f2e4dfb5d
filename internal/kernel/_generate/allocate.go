package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// What the levels of package kernel promise, in avo's names.
var (
	isaAVX2   = []string{"AVX", "AVX2", "BMI", "BMI2", "CMOV", "F16C", "FMA3", "MMX+", "SSE2"}
	isaAVX512 = append([]string{"AVX512BW", "AVX512DQ", "AVX512F", "AVX512VL"}, isaAVX2...)
)

// Functions whose names end with levelVBMI2 use, beside AVX-512, instructions
// that not every machine of that level has.
const (
	levelVBMI2 = "VBMI2"
	isaVBMI2   = "AVX512VBMI2"
)

// wide reports whether fn is a function of the level AVX512.
func wide(fn *ir.Function) bool {
	return strings.HasSuffix(fn.Name, "AVX512") || strings.HasSuffix(fn.Name, levelVBMI2)
}

// narrowInputs tells avo what it does not know of two instructions: the
// destination of a blend is no input of it, and the exclusive or of a register
// with itself does not depend on it.
func narrowInputs(i *ir.Instruction) error {
	switch i.Opcode {
	case "VBLENDMPS":
		i.Inputs = i.Operands[:len(i.Operands)-1]
	case "VPXORD", "KXNORB", "KXNORW":
		i.CancellingInputs = true
	}
	return nil
}

// allocate is [pass.AllocateRegisters], but for this: functions that are not
// wide get vector registers 0 to 15 only. The others exist in AVX-512 alone,
// which avo does not know.
func allocate(fn *ir.Function) error {
	allocators := map[reg.Kind]*pass.Allocator{}
	for _, i := range fn.Instructions() {
		for _, r := range i.Registers() {
			a := allocators[r.Kind()]
			if a == nil {
				var err error
				if a, err = newAllocator(r.Kind(), wide(fn)); err != nil {
					return err
				}
				allocators[r.Kind()] = a
			}
			a.Add(r.ID())
		}
	}
	for _, i := range fn.Instructions() {
		for _, d := range i.OutputRegisters() {
			live := i.LiveOut.OfKind(d.Kind())
			live.DiscardRegister(d)
			allocators[d.Kind()].AddInterferenceSet(d, live)
		}
	}
	fn.Allocation = reg.NewEmptyAllocation()
	for _, a := range allocators {
		allocation, err := a.Allocate()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", fn.Name, err, pressure(fn))
		}
		if err := fn.Allocation.Merge(allocation); err != nil {
			return err
		}
	}
	return nil
}

// pressure says where most vector registers are in use.
func pressure(fn *ir.Function) string {
	most, at := 0, 0
	for k, i := range fn.Instructions() {
		if n := len(i.LiveOut.OfKind(reg.KindVector)); n > most {
			most, at = n, k
		}
	}
	return fmt.Sprintf("%d vectors after instruction %d, %s", most, at, fn.Instructions()[at].Opcode)
}

// newAllocator returns an allocator of the registers of a kind.
func newAllocator(kind reg.Kind, wide bool) (*pass.Allocator, error) {
	var registers []reg.Physical
	for _, r := range reg.FamilyOfKind(kind).Registers() {
		switch {
		case kind == reg.KindVector && !wide && r.PhysicalIndex() > 15:
		case r.Info()&reg.BasePointer != 0: // its use would cost a frame
		default:
			registers = append(registers, r)
		}
	}
	return pass.NewAllocator(registers)
}
