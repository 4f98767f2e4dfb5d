package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteTable writes the report as an aligned table, a case a line.
func (r *Report) WriteTable(out io.Writer) error {
	fmt.Fprintf(out, "D = %d; calls with %d vectors (%d KiB of float32) in the second-level cache, taken from %d vectors\n",
		r.Dim, r.BatchVectors, r.BatchBytes>>10, r.PoolVectors)
	var copies []string
	for _, m := range r.Memcpy {
		copies = append(copies, fmt.Sprintf("%.3g GB/s on %d", m.GBPerS, m.Threads))
	}
	fmt.Fprintf(out, "memory copy: %s; GB/s count a vector as %d bytes of bfloat16\n", strings.Join(copies, ", "), 2*r.Dim)
	if len(r.LeftOut) > 0 {
		fmt.Fprintf(out, "left out, not defined at D = %d: %s\n", r.Dim, strings.Join(r.LeftOut, " "))
	}
	width := len("codec")
	for _, c := range r.Results {
		width = max(width, len(c.Codec))
	}
	line := func(codec, op, kernel, threads, ns, rate, gb, toGo, toMemcpy, single string) error {
		_, err := fmt.Fprintf(out, "%-*s  %-9s  %-6s  %7s  %9s  %9s  %6s  %6s  %8s  %14s\n",
			width, codec, op, kernel, threads, ns, rate, gb, toGo, toMemcpy, single)
		return err
	}
	fmt.Fprintln(out)
	err := line("codec", "op", "kernel", "threads", "ns/vector", "vectors/s", "GB/s", "x go", "x memcpy", "one vector, ns")
	for _, c := range r.Results {
		single := "-"
		if c.SingleVectorNs > 0 {
			single = digits(c.SingleVectorNs)
		}
		err = line(c.Codec, c.Op, c.Kernel, strconv.Itoa(c.Threads), digits(c.NsPerVector), fmt.Sprintf("%.2fM", c.VectorsPerS/1e6),
			digits(c.GBPerS), digits(c.RatioToGo), fmt.Sprintf("%.3f", c.RatioToMemcpy), single)
	}
	return err
}

// digits rounds v to three digits where it has no more before the point.
func digits(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
