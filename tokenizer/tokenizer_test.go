package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// The vocabularies of testdata, by what they show.
var testNames = []string{"qwen2", "qwen35", "deepseek", "llama3", "gpt2", "o200k", "tekken", "digits", "llama2", "metaspace", "words", "gemma"}

func openTest(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tok, err := Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// golden is a line of the files that testdata/README.md describes.
type golden struct {
	Text    string
	IDs     []int32
	Special []int32
	Decoded string
}

func goldens(t testing.TB, name string) (list []golden) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var g golden
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTextsBecomeTheIDsOfTheReference(t *testing.T) {
	for _, name := range testNames {
		t.Run(name, func(t *testing.T) {
			tok := openTest(t, name)
			for _, g := range goldens(t, name) {
				if ids := tok.Encode(g.Text); !slices.Equal(ids, g.IDs) {
					t.Errorf("Encode(%q)\n got %q\nwant %q", g.Text, tokens(tok, ids), tokens(tok, g.IDs))
				}
				want := g.Special
				if want == nil {
					want = g.IDs
				}
				if ids := tok.EncodeWith(g.Text, EncodeOptions{AddSpecial: true}); !slices.Equal(ids, want) {
					t.Errorf("EncodeWith(%q, AddSpecial)\n got %q\nwant %q", g.Text, tokens(tok, ids), tokens(tok, want))
				}
			}
		})
	}
}

func TestIDsBecomeTheTextOfTheReference(t *testing.T) {
	for _, name := range testNames {
		t.Run(name, func(t *testing.T) {
			tok := openTest(t, name)
			for _, g := range goldens(t, name) {
				if s := tok.Decode(g.IDs); s != g.Decoded {
					t.Errorf("Decode of %q\n got %q\nwant %q", g.Text, s, g.Decoded)
				}
			}
		})
	}
}

func tokens(t *Tokenizer, ids []int32) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i], _ = t.Token(id)
	}
	return list
}

func TestADecoderReturnsWholeCharactersAsTheyCome(t *testing.T) {
	for _, name := range testNames {
		t.Run(name, func(t *testing.T) {
			tok := openTest(t, name)
			d := tok.NewDecoder()
			for _, g := range goldens(t, name) {
				// The decoder serves one text after another.
				var all []byte
				for _, id := range g.IDs {
					n := len(all)
					all = d.Append(all, id)
					if !utf8.Valid(all[n:]) {
						t.Fatalf("%q: %q is not UTF-8", g.Text, all[n:])
					}
				}
				all = d.Finish(all)
				if string(all) != g.Decoded {
					t.Errorf("%q: got %q, want %q", g.Text, all, g.Decoded)
				}
			}
		})
	}
}

func TestADecoderGivesACharacterWithItsLastByte(t *testing.T) {
	tok := openTest(t, "qwen2")
	d := tok.NewDecoder()
	var got []string
	for _, token := range []string{"h", "ð", "Ł", "ĺ", "Ģ", "i", "ð", "Ł"} { // h, U+1F600, i and half a character
		id, ok := tok.ID(token)
		if !ok {
			t.Fatalf("no token %q", token)
		}
		got = append(got, string(d.Append(nil, id)))
	}
	got = append(got, string(d.Finish(nil)))
	if want := []string{"h", "", "", "", "😀", "i", "", "", "\uFFFD"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARunOfByteTokensIsUTF8OrIsNot(t *testing.T) {
	tok := openTest(t, "llama2")
	for _, tt := range []struct {
		tokens []string
		want   string
	}{ // what Hugging Face tokenizers 0.23.3 returns
		{[]string{"<0xE4>", "<0xBD>", "<0xA0>", "r"}, "你r"},
		{[]string{"<0xE4>", "<0xBD>", "<0xA0>", "<0xFF>", "r"}, "\uFFFD\uFFFD\uFFFD\uFFFDr"},
		{[]string{"r", "<0xE4>", "<0xBD>"}, "r\uFFFD\uFFFD"},
		{[]string{"▁", "<0x20>", "▁"}, "  "},
	} {
		var ids []int32
		for _, token := range tt.tokens {
			id, ok := tok.ID(token)
			if !ok {
				t.Fatalf("no token %q", token)
			}
			ids = append(ids, id)
		}
		if got := tok.Decode(ids); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.tokens, got, tt.want)
		}
	}
}

func TestUnknownIDsAreLeftOut(t *testing.T) {
	tok := openTest(t, "qwen2")
	ids := slices.Concat([]int32{-1, 1 << 30, int32(tok.VocabSize())}, tok.Encode("Hello"), []int32{-1 << 31})
	if s := tok.Decode(ids); s != "Hello" {
		t.Errorf("got %q", s)
	}
}

func TestTheVocabularyGoesBothWays(t *testing.T) {
	for _, name := range testNames {
		tok := openTest(t, name)
		for id := range int32(tok.VocabSize()) {
			token, ok := tok.Token(id)
			if !ok {
				t.Fatalf("%s: no token %d", name, id)
			}
			if back, ok := tok.ID(token); !ok || back != id {
				t.Fatalf("%s: %q has the id %d, not %d", name, token, back, id)
			}
		}
		for _, id := range []int32{-1, int32(tok.VocabSize())} {
			if token, ok := tok.Token(id); ok {
				t.Errorf("%s: %d is %q", name, id, token)
			}
		}
	}
}

func TestBadBytesReadAsReplacementCharacters(t *testing.T) {
	tok := openTest(t, "qwen2")
	for _, tt := range []struct{ bytes, text string }{
		// The Unicode Standard 15, tables 3-8 to 3-11.
		{"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82A", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
		{"\xED\xA0\x80\xED\xBF\xBF\xED\xAFA", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA"},
		{"\xF4\x91\x92\x93\xFFA\x80\xBFB", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB"},
		{"\xE1\x80\xE2\xF0\x91\x92\xF1\xBFA", "\uFFFD\uFFFD\uFFFD\uFFFDA"},
		{"abc\xF0\x9F\x98", "abc\uFFFD"},
		{"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\x80", "😀😀\uFFFD"},
		{"\xFE\xFF", "\uFFFD\uFFFD"},
	} {
		if got := validUTF8(tt.bytes); got != tt.text {
			t.Errorf("%q: got %q, want %q", tt.bytes, got, tt.text)
		}
		if got, want := tok.Encode(tt.bytes), tok.Encode(tt.text); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", tt.bytes, got, want)
		}
		// The same bytes as tokens.
		var ids []int32
		for _, b := range []byte(tt.bytes) {
			id, _ := tok.ID(string(byteChars[b]))
			ids = append(ids, id)
		}
		if got := tok.Decode(ids); got != tt.text {
			t.Errorf("tokens %q: got %q, want %q", tt.bytes, got, tt.text)
		}
	}
}

func TestATokenizerServesManyGoroutines(t *testing.T) {
	for _, name := range []string{"qwen2", "llama2"} {
		tok := openTest(t, name)
		list := goldens(t, name)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for _, g := range list {
					if ids := tok.Encode(g.Text); !slices.Equal(ids, g.IDs) {
						t.Errorf("Encode(%q) = %v, want %v", g.Text, ids, g.IDs)
					}
					if s := tok.Decode(g.IDs); s != g.Decoded {
						t.Errorf("Decode of %q = %q, want %q", g.Text, s, g.Decoded)
					}
				}
			})
		}
		wg.Wait()
	}
}

// A hundred thousand characters without a place to cut: were merging quadratic,
// this test would take many minutes.
func TestLongRunsAreEncodedInOneGo(t *testing.T) {
	n := 1 << 17
	if testing.Short() {
		n = 1 << 12
	}
	for _, name := range []string{"qwen2", "deepseek", "llama2", "gemma", "words", "o200k"} {
		tok := openTest(t, name)
		for _, unit := range []string{"a", "ab", " ", "\n", "é", "中", "文字", "\u0301", "!", "\x00", "A", "a\u200d", "▁", "<", "<|"} {
			text := strings.Repeat(unit, n/len(unit))
			ids := tok.Encode(text)
			if len(ids) == 0 || len(ids) > 3*n {
				t.Errorf("%s: %q becomes %d ids", name, unit, len(ids))
			}
			if name == "qwen2" && unit != "\u0301" { // which joins the a of nothing
				if got := tok.Decode(ids); got != text {
					t.Errorf("%s: %q does not come back", name, unit)
				}
			}
		}
	}
}

func TestEncodersDoNotAllocateBesidesTheirResult(t *testing.T) {
	for _, name := range []string{"qwen2", "deepseek", "llama3"} {
		tok := openTest(t, name)
		text := strings.Repeat("It's 2024 and the quick brown fox jumps over 13 lazy dogs. 你好\n", 50)
		if n := testing.AllocsPerRun(100, func() { tok.Encode(text) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, name := range []string{"qwen2", "deepseek", "llama2"} {
		b.Run(name, func(b *testing.B) {
			tok := openTest(b, name)
			text := benchText(b)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				tok.Encode(text)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"qwen2", "llama2"} {
		b.Run(name, func(b *testing.B) {
			tok := openTest(b, name)
			ids := tok.Encode(benchText(b))
			b.SetBytes(int64(len(tok.Decode(ids))))
			b.ReportAllocs()
			for b.Loop() {
				tok.Decode(ids)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "qwen2.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("qwen2.json", data); err != nil {
			b.Fatal(err)
		}
	}
}
