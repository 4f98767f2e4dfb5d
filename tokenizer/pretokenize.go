package tokenizer

import (
	"strings"
)

// stage is one step of a pre-tokenizer: it rewrites a text, cuts it, or both.
type stage struct {
	rewrite     rewriter
	splitter    splitter // nil: the text stays whole
	dropMatches bool
	dropGaps    bool
}

type rewriter interface {
	// rewrite returns s as the next stage shall see it; first says that s
	// begins the text.
	rewrite(s string, first bool) string
}

// prefixSpace is ByteLevel's add_prefix_space.
type prefixSpace struct{}

func (prefixSpace) rewrite(s string, _ bool) string {
	if strings.HasPrefix(s, " ") {
		return s
	}
	return " " + s
}

// metaspace writes spaces as a visible character, SentencePiece's way.
type metaspace struct {
	mark    string // what stands for a space
	prepend prependScheme
}

type prependScheme int

const (
	prependAlways prependScheme = iota
	prependFirst                // only to the start of the text
	prependNever
)

func (m metaspace) rewrite(s string, first bool) string {
	s = strings.ReplaceAll(s, " ", m.mark)
	if m.prepend == prependAlways || m.prepend == prependFirst && first {
		if !strings.HasPrefix(s, m.mark) {
			s = m.mark + s
		}
	}
	return s
}

// literal cuts at a fixed string.
type literal struct {
	text     string
	behavior behavior
}

// behavior is what becomes of a separator.
type behavior int

const (
	isolated           behavior = iota // a part of its own
	mergedWithPrevious                 // ends the part before it
	mergedWithNext                     // begins the part after it
	contiguous                         // a part with the separators that touch it
)

func (l literal) next(s string) (int, bool) {
	k := len(l.text)
	i := strings.Index(s, l.text)
	switch {
	case i < 0:
		return len(s), false
	case i > 0 && l.behavior == mergedWithPrevious:
		return i + k, false
	case i > 0:
		return i, false
	}
	switch l.behavior {
	case mergedWithNext:
		// Of several separators in a row only the last has a next part.
		j := strings.Index(s[k:], l.text)
		if j < 0 {
			return len(s), false
		}
		return k + j, false
	case contiguous:
		for strings.HasPrefix(s[k:], l.text) {
			k += len(l.text)
		}
	}
	return k, true
}
