package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// levels are those that this machine has, Go first.
func levels() []Level {
	var all []Level
	for l := Go; l <= Best(); l++ {
		all = append(all, l)
	}
	return all
}

// atEachLevel runs f as a subtest for each level of this machine.
func atEachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer Use(l)()
			f(t)
		})
	}
}

// benchEachLevel runs f as a sub-benchmark for each level of this machine; f
// does the work of the given number of vectors, each of bytes bytes.
func benchEachLevel(b *testing.B, vectors, bytes int, f func()) {
	benchLevels(b, levels(), vectors, bytes, f)
}

// benchLevels is benchEachLevel at some levels.
func benchLevels(b *testing.B, levels []Level, vectors, bytes int, f func()) {
	for _, l := range levels {
		b.Run(l.String(), func(b *testing.B) {
			defer Use(l)()
			b.SetBytes(int64(vectors * bytes))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(vectors), "ns/vector")
		})
	}
}

// edgeLengths straddle the widths that kernels work in.
var edgeLengths = []int{0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025}

// hardValues are finite values that break careless kernels.
var hardValues = []float32{
	0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
	0x1p-127, -0x1p-126, 0x1.fffffep-127, 0.25, -0.25, 0.5, -0.5, 0.75, 1, -1, 1.5, -2.5, 3.5,
	math.Nextafter32(0.5, 0), math.Nextafter32(0.5, 1), 1e-30, -1e30, math.MaxFloat32, -math.MaxFloat32,
}

// fill sets x to random values of one of a few kinds.
func fill(r *rand.Rand, x []float32) {
	kind := r.IntN(4)
	for i := range x {
		switch kind {
		case 0:
			x[i] = float32(r.NormFloat64())
		case 1:
			x[i] = hardValues[r.IntN(len(hardValues))]
		case 2:
			x[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(200)-100))
		case 3:
			x[i] = float32(r.IntN(33)-16) / 4
		}
	}
}

func TestUseChangesTheLevelAndRestoresIt(t *testing.T) {
	before := Active()
	for _, l := range levels() {
		restore := Use(l)
		if Active() != l {
			t.Errorf("active is %v, want %v", Active(), l)
		}
		restore()
		if Active() != before {
			t.Errorf("after restoring: %v, want %v", Active(), before)
		}
	}
}

func TestUseRefusesALevelThatTheMachineLacks(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Use(Best() + 1)
}

func TestLevelNames(t *testing.T) {
	for l, want := range map[Level]string{Go: "go", AVX2: "avx2", AVX512: "avx512", 7: "Level(7)"} {
		if l.String() != want {
			t.Errorf("%d: %q, want %q", int(l), l, want)
		}
	}
}
