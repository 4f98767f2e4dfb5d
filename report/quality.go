package report

import (
	"cmp"
	"math"
	"slices"

	"kakeyalattice/capacity"
	"kakeyalattice/eval"
	"kakeyalattice/kv"
	"kakeyalattice/stats"
)

// Quality is what a codec in the cache does to a model's predictions.
type Quality struct {
	Codec string `json:"codec"`
	// PerKind is the codec of each kind, where they are not all the same: Codec then
	// lists them.
	PerKind     map[kv.Kind]string `json:"per_kind,omitempty"`
	Recommended []string           `json:"recommended,omitempty"` // for what, such as "A per-kind"
	Baseline    bool               `json:"baseline"`
	Simulated   bool               `json:"simulated"`
	Mode        string             `json:"mode"`    // in-forward, snapshot
	Streams     []kv.Kind          `json:"streams"` // kinds that are coded; others stay exact
	// BitsPerVector and BitsPerValue are counted from the bytes written, per-stream
	// constants included; claimed where Simulated.
	BitsPerVector stats.Float `json:"bits_per_vector"`
	BitsPerValue  stats.Float `json:"bits_per_value"`
	// Tokens is the number of tokens predicted.
	Tokens   int         `json:"tokens"`
	PPL      stats.Float `json:"ppl"`
	PPLExact stats.Float `json:"ppl_exact"`
	// LnPPLRatio is ln(ppl / ppl_exact) of each passage: paired.
	LnPPLRatio stats.Stat `json:"ln_ppl_ratio"`
	KL         Divergence `json:"kl"`
	// Top1Agreement is the share of each passage's tokens whose most likely
	// prediction stays the same.
	Top1Agreement stats.Stat `json:"top1_agreement"`
	// RMSChange is the root mean square, over all tokens, of the change of the
	// probability of the true one.
	RMSChange    stats.Float `json:"rms_probability_change"`
	RelMSEEnergy stats.Stat  `json:"rel_mse_energy"` // of what was written
	Written      []Written   `json:"written"`
	// Attention is the error of the attention outputs, layer by layer: see
	// docs/protocols.md.
	Attention []LayerAttention `json:"attention,omitempty"`
	SHA256    string           `json:"bytes_sha256,omitempty"` // of all bytes that the codec wrote
}

// Divergence is KL(exact || codec) over all tokens, in nats.
type Divergence struct {
	// Passages is the mean over each passage's tokens, and over passages.
	Passages stats.Stat  `json:"passages"`
	Mean     stats.Float `json:"mean"`
	P50      stats.Float `json:"p50"`
	P90      stats.Float `json:"p90"`
	P99      stats.Float `json:"p99"`
	P999     stats.Float `json:"p999"`
	Max      stats.Float `json:"max"`
}

// Written is what a codec wrote of one kind of streams.
type Written struct {
	Kind          kv.Kind     `json:"kind"`
	Dim           int         `json:"dim"`
	Vectors       int64       `json:"vectors"`
	BitsPerVector stats.Float `json:"bits_per_vector"`
	RelMSEEnergy  stats.Stat  `json:"rel_mse_energy"`
}

// LayerAttention is sum |o - o'|^2 / sum |o|^2 of the outputs of a layer's attention in
// the exact run, o, and in the run with the codec.
type LayerAttention struct {
	Layer int        `json:"layer"`
	Error stats.Stat `json:"attention_output_error"`
}

// Failed is a codec whose run ended early; it has no other figures.
type Failed struct {
	Codec   string    `json:"codec"`
	Streams []kv.Kind `json:"streams"`
	Reason  string    `json:"reason"`
}

// AssembleQuality turns an evaluation into a result.
func AssembleQuality(p *eval.Plan, outcome *eval.Outcome, opt Options) *Result {
	r := &Result{
		Schema:      Schema,
		Tool:        opt.Tool,
		Command:     opt.Command,
		WallSeconds: opt.WallSeconds,
		Input:       kv.Input{Kind: "checkpoint", Name: p.Model.Name()},
		Protocol:    opt.Protocol,
		Quality:     []Quality{},
		Capacity:    []capacity.Plan{},
	}
	for i, t := range p.Texts {
		r.Passages = append(r.Passages, kv.Passage{ID: i, Title: t.Title, Tokens: len(t.IDs)})
	}
	for i := range outcome.Arms {
		a := &outcome.Arms[i]
		if name := a.Name(); a.Baseline && !slices.Contains(r.Baselines, name) {
			r.Baselines = append(r.Baselines, name)
		}
		r.Quality = append(r.Quality, newQuality(a, outcome.Texts, string(p.Mode)))
	}
	for _, f := range outcome.Failed {
		r.Failed = append(r.Failed, Failed{f.Arm.Name(), f.Arm.Kinds, f.Err.Error()})
		r.Notices = append(r.Notices, f.Arm.Name()+" has no figures: its run ended with: "+f.Err.Error())
	}
	for _, s := range outcome.Skipped {
		r.Skipped = append(r.Skipped, Skipped{Stream: string(s.Kind), Codec: s.Arm.Name(), Reason: s.Reason})
	}
	for i := range outcome.Arms {
		if outcome.Arms[i].Fitted() {
			r.Notices = append(r.Notices, p.FitNotice())
			break
		}
	}
	return r
}

func newQuality(a *eval.ArmOutcome, exact []eval.Scored, mode string) Quality {
	q := Quality{
		Codec:         a.Name(),
		Baseline:      a.Baseline,
		Simulated:     a.Simulated(),
		Mode:          mode,
		Streams:       a.Kinds,
		BitsPerVector: stats.Float(a.BitsPerVector()),
		BitsPerValue:  stats.Float(a.BitsPerValue()),
		KL:            newDivergence(a.KL, exact),
		SHA256:        a.SHA256,
	}
	for kind, spec := range a.PerKind {
		if q.PerKind == nil {
			q.PerKind = map[kv.Kind]string{}
		}
		q.PerKind[kind] = spec.String()
	}
	n := len(exact)
	ratio, agree, relMSE := make([]float64, n), make([]float64, n), make([]float64, n)
	var nll, nllExact, change float64
	for t, e := range exact {
		s := a.Texts[t]
		tokens := float64(s.Tokens)
		ratio[t], agree[t], relMSE[t] = (s.NLL-e.NLL)/tokens, float64(s.Agree)/tokens, a.RelMSE(t)
		q.Tokens += s.Tokens
		nll, nllExact, change = nll+s.NLL, nllExact+e.NLL, change+s.Change
	}
	all := float64(q.Tokens)
	q.PPL, q.PPLExact = stats.Float(math.Exp(nll/all)), stats.Float(math.Exp(nllExact/all))
	q.RMSChange = stats.Float(math.Sqrt(change / all))
	q.LnPPLRatio, q.Top1Agreement, q.RelMSEEnergy = stats.Summarize(ratio), stats.Summarize(agree), stats.Summarize(relMSE)
	for i := range a.Written {
		w := &a.Written[i]
		q.Written = append(q.Written, Written{
			Kind:          w.Kind,
			Dim:           w.Dim,
			Vectors:       w.Vectors,
			BitsPerVector: stats.Float(float64(w.Bits()) / float64(w.Vectors)),
			RelMSEEnergy:  stats.Summarize(stats.Ratios(w.Error, w.Energy)),
		})
	}
	for _, l := range a.Attention {
		q.Attention = append(q.Attention, LayerAttention{l.Layer, stats.Summarize(stats.Ratios(l.Error, l.Energy))})
	}
	return q
}

// newDivergence summarises divergences; a percentile is the smallest of them that
// is at least as large as that share.
func newDivergence(kl []float64, texts []eval.Scored) Divergence {
	sorted := slices.Clone(kl)
	slices.SortFunc(sorted, cmp.Compare[float64])
	at := func(share float64) stats.Float {
		if len(sorted) == 0 {
			return stats.Undefined
		}
		return stats.Float(sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)])
	}
	sum := 0.0
	for _, v := range kl {
		sum += v
	}
	return Divergence{meansOf(kl, texts), stats.Float(sum / float64(len(kl))), at(.5), at(.9), at(.99), at(.999), at(1)}
}

// meansOf summarises the mean of each text; values are text by text.
func meansOf(kl []float64, texts []eval.Scored) stats.Stat {
	means := make([]float64, len(texts))
	for t, text := range texts {
		sum := 0.0
		for _, v := range kl[:text.Tokens] {
			sum += v
		}
		means[t], kl = sum/float64(text.Tokens), kl[text.Tokens:]
	}
	return stats.Summarize(means)
}
