package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// maxID bounds ids: tables are as large as the highest one. The largest
// vocabularies have some 260,000.
const maxID = 1<<21 - 1

type modelJSON struct {
	Type                    string     `json:"type"`
	Dropout                 float64    `json:"dropout"`
	UnkToken                *string    `json:"unk_token"`
	ContinuingSubwordPrefix string     `json:"continuing_subword_prefix"`
	EndOfWordSuffix         string     `json:"end_of_word_suffix"`
	FuseUnk                 bool       `json:"fuse_unk"`
	ByteFallback            bool       `json:"byte_fallback"`
	IgnoreMerges            bool       `json:"ignore_merges"`
	Vocab                   vocabJSON  `json:"vocab"`
	Merges                  mergesJSON `json:"merges"`
}

// model builds the vocabulary and the merges.
func (p *parser) model(j *modelJSON) error {
	if j.Type == "" && j.Merges.list != nil {
		j.Type = "BPE" // older files do not say
	}
	switch {
	case j.Type != "BPE":
		return p.unsupported("model", "type", j.Type, "BPE")
	case j.Dropout != 0:
		return p.errorf("model.dropout", "%v, which makes encoding random: %w", j.Dropout, ErrUnsupported)
	case j.ContinuingSubwordPrefix != "":
		return p.unsupported("model", "continuing_subword_prefix", j.ContinuingSubwordPrefix)
	case j.EndOfWordSuffix != "":
		return p.unsupported("model", "end_of_word_suffix", j.EndOfWordSuffix)
	case j.Vocab.err != nil:
		return p.errorf("model", "%w", j.Vocab.err)
	case j.Merges.err != nil:
		return p.errorf("model", "%w", j.Merges.err)
	case len(j.Vocab.list) == 0:
		return p.errorf("model.vocab", "missing or empty")
	}
	if err := p.vocab(j.Vocab.list); err != nil {
		return err
	}
	m := &p.r.model
	if err := p.merges(m, j); err != nil {
		return err
	}
	m.byteLevel = p.byteLevel
	if err := p.symbols(m, j); err != nil {
		return err
	}
	if j.IgnoreMerges {
		p.whole(m)
	}
	if !m.byteLevel && !j.IgnoreMerges {
		m.cuts = p.joints(m, j)
	}
	return nil
}

// vocab builds the vocabulary without the added tokens. Of a token that is
// twice in the file the last id counts, as everywhere in JSON.
func (p *parser) vocab(list []tokenID) error {
	v := &p.r.vocab
	v.ids = make(map[string]int32, len(list)+64)
	highest := int32(0)
	for _, t := range list {
		v.ids[t.token] = t.id
		highest = max(highest, t.id)
	}
	v.grow(highest)
	for _, t := range list {
		if len(v.ids) < len(list) && v.ids[t.token] != t.id {
			continue // not the last
		}
		if twin, ok := v.token(t.id); ok && twin != t.token {
			return p.errorf("model.vocab", "tokens %q and %q have the same id %d", twin, t.token, t.id)
		}
		v.tokens[t.id] = t.token
	}
	return nil
}

// grow makes place for an id.
func (v *vocabulary) grow(id int32) {
	if n := int(id) + 1 - len(v.tokens); n > 0 {
		v.tokens = append(v.tokens, make([]string, n)...)
		v.literal = append(v.literal, make([]bool, n)...)
	}
}

func (p *parser) merges(m *bpe, j *modelJSON) error {
	ids := p.r.vocab.ids
	m.pairs = newPairTable(len(j.Merges.list))
	var joined []byte
	into := int32(-1)
	for rank, pair := range j.Merges.list {
		a, okA := ids[pair[0]]
		b, okB := ids[pair[1]]
		joined = append(append(joined[:0], pair[0]...), pair[1]...)
		// Nearly always it is the id after that of the merge before.
		into++
		token, ok := p.r.vocab.token(into)
		if !ok || token != string(joined) {
			into, ok = ids[string(joined)]
		}
		if !okA || !okB || !ok {
			missing := string(joined)
			if !okA {
				missing = pair[0]
			} else if !okB {
				missing = pair[1]
			}
			return p.errorf("model", "merges[%d] joins %q and %q, but %q is not in the vocabulary", rank, pair[0], pair[1], missing)
		}
		m.pairs.put(a, b, merge{rank: uint32(rank), into: into})
	}
	return nil
}

// symbols sets what bytes and characters begin as.
func (p *parser) symbols(m *bpe, j *modelJSON) error {
	ids := p.r.vocab.ids
	complete := true // nothing can be unknown
	m.fallback = j.ByteFallback
	for b := range m.bytesOf {
		id, ok := ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id, complete = -1, false
		}
		m.bytesOf[b] = id
	}
	complete = complete && m.fallback
	if m.byteLevel {
		complete = true
		for b, c := range byteChars {
			id, ok := ids[string(c)]
			if !ok {
				id = m.spell(string(c))
				complete = complete && id != noSymbol
			}
			m.bytes[b] = id
		}
	} else {
		m.chars = make(map[rune]int32)
		for token, id := range ids {
			if r, n := utf8.DecodeRuneInString(token); n > 0 && n == len(token) {
				m.chars[r] = id
			}
		}
	}
	m.unk, m.fuseUnk = -1, j.FuseUnk
	if j.UnkToken != nil {
		id, ok := ids[*j.UnkToken]
		if ok {
			m.unk = id
		} else if !complete {
			return p.errorf("model.unk_token", "%q is not in the vocabulary", *j.UnkToken)
		}
	}
	return nil
}

// whole sets the table for ignore_merges.
func (p *parser) whole(m *bpe) {
	m.whole = make(map[string]int32, len(p.r.vocab.ids))
	for token, id := range p.r.vocab.ids {
		piece, ok := token, true
		if m.byteLevel {
			piece, ok = bytesOf(token)
		}
		if ok {
			m.whole[piece] = id
			m.longestWhole = max(m.longestWhole, len(piece))
		}
	}
}

// joints fills the table of character pairs that some merge joins, and reports
// whether it tells all. It does not where a merge takes tokens that stand for
// other text than their own: the unknown token or bytes.
func (p *parser) joints(m *bpe, j *modelJSON) bool {
	m.joints = newPairTable(len(j.Merges.list))
	for _, pair := range j.Merges.list {
		for _, token := range pair {
			_, isByte := byteToken(token)
			if isByte && m.fallback || j.UnkToken != nil && token == *j.UnkToken || token == "" {
				return false
			}
		}
		a, _ := utf8.DecodeLastRuneInString(pair[0])
		b, _ := utf8.DecodeRuneInString(pair[1])
		m.joints.put(int32(a), int32(b), merge{})
	}
	return true
}

type addedJSON struct {
	ID         *int64 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized *bool  `json:"normalized"`
	Special    bool   `json:"special"`
}

// addedTokens adds added_tokens to the vocabulary and to the matchers.
func (p *parser) addedTokens(list []addedJSON) error {
	v := &p.r.vocab
	for i, a := range list {
		where := fmt.Sprintf("added_tokens[%d]", i)
		if a.ID == nil || *a.ID < 0 || *a.ID > maxID {
			return p.errorf(where, "%q has no id from 0 to %d", a.Content, maxID)
		}
		id := int32(*a.ID)
		if a.Content == "" {
			continue // cannot be found in a text
		}
		if old, ok := v.ids[a.Content]; ok && old != id {
			return p.errorf(where, "%q has the id %d here and %d in an earlier entry or in the vocabulary", a.Content, id, old)
		}
		old, known := v.token(id)
		if known && old != a.Content {
			return p.errorf(where, "%q has the id %d, which is that of %q", a.Content, id, old)
		}
		v.grow(id)
		v.ids[a.Content], v.tokens[id] = id, a.Content
		v.literal[id] = v.literal[id] || !known

		t := addedToken{id: id, singleWord: a.SingleWord, lstrip: a.LStrip, rstrip: a.RStrip}
		normalized := !a.Special // where the file does not say
		if a.Normalized != nil {
			normalized = *a.Normalized
		}
		if normalized {
			p.r.normalized.add(p.r.normalizer.normalize(a.Content), t)
		} else {
			p.r.raw.add(a.Content, t)
		}
	}
	return nil
}
