package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// saving fills the phrases of a policy that holds on all streams.
func (w *wording) saving(f *findings) {
	p := f.policy
	cr := float64(p.CR[f.base])
	w.CR, w.Saved = times(cr), percent(1-1/cr)
	w.Bits, w.BaseBits = bits(float64(p.Bits)), bits(float64(p.Bits)*cr)
	w.memory(f)
	if v := f.bf16(p); f.base != "bf16" && finite(v) {
		w.CRBF16 = times(v)
	}
	w.choice(f)
	t := f.tally(p.choice)
	w.Errors, w.ErrorsZH = w.errors(f, t)
	w.RatioSpan = span(t.lo, t.hi, ratio)
	if len(f.judged) > 1 || f.intervals {
		w.HighestRatio = interval(t.highest)
	}
	w.Yes = "Yes"
	switch {
	case t.count[single] > 0:
		w.Yes = "In what was measured, yes"
	case t.count[less] < len(f.judged):
		w.Yes = "In the mean, yes"
	}
	if w.Simulated != "" {
		w.Yes = "On paper only"
	}
	w.CountedHow = "counted from the bytes written, side information included"
	if w.Simulated != "" {
		w.CountedHow = "a claimed rate"
	}
	w.selection(f)
}

// memory words what the policy saves by the bytes that the streams hold, which
// is what fills a server, where such weights are known.
func (w *wording) memory(f *findings) {
	p := f.policy
	for i := range f.Policies {
		q := &f.Policies[i]
		if context, ok := strings.CutPrefix(q.Weights, "bytes@"); ok && q.Name == p.Name && q.Baseline == p.Baseline &&
			q.Threshold == p.Threshold && q.View == p.View && q.CR[f.base].Defined() && maps.Equal(q.Choices, p.Choices) {
			if p.CR[f.base] != q.CR[f.base] {
				w.Context = " at a context of " + plain(context) + " tokens"
			}
			p = q
			break
		}
	}
	w.MemoryCR = times(float64(p.CR[f.base]))
	w.Holds100 = fixed(math.Floor(100*float64(p.CR[f.base])), 0)
}

// selection says what choosing on the judged passages may have gained.
func (w *wording) selection(f *findings) {
	same, total := f.bootstrapAgrees()
	if total > 0 {
		w.Bootstrap = itoa(same) + " of " + plural(total, "stream")
	}
	w.SelectionNote = ", codecs selected on the same data"
	if v, n := f.heldOut(); n > 0 {
		w.HeldOut = fmt.Sprintf("%d of %d", v, n)
		w.SelectionNote += " (leave-one-out: bound exceeded in " + w.HeldOut + " cases)"
	}
}

// partly fills the phrases of a result that holds on some streams.
func (w *wording) partly(f *findings) {
	lo, hi := math.Inf(1), 0.0
	var codecs, parts []string
	for _, t := range f.gains {
		cr := float64(t.CR[f.base])
		lo, hi = min(lo, cr), max(hi, cr)
		if !slices.Contains(codecs, t.Codec) {
			codecs = append(codecs, t.Codec)
		}
		if len(parts) < 6 {
			parts = append(parts, fmt.Sprintf("%s: %s (%s×)", name(t.Stream), name(t.Codec), times(cr)))
		}
	}
	w.GainSpan = span(lo, hi, times)
	held, total := len(f.gains), len(f.judged)
	w.HeldZH = itoa(held) + " 个流"
	w.Held = itoa(held) + " of " + plural(total, "stream")
	if held == total {
		w.Held = "all " + itoa(total) + " streams"
		if total == 1 {
			w.Held = "the one stream"
		}
	} else {
		w.Rest = "the other " + itoa(total-held)
		if total-held == 1 {
			w.Rest = "the other one"
		}
	}
	w.GainList = strings.Join(parts, "; ")
	if more := held - len(parts); more > 0 {
		w.GainList += fmt.Sprintf("; and %d more streams in the table below", more)
	}
	w.GainList += "."
	w.simulated(f, codecs)
	w.selection(f)
}

// choice words the assignment of codecs to kinds or streams.
func (w *wording) choice(f *findings) {
	var codecs []string
	users := map[string][]string{}
	for _, s := range f.judged {
		c := f.policy.choice(s)
		if !slices.Contains(codecs, c) {
			codecs = append(codecs, c)
		}
		user := s.Name
		if f.policy.Name == "per-kind" {
			user = string(s.Kind)
		}
		if !slices.Contains(users[c], user) {
			users[c] = append(users[c], user)
		}
	}
	w.simulated(f, codecs)
	w.verbs(len(codecs))
	var en, zh []string
	for _, c := range codecs {
		who := users[c]
		for i := range who {
			who[i] = name(who[i])
		}
		en = append(en, name(c)+" for "+listing(who))
		zh = append(zh, strings.Join(who, "、")+" 用 "+name(c))
	}
	switch {
	case len(codecs) == 1:
		w.Choice = name(codecs[0])
		w.ChoiceZH = "用 " + w.Choice
		w.ChoiceList = w.Choice + " for every stream."
	case f.policy.Name == "per-kind":
		w.Choice, w.ChoiceZH = listing(en), strings.Join(zh, "，")
		w.ChoiceList = w.Choice + "."
	default:
		w.verbs(1)
		w.Choice = fmt.Sprintf("one of %d codecs per stream", len(codecs))
		w.ChoiceZH = fmt.Sprintf("按流选用 %d 种编码之一", len(codecs))
		w.ChoiceList = "One codec per stream, " + itoa(len(codecs)) + " in all; see the policies below."
	}
	if len(codecs) > 1 {
		w.OnAverage = " on average"
	}
}

// verbs agree with the number of codecs named; what has no bytes only would.
func (w *wording) verbs(codecs int) {
	switch {
	case w.Simulated != "":
		w.Stores, w.Compresses, w.Needs = "would store", "would compress", "would take"
	case codecs > 1:
		w.Stores, w.Compresses, w.Needs = "store", "compress", "take"
	default:
		w.Stores, w.Compresses, w.Needs = "stores", "compresses", "takes"
	}
}

// simulated names those of the codecs that have no bytes.
func (w *wording) simulated(f *findings, codecs []string) {
	var sims []string
	for _, c := range codecs {
		if f.simulates(c) {
			sims = append(sims, name(c))
		}
	}
	switch {
	case len(sims) == 0:
	case f.simulatedOnly():
		w.Simulated, w.SimulatedZH = "Every codec measured beside the baselines is", "基线之外的编码均"
	case len(sims) > 3:
		w.Simulated, w.SimulatedZH = itoa(len(sims))+" of the codecs named are", itoa(len(sims))+" 种编码"
	default:
		w.Simulated, w.SimulatedZH = listing(sims)+" is", strings.Join(sims, "、")+" "
		if len(sims) > 1 {
			w.Simulated = listing(sims) + " are"
		}
	}
}

// errors words the error of the chosen codecs against the baseline's, no
// stronger than the intervals.
func (w *wording) errors(f *findings, t tally) (en, zh string) {
	total := len(f.judged)
	each, eachZH := "on each of the "+itoa(total)+" streams", "在全部 "+itoa(total)+" 个流上"
	if total == 1 {
		each, eachZH = "on the one stream", "在唯一的流上"
	}
	if t.count[single] == total {
		r := span(t.lo, t.hi, ratio)
		return "at " + r + " times its squared error", "平方误差为其 " + r + " 倍"
	}
	if t.count[less] == total {
		return "with less squared error " + each, eachZH + "平方误差均更小"
	}
	if t.count[tied] == total {
		return "statistically tied with it in squared error " + each, eachZH + "平方误差与其无统计差异"
	}
	var parts, partsZH []string
	for _, v := range []struct {
		verdict
		en, zh string
	}{
		{less, "with less squared error on %d", "%d 个流误差更小"},
		{tied, "statistically tied with it on %d", "%d 个流无统计差异"},
		{more, "with more squared error on %d", "%d 个流误差更大"},
		{single, "without an interval on %d", "%d 个流无置信区间"},
		{unmeasured, "without a ratio on %d", "%d 个流无比值"},
	} {
		if k := t.count[v.verdict]; k > 0 {
			parts = append(parts, fmt.Sprintf(v.en, k))
			partsZH = append(partsZH, fmt.Sprintf(v.zh, k))
		}
	}
	return listing(parts) + " of the " + itoa(total) + " streams", strings.Join(partsZH, "，")
}

// inWords is a verdict as part of a sentence.
func inWords(v verdict) string {
	switch v {
	case tied:
		return " (statistically tied)"
	case more:
		return " (more error)"
	case less:
		return " (less error)"
	}
	return ""
}
