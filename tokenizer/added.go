package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is an entry of added_tokens: text that is one token wherever it
// stands, before any pre-tokenizer sees it.
type addedToken struct {
	id         int32
	singleWord bool // only where no letter or digit touches it
	lstrip     bool // takes the white space on its left with it
	rstrip     bool // takes the white space on its right with it
}

// matcher finds added tokens in a text: of those that begin first, the longest.
type matcher struct {
	first [256]bool       // bytes that begin a token
	only  int             // the one such byte, or -1
	next  map[edge]int32  // the tree of contents
	end   map[int32]int32 // node of the tree to index in tokens
	nodes int32
	token []addedToken
}

type edge struct {
	node int32
	b    byte
}

// add makes m find content as the token t. The last token of a content wins.
func (m *matcher) add(content string, t addedToken) {
	if content == "" {
		return
	}
	if m.next == nil {
		m.next, m.end = make(map[edge]int32), make(map[int32]int32)
	}
	node := int32(0)
	for _, b := range []byte(content) {
		child, ok := m.next[edge{node, b}]
		if !ok {
			m.nodes++
			child = m.nodes
			m.next[edge{node, b}] = child
		}
		node = child
	}
	m.end[node] = int32(len(m.token))
	m.token = append(m.token, t)

	m.first[content[0]] = true
	if len(m.token) == 1 {
		m.only = int(content[0])
	} else if m.only != int(content[0]) {
		m.only = -1
	}
}

// find returns the first token in s at or after from.
func (m *matcher) find(s string, from int) (start, end int, t *addedToken) {
	for i := from; i < len(s); i++ {
		if m.only >= 0 {
			k := strings.IndexByte(s[i:], byte(m.only))
			if k < 0 {
				break
			}
			i += k
		} else if !m.first[s[i]] {
			continue
		}
		node := int32(0)
		for j := i; j < len(s); j++ {
			child, ok := m.next[edge{node, s[j]}]
			if !ok {
				break
			}
			node = child
			if k, ok := m.end[node]; ok {
				start, end, t = i, j+1, &m.token[k]
			}
		}
		if t != nil {
			return start, end, t
		}
	}
	return 0, 0, nil
}

// split calls yield for the sections of s in order: an added token with its
// id, or text between them with -1, and where the section begins. What a token
// strips belongs to it.
func (m *matcher) split(s string, yield func(at int, section string, added int32)) {
	if s == "" {
		return
	}
	if len(m.token) == 0 {
		yield(0, s, -1)
		return
	}
	done := 0                  // what has been given to yield
	var spaceFrom, spaceTo int // the run of white space that was measured last
	for from := 0; ; {
		start, end, t := m.find(s, from)
		if t == nil {
			break
		}
		from = end
		if t.singleWord && (endsWithWord(s[:start]) || startsWithWord(s[end:])) {
			continue
		}
		if t.lstrip {
			for start > done {
				r, n := utf8.DecodeLastRuneInString(s[:start])
				if !unicode.IsSpace(r) {
					break
				}
				start -= n
			}
			// White space that an earlier token took is gone.
			start = max(start, done)
		}
		if t.rstrip {
			if end < spaceFrom || end > spaceTo {
				spaceFrom, spaceTo = end, len(s)-len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
			}
			end = spaceTo
		}
		if done < start {
			yield(done, s[done:start], -1)
		}
		yield(start, s[min(start, end):end], t.id)
		done = end
	}
	if done < len(s) {
		yield(done, s[done:], -1)
	}
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

// isWord is \w of Unicode Technical Standard 18, annex C: alphabetic
// characters, marks, decimal digits, connectors and the two joiners.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
