package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// exactFMA is x*y + z by arbitrary precision, for finite values.
func exactFMA(x, y, z float32) float32 {
	product := new(big.Float).SetPrec(600).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
	sum := new(big.Float).SetPrec(1200).Add(product, big.NewFloat(float64(z)))
	if sum.Sign() == 0 { // big has its own rule of signs
		return float32(float64(x)*float64(y)) + z
	}
	f, _ := sum.Float32()
	return f
}

// anyFloat32 draws finite values, often near each other's exponents or hard.
func anyFloat32(t *rapid.T, label string) float32 {
	switch rapid.IntRange(0, 3).Draw(t, label+" kind") {
	case 0:
		return rapid.SampledFrom(hardValues).Draw(t, label)
	case 1:
		return float32(rapid.IntRange(-1<<24, 1<<24).Draw(t, label))
	case 2:
		return float32(math.Ldexp(float64(rapid.IntRange(-1<<24, 1<<24).Draw(t, label)), rapid.IntRange(-149, 103).Draw(t, label+" exponent")))
	}
	return rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, label)
}

func TestAFusedMultiplyAddIsRoundedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := anyFloat32(t, "x"), anyFloat32(t, "y"), anyFloat32(t, "z")
		if got, want := FMA(x, y, z), exactFMA(x, y, z); math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("FMA(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	})
}

// Sums next to ties of normal and subnormal results, where rounding twice goes
// wrong: z + half a unit of z +- something far smaller.
func TestAFusedMultiplyAddNextToATie(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, exponent := range []int{-149, -148, -140, -127, -126, -125, -100, -30, 0, 24, 100, 103} {
		for range 4000 {
			z := float32(math.Ldexp(float64(r.IntN(1<<24)), exponent))
			if math.IsInf(float64(z), 0) {
				continue
			}
			half := exponent - 1
			// x*y = (1 + e) 2^half or (1 - e) 2^half with a tiny e, or 2^half itself.
			e := math.Ldexp(1, -r.IntN(24))
			x := float32(1 + e*float64(r.IntN(3)-1))
			y := float32(math.Ldexp(1-e*float64(r.IntN(2)), max(half, -149)))
			for _, s := range []float32{1, -1} {
				if got, want := FMA(s*x, y, z), exactFMA(s*x, y, z); math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("FMA(%x, %x, %x) = %x, want %x", s*x, y, z, got, want)
				}
			}
		}
	}
}

func TestAFusedMultiplyAddOfWhatIsNotFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ x, y, z, want float32 }{
		{inf, 1, 1, inf}, {inf, -1, 1, -inf}, {inf, 1, -inf, nan}, {inf, 0, 1, nan}, {nan, 1, 1, nan}, {1, 1, nan, nan},
		{1, 1, -inf, -inf}, {math.MaxFloat32, math.MaxFloat32, -inf, -inf}, {math.MaxFloat32, 2, -math.MaxFloat32, math.MaxFloat32},
		{math.MaxFloat32, 2, 0, inf},
	} {
		if got := FMA(c.x, c.y, c.z); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("FMA(%v, %v, %v) = %v, want %v", c.x, c.y, c.z, got, c.want)
		}
	}
}

// sameValue reports equality, all NaNs being equal.
func sameValue(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestTilesAreChainsOfFusedMultiplyAdds(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 1))
		tiles := NewTiles()
		width := tiles.Width()
		for m := 1; m <= tiles.Rows(); m++ {
			for _, k := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 31, 255, 256} {
				for _, add := range []bool{false, true} {
					stride, panelStride := width+r.IntN(5), width+r.IntN(5)
					dst, x, panel := make([]float32, m*stride), make([]float32, m*TileDepth), make([]float32, k*panelStride)
					fill(r, dst)
					fill(r, x)
					fill(r, panel)
					want := append([]float32(nil), dst...)
					for i := range m {
						for j := range width {
							s := float32(0)
							if add {
								s = dst[i*stride+j]
							}
							for c := range k {
								s = FMA(x[i*TileDepth+c], panel[c*panelStride+j], s)
							}
							want[i*stride+j] = s
						}
					}
					tiles.Tile(dst, stride, x, m, panel, panelStride, k, add)
					for i := range dst {
						if !sameValue(dst[i], want[i]) {
							t.Fatalf("m %d, k %d, add %v: value %d is %x, want %x", m, k, add, i, dst[i], want[i])
						}
					}
				}
			}
		}
	})
}

func TestARowWithSeveralPanelsIsATileOfEach(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 2))
		tiles := NewTiles()
		width := tiles.Width()
		for _, k := range []int{1, 2, 3, 128, 255} {
			for _, add := range []bool{false, true} {
				x, panels, dst := make([]float32, k), make([]float32, RowPanels*k*width), make([]float32, RowPanels*width)
				fill(r, x)
				fill(r, panels)
				fill(r, dst)
				want := append([]float32(nil), dst...)
				for p := range RowPanels {
					tiles.Tile(want[p*width:], width, x, 1, panels[p*k*width:], width, k, add)
				}
				tiles.Row(dst, x, panels, k, add)
				for i := range dst {
					if !sameValue(dst[i], want[i]) {
						t.Fatalf("k %d, add %v: value %d is %x, want %x", k, add, i, dst[i], want[i])
					}
				}
			}
		}
	})
}

// FuzzFMA holds the instruction of each level and the plain Go against the exact
// sum.
func FuzzFMA(f *testing.F) {
	f.Add(uint32(0x3f800001), uint32(0x33000000), uint32(0x3f800000))
	f.Add(uint32(0x00000001), uint32(0x3f000000), uint32(0x00000001))
	f.Fuzz(func(t *testing.T, bx, by, bz uint32) {
		x, y, z := math.Float32frombits(bx), math.Float32frombits(by), math.Float32frombits(bz)
		if !finite(x) || !finite(y) || !finite(z) {
			return
		}
		want := exactFMA(x, y, z)
		for _, l := range levels() {
			restore := Use(l)
			tiles := NewTiles()
			restore()
			dst, panel := make([]float32, tiles.Width()), make([]float32, tiles.Width())
			for i := range dst {
				dst[i], panel[i] = z, y
			}
			tiles.Tile(dst, len(dst), []float32{x}, 1, panel, len(panel), 1, true)
			for _, got := range dst {
				if math.Float32bits(got) != math.Float32bits(want) {
					t.Fatalf("%v: FMA(%x, %x, %x) = %x, want %x", l, x, y, z, got, want)
				}
			}
		}
	})
}

func finite(v float32) bool { return v-v == 0 }

// shortest runs f until the benchmark is done and returns the nanoseconds of its
// fastest run, in the mean of a few: on a machine with other work, of one that
// was not disturbed.
func shortest(b *testing.B, f func()) float64 {
	const few = 4
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		for range few {
			f()
		}
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / few
}

func BenchmarkTile(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 2))
	for _, l := range levels() {
		restore := Use(l)
		tiles := NewTiles()
		restore()
		width := tiles.Width()
		x, panel := make([]float32, tiles.Rows()*TileDepth), make([]float32, TileDepth*width)
		for _, v := range [][]float32{x, panel} {
			for i := range v {
				v[i] = float32(r.NormFloat64())
			}
		}
		for _, m := range []int{1, 2, 3, 4, tiles.Rows()} {
			b.Run(fmt.Sprintf("%v/m=%d", l, m), func(b *testing.B) {
				dst := make([]float32, m*width)
				ns := shortest(b, func() { tiles.Tile(dst, width, x, m, panel, width, TileDepth, true) })
				b.ReportMetric(2*float64(m*TileDepth*width)/ns, "GFLOP/s")
			})
		}
		if l == Go {
			continue
		}
		b.Run(fmt.Sprintf("%v/probe", l), func(b *testing.B) {
			defer Use(l)()
			var operations float64
			ns := shortest(b, func() { operations = FMAProbe(1000) })
			b.ReportMetric(operations/ns, "GFLOP/s")
		})
	}
}
