package tokenizer

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestManyMarksAreNormalisedWithoutAJoiner(t *testing.T) {
	const marks = 40 // the library stops at 30
	for _, tt := range []struct {
		name string
		form norm.Form
		text string
		want string
	}{
		{"NFC composes the first", norm.NFC, "a" + strings.Repeat("\u0301", marks), "á" + strings.Repeat("\u0301", marks-1)},
		{"NFC sorts by class", norm.NFC, "a" + strings.Repeat("\u0301\u0323", marks), "ạ" + strings.Repeat("\u0323", marks-1) + strings.Repeat("\u0301", marks)},
		{"NFD takes apart", norm.NFD, "á" + strings.Repeat("\u0301", marks), "a" + strings.Repeat("\u0301", marks+1)},
		{"NFKC replaces", norm.NFKC, "ﬁ" + strings.Repeat("\u0301", marks), "fí" + strings.Repeat("\u0301", marks-1)},
		{"NFKD replaces", norm.NFKD, "ﬁ" + strings.Repeat("\u0301", marks), "fi" + strings.Repeat("\u0301", marks)},
		{"a joiner of the text stays", norm.NFC, "a\u034F" + strings.Repeat("\u0301", marks), "a\u034F" + strings.Repeat("\u0301", marks)},
		{"Hangul is composed", norm.NFC, "\u1100\u1161\u11A8" + strings.Repeat("\u0301", marks), "각" + strings.Repeat("\u0301", marks)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := unicodeForm(tt.form).normalize(tt.text); got != tt.want {
				t.Errorf("got %+q, want %+q", got, tt.want)
			}
		})
	}
}

// With fewer marks in a row the library is right, and an independent judge.
func TestTheUnboundedFormIsThatOfTheLibrary(t *testing.T) {
	runes := []rune("aeoqAOUÅÅéậộự\u0300\u0301\u0302\u0307\u0308\u031B\u0323\u0327\u0344\u0345\u034F\u0958\u093C\u0F71\u0F72\u0F74\u1100\u1161\u11A8각가ﬁ½²ſẛΩ\u3099かハ\u05D0\u05BC\u05B7שּ\U0001D15E\U0001D165")
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom(runes), 0, 12).Draw(t, "text"))
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			if got, want := normalizeUnbounded(form, text), form.String(text); got != want {
				t.Fatalf("form %d of %+q: got %+q, want %+q", form, text, got, want)
			}
		}
	})
}
