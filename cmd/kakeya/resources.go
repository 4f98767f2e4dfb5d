package main

import (
	"context"
	"errors"
	"fmt"

	"kakeyalattice/eval"
	"kakeyalattice/internal/machine"
)

// checkResources refuses an evaluation that the machine has not the memory or the
// disk for, before it begins. What the system does not tell is not checked.
func checkResources(ctx context.Context, p *eval.Plan, h *hubOpener, out string) error {
	cost, err := eval.Needs(ctx, p)
	if errors.Is(err, eval.ErrTooLong) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	const giga = 1e9
	if have, ok := machine.AvailableMemory(); ok && cost.Memory > have {
		return fmt.Errorf("the run needs %.1f GB of memory at its peak, %.1f GB are available: give fewer --codecs, --passages or a smaller --seqlen; --dry-run says what a run takes",
			float64(cost.Memory)/giga, float64(have)/giga)
	}
	disk := func(need int64, dir, what, advice string) error {
		if have, ok := machine.FreeDisk(dir); ok && need > have {
			return fmt.Errorf("%s: %.1f GB are free there, %s needs %.1f GB: %s", dir, float64(have)/giga, what, float64(need)/giga, advice)
		}
		return nil
	}
	if cost.Fetched > 0 {
		if err := disk(cost.Fetched, h.cache(), "what is fetched", "make room, set HF_HOME to another disk, or keep one layer at a time with --keep-shards=false"); err != nil {
			return err
		}
	}
	return disk(cost.Residual, out, "the state of the run", "choose another --out, or give fewer --codecs or --passages")
}
