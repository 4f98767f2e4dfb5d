package codec

import "testing"

func TestAutoSlotsAtEveryDimension(t *testing.T) {
	for _, name := range []string{"e8-gs", "d4-gs", "z-gs"} {
		for _, delta := range []string{"0.01", "0.09", "0.3", "1", "1.62", "2"} {
			for _, dim := range []int{1, 2, 4, 8, 16, 24, 64, 80, 512, 4096} {
				s, err := Parse(name + ":slot=auto,delta=" + delta)
				if err != nil {
					t.Fatal(err)
				}
				c, err := New(s, dim)
				if err != nil {
					continue
				}
				x := gaussianVectors(3, dim, 1)
				roundTrip(t, c, x)
			}
		}
	}
}
