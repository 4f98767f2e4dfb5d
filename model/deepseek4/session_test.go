package deepseek4

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kakeyalattice/checkpoint"
	"kakeyalattice/internal/kernel"
)

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(v, w float32) bool { return math.Float32bits(v) == math.Float32bits(w) })
}

// logitsOf runs tokens in pieces of the given lengths, the last of which is what is
// left.
func logitsOf(t testing.TB, s *Session, tokens []int32, pieces ...int) (all []float32) {
	t.Helper()
	for _, n := range append(pieces, len(tokens)) {
		n = min(n, len(tokens))
		logits, err := s.Forward(tokens[:n])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, logits...)
		tokens = tokens[n:]
	}
	return all
}

func TestTokensGiveTheSameBitsHoweverATextIsCut(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:290]
	for _, mode := range []Mode{Exact, AsServed} {
		want := logitsOf(t, m.NewSession(Options{Mode: mode, Workers: 1}), tokens)
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 5))
			var pieces []int
			for sum := 0; sum < len(tokens); {
				n := 1 + r.IntN([]int{2, 9, 140}[r.IntN(3)])
				pieces, sum = append(pieces, n), sum+n
			}
			s := m.NewSession(Options{Mode: mode, Workers: 1 + int(seed)%3})
			if got := logitsOf(t, s, tokens, pieces...); !sameBits(got, want) {
				t.Errorf("%v, pieces of %v: logits differ", mode, pieces)
			}
			if s.Positions() != len(tokens) {
				t.Errorf("%d positions", s.Positions())
			}
		}
		// Token by token.
		single := make([]int, 140)
		for i := range single {
			single[i] = 1
		}
		s := m.NewSession(Options{Mode: mode})
		if got := logitsOf(t, s, tokens[:140], single...); !sameBits(got, want[:len(got)]) {
			t.Errorf("%v: token by token the logits differ", mode)
		}
		s.Reset()
		if got := logitsOf(t, s, tokens, 200); !sameBits(got, want) {
			t.Errorf("%v: after Reset the logits differ", mode)
		}
	}
}

func TestResultsDoNotDependOnInstructions(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:140]
	want := logitsOf(t, m.NewSession(Options{Mode: AsServed}), tokens)
	for level := kernel.Go; level < kernel.Best(); level++ {
		restore := kernel.Use(level)
		got := logitsOf(t, m.NewSession(Options{Mode: AsServed}), tokens)
		restore()
		if !sameBits(got, want) {
			t.Errorf("%v: logits differ", level)
		}
	}
}

func TestLastIsTheLastOfForward(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:20]
	want := logitsOf(t, m.NewSession(Options{}), tokens)
	got, err := m.NewSession(Options{}).Last(tokens)
	if err != nil || !sameBits(got, want[len(want)-m.Config.VocabSize:]) {
		t.Errorf("%v", err)
	}
}

// recorder keeps copies of what passes a hook.
type recorder map[string][]float32

func (r recorder) hook(w Write) (bool, error) {
	key := fmt.Sprintf("%d %v", w.Layer, w.Stream)
	if w.First*w.Dim != len(r[key]) {
		return false, fmt.Errorf("entries come from %d on, not %d", w.First, len(r[key])/w.Dim)
	}
	r[key] = append(r[key], w.Entries...)
	return false, nil
}

func TestTheHookSeesEveryEntryOnceAndInOrder(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:270]
	whole, cut := recorder{}, recorder{}
	want := logitsOf(t, m.NewSession(Options{Hook: whole.hook}), tokens)
	got := logitsOf(t, m.NewSession(Options{Hook: cut.hook}), tokens, 1, 2, 100, 30, 1, 1, 1)
	if !sameBits(got, want) || !sameBits(want, logitsOf(t, m.NewSession(Options{}), tokens)) {
		t.Error("a hook that replaces nothing changes logits")
	}
	sizes := map[string]int{
		"0 window": 270 * 64, "1 window": 270 * 64, "1 compressed": 67 * 64, "1 indexer": 67 * 32, "2 window": 270 * 64,
		"2 compressed": 2 * 64, "3 window": 270 * 64, "3 compressed": 67 * 64, "3 indexer": 67 * 32, "4 window": 270 * 64,
	}
	for key, n := range sizes {
		if len(whole[key]) != n || !sameBits(whole[key], cut[key]) {
			t.Errorf("%s: %d values, want %d, or they depend on the cut", key, len(whole[key]), n)
		}
	}
	if len(whole) != len(sizes) {
		t.Errorf("streams %d", len(whole))
	}
}

// Window entries replaced by zeros leave to a token nothing to read, itself
// included.
func TestWhatTheHookLeavesIsWhatAttentionReads(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:3]
	zero := func(w Write) (bool, error) {
		clear(w.Entries)
		return true, nil
	}
	for _, mode := range []Mode{Exact, AsServed} {
		attended := 0
		s := m.NewSession(Options{Mode: mode, Hook: zero, Tap: func(_ int, p Point, x []float32) {
			if p == Attended {
				attended++
				if kernel.MaxAbs(x) != 0 {
					t.Errorf("%v: attention read something", mode)
				}
			}
		}})
		if logitsOf(t, s, tokens, 1); attended != 2*m.Config.Layers {
			t.Errorf("%d calls", attended)
		}
	}
}

// In as-served arithmetic entries are rounded as a cache does: the hook that does so
// itself changes nothing, the one that leaves them unrounded does.
func TestAReplacedEntryIsStoredAsItIs(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:40]
	want := logitsOf(t, m.NewSession(Options{Mode: AsServed}), tokens)
	serve := func(w Write) (bool, error) {
		m.layers[w.Layer].With(AsServed).kv.serve(w.Stream, w.Entries)
		return true, nil
	}
	if got := logitsOf(t, m.NewSession(Options{Mode: AsServed, Hook: serve}), tokens); !sameBits(got, want) {
		t.Error("rounding in the hook differs from the cache's own")
	}
	keep := func(Write) (bool, error) { return true, nil }
	if got := logitsOf(t, m.NewSession(Options{Mode: AsServed, Hook: keep}), tokens); sameBits(got, want) {
		t.Error("entries that the hook kept were rounded")
	}
}

func TestASnapshotIsReadInPlaceOfOwnEntries(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:150]
	seen := make([]Entries, m.Config.Layers)
	record := func(w Write) (bool, error) { return Record(&seen[w.Layer])(w) }
	want := logitsOf(t, m.NewSession(Options{Hook: record}), tokens, 30)
	of := func(layer int, change func([]float32) []float32) Hook {
		e := seen[layer]
		return Snapshot(&Entries{change(slices.Clone(e.Window)), change(slices.Clone(e.Compressed)), change(slices.Clone(e.Indexer))})
	}
	pass := func(change func([]float32) []float32) ([]float32, error) {
		hooks := make([]Hook, m.Config.Layers)
		for l := range hooks {
			hooks[l] = of(l, change)
		}
		s := m.NewSession(Options{Hook: func(w Write) (bool, error) { return hooks[w.Layer](w) }})
		first, err := s.Forward(tokens[:77])
		if err != nil {
			return nil, err
		}
		all := slices.Clone(first)
		rest, err := s.Forward(tokens[77:])
		return append(all, rest...), err
	}
	got, err := pass(func(v []float32) []float32 { return v })
	if err != nil || !sameBits(got, want) {
		t.Errorf("its own entries: %v, or logits differ", err)
	}
	got, err = pass(func(v []float32) []float32 { roundBF16(v); return v })
	if err != nil || sameBits(got, want) {
		t.Errorf("rounded entries: %v, or logits do not differ", err)
	}
	if _, err = pass(func(v []float32) []float32 { return v[:len(v)/2] }); err == nil || !strings.Contains(err.Error(), "the snapshot has 75 entries, the passage makes 77") {
		t.Errorf("a short snapshot: %v", err)
	}
}

// Layers one by one, the experts of two passages together: the session's bits.
func TestLayersOneByOneGiveWhatASessionGives(t *testing.T) {
	m, tokens := loadForward(t), forwardTokens(t)[:260]
	passages := [][]int32{tokens[:160], tokens[160:]}
	ck, err := checkpoint.Open(t.Context(), checkpoint.Dir(forwardModel))
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	c := m.Config
	ends, err := LoadEnds(t.Context(), ck, c)
	if err != nil {
		t.Fatal(err)
	}
	width := c.HCMult * c.HiddenSize
	x := make([]float32, len(tokens)*width)
	if err := ends.Embed(x, tokens); err != nil {
		t.Fatal(err)
	}
	var run Run
	for i := range c.Layers {
		l, err := LoadLayer(t.Context(), ck, c, i)
		if err != nil || l.Index() != i {
			t.Fatal(err)
		}
		at := 0
		for _, p := range passages {
			if err := l.Attention(&run, l.NewCache(nil), x[at*width:(at+len(p))*width], len(p)); err != nil {
				t.Fatal(err)
			}
			at += len(p)
		}
		if err := l.Experts(&run, x, tokens); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ends.Logits(&run, x, len(tokens))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range passages {
		want := logitsOf(t, m.NewSession(Options{}), p)
		if !sameBits(got[:len(want)], want) {
			t.Errorf("passage %d differs", i)
		}
		got = got[len(want):]
	}
}

func TestBadTextsAreRefused(t *testing.T) {
	m := loadForward(t)
	s := m.NewSession(Options{})
	for _, token := range []int32{-1, 64} {
		if _, err := s.Forward([]int32{3, token}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("token 1 of the block is %d, the model knows 0 to 63", token)) {
			t.Errorf("%v", err)
		}
	}
	if _, err := s.Forward(make([]int32, 513)); !errors.Is(err, ErrTooLong) || !strings.Contains(err.Error(), "513 tokens, max_position_embeddings is 512") {
		t.Errorf("%v", err)
	}
	if _, err := s.Last(nil); err == nil {
		t.Error("no tokens have a last one")
	}
	// The text goes on after an error of its tokens.
	if logits, err := s.Forward([]int32{3}); err != nil || len(logits) != 64 || s.Positions() != 1 {
		t.Errorf("%v", err)
	}
	if logits, err := s.Forward(nil); err != nil || len(logits) != 0 {
		t.Errorf("no tokens: %v", err)
	}
	hook := func(w Write) (bool, error) { return false, errors.New("the disk is full") }
	if _, err := m.NewSession(Options{Hook: hook}).Forward([]int32{1}); err == nil || !strings.Contains(err.Error(), "layer 0: window entries from 0 on: the disk is full") {
		t.Errorf("%v", err)
	}
	var bad *NonFiniteError
	hook = func(w Write) (bool, error) { w.Entries[w.Dim] = float32(math.NaN()); return true, nil }
	if _, err := m.NewSession(Options{Hook: hook}).Forward([]int32{1, 2}); !errors.As(err, &bad) || bad.Index != 1 {
		t.Errorf("%v", err)
	}
	var run Run
	if err := m.layers[0].Forward(&run, m.layers[0].NewCache(nil), make([]float32, 7), []int32{1}); err == nil || !strings.Contains(err.Error(), "7 values for 1 tokens of 4 streams of 32") {
		t.Errorf("%v", err)
	}
}
