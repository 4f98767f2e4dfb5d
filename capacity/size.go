package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are those of [ParseSize], longest first where one ends another.
var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads an amount of memory with its unit, such as 141GB (10^9 bytes)
// or 131.3GiB (2^30 bytes).
func ParseSize(text string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		number = strings.TrimRight(number, " ")
		if !decimal(number) {
			break
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || v*u.bytes >= maxBytes {
			return 0, fmt.Errorf("%q is too much memory", text)
		}
		return int64(math.Round(v * u.bytes)), nil
	}
	return 0, fmt.Errorf("%q is not an amount of memory: write a number and a unit, such as 141GB (10^9 bytes) or 131GiB (2^30 bytes)", text)
}

// ParseContext reads a number of tokens, such as 131072, 128Ki or 1Mi.
func ParseContext(text string) (int, error) {
	number, scale := text, 1
	if n, ok := strings.CutSuffix(text, "Ki"); ok {
		number, scale = n, 1<<10
	} else if n, ok := strings.CutSuffix(text, "Mi"); ok {
		number, scale = n, 1<<20
	}
	n, err := strconv.Atoi(number)
	if err != nil || strings.HasPrefix(number, "+") || n < 1 || n > maxContext/scale {
		return 0, fmt.Errorf("%q is not a context length: write tokens, such as 131072, 128Ki or 1Mi", text)
	}
	return n * scale, nil
}
