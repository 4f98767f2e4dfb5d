package main

import (
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakeyalattice/bench"
	"kakeyalattice/codec"
	"kakeyalattice/report"
)

type benchCmd struct {
	Codecs    []string `sep:"none" placeholder:"SPECS" help:"Codecs to time, separated by spaces or ';'; repeatable. Default: ${benchCodecs}."`
	Dim       int      `default:"512" help:"Vector dimension. Default 512."`
	Threads   []string `placeholder:"N,..." help:"Numbers of threads; 'all' is every core. Default: 1,all."`
	Kernel    []string `placeholder:"NAME,..." help:"Kernels to list: go, avx2, avx512. Plain Go is timed in any case. Default: all that this machine has."`
	Seconds   float64  `placeholder:"S" help:"Seconds per case: a codec, operation, kernel and number of threads. Default ${benchSeconds}."`
	BreakEven bool     `help:"Print below which speed of a link it pays to send coded vectors, and the gain on NVMe, 25 and 100 GbE and PCIe."`
	JSON      bool     `name:"json" help:"Print JSON."`
	Quiet     bool     `help:"Show no progress."`
}

// benchCodecs are timed where the user names none.
const benchCodecs = "e8:q=38 e8-gs fp8-v4 int6:group=64,hadamard int6"

// Help adds examples to the generated text.
func (benchCmd) Help() string {
	return `Times encoding to bytes, decoding from them and the round trip, for each set of kernels, next to plain Go and to a memory copy timed in the same run. Batches lie in the second-level cache and hold data not seen lately; of five repeats the fastest median counts.

Examples:
  kakeya bench
  kakeya bench --break-even --dim 128
  kakeya bench --codecs 'e8:q=38 fp8:group=64' --dim 128 --threads 1 --seconds 1 --json`
}

func (c *benchCmd) Run(t *terminal) error {
	o := bench.Options{Dim: c.Dim, Kernels: c.Kernel, LeaveOut: len(c.Codecs) == 0}
	list := strings.Join(c.Codecs, " ")
	if o.LeaveOut {
		list = benchCodecs
	}
	var err error
	if o.Codecs, err = codec.ParseList(list); err != nil {
		return usageError{err}
	}
	if len(o.Kernels) == 0 {
		o.Kernels = bench.Kernels()
		if c.BreakEven {
			o.Kernels = o.Kernels[len(o.Kernels)-1:]
		}
	}
	if o.Threads, err = c.threads(); err != nil {
		return err
	}
	if c.Seconds < 0 || c.Seconds > 3600 {
		return usagef("--seconds %v: give a positive number up to 3600", c.Seconds)
	}
	o.PerCase = time.Duration(c.Seconds * float64(time.Second))
	bar := newProgress(t.stderr, c.Quiet)
	o.Progress = bar.update
	result, err := bench.Run(t.ctx, o)
	bar.finish()
	switch {
	case errors.Is(err, bench.ErrOptions), errors.Is(err, codec.ErrSimulated):
		return usageError{err}
	case err != nil:
		return err
	}
	if c.BreakEven {
		return c.breakEven(t, result)
	}
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(struct {
			report.Tool
			*bench.Report
		}{thisTool(), result})
	}
	return result.WriteTable(t.stdout)
}

func (c *benchCmd) breakEven(t *terminal, result *bench.Report) error {
	list := result.BreakEven()
	if c.JSON {
		return json.NewEncoder(t.stdout).Encode(struct {
			report.Tool
			Dim       int               `json:"dim"`
			BreakEven []bench.BreakEven `json:"break_even"`
		}{thisTool(), result.Dim, list})
	}
	return bench.WriteBreakEven(t.stdout, result.Dim, list)
}

// threads returns the numbers of threads, ascending, each once.
func (c *benchCmd) threads() ([]int, error) {
	all := runtime.GOMAXPROCS(0)
	if len(c.Threads) == 0 {
		return slices.Compact([]int{1, all}), nil
	}
	var list []int
	for _, text := range c.Threads {
		n := all
		if text != "all" {
			var err error
			if n, err = strconv.Atoi(text); err != nil || n < 1 || n > all {
				return nil, usagef("--threads %s: give numbers from 1 to %d, or all", text, all)
			}
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
