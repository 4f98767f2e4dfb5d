package eval

import (
	"sync"

	"kakeyalattice/internal/elementary"
)

// mostLogits bounds the predictions that are held at a time: 128 MiB of the exact
// model's probabilities.
const mostLogits = 1 << 24

// blockTokens is the number of tokens that go through a model at a time.
func blockTokens(vocab int) int { return min(256, max(16, mostLogits/vocab)) }

// exactBlock is the exact model's predictions of a block of tokens, which those of
// the arms are compared with.
type exactBlock struct {
	vocab   int
	logits  []float32 // [n, vocab]
	p       []float64 // [n, vocab]
	logSum  []float64 // [n], ln of the sum of e^logit
	top     []int
	targets []int32 // [n], the tokens that follow
	workers int
}

// set takes the logits of the tokens before targets, [len(targets), vocab] and
// perhaps more, and returns the score of the exact model.
func (b *exactBlock) set(logits []float32, targets []int32) (s Scored) {
	n := len(targets)
	b.targets = targets
	b.logits = append(b.logits[:0], logits[:n*b.vocab]...)
	if cap(b.p) < n*b.vocab {
		b.p = make([]float64, n*b.vocab)
	}
	b.p = b.p[:n*b.vocab]
	b.logSum, b.top = make([]float64, n), make([]int, n)
	b.rows(func(i int, _ []float64) {
		p := b.p[i*b.vocab : (i+1)*b.vocab]
		row := b.logits[i*b.vocab : (i+1)*b.vocab]
		var sum float64
		b.top[i], b.logSum[i], sum = softmax(p, row)
		for j := range p {
			p[j] /= sum
		}
	})
	for i, t := range targets {
		s.NLL += b.logSum[i] - float64(b.logits[i*b.vocab+int(t)])
	}
	s.Tokens, s.Agree = n, n
	return s
}

// compare scores the logits of an arm for the same tokens and appends their
// divergences to kl.
func (b *exactBlock) compare(logits []float32, kl []float64) (Scored, []float64) {
	n := len(b.targets)
	type token struct {
		nll, kl, change float64
		agree           bool
	}
	tokens := make([]token, n)
	b.rows(func(i int, scratch []float64) {
		exact := b.logits[i*b.vocab : (i+1)*b.vocab]
		row := logits[i*b.vocab : (i+1)*b.vocab]
		p := b.p[i*b.vocab : (i+1)*b.vocab]
		top, logSum, _ := softmax(scratch, row)
		// KL = sum p (ln p - ln q), ln p = exact - logSum of it.
		var sum float64
		for j, v := range p {
			sum += float64(v * (float64(exact[j]) - float64(row[j])))
		}
		t := &tokens[i]
		target := int(b.targets[i])
		t.kl = max(0, sum-b.logSum[i]+logSum)
		t.nll = logSum - float64(row[target])
		d := elementary.Exp(-t.nll) - p[target]
		t.change, t.agree = d*d, top == b.top[i]
	})
	s := Scored{Tokens: n}
	for _, t := range tokens {
		s.NLL += t.nll
		s.Change += t.change
		if t.agree {
			s.Agree++
		}
		kl = append(kl, t.kl)
	}
	return s, kl
}

// softmax sets e, as long as row, to e^(row - its largest value) and returns the
// place of that value, ln of the sum of e^row, and the sum of e.
func softmax(e []float64, row []float32) (top int, logSum, sum float64) {
	for j, v := range row {
		if v > row[top] {
			top = j
		}
	}
	most := float64(row[top])
	for j, v := range row {
		e[j] = float64(v) - most
	}
	elementary.ExpAll(e)
	for _, v := range e {
		sum += v
	}
	return top, most + elementary.Ln(sum), sum
}

// rows calls f for every token, with scratch memory of vocab values, on several
// cores.
func (b *exactBlock) rows(f func(i int, scratch []float64)) {
	n := len(b.targets)
	workers := min(b.workers, n)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			scratch := make([]float64, b.vocab)
			for i := w; i < n; i += workers {
				f(i, scratch)
			}
		})
	}
	wait.Wait()
}

// add adds the score of more tokens.
func (s *Scored) add(o Scored) {
	s.Tokens += o.Tokens
	s.NLL += o.NLL
	s.Agree += o.Agree
	s.Change += o.Change
}
