package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawModel makes a random model over a few characters, as a tokenizer.json
// without a pre-tokenizer.
func drawModel(t *rapid.T) []byte {
	vocab := map[string]int{}
	add := func(token string) {
		if _, ok := vocab[token]; !ok {
			vocab[token] = len(vocab)
		}
	}
	list := []string{"a", "b", "c", "▁", "é"}
	add("<unk>")
	for _, token := range list {
		add(token)
	}
	if rapid.Bool().Draw(t, "bytes") {
		for b := range 256 {
			add(fmt.Sprintf("<0x%02X>", b))
		}
		if rapid.Bool().Draw(t, "merge bytes") {
			list = append(list, "<0xC3>", "<0xB6>")
		}
	}
	merges := [][2]string{}
	for range rapid.IntRange(0, 12).Draw(t, "merges") {
		pair := [2]string{rapid.SampledFrom(list).Draw(t, "left"), rapid.SampledFrom(list).Draw(t, "right")}
		add(pair[0] + pair[1])
		list = append(list, pair[0]+pair[1])
		merges = append(merges, pair)
	}
	data, err := json.Marshal(map[string]any{"model": map[string]any{
		"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": "<unk>",
		"byte_fallback": rapid.Bool().Draw(t, "fallback"), "fuse_unk": rapid.Bool().Draw(t, "fuse"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMergingIsJoiningTheFirstPairOfTheListAgainAndAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tok, err := Parse("random", drawModel(t))
		if err != nil {
			t.Fatal(err)
		}
		text := string(rapid.SliceOfN(rapid.SampledFrom([]rune("aaabbc▁éöx")), 0, 30).Draw(t, "text"))
		m := &tok.rules.model

		var w merger
		bare := *m
		bare.pairs = newPairTable(0)
		want := bare.append(nil, text, &w) // the symbols, nothing joined
		for {
			best, at := merge{rank: ^uint32(0)}, -1
			for i := range len(want) - 1 {
				if p, ok := m.pairs.find(want[i], want[i+1]); ok && p.rank < best.rank {
					best, at = p, i
				}
			}
			if at < 0 {
				break
			}
			want = slices.Replace(want, at, at+2, best.into)
		}
		if got := m.append(nil, text, &w); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, tokens(tok, got), tokens(tok, want))
		}
		if got := tok.Encode(text); !slices.Equal(got, want) {
			t.Errorf("%q, cut where no token can cross: got %q, want %q", text, tokens(tok, got), tokens(tok, want))
		}
		if got := tok.Encode(text); !slices.Equal(got, want) {
			t.Errorf("%q, from memory: got %q, want %q", text, tokens(tok, got), tokens(tok, want))
		}
	})
}

func TestTextWithoutAPreTokenizerIsCutWhereNoTokenCrosses(t *testing.T) {
	tok, err := Parse("words", []byte(`{"model": {"type": "BPE", "vocab": {"▁": 0, "a": 1, "b": 2, "▁a": 3, "ab": 4, "▁ab": 5, "▁▁": 6},
		"merges": ["a b", "▁ ab", "▁ a", "▁ ▁"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"▁ab▁ab": "▁ab", // no merge joins b and ▁
		"▁▁a":    "▁▁a",
		"ba":     "b",
		"b?a":    "b?", // what is unknown goes with what is before it
	} {
		if n := tok.rules.model.uncut(text); text[:n] != want {
			t.Errorf("the first part of %q is %q", text, text[:n])
		}
	}
}

func TestThePairTableFindsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "n")
		table := newPairTable(n)
		want := map[[2]int32]merge{}
		id := rapid.OneOf(rapid.Int32Range(0, 3), rapid.Int32Range(0, maxID))
		for i := range n {
			pair := [2]int32{id.Draw(t, "a"), id.Draw(t, "b")}
			want[pair] = merge{rank: uint32(i), into: int32(i)}
			table.put(pair[0], pair[1], want[pair])
		}
		for pair, m := range want {
			if got, ok := table.find(pair[0], pair[1]); !ok || got != m {
				t.Errorf("%v: got %v, want %v", pair, got, m)
			}
		}
		pair := [2]int32{id.Draw(t, "a"), id.Draw(t, "b")}
		_, put := want[pair]
		if _, ok := table.find(pair[0], pair[1]); ok != put {
			t.Errorf("%v: found is %v", pair, ok)
		}
	})
}
