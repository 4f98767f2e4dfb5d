package lattice

import (
	"math"
	"math/rand/v2"
	"testing"
)

func newBox(t testing.TB, q int) Box {
	t.Helper()
	box, err := NewBox(q)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestNewBoxRefusesHalfWidthsWithoutRanks(t *testing.T) {
	for _, q := range []int{-1, 0, MaxQ + 1} {
		if _, err := NewBox(q); err == nil {
			t.Errorf("NewBox(%d) succeeded", q)
		}
	}
	for _, q := range []int{1, MaxQ} {
		if box := newBox(t, q); box.Q() != q {
			t.Errorf("Q() = %d, want %d", box.Q(), q)
		}
	}
}

func TestContains(t *testing.T) {
	box := newBox(t, 2)
	for _, c := range []struct {
		v    float32
		want bool
	}{{0, true}, {2, true}, {-2, true}, {2.5, false}, {-2.5, false}, {float32(math.NaN()), false}} {
		if got := box.Contains([]float32{0, c.v}); got != c.want {
			t.Errorf("Contains(%v) = %v", c.v, got)
		}
	}
}

func TestBoxPointIsTheOptimumOfBruteForce(t *testing.T) {
	for _, q := range []int{1, 2, 3} {
		box := newBox(t, q)
		for k, src := range sources {
			t.Run(src.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(q), 1))
				var y, z [8]float32
				for range 4000 {
					draw(y[:], k, r, float64(q))
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

func TestBoxTiesStepInwards(t *testing.T) {
	box := newBox(t, 1)
	for _, c := range []struct {
		name    string
		y, want [8]float32
		dn      bool
	}{
		{"a zero error at the border steps inwards",
			[8]float32{1, 0, 0, 0, 0, 0, 0, 0}, [8]float32{}, false},
		{"also at the lower border",
			[8]float32{-1, 0, 0, 0, 0, 0, 0, 0}, [8]float32{}, true},
		{"a corner of odd sum steps in its first coordinate",
			[8]float32{1, 1, 1, 1, 1, 1, 1, 0}, [8]float32{0, 1, 1, 1, 1, 1, 1, 0}, false},
		{"the corner nearest to an outside vector is an integer point",
			[8]float32{9, 9, 9, 9, 9, 9, 9, 9}, [8]float32{1, 1, 1, 1, 1, 1, 1, 1}, false},
		{"outside vectors of odd sum give up the least",
			[8]float32{9, 9, 9, 9, 9, 8, 9, .25}, [8]float32{1, 1, 1, 1, 1, 1, 1, 1}, true},
		{"or step back where all are outside",
			[8]float32{9, 9, 9, 9, 9, 8, 9, -.75}, [8]float32{1, 1, 1, 1, 1, 1, 1, -1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var z [8]float32
			if c.dn {
				box.ClosestDn(z[:], c.y[:])
			} else {
				box.ClosestE8(&z, &c.y)
			}
			checkBits(t, c.y[:], z[:], c.want[:])
		})
	}
}

func TestInsideTheBoxIsAsUnbounded(t *testing.T) {
	for _, q := range []int{1, 2, 3, 38, 1000} {
		box := newBox(t, q)
		below := math.Nextafter32(float32(q)-0.5, 0)
		for k := range sources {
			r := rand.New(rand.NewPCG(uint64(q), 2))
			var y, z, want [8]float32
			for range 5000 {
				draw(y[:], k, r, float64(q))
				for i, v := range y {
					y[i] = max(-below, min(below, v))
				}
				box.ClosestE8(&z, &y)
				ClosestE8(&want, &y)
				checkBits(t, y[:], z[:], want[:])
				for _, n := range []int{4, 8} {
					box.ClosestDn(z[:n], y[:n])
					ClosestDn(want[:n], y[:n])
					checkBits(t, y[:n], z[:n], want[:n])
				}
			}
		}
	}
}

func TestClosestD4IsClosestDn(t *testing.T) {
	for _, q := range []int{1, 2, 38} {
		box := newBox(t, q)
		for k := range sources {
			r := rand.New(rand.NewPCG(uint64(q), 3))
			var y, z, want [4]float32
			for range 5000 {
				draw(y[:], k, r, float64(q))
				box.ClosestD4(&z, &y)
				box.ClosestDn(want[:], y[:])
				checkBits(t, y[:], z[:], want[:])
			}
		}
	}
}

func TestBoxTakesHugeAndInvalidInput(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, q := range []int{1, 2, 37, MaxQ} {
		box := newBox(t, q)
		for _, v := range []float32{1e9, -1e30, math.MaxFloat32, -math.MaxFloat32, inf, -inf, nan} {
			for mask := range 256 {
				var y, z [8]float32
				for i := range y {
					if mask>>i&1 != 0 {
						y[i] = v
					}
				}
				box.ClosestE8(&z, &y)
				if !IsE8(z[:]) || !box.Contains(z[:]) {
					t.Fatalf("q=%d: %v -> %v is no E8 point in the box", q, y, z)
				}
				box.ClosestDn(z[:], y[:])
				if !IsDn(z[:]) || !box.Contains(z[:]) {
					t.Fatalf("q=%d: %v -> %v is no D8 point in the box", q, y, z)
				}
			}
		}
	}
}
