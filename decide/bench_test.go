package decide

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// sweepTables is a sweep of 60 codecs on 10 streams beside 4 baselines.
func sweepTables(passages int) []Stream {
	r := rand.New(rand.NewPCG(1, 1))
	values := func(mean float64) []float64 {
		x := make([]float64, passages)
		for p := range x {
			x[p] = mean * (1 + 0.05*r.NormFloat64())
		}
		return x
	}
	streams := make([]Stream, 10)
	for i := range streams {
		s := Stream{Name: fmt.Sprintf("s.%d", i), Kind: []string{"swa", "csa", "hca"}[i%3], Layer: i}
		for k := range 60 {
			q := float64(10 + 2*k)
			s.Candidates = append(s.Candidates, Candidate{Codec: fmt.Sprintf("e8:q=%v", q), Bits: 2000 + 20*q, Distortion: values(1 / (q * q))})
		}
		for b, q := range []float64{40, 60, 80, 100} {
			s.Baselines = append(s.Baselines, Candidate{Codec: fmt.Sprintf("base%d", b), Bits: 4224, Distortion: values(1 / (q * q))})
		}
		streams[i] = s
	}
	return streams
}

// decideAll is everything that a sweep decides on one table.
func decideAll(streams []Stream) (decisions int) {
	weights := []Weights{LayerWeights(streams), EntryWeights(streams, 1<<20)}
	for _, base := range streams[0].Baselines {
		for _, th := range Thresholds {
			for _, view := range Views {
				for _, s := range streams {
					b := s.Baselines[find(s.Baselines, base.Codec)]
					Choose(Deployable(s.Candidates), b, th, view)
					HeldOut(s.Candidates, b, th, view)
					decisions++
				}
				for _, w := range weights {
					for _, policy := range Policies {
						policy(streams, base.Codec, th, view, w)
						decisions++
					}
				}
			}
		}
	}
	return decisions
}

func BenchmarkDecideASweep(b *testing.B) {
	for _, passages := range []int{8, 512} {
		b.Run(fmt.Sprintf("passages=%d", passages), func(b *testing.B) {
			streams := sweepTables(passages)
			decisions := 0
			for b.Loop() {
				decisions += decideAll(streams)
			}
			b.ReportMetric(float64(decisions)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

func BenchmarkHeldOut(b *testing.B) {
	s := sweepTables(8)[0]
	for b.Loop() {
		HeldOut(s.Candidates, s.Baselines[0], Thresholds[0], Paired)
	}
}
