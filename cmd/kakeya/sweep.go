package main

import "kakeyalattice/experiment"

type sweepCmd struct {
	measureFlags `embed:""`
}

// Help adds examples to the generated text.
func (sweepCmd) Help() string {
	return `Measures a grid of codec parameters and reports, stream by stream, the fewest bits that hold the thresholds A (no more distortion than the baseline), B (5 % more) and C (20 % more), the Pareto front, and the policies that follow.

Examples:
  kakeya sweep
  kakeya sweep --synthetic gaussian,student-t
  kakeya sweep --kv cache.safetensors
  kakeya sweep --model deepseek-ai/DeepSeek-V4-Flash --layers 0,2,3
  kakeya sweep --kv cache.safetensors --codecs "e8:q=10..76/2; d4:q=10..76/2; int6:hadamard"
  kakeya sweep --kv cache.safetensors --baselines "fp8:group=64" --out runs/first
  kakeya sweep --kv cache.safetensors --baselines "fp8:group=64" --out runs/first --resume`
}

func (c *sweepCmd) Run(t *terminal) error {
	return c.measure(t, "sweep", defaults{experiment.DefaultSweep(), experiment.ReferenceSweep()}, nil)
}
