package deepseek4

import (
	"context"
	"fmt"
)

// The tokens of [Texts] that go through a part of a layer at a time: of one text
// through attention, of any texts through the experts, where each expert gets its
// share of them.
const (
	attentionBlock = 1024
	ExpertBlock    = 4096
)

// Texts is the tokens of several texts, which go through layers side by side so that
// weights are read once. Their residual streams are [tokens, hc_mult, hidden].
type Texts struct {
	IDs  []int32
	Ends []int // of each text in IDs
	// Titles are what errors call the texts.
	Titles []string
}

// Add appends a text.
func (t *Texts) Add(title string, ids []int32) {
	t.IDs = append(t.IDs, ids...)
	t.Ends = append(t.Ends, len(t.IDs))
	t.Titles = append(t.Titles, title)
}

// Begin is the place of the first token of text i in IDs.
func (t *Texts) Begin(i int) int {
	if i == 0 {
		return 0
	}
	return t.Ends[i-1]
}

// Forward takes the residual streams x of all texts through the layer. hook gives the
// one of each text; it may be nil, and may return nil. After an error, that of a
// canceled context included, x is of no use.
func (t *Texts) Forward(ctx context.Context, r *Run, l *Layer, x []float32, hook func(text int) Hook) error {
	width := l.cfg.HCMult * l.cfg.HiddenSize
	for i, end := range t.Ends {
		var h Hook
		if hook != nil {
			h = hook(i)
		}
		cache := l.NewCache(h)
		for at := t.Begin(i); at < end; at += attentionBlock {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(attentionBlock, end-at)
			if err := l.Attention(r, cache, x[at*width:(at+n)*width], n); err != nil {
				return fmt.Errorf("passage %q: %w", t.Titles[i], err)
			}
		}
	}
	for at := 0; at < len(t.IDs); at += ExpertBlock {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(ExpertBlock, len(t.IDs)-at)
		if err := l.Experts(r, x[at*width:(at+n)*width], t.IDs[at:at+n]); err != nil {
			return err
		}
	}
	return nil
}
