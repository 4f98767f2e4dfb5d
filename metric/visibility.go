package metric

// Visibility says which entries the query of a token sees. The zero value is
// causal attention: token t sees the entries 0..t.
type Visibility struct {
	// Ratio is the number of tokens behind one entry: token t sees the entries
	// j < floor((t+1)/Ratio), those whose tokens are all past or present. 0 and
	// 1 mean an entry per token. Queries drawn from compressed entries
	// themselves are tokens of ratio 1: the query of entry i sees 0..i.
	Ratio int
	// Window limits a query to the last Window of those entries, its own
	// included; 0 is no limit.
	Window int
}

// Visible returns the entries lo..hi-1, of those given, that token t sees.
func (v Visibility) Visible(t, entries int) (lo, hi int) {
	hi = min((t+1)/max(v.Ratio, 1), entries)
	if v.Window > 0 {
		lo = max(hi-v.Window, 0)
	}
	return lo, hi
}

// QueryPositions returns at most n positions among the given number of tokens,
// ascending and evenly spaced back from the last token:
// tokens-1 - floor(i tokens/n) for i = n-1 .. 0. The first tokens see next to
// nothing, and position 0 one entry whose weight is 1 whatever the codec does
// to the key: it is never among the positions, except for a single token.
func QueryPositions(tokens, n int) []int {
	if tokens == 1 && n > 0 {
		return []int{0}
	}
	n = min(n, tokens-1)
	var at []int
	for i := n - 1; i >= 0; i-- {
		at = append(at, tokens-1-i*tokens/n)
	}
	return at
}
