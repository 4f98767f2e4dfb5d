package capture

import (
	"fmt"
	"slices"
	"strings"

	"kakeyalattice/corpus"
	"kakeyalattice/kv"
)

// Text is one passage as a model reads it.
type Text struct {
	Title string
	IDs   []int32
}

// Encode turns text into token ids, with the special tokens that a model wants
// around it.
type Encode func(text string) []int32

// TextOptions says how passages become token sequences.
type TextOptions struct {
	Tokens int // most tokens of a passage; 0: all
	// Words and Repeat cut a passage to its first words and say it several
	// times over, as the reference does; 0 and 0 leave it whole.
	Words, Repeat int
	// Pad fills a passage up to Tokens with the token PadID, and the padding
	// is scored like text, as the reference does.
	Pad   bool
	PadID int32
}

// Texts encodes passages. Passages shorter than Tokens stay short.
func Texts(encode Encode, passages []corpus.Passage, opt TextOptions) ([]Text, error) {
	texts := make([]Text, 0, len(passages))
	for _, p := range passages {
		text := p.Text
		if opt.Words > 0 {
			words := strings.Fields(text)
			text = strings.Join(words[:min(opt.Words, len(words))], " ")
		}
		if opt.Repeat > 1 {
			text = strings.Repeat(text+" ", opt.Repeat)
		}
		ids := encode(text)
		if opt.Tokens > 0 && len(ids) > opt.Tokens {
			ids = ids[:opt.Tokens]
		}
		if opt.Pad && len(ids) < opt.Tokens {
			ids = append(slices.Clone(ids), slices.Repeat([]int32{opt.PadID}, opt.Tokens-len(ids))...)
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("capture: passage %q has no tokens", p.Title)
		}
		texts = append(texts, Text{Title: p.Title, IDs: ids})
	}
	return texts, nil
}

// passages is what a source says about the texts.
func passages(texts []Text) []kv.Passage {
	list := make([]kv.Passage, len(texts))
	for i, t := range texts {
		list[i] = kv.Passage{ID: i, Title: t.Title, Tokens: len(t.IDs)}
	}
	return list
}
