package decide

import "fmt"

// Weights says how much each stream counts in an average over streams.
type Weights struct {
	Name     string             // "layers", "bytes@<context>"
	ByStream map[string]float64 // by stream name; not negative
}

// LayerWeights counts every stream once.
func LayerWeights(streams []Stream) Weights {
	w := Weights{Name: "layers", ByStream: make(map[string]float64, len(streams))}
	for _, s := range streams {
		w.ByStream[s.Name] = 1
	}
	return w
}

// EntryWeights counts every stream by the entries it holds at a context of the
// given number of tokens. Bits per vector averaged so are proportional to the
// bytes of the cache.
func EntryWeights(streams []Stream, context int) Weights {
	w := Weights{Name: fmt.Sprintf("bytes@%d", context), ByStream: make(map[string]float64, len(streams))}
	for _, s := range streams {
		w.ByStream[s.Name] = float64(Entries(s.Kind, context))
	}
	return w
}

// Times returns the weights where the streams stand for counts[kind] layers of
// each kind, shared evenly by the streams of the kind. A kind that counts does
// not name keeps its weights.
//
// DeepSeek-V4-Flash has 2 layers of sliding window alone, 21 of CSA and 20 of
// HCA: those are the counts for [LayerWeights]. All 43 keep a window, so for
// [EntryWeights] they are 43, 21 and 20.
func (w Weights) Times(streams []Stream, counts map[string]int) Weights {
	present := map[string]int{}
	for _, s := range streams {
		present[s.Kind]++
	}
	out := Weights{Name: w.Name, ByStream: make(map[string]float64, len(streams))}
	for _, s := range streams {
		weight := w.ByStream[s.Name]
		if layers, ok := counts[s.Kind]; ok {
			weight *= float64(layers) / float64(present[s.Kind])
		}
		out.ByStream[s.Name] = weight
	}
	return out
}

// Entries is the number of entries that one layer's cache of a kind holds at a
// context of the given number of tokens: a window of 128, one entry in 4 or in
// 128 tokens (the indexer's stand beside the CSA entries), else one per token.
func Entries(kind string, context int) int {
	switch kind {
	case "swa":
		return min(context, 128)
	case "csa", "indexer":
		return context / 4
	case "hca":
		return context / 128
	}
	return context
}
