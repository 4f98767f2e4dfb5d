// Package corpus holds passages, the texts that streams are made from: the
// eight that are built in, and those of a user's own files.
//
// A passage is one independent text and the unit of all statistics. Passages
// are given whole; what needs a number of tokens cuts them after it has
// tokenized them.
package corpus

import (
	"embed"
	"fmt"
)

// Passage is one independent text.
type Passage struct {
	ID     int    // its place in the list, from 0
	Title  string // a name for reports; it is not always a part of Text
	Text   string // UTF-8, not blank; headings that the source holds are kept
	Source string // where it comes from: "builtin", a file, or FILE:LINE
}

//go:embed passages/*.txt
var files embed.FS

// builtin lists the embedded texts in the order of their numbers.
var builtin = [...]struct{ file, title string }{
	{"1-topology.txt", "topology"},
	{"2-renaissance.txt", "the Renaissance"},
	{"3-molecular-biology.txt", "molecular biology"},
	{"4-macroeconomics.txt", "macroeconomics"},
	{"5-quantum-mechanics.txt", "quantum mechanics"},
	{"6-generative-grammar.txt", "generative grammar"},
	{"7-tonal-harmony.txt", "tonal harmony"},
	{"8-reinforced-concrete.txt", "reinforced concrete"},
}

// Builtin returns the eight built-in passages, essays on eight subjects. Each
// has more than 2,500 tokens in the vocabularies of Qwen2 and DeepSeek-V3, and
// no eight words in a row occur twice in them. docs/passages.md has their
// figures.
func Builtin() []Passage {
	list := make([]Passage, len(builtin))
	for i, b := range builtin {
		data, err := files.ReadFile("passages/" + b.file)
		if err != nil {
			panic(fmt.Sprintf("corpus: %v", err)) // the list above names no file that is not embedded
		}
		// A checkout may have given the files other line ends.
		text, err := decodeText(b.file, data)
		if err != nil {
			panic(err)
		}
		list[i] = Passage{ID: i, Title: b.title, Text: text, Source: "builtin"}
	}
	return list
}
