// Package kernel holds the loops that run over every value of a vector, for
// each of the instruction sets that [Level] lists.
//
// The plain Go of packages lattice, hadamard, minifloat and elementary is what
// every kernel computes: the same operations in the same order, hence the same
// bits at every level. A kernel takes whole vectors, and falls back to plain Go
// for the lengths and parameters that it says it does not cover.
//
// # Files
//
// A family of kernels is four files:
//
//	x.go             what callers see, with the plain Go
//	x_amd64.go       dispatch by level; returns false where plain Go must do it
//	x_generic.go     the same for other architectures and the build tag noasm
//	x_amd64.s        generated, with the declarations in x_decl_amd64.go
//
// The generator is in _generate, one file a family. After a change there run
//
//	go generate ./internal/kernel
//
// To add a family, add its function to the map in _generate/main.go and a
// directive to x.go. Tests call atEachLevel to compare the levels.
package kernel

import (
	"fmt"
	"sync/atomic"
)

// Level is a set of instructions that kernels may use. Higher levels include
// the lower ones.
type Level int32

const (
	// Go is plain Go: every machine.
	Go Level = iota
	// AVX2 is AVX2, BMI1, BMI2, FMA and F16C.
	AVX2
	// AVX512 is AVX-512 F, BW, DQ and VL and what AVX2 has.
	AVX512
)

// String returns "go", "avx2" or "avx512".
func (l Level) String() string {
	switch l {
	case Go:
		return "go"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return fmt.Sprintf("Level(%d)", int32(l))
}

var (
	best   = detect()
	active atomic.Int32 // a Level
)

func init() { active.Store(int32(best)) }

// Best is the highest level that this machine and this build have.
func Best() Level { return best }

// Active is the level in use: [Best], unless [Use] chose another.
func Active() Level { return Level(active.Load()) }

// Use makes kernels use level l until restore is called. It panics if the
// machine does not have l. It is for tests and benchmarks, one after the other:
// a change of level while kernels run is safe, but which level they use is then
// left open.
func Use(l Level) (restore func()) {
	if l < Go || l > best {
		panic(fmt.Sprintf("kernel: level %v: this machine has %v", l, best))
	}
	before := active.Swap(int32(l))
	return func() { active.Store(before) }
}
