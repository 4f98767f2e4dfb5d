package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Task names one unit of a plan: JSON that means the same in every process with the
// same plan.
type Task []byte

// Elsewhere measures units in other places. It is given the tasks that are not done and
// calls deliver with what [Bench.Measure] made of each, in any order, from several
// goroutines if it likes, and more than once if it must: only the first counts. It
// returns when all have been delivered, or with an error.
type Elsewhere func(ctx context.Context, tasks []Task, deliver func(result []byte) error) error

// ErrResult is what the error of a result that is not one of the plan wraps: deliver
// refuses it and changes nothing.
var ErrResult = errors.New("not a result of this plan")

// A TaskError is a unit that cannot be measured anywhere: its input is at fault.
type TaskError struct{ Reason string }

func (e *TaskError) Error() string { return e.Reason }

// maxResult bounds a result: streams of a group, and as many constants.
const maxResult = 1 << 20

// result is what Bench.Measure returns, as JSON: the constants that the unit needs, in
// the lines of a journal, and its own line; or why it cannot be measured.
type result struct {
	Task  json.RawMessage `json:"task"`
	Lines []entry         `json:"lines,omitempty"`
	Error string          `json:"error,omitempty"`
}

func (u *unit) task() Task {
	b, err := json.Marshal(u.key)
	if err != nil {
		panic(err) // texts and numbers
	}
	return b
}

// elsewhere has the pending units measured in other places.
func (r *run) elsewhere(ctx context.Context, do Elsewhere, pending []*unit) error {
	units := make(map[key]*unit, len(pending))
	tasks := make([]Task, len(pending))
	for i, u := range pending {
		units[u.key], tasks[i] = u, u.task()
	}
	var mu sync.Mutex
	var failed *TaskError
	deliver := func(b []byte) error {
		mu.Lock()
		defer mu.Unlock()
		err := r.deliver(units, b)
		var task *TaskError
		if errors.As(err, &task) {
			failed = task
		}
		return err
	}
	err := do(ctx, tasks, deliver)
	mu.Lock()
	defer mu.Unlock()
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return err
	}
	for _, u := range pending {
		if !u.done() {
			return fmt.Errorf("%s was not measured", u.task())
		}
	}
	return nil
}

// deliver takes over a result.
func (r *run) deliver(units map[key]*unit, b []byte) error {
	u, lines, err := readResult(units, b)
	if err != nil || u.done() {
		return err
	}
	for _, line := range lines[:len(lines)-1] {
		if c := r.coders()[line.key]; c != nil && !c.complete() {
			c.adopt(line.Fitted)
			if c.complete() {
				if err := r.record(line); err != nil {
					return err
				}
			}
		}
	}
	last := lines[len(lines)-1]
	if !u.fits(last) {
		return fmt.Errorf("%w: %s: its streams or vectors are not those of the plan", ErrResult, u.task())
	}
	u.audit, u.code = last.Audit, last.Code
	return r.finish(u)
}

// readResult returns the unit of a result and its lines, the unit's own last.
func readResult(units map[key]*unit, b []byte) (*unit, []entry, error) {
	refuse := func(format string, args ...any) (*unit, []entry, error) {
		return nil, nil, fmt.Errorf("%w: %s", ErrResult, fmt.Sprintf(format, args...))
	}
	if len(b) > maxResult {
		return refuse("%d bytes, at most %d can be", len(b), maxResult)
	}
	var res result
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&res); err != nil {
		return refuse("%v", err)
	}
	var k key
	if err := json.Unmarshal(res.Task, &k); err != nil {
		return refuse("its task: %v", err)
	}
	u := units[k]
	switch {
	case u == nil:
		return refuse("the task %.200s", res.Task)
	case res.Error != "":
		if u.done() {
			return u, nil, nil
		}
		return nil, nil, &TaskError{res.Error}
	case len(res.Lines) == 0 || res.Lines[len(res.Lines)-1].key != k:
		return refuse("%.200s without a line of its own", res.Task)
	}
	for i := range res.Lines {
		e := &res.Lines[i]
		if err := e.check(); err != nil {
			return refuse("%.200s: line %d: %v", res.Task, i, err)
		}
		if i < len(res.Lines)-1 && e.Kind != fitKind {
			return refuse("%.200s: line %d is no constant", res.Task, i)
		}
	}
	return u, res.Lines, nil
}

// Bench measures single units of a plan, for a process that is given them one by one.
// It is for one goroutine; several may share a plan.
type Bench struct {
	*run
	tasks   map[string]*unit
	worker  worker
	current *passage // whose data are kept for the next unit
	fits    map[key]entry
}

// NewBench prepares a plan.
func NewBench(plan *Plan) (*Bench, error) {
	s, err := newSchedule(plan)
	if err != nil {
		return nil, err
	}
	b := &Bench{run: &run{schedule: s}, tasks: map[string]*unit{}, fits: map[key]entry{}}
	b.run.found = func(e entry) { b.fits[e.key] = e }
	for _, u := range s.units {
		b.tasks[string(u.task())] = u
	}
	return b, nil
}

// Measure does a unit and returns its result. The error is of ctx alone, or that of a
// task of another plan, which wraps [ErrResult].
func (b *Bench) Measure(ctx context.Context, t Task) ([]byte, error) {
	u := b.tasks[string(t)]
	if u == nil {
		return nil, fmt.Errorf("%w: the task %.200s", ErrResult, []byte(t))
	}
	if b.current != u.passage {
		b.Release()
		b.current = u.passage
		b.current.pending.Add(1)
	}
	res := result{Task: json.RawMessage(t)}
	u.audit, u.code = nil, nil
	err := b.measure(ctx, &b.worker, u)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		res.Error = err.Error()
	default:
		if u.trial != nil {
			for _, c := range u.trial.coders {
				if e, ok := b.fits[fitKey(c.stream, u.trial.spec)]; ok {
					res.Lines = append(res.Lines, e)
				}
			}
		}
		res.Lines = append(res.Lines, u.entry())
	}
	return json.Marshal(res)
}

// Release frees the data of the passage at hand.
func (b *Bench) Release() {
	if b.current != nil {
		b.current.done(&b.free)
		b.current = nil
	}
}

// coders are those of the schedule that have constants to find, by their keys.
func (s *schedule) coders() map[key]*coder {
	if s.byKey == nil {
		s.byKey = map[key]*coder{}
		for _, g := range s.groups {
			for _, t := range g.trials {
				for _, c := range t.coders {
					s.byKey[fitKey(c.stream, t.spec)] = c
				}
			}
		}
	}
	return s.byKey
}
