package metric

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func ExampleQueryPositions() {
	fmt.Println(QueryPositions(2048, 4), QueryPositions(5, 64))
	// Output: [511 1023 1535 2047] [1 2 3 4]
}

func TestVisibleEntries(t *testing.T) {
	for _, c := range []struct {
		name           string
		v              Visibility
		token, entries int
		lo, hi         int
	}{
		{"causal attention sees itself first", Visibility{}, 0, 10, 0, 1},
		{"causal attention sees all before it", Visibility{}, 9, 10, 0, 10},
		{"a window not yet full sees all", Visibility{Window: 128}, 126, 500, 0, 127},
		{"a full window counts the token itself", Visibility{Window: 128}, 127, 500, 0, 128},
		{"a window slides", Visibility{Window: 128}, 300, 500, 173, 301},
		{"no entry before its last token", Visibility{Ratio: 4}, 2, 10, 0, 0},
		{"an entry from its last token on", Visibility{Ratio: 4}, 3, 10, 0, 1},
		{"an entry stays alone until the next is whole", Visibility{Ratio: 4}, 6, 10, 0, 1},
		{"ratio 128 at the last of 2048 tokens", Visibility{Ratio: 128}, 2047, 16, 0, 16},
		{"ratio 1 is causal", Visibility{Ratio: 1}, 5, 10, 0, 6},
		{"a window counts entries, not tokens", Visibility{Ratio: 4, Window: 2}, 19, 10, 3, 5},
		{"nothing beyond the entries there are", Visibility{Ratio: 4}, 99, 10, 0, 10},
	} {
		if lo, hi := c.v.Visible(c.token, c.entries); lo != c.lo || hi != c.hi {
			t.Errorf("%s: %d..%d, want %d..%d", c.name, lo, hi, c.lo, c.hi)
		}
	}
}

func TestQueryPositionsByHand(t *testing.T) {
	for _, c := range []struct {
		tokens, n int
		want      []int
	}{
		{0, 4, nil},
		{8, 0, nil},
		{1, 4, []int{0}},
		{2, 4, []int{1}},
		{10, 1, []int{9}},
		{10, 3, []int{3, 6, 9}},
		{10, 9, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{10, 10, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		if got := QueryPositions(c.tokens, c.n); !slices.Equal(got, c.want) {
			t.Errorf("QueryPositions(%d, %d) = %v, want %v", c.tokens, c.n, got, c.want)
		}
	}
}

func TestQueryPositionsAreEvenlySpacedAndEndAtTheLastToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.IntRange(2, 10000).Draw(t, "tokens")
		n := rapid.IntRange(1, 200).Draw(t, "n")
		at := QueryPositions(tokens, n)
		if len(at) != min(n, tokens-1) || at[len(at)-1] != tokens-1 || at[0] < 1 {
			t.Fatalf("QueryPositions(%d, %d) = %v", tokens, n, at)
		}
		step := tokens / len(at)
		for i := 1; i < len(at); i++ {
			if d := at[i] - at[i-1]; d != step && d != step+1 {
				t.Fatalf("QueryPositions(%d, %d): step %d, want %d or %d", tokens, n, d, step, step+1)
			}
		}
	})
}
