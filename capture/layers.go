package capture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kakeyalattice/kv"
	"kakeyalattice/model/deepseek4"
)

// defaultLayers are those of the published experiment: one of each kind.
var defaultLayers = []int{0, 2, 3}

// ParseLayers reads a list such as "0,2,3", "2-6", "all", or kinds of layers
// ("swa", "csa", "hca"), for a DeepSeek-V4. Empty text stands for the layers
// 0, 2 and 3, as far as the model has them.
func ParseLayers(text string, cfg *deepseek4.Config) ([]int, error) {
	if text == "" {
		return slices.DeleteFunc(slices.Clone(defaultLayers), func(l int) bool { return l >= cfg.Layers }), nil
	}
	kinds := map[string]int{"swa": deepseek4.RatioSWA, "csa": deepseek4.RatioCSA, "hca": deepseek4.RatioHCA}
	return parseLayers(text, cfg.Layers, func(word string) ([]int, bool) {
		ratio, ok := kinds[word]
		var list []int
		for l := range cfg.Layers {
			if ok && cfg.Ratio(l) == ratio {
				list = append(list, l)
			}
		}
		return list, ok
	})
}

// parseLayersOrAll reads numbers and ranges; empty text stands for all layers.
func parseLayersOrAll(text string, layers int) ([]int, error) {
	if text == "" {
		text = "all"
	}
	return parseLayers(text, layers, func(string) ([]int, bool) { return nil, false })
}

// parseLayers reads numbers, ranges, "all" and the words that kind knows. The
// result ascends.
func parseLayers(text string, layers int, kind func(word string) ([]int, bool)) ([]int, error) {
	var list []int
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "all" {
			word = fmt.Sprintf("0-%d", layers-1)
		}
		if of, ok := kind(word); ok {
			list = append(list, of...)
			continue
		}
		first, last, isRange := strings.Cut(word, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.Atoi(first)
		b, errB := strconv.Atoi(last)
		switch {
		case errA != nil || errB != nil || b < a:
			return nil, fmt.Errorf("layers %q: %q is not a number, a range such as 2-6, all, or a kind of layer", text, word)
		case a < 0 || b >= layers:
			return nil, fmt.Errorf("layers %q: the model has layers 0 to %d", text, layers-1)
		}
		for l := a; l <= b; l++ {
			list = append(list, l)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) == 0 {
		return nil, fmt.Errorf("layers %q: the model has none of them", text)
	}
	return list, nil
}

// ownStream says whether a stream is the one that its layer's kind is named
// after: the window of a layer that does not compress, else what it compresses.
func ownStream(cfg *deepseek4.Config, name string) bool {
	kind, number, _ := strings.Cut(name, ".")
	layer, err := strconv.Atoi(number)
	if err != nil || layer < 0 || layer >= cfg.Layers {
		return false
	}
	own := map[int]kv.Kind{deepseek4.RatioSWA: kv.SWA, deepseek4.RatioCSA: kv.CSA, deepseek4.RatioHCA: kv.HCA}
	return kv.Kind(kind) == own[cfg.Ratio(layer)]
}
