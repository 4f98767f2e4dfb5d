package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, name := range testNames {
		data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		// The sections without the vocabulary: mutations then reach them.
		head, _, _ := strings.Cut(string(data), `"vocab":`)
		f.Add([]byte(head + `"vocab":{"<unk>":0,"a":1,"b":2,"ab":3,"Ġ":4,"▁":5,"<0x0A>":6},"merges":[["a","b"]]}}`))
	}
	f.Add(small("", ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		// What is accepted works.
		for _, text := range []string{"", "ab Hello 12\n\n", "a▁b\u0301 <s><unk>中\x00"} {
			ids := tok.EncodeWith(text, EncodeOptions{AddSpecial: true})
			for _, id := range ids {
				if _, ok := tok.Token(id); !ok {
					t.Fatalf("%q becomes %v, but %d is no token", text, ids, id)
				}
			}
			if s := tok.Decode(ids); !utf8.ValidString(s) {
				t.Fatalf("%v decodes to %q", ids, s)
			}
		}
		if _, err := tok.WithConfig("fuzz", data); err != nil {
			return
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, text := range testTexts(f) {
		f.Add(text)
	}
	f.Add("a\xff\xf0\x9f\x98b\xed\xa0\x80")
	toks := map[string]*Tokenizer{}
	for _, name := range testNames {
		toks[name] = openTest(f, name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		valid := validUTF8(text)
		if !utf8.ValidString(valid) || utf8.ValidString(text) && valid != text {
			t.Fatalf("%q is made %q", text, valid)
		}
		for name, tok := range toks {
			ids := tok.Encode(text)
			got := tok.Decode(ids)
			// Decode is Append of one id after another.
			d := tok.NewDecoder()
			var stream []byte
			for _, id := range ids {
				n := len(stream)
				stream = d.Append(stream, id)
				if !utf8.Valid(stream[n:]) {
					t.Fatalf("%s: %q: %q is not UTF-8", name, text, stream[n:])
				}
			}
			if stream = d.Finish(stream); string(stream) != got {
				t.Fatalf("%s: %q: got %q in parts, %q as a whole", name, text, stream, got)
			}
			want := valid
			switch name {
			case "qwen2", "qwen35":
				want = tok.normalizer.normalize(valid)
			case "deepseek", "llama3", "o200k":
			case "metaspace", "llama2", "gemma", "tekken", "gpt2", "digits", "words":
				continue // a space more, ▁ as a space, tokens that strip, or unknown characters
			}
			if got != want {
				t.Fatalf("%s: %q comes back as %q, want %q", name, text, got, want)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x00\x01\xff\x80\x10"), uint8(0))
	toks := make([]*Tokenizer, len(testNames))
	for i, name := range testNames {
		toks[i] = openTest(f, name)
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		tok := toks[int(which)%len(toks)]
		var ids []int32
		for i := 0; i+1 < len(data); i += 2 {
			ids = append(ids, (int32(data[i])<<8|int32(data[i+1]))%int32(tok.VocabSize()+2)-1)
		}
		want := tok.Decode(ids)
		if !utf8.ValidString(want) {
			t.Fatalf("%v decodes to %q", ids, want)
		}
		d := tok.NewDecoder()
		var got []byte
		for _, id := range ids {
			n := len(got)
			got = d.Append(got, id)
			if !utf8.Valid(got[n:]) {
				t.Fatalf("%v: %q is not UTF-8", ids, got[n:])
			}
		}
		if got = d.Finish(got); string(got) != want {
			t.Fatalf("%v: got %q in parts, %q as a whole", ids, got, want)
		}
	})
}
