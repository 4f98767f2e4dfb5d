package eval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"kakeyalattice/kv"
)

// ErrResult is what the error of a result that is not one of the plan wraps.
var ErrResult = errors.New("not a result of this plan")

// Digest tells plans apart: of the model its name and configuration, the texts, and all
// choices but the arms.
func (p *Plan) Digest(ctx context.Context) (string, error) {
	config, err := p.Model.Config(ctx)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %v %x", p.Mode, p.Arithmetic, p.Token, sha256.Sum256(config))
	for _, t := range p.Texts {
		fmt.Fprintf(h, " %d", t.IDs)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Tasks names the arms, for a run of each in another process.
func (p *Plan) Tasks() [][]byte {
	var tasks [][]byte
	for _, a := range p.Arms {
		tasks = append(tasks, []byte(a.Label()))
	}
	return tasks
}

// armResult is what MeasureArm returns, as JSON.
type armResult struct {
	Arm    string
	Exact  []Scored
	Arms   []armJSON // one, unless the arm failed or is skipped
	Failed string
	Skip   []skipJSON
}

type armJSON struct {
	Kinds     []kv.Kind
	Texts     []Scored
	KL        []float64
	Written   []Written
	Attention []LayerError
	SHA256    string
}

type skipJSON struct {
	Kind   kv.Kind
	Reason string
}

// MeasureArm runs the exact model and one arm.
func (p *Plan) MeasureArm(ctx context.Context, task []byte) ([]byte, error) {
	i := slices.IndexFunc(p.Arms, func(a Arm) bool { return a.Label() == string(task) })
	if i < 0 {
		return nil, fmt.Errorf("%w: the arm %.200q", ErrResult, task)
	}
	one := *p
	one.Arms, one.State = p.Arms[i:i+1], ""
	r := armResult{Arm: string(task)}
	out, err := Run(ctx, &one)
	var skipped []Skipped
	var none *noneFits
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &none):
		skipped = none.skipped
	case err != nil:
		r.Failed = err.Error()
	default:
		r.Exact, skipped = out.Texts, out.Skipped
		for _, a := range out.Arms {
			r.Arms = append(r.Arms, armJSON{a.Kinds, a.Texts, a.KL, a.Written, a.Attention, a.SHA256})
		}
	}
	for _, s := range skipped {
		r.Skip = append(r.Skip, skipJSON{s.Kind, s.Reason})
	}
	return json.Marshal(r)
}

// Merge puts the results of [Plan.MeasureArm] together in the order of the plan, whatever
// order they come in: what [Run] returns for all arms.
func (p *Plan) Merge(results [][]byte) (*Outcome, error) {
	byArm := map[string]*armResult{}
	for _, b := range results {
		r, err := p.readArm(b)
		if err != nil {
			return nil, err
		}
		byArm[r.Arm] = r
	}
	out := &Outcome{}
	for _, a := range p.Arms {
		r := byArm[a.Label()]
		if r == nil {
			return nil, fmt.Errorf("eval: %s was not measured", a.Label())
		}
		for _, s := range r.Skip {
			out.Skipped = append(out.Skipped, Skipped{a, s.Kind, s.Reason})
		}
		if r.Failed != "" {
			out.Failed = append(out.Failed, Failed{a, errors.New(r.Failed)})
			continue
		}
		if r.Exact == nil {
			continue
		}
		if out.Texts == nil {
			out.Texts = r.Exact
		}
		if !slices.Equal(out.Texts, r.Exact) {
			return nil, fmt.Errorf("eval: %s: its worker's exact model predicts otherwise: another model under the same name", a.Label())
		}
		for _, m := range r.Arms {
			arm := a
			arm.Kinds = m.Kinds
			out.Arms = append(out.Arms, ArmOutcome{Arm: arm, Texts: m.Texts, KL: m.KL, Written: m.Written, Attention: m.Attention, SHA256: m.SHA256})
		}
	}
	switch {
	case len(out.Arms) > 0:
		return out, nil
	case len(out.Failed) > 0:
		return nil, out.Failed[0].Err
	}
	return nil, &noneFits{out.Skipped}
}

// readArm reads a result and checks that it can be one of the plan.
func (p *Plan) readArm(b []byte) (*armResult, error) {
	refuse := func(format string, args ...any) (*armResult, error) {
		return nil, fmt.Errorf("%w: %s", ErrResult, fmt.Sprintf(format, args...))
	}
	var r armResult
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return refuse("%v", err)
	}
	i := slices.IndexFunc(p.Arms, func(a Arm) bool { return a.Label() == r.Arm })
	if i < 0 {
		return refuse("the arm %.200q", r.Arm)
	}
	if r.Failed != "" || len(r.Exact) == 0 && len(r.Arms) == 0 && len(r.Skip) > 0 {
		return &r, nil
	}
	if len(r.Arms) != 1 || len(r.Exact) != len(p.Texts) {
		return refuse("%s: %d arms, %d texts", r.Arm, len(r.Arms), len(r.Exact))
	}
	m := &r.Arms[0]
	tokens := 0
	for t := range p.Texts {
		n := len(p.Texts[t].IDs) - 1
		tokens += n
		if len(m.Texts) != len(p.Texts) || r.Exact[t].Tokens != n || m.Texts[t].Tokens != n || !finite(m.Texts[t].NLL, r.Exact[t].NLL, m.Texts[t].Change) {
			return refuse("%s: text %d", r.Arm, t)
		}
	}
	if len(m.KL) != tokens || !finite(m.KL...) {
		return refuse("%s: %d divergences of %d tokens", r.Arm, len(m.KL), tokens)
	}
	if len(m.Written) != len(m.Kinds) || len(m.Kinds) == 0 {
		return refuse("%s: streams %v", r.Arm, m.Kinds)
	}
	for k, w := range m.Written {
		if w.Kind != m.Kinds[k] || !slices.Contains(p.Arms[i].Kinds, w.Kind) || w.Dim < 1 || w.Vectors < 0 || w.Bytes < 0 ||
			len(w.Error) != len(p.Texts) || len(w.Energy) != len(p.Texts) || !finite(w.Error...) || !finite(w.Energy...) {
			return refuse("%s: what was written of %s", r.Arm, w.Kind)
		}
	}
	for _, l := range m.Attention {
		if len(l.Error) != len(p.Texts) || len(l.Energy) != len(p.Texts) || !finite(l.Error...) || !finite(l.Energy...) {
			return refuse("%s: attention of layer %d", r.Arm, l.Layer)
		}
	}
	return &r, nil
}

func finite(list ...float64) bool {
	return !slices.ContainsFunc(list, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// Check says whether a result of [Plan.MeasureArm] can be one of the plan.
func (p *Plan) Check(result []byte) error {
	_, err := p.readArm(result)
	return err
}
