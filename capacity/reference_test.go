package capacity

import (
	"math"
	"testing"

	"kakeyalattice/kv"
)

// uniformRates gives every kind of a model the same rate.
func uniformRates(m *Model, r Rate) map[kv.Kind]Rate {
	rates := map[kv.Kind]Rate{}
	for _, k := range m.kinds() {
		rates[k] = r
	}
	return rates
}

// The published work states that E8 at Q = 38 lifts a node of 4 H200 from 126 to
// about 150 users of V4-Flash at 1M tokens of context (153 before its second
// run). Its own arithmetic (PROJECTION.md of its first stage, 2026-04-25) starts
// from 6.72 GiB in BF16, halves that for production and goes on with two digits.
func TestThePublishedUsersFollowFromTwoDigits(t *testing.T) {
	m := model(t, "v4-flash")
	bf16 := float64(planned(t, m, uniform(t, m, "bf16", "bf16"), Options{}).Layouts[0].TotalBytes) / (1 << 30)
	tenth := func(v float64) float64 { return math.Round(10*v) / 10 }
	production := tenth(bf16 / 2)
	const attention, indexer, left = 2.7, 0.7, 430
	if production != 3.4 || tenth(attention+indexer) != production {
		t.Fatalf("production takes %v GiB", production)
	}
	e8 := tenth(attention*0.78) + indexer
	if before, after := math.Floor(left/production), math.Floor(left/e8); before != 126 || after != 153 {
		t.Errorf("%v to %v users", before, after)
	}
	// The 430 GiB are more than the checkpoint leaves of four times 141, of
	// whichever unit.
	for _, memory := range []float64{4 * 141 << 30, 4 * 141e9} {
		if free := (memory - float64(m.Weights.Bytes)) / (1 << 30); free >= left {
			t.Errorf("%v GiB are left beside the weights", free)
		}
	}
}

// world is a set of assumptions under which users of a node could be counted.
type world struct {
	memory, weights, utilisation, reserve float64 // of each GPU: memory, reserve
	layers                                [3]float64
	context                               float64
	base, indexer                         float64
	pages, afterWeights, perGPU           bool
}

// users is the number of sequences in a layout of so many bytes a vector.
func (w *world) users(bytes float64, padded bool) float64 {
	swa, csa, hca := w.layers[0]*128, w.layers[1]*math.Floor(w.context/4), w.layers[2]*math.Floor(w.context/128)
	sequence := bytes*(swa+csa+hca) + w.indexer*w.layers[1]*math.Floor(w.context/4)
	if padded { // section 4 of the fact sheet: 585 bytes on pages of 64, 864 on pages of 2
		sequence = 585*(swa+csa) + 864*hca + w.indexer*w.layers[1]*math.Floor(w.context/4)
	}
	free := w.memory*w.utilisation - w.weights/4 - w.reserve
	if w.afterWeights {
		free = (w.memory-w.weights/4)*w.utilisation - w.reserve
	}
	if free <= 0 {
		return 0
	}
	if w.perGPU {
		return 4 * math.Floor(free/sequence)
	}
	return math.Floor(4 * free / sequence)
}

// worlds calls f with every combination of what the claim leaves open, for one
// baseline layout.
func worlds(base float64, pages bool, f func(w *world)) {
	const gib = 1 << 30
	w := world{base: base, pages: pages}
	for _, w.memory = range []float64{141e9, 141 * gib, 143771 << 20} {
		for _, w.weights = range []float64{0, 150e9, 158e9, 159_609_485_896, 158 * gib, 160 * gib} {
			for _, w.utilisation = range []float64{0.8, 0.85, 0.88, 0.9, 0.92, 0.95, 0.98, 1} {
				for _, reserve := range []float64{0, 1, 2, 4, 5, 8, 10} {
					w.reserve = reserve * gib
					for _, w.layers = range [][3]float64{{43, 21, 20}, {2, 21, 20}, {3, 21, 20}, {3, 20, 20}, {43, 20, 20}} {
						for _, w.context = range []float64{1e6, 1 << 20} {
							for _, w.indexer = range []float64{0, 64, 68, 128, 132, 256} {
								for k := range 4 {
									w.afterWeights, w.perGPU = k&1 != 0, k&2 != 0
									if w.afterWeights && w.utilisation == 1 {
										continue // the same as before the weights
									}
									f(&w)
								}
							}
						}
					}
				}
			}
		}
	}
}

// Which combinations give 126 users in a baseline, and how many users does the
// same node hold in E8 at Q = 38 (412 bytes) and at Q = 44 (420)? With the entry
// that engines store there are 158 or more, never 150: the claim is too small for
// it. 150 needs a baseline of 512 bytes, or of 528 and Q = 44.
func TestOnlyASmallerBaselineGives126And150Users(t *testing.T) {
	type count struct {
		with126       int // combinations
		q38, q44      int // of these, with 150
		least, most   float64
		least4, most4 float64 // at Q = 44
	}
	for _, c := range []struct {
		name  string
		base  float64
		pages bool
		want  count
	}{
		{"584 bytes", 584, false, count{789, 0, 0, 158, 180, 156, 176}},
		{"584 bytes, in pages", 584, true, count{682, 0, 0, 160, 182, 158, 179}},
		{"528 bytes, 4224 bits", 528, false, count{1296, 0, 8, 148, 162, 146, 159}},
		{"512 bytes", 512, false, count{1457, 140, 564, 145, 157, 143, 154}},
	} {
		got := count{least: math.Inf(1), least4: math.Inf(1)}
		worlds(c.base, c.pages, func(w *world) {
			if w.users(c.base, c.pages) != 126 {
				return
			}
			got.with126++
			q38, q44 := w.users(412, false), w.users(420, false)
			got.least, got.most = min(got.least, q38), max(got.most, q38)
			got.least4, got.most4 = min(got.least4, q44), max(got.most4, q44)
			if q38 == 150 {
				got.q38++
			}
			if q44 == 150 {
				got.q44++
			}
		})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// What 4 H200 hold by this package's own count, at the 584 bytes that engines
// store and at E8's; docs/capacity.md has the table.
func TestFourH200Hold84And112Sequences(t *testing.T) {
	m := model(t, "v4-flash")
	node, err := ParseNode("4xH200", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s             Serving
		index         string
		fp8, q38, q44 int64
	}{
		{Serving{Parallel: Data}, "fp8", 84, 112, 112},
		{Serving{Parallel: Tensor}, "fp8", 23, 31, 30},
		{Serving{Parallel: Context}, "fp8", 92, 123, 121},
		{Serving{Parallel: Data}, "fp4", 92, 128, 128},
		{Serving{Parallel: Context, Utilisation: 1}, "fp8", 107, 142, 140},
	} {
		var got []int64
		for _, codec := range []string{"fp8-v4", "e8:q=38", "e8:q=44"} {
			got = append(got, held(t, m, uniform(t, m, codec, c.index), 1<<20, node, c.s).Layouts[0].Sequences)
		}
		if got[0] != c.fp8 || got[1] != c.q38 || got[2] != c.q44 {
			t.Errorf("%+v, indexer %s: %v sequences, want %d, %d, %d", c.s, c.index, got, c.fp8, c.q38, c.q44)
		}
	}
}
