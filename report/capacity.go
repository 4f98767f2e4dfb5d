package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kakeyalattice/capacity"
	"kakeyalattice/decide"
	"kakeyalattice/kv"
)

// planCapacity plans the cache of the options' model in the baselines and in the
// policies that hold the thresholds, at the rates that were measured.
func (r *Result) planCapacity(opt Options) {
	if opt.Model == nil {
		return
	}
	plan, err := r.capacityPlan(opt)
	if err != nil {
		r.Notices = append(r.Notices, "no capacity is planned: "+err.Error())
		return
	}
	r.Capacity = append(r.Capacity, *plan)
}

func (r *Result) capacityPlan(opt Options) (*capacity.Plan, error) {
	m := opt.Model
	f := newFindings(r)
	o := capacity.Options{Context: opt.Context, Nodes: opt.Nodes, Serving: opt.Serving}
	var layouts []capacity.Layout
	headline := -1 // the layout of the policy behind the headline
	var notices []string
	for _, b := range r.Baselines {
		l, err := m.ParseLayouts(b, "")
		if err != nil {
			notices = append(notices, fmt.Sprintf("baseline %s is left out: %v", b, err))
			continue
		}
		if b == f.base {
			o.Base = l[0].Name
		}
		layouts = append(layouts, l[0])
	}
	measured := len(layouts) // where the policies begin
	var holders [][]*Policy  // of each layout after those
	for i := range r.Policies {
		p := &r.Policies[i]
		if p.Baseline != f.base || p.View != f.view || p.Weights == "layers" || !p.Bits.Defined() {
			continue
		}
		l, err := r.policyLayout(m, p)
		if err != nil {
			notices = append(notices, fmt.Sprintf("policy %s at threshold %s is left out: %v", p.Name, p.Threshold, err))
			continue
		}
		k := measured + slices.IndexFunc(layouts[measured:], func(other capacity.Layout) bool { return maps.Equal(other.Rates, l.Rates) })
		if k < measured {
			k, layouts = len(layouts), append(layouts, l)
			holders = append(holders, nil)
		}
		holders[k-measured] = append(holders[k-measured], p)
		if f.policy != nil && p.Name == f.policy.Name && p.Threshold == f.policy.Threshold {
			headline = k
		}
	}
	for k, h := range holders {
		layouts[measured+k].Name = "policy " + policyNames(h)
	}
	if headline >= 0 {
		o.Focus = layouts[headline].Name
	}
	plan, err := m.Plan(layouts, o)
	if err != nil {
		return nil, err
	}
	if len(layouts) > measured {
		notices = append(notices, fmt.Sprintf("Policies hold thresholds against %s in the %s view, at the rates measured on this result's streams.", f.base, f.view))
	}
	plan.Notices = append(plan.Notices, notices...)
	return plan, nil
}

// policyNames names policies that come to the same layout: "A uniform, B", where
// B stands for all policies of the threshold.
func policyNames(list []*Policy) string {
	var order []string
	of := map[string][]string{}
	for _, p := range list {
		if of[p.Threshold] == nil {
			order = append(order, p.Threshold)
		}
		of[p.Threshold] = append(of[p.Threshold], p.Name)
	}
	var names []string
	for _, t := range order {
		if len(of[t]) == len(decide.Policies) {
			names = append(names, t)
			continue
		}
		for _, name := range of[t] {
			names = append(names, t+" "+name)
		}
	}
	return strings.Join(names, ", ")
}

// policyLayout is a policy as a layout: every kind at the mean rate of its
// streams in the codecs chosen for them.
func (r *Result) policyLayout(m *capacity.Model, p *Policy) (capacity.Layout, error) {
	type sum struct {
		bits   float64 // of a vector of the model
		n      int
		codecs []string
		claims bool
	}
	sums := map[kv.Kind]*sum{}
	for i := range r.Streams {
		s := &r.Streams[i]
		dim := m.Dim(s.Kind)
		c := s.codec(p.choice(s))
		if dim == 0 || c == nil {
			continue
		}
		if sums[s.Kind] == nil {
			sums[s.Kind] = &sum{}
		}
		k := sums[s.Kind]
		// A vector may be all heads of a token, where the model counts each.
		k.bits += c.BitsPerVector * float64(dim) / float64(s.Dim)
		k.n++
		k.claims = k.claims || c.Simulated
		if !slices.Contains(k.codecs, c.Codec) {
			k.codecs = append(k.codecs, c.Codec)
		}
	}
	rates := map[kv.Kind]capacity.Rate{}
	for kind, k := range sums {
		label := k.codecs[0]
		if len(k.codecs) > 1 {
			label = fmt.Sprintf("%d codecs", len(k.codecs))
		}
		rate := capacity.MeasuredRate(label, k.bits/float64(k.n), plural(k.n, string(kind)+" stream"))
		if k.claims {
			rate.How = capacity.HowClaimed
		}
		rates[kind] = rate
	}
	return m.Layout("policy "+p.Threshold+" "+p.Name, rates)
}
