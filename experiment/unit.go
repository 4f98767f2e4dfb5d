package experiment

import (
	"context"
	"errors"
	"fmt"

	"kakeyalattice/codec"
	"kakeyalattice/metric"
)

// unit is one piece of work: the audit of one passage of a stream, or one
// codec on one passage of a group. It is done when its record is set.
type unit struct {
	key
	passage *passage
	stream  int    // of an audit: index in the group
	trial   *trial // of a codec

	audit *auditRecord
	code  *codeRecord
}

func (u *unit) done() bool { return u.audit != nil || u.code != nil }

// entry is the unit's line in a journal.
func (u *unit) entry() entry { return entry{key: u.key, Audit: u.audit, Code: u.code} }

// measure does the work of a unit and sets its record.
func (r *run) measure(ctx context.Context, w *worker, u *unit) error {
	if u.trial != nil {
		record, err := r.measureCodec(ctx, w, u.passage, u.trial)
		u.code = record
		return err
	}
	values, err := u.passage.load(&r.free)
	if err != nil {
		return err
	}
	s := u.passage.group.streams[u.stream]
	figures, err := metric.Audit(values[u.stream], s.Dim)
	if err != nil {
		return fmt.Errorf("stream %s, passage %d: %w", s.Name, u.passage.index, err)
	}
	u.audit = recordAudit(figures)
	return nil
}

func (r *run) measureCodec(ctx context.Context, w *worker, p *passage, t *trial) (*codeRecord, error) {
	refs, err := p.references(&r.free)
	if err != nil {
		return nil, err
	}
	record := &codeRecord{Streams: make([]streamRecord, len(refs))}
	skipped := false
	for i := range record.Streams {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		record.Streams[i], err = r.measureStream(ctx, w, p, t, i, refs[i])
		var scale *codec.ScaleError
		if errors.As(err, &scale) && !t.named {
			record.Streams[i] = streamRecord{Skip: fmt.Sprintf("passage %d: %v", p.index, scale)}
			skipped = true
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	if skipped || p.group.attention == nil {
		return record, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if record.Attention, err = p.attentionError(&r.free, w.decoded); err != nil {
		return nil, fmt.Errorf("%s, passage %d: %w", p.group.name, p.index, err)
	}
	return record, nil
}

// measureStream codes stream i of a group and leaves the decoded values in the
// worker's buffer.
func (r *run) measureStream(ctx context.Context, w *worker, p *passage, t *trial, i int, ref *metric.Reference) (streamRecord, error) {
	c, x := t.coders[i], p.values.value[i]
	if err := c.ensureFitted(ctx, w.room(i, len(x)), func(fitted codec.Spec) error {
		return r.record(entry{key: fitKey(c.stream, t.spec), Fitted: fitted.String()})
	}); err != nil {
		return streamRecord{}, err
	}
	decoded := *w.room(i, len(x))
	record, err := c.roundTrip(w, decoded, x)
	if err == nil {
		record.Distortion, err = ref.Measure(decoded)
	}
	if err != nil {
		return streamRecord{}, fmt.Errorf("stream %s, passage %d: %w", c.stream.Name, p.index, err)
	}
	return record, nil
}
