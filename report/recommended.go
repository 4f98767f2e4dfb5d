package report

import (
	"fmt"
	"maps"
	"slices"

	"kakeyalattice/decide"
	"kakeyalattice/eval"
	"kakeyalattice/kv"
)

// Recommendation is a codec for all streams, or one for each kind, that a result
// recommends against its first baseline in the view of its headline.
type Recommendation struct {
	Kinds map[kv.Kind]string // codec of each kind
	// For is what it is the smallest for, such as "A per-kind".
	For []string
}

// Recommended lists what a result recommends, each assignment once: for every
// threshold, the policies that give a kind one codec.
func Recommended(r *Result) []Recommendation {
	f := newFindings(r)
	var list []Recommendation
	for _, t := range decide.Thresholds {
		for _, policy := range []string{"per-kind", "uniform"} {
			p := f.policyAt(policy, t.Name)
			if p == nil {
				continue
			}
			kinds := map[kv.Kind]string{}
			for _, s := range f.judged {
				kinds[s.Kind] = p.choice(s)
			}
			if one := slices.Collect(maps.Values(kinds)); policy == "per-kind" && !slices.ContainsFunc(one, func(s string) bool { return s != one[0] }) {
				continue // it is the uniform one
			}
			i := slices.IndexFunc(list, func(r Recommendation) bool { return maps.Equal(r.Kinds, kinds) })
			if i < 0 {
				i, list = len(list), append(list, Recommendation{Kinds: kinds})
			}
			list[i].For = append(list[i].For, t.Name+" "+policy)
		}
	}
	return list
}

// AddQuality adds what was measured with codecs in the cache of the model that the
// streams of r are of. recommended says what codecs, by their names in the result,
// were recommended for.
func AddQuality(r *Result, p *eval.Plan, outcome *eval.Outcome, recommended map[string][]string) {
	of := AssembleQuality(p, outcome, Options{})
	for i := range of.Quality {
		of.Quality[i].Recommended = recommended[of.Quality[i].Codec]
	}
	r.Quality = of.Quality
	r.Skipped, r.Failed = append(r.Skipped, of.Skipped...), of.Failed
	r.Notices = append(r.Notices, of.Notices...)
	longest, cut := 0, false
	for i, t := range of.Passages {
		longest = max(longest, t.Tokens)
		cut = cut || i < len(r.Passages) && r.Passages[i].Tokens > t.Tokens
	}
	if cut {
		r.Notices = append(r.Notices, fmt.Sprintf("predictions are measured on the first %d tokens of each passage", longest))
	}
}

// inModel says what the codecs of the headline did to the model's predictions; empty
// where that was not measured.
func (f *findings) inModel() string {
	if f.policy == nil {
		return ""
	}
	want := noRegression + " " + f.policy.Name
	for i := range f.Quality {
		if q := &f.Quality[i]; slices.Contains(q.Recommended, want) {
			return fmt.Sprintf("With this in the cache, ln of the perplexity ratio to the exact model is %s and the mean KL %s nats a token",
				mseInterval(q.LnPPLRatio), q.klInterval())
		}
	}
	return ""
}
