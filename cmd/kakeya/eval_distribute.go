package main

import (
	"context"
	"errors"
	"os"
	"sync"

	"kakeyalattice/cluster"
	"kakeyalattice/corpus"
	"kakeyalattice/eval"
)

// evalSpec is what a worker needs to make the plan of an evaluation.
type evalSpec struct {
	Flags  evalCmd
	Texts  []inputFile
	Digest string
}

// distributed runs the arms of a plan by workers, one arm a task: each runs the exact
// model beside it.
func (c *evalCmd) distributed(t *terminal, s *stages, plan *eval.Plan, dir *outDir) (_ *eval.Outcome, err error) {
	spec := &evalSpec{Flags: *c}
	spec.Flags.distributeFlags = distributeFlags{}
	if len(c.Text) > 0 {
		if spec.Texts, err = inputs(corpus.Expand, c.Text); err != nil {
			return nil, err
		}
	}
	if err := absolute(&spec.Flags.Model); err != nil {
		return nil, err
	}
	if spec.Digest, err = plan.Digest(t.ctx); err != nil {
		return nil, err
	}
	d, err := c.distribute(t, dir.path, c.Quiet)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := d.close(t.ctx.Err() != nil); err == nil {
			err = closeErr
		}
	}()
	var mu sync.Mutex
	var results [][]byte
	s.step("codecs", 0, len(plan.Arms))
	err = d.run(t.ctx, &jobSpec{Eval: spec}, pointers(spec.Texts), arms(plan, func() {}), plan.Tasks(), func(result []byte) error {
		if err := plan.Check(result); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		results = append(results, result)
		s.step("codecs", len(results), len(plan.Arms))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return plan.Merge(results)
}

// arms measure arms of a plan, one at a time with all its cores.
func arms(plan *eval.Plan, done func()) *cluster.Input {
	var one sync.Mutex
	return &cluster.Input{Close: done, New: func() (cluster.Measurer, error) { return &armMeasurer{plan, &one}, nil }}
}

type armMeasurer struct {
	plan *eval.Plan
	one  *sync.Mutex
}

func (m *armMeasurer) Measure(ctx context.Context, task []byte) ([]byte, error) {
	m.one.Lock()
	defer m.one.Unlock()
	return m.plan.MeasureArm(ctx, task)
}

func (m *armMeasurer) Close() {}

func (s *evalSpec) open(ctx context.Context, t *terminal, conn *cluster.Conn, job string) (_ *cluster.Input, err error) {
	temp, err := os.MkdirTemp("", "kakeya-worker-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp) //nolint:errcheck // temporary
		}
	}()
	c := s.Flags
	c.Quiet = true
	if c.Text, err = here(ctx, conn, job, temp, s.Texts); err != nil {
		return nil, err
	}
	codecs, baselines, err := c.specs()
	if err != nil {
		return nil, err
	}
	stages := newStages(t.stderr, true)
	plan, err := c.plan(&terminal{ctx, t.stdout, t.stderr, t.args}, stages, codecs, baselines)
	if err != nil {
		return nil, err
	}
	digest, err := plan.Digest(ctx)
	if err == nil && digest != s.Digest {
		err = errors.New("its model or texts are not the coordinator's: another file or model under the same name")
	}
	if err != nil {
		plan.Model.Close() //nolint:errcheck // err says more
		return nil, err
	}
	return arms(plan, func() {
		plan.Model.Close() //nolint:errcheck // it was read only
		os.RemoveAll(temp) //nolint:errcheck // temporary
	}), nil
}
