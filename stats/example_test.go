package stats_test

import (
	"fmt"

	"kakeyalattice/stats"
)

func ExampleSummarize() {
	codec := []float64{0.0011, 0.0013, 0.0012, 0.0014}
	baseline := []float64{0.0010, 0.0013, 0.0011, 0.0012}
	s := stats.Summarize(stats.Ratios(codec, baseline))
	fmt.Printf("%.3f +- %.3f, n = %d: at most %.3f\n", s.Mean, s.CI95, s.N, s.Upper())
	// Output: 1.089 +- 0.109, n = 4: at most 1.198
}

func ExampleStudentT975() {
	fmt.Printf("%.6f\n", stats.StudentT975(7))
	// Output: 2.364624
}
