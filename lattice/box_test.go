package lattice

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestBoxPointIsTheOptimumOfBruteForce(t *testing.T) {
	for _, q := range []int{1, 2, 3, 5} {
		box, err := NewBox(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, src := range sources {
			t.Run(src.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(q), 1))
				var y, z [8]float32
				for range 20000 {
					for i := range y {
						y[i] = float32(src.draw(r, float64(q)))
					}
					box.ClosestE8(&z, &y)
					if !IsE8(z[:]) || !box.Contains(z[:]) {
						t.Fatalf("q=%d %v: %v is no E8 point in the box", q, y, z)
					}
					checkDistance(t, z[:], y[:], cheapestE8(y[:], q))
					for _, n := range []int{1, 3, 4, 8} {
						box.ClosestDn(z[:n], y[:n])
						if !IsDn(z[:n]) || !box.Contains(z[:n]) {
							t.Fatalf("q=%d %v: %v is no D%d point in the box", q, y[:n], z[:n], n)
						}
						checkDistance(t, z[:n], y[:n], cheapestDn(y[:n], q))
					}
				}
			})
		}
	}
}

// checkDistance allows what float32 rounding of the decision may cost.
func checkDistance(t *testing.T, z, y []float32, want float64) {
	t.Helper()
	got := dist2(z, y)
	if got > want+1e-5*(1+math.Sqrt(want)) {
		t.Fatalf("%v -> %v at squared distance %v, the closest is at %v", y, z, got, want)
	}
}
