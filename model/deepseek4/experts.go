package deepseek4

import (
	"math"

	"kakeyalattice/internal/elementary"
	"kakeyalattice/internal/kernel"
)

// route is the tokens that go to an expert, and their weights.
type route struct {
	tokens  []int
	weights []float32 // nil: all 1
}

// all is every one of n tokens.
func all(n int) route {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = i
	}
	return route{tokens: tokens}
}

// route chooses experts for tokens with the inputs x, [n, hidden]: by hash, or those
// with the highest sqrt(softplus(gate x)) + bias, of equal ones the first. Their
// weights are without the bias, and sum to routed_scaling_factor.
func (l *Layer) route(r *Run, x []float32, tokens []int32) ([]route, error) {
	c := l.cfg
	n := len(tokens)
	for i, t := range tokens {
		if t < 0 || int(t) >= c.VocabSize {
			return nil, badToken(i, t, c)
		}
	}
	r.gate = grow(r.gate, n*c.RoutedExperts) // [n, experts]
	if err := r.mul(l, r.gate, x, n, l.gate); err != nil {
		return nil, err
	}
	routes := make([]route, c.RoutedExperts)
	scores, biased := make([]float64, c.RoutedExperts), make([]float64, c.RoutedExperts)
	chosen := make([]int, c.ExpertsPerToken)
	for i, t := range tokens {
		for e, logit := range row(r.gate, i, c.RoutedExperts) {
			scores[e] = math.Sqrt(softplus(float64(logit)))
		}
		if l.hash != nil {
			for k := range chosen {
				chosen[k] = int(l.hash[int(t)*c.ExpertsPerToken+k])
			}
		} else {
			for e, s := range scores {
				biased[e] = s + float64(l.bias[e])
			}
			takeHighest(chosen, biased)
		}
		sum := 1e-30 // of scores that all underflow
		for _, e := range chosen {
			sum += scores[e]
		}
		for _, e := range chosen {
			weight := float32(scores[e] / sum * c.RoutedScaling)
			routes[e].tokens = append(routes[e].tokens, i)
			routes[e].weights = append(routes[e].weights, weight)
		}
	}
	return routes, nil
}

// takeHighest sets chosen to the indices of the highest scores, of equal ones the
// first, and spoils the scores.
func takeHighest(chosen []int, scores []float64) {
	for k := range chosen {
		best := 0
		for e, s := range scores {
			if s > scores[best] {
				best = e
			}
		}
		chosen[k] = best
		scores[best] = math.Inf(-1)
	}
}

// softplus is ln(1 + e^x).
func softplus(x float64) float64 {
	if x > 40 {
		return x
	}
	e := elementary.Exp(x)
	if e < 1e-6 {
		return e - float64(e*e)/2
	}
	return elementary.Ln(1 + e)
}

// expertTokens is the number of tokens that an expert does at a time, to bound
// memory.
const expertTokens = 1024

// expert adds to out, [_, hidden], for the tokens of a route with inputs in, weight
// times w2(silu(w1 x) * w3 x), w1 x at most swiglu_limit and w3 x within it to
// either side. The inputs are as quantised layers read them.
func (l *Layer) expert(r *Run, e *expert, out, in []float32, to route) error {
	hidden, inter := l.cfg.HiddenSize, l.cfg.MoEIntermediate
	for at := 0; at < len(to.tokens); at += expertTokens {
		tokens := to.tokens[at:min(at+expertTokens, len(to.tokens))]
		n := len(tokens)
		r.gathered = grow(r.gathered, n*hidden)
		for i, t := range tokens {
			copy(row(r.gathered, i, hidden), row(in, t, hidden))
		}
		r.group, r.up = grow(r.group, n*inter), grow(r.up, n*inter)
		if err := r.mul(l, r.group, r.gathered, n, e.w1); err != nil { // [n, inter]
			return err
		}
		if err := r.mul(l, r.up, r.gathered, n, e.w3); err != nil {
			return err
		}
		r.chunks(n, func(first, end int) {
			for i := first; i < end; i++ {
				weight := float32(1)
				if to.weights != nil {
					weight = to.weights[at+i]
				}
				l.swiglu(row(r.group, i, inter), row(r.up, i, inter), weight)
			}
		})
		if err := r.linear(l, r.gathered, r.group, n, e.w2); err != nil { // [n, hidden]
			return err
		}
		r.chunks(n, func(first, end int) {
			for i := first; i < end; i++ {
				kernel.AddScaled(row(out, tokens[i], hidden), 1, row(r.gathered, i, hidden))
			}
		})
	}
	return nil
}

// swiglu replaces gate by weight * silu(gate) * up, silu(g) = g / (1 + e^-g), of
// limited values.
func (l *Layer) swiglu(gate, up []float32, weight float32) {
	l.mode.bf16(gate)
	l.mode.bf16(up)
	limit := float32(l.cfg.SwigluLimit)
	if limit == 0 {
		limit = math.MaxFloat32
	}
	for j, g := range gate {
		gate[j] = min(g, limit)
		up[j] = min(max(up[j], -limit), limit)
	}
	kernel.SiLUTimes(gate, up)
	for j, v := range gate {
		gate[j] = weight * v
	}
	l.mode.bf16(gate)
}
