package hadamard

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func ExampleRuns() {
	fmt.Println(Runs(512), Runs(80), Runs(448), Runs(8200))
	// Output: [512] [64 16] [256 128 64] [4096 4096 8]
}

func TestRunsAreTheBinaryExpansionOfTheLength(t *testing.T) {
	for _, c := range []struct {
		n    int
		want []int
	}{
		{-8, nil},
		{0, nil},
		{1, []int{1}},
		{2, []int{2}},
		{3, []int{2, 1}},
		{7, []int{4, 2, 1}},
		{96, []int{64, 32}},
		{576, []int{512, 64}},
		{4095, []int{2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1}},
		{4096, []int{4096}},
		{4097, []int{4096, 1}},
		{8192, []int{4096, 4096}},
		{14336, []int{4096, 4096, 4096, 2048}},
	} {
		if got := Runs(c.n); !slices.Equal(got, c.want) {
			t.Errorf("Runs(%d) = %v, want %v", c.n, got, c.want)
		}
	}
}

func TestRunsAddUpAndNeverAscend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100_000).Draw(t, "n")
		sum, last := 0, 4096
		for _, r := range Runs(n) {
			if r < 1 || r&(r-1) != 0 || r > last || r == last && r != 4096 {
				t.Fatalf("Runs(%d) = %v", n, Runs(n))
			}
			sum, last = sum+r, r
		}
		if sum != n {
			t.Fatalf("Runs(%d) adds up to %d", n, sum)
		}
	})
}
