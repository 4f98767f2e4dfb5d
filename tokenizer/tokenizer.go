// Package tokenizer turns text into the token ids of a model and back, as the
// model's tokenizer.json says: byte-level BPE (Qwen, DeepSeek, Llama 3, GPT-2)
// and BPE with byte fallback (Llama 2, Mistral, Gemma).
//
// A file that asks for something this package does not do is refused when it
// is parsed, with the name of what is missing: text is never encoded by rules
// that the file did not state. docs/tokenizer.md lists what is read.
package tokenizer

import (
	"sync"
)

// Tokenizer encodes and decodes by the rules of one tokenizer.json. It never
// changes after it is made and is safe for concurrent use.
type Tokenizer struct {
	*rules
	prefix, suffix []int32 // what AddSpecial puts around a text
	bos, eos, pad  int32   // -1: not known
}

// rules is the part of a tokenizer that copies of it share.
type rules struct {
	vocab      vocabulary
	raw        matcher // added tokens found in the text as it is written
	normalized matcher // added tokens found in the text after normalising
	normalizer normalizer
	stages     []stage // of the pre-tokenizer
	model      bpe
	decoders   []decoderSpec
	encoders   sync.Pool
}

// EncodeOptions says how EncodeWith differs from Encode.
type EncodeOptions struct {
	// AddSpecial adds the tokens that the model expects around a text, such as
	// BOS: those of the file's post-processor and, after WithConfig, of
	// add_bos_token and add_eos_token.
	AddSpecial bool
}

// Encode returns the ids of text. It adds no tokens; added and special tokens
// that are written out in text become their own ids. Bytes that are no UTF-8
// are read as U+FFFD, one for each longest run that could have begun a
// character: what decoders of the web and of Rust do.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.EncodeWith(text, EncodeOptions{})
}

// EncodeWith is Encode with options.
func (t *Tokenizer) EncodeWith(text string, opt EncodeOptions) []int32 {
	e := t.encoder()
	if opt.AddSpecial {
		e.ids = append(e.ids, t.prefix...)
	}
	e.text(validUTF8(text))
	if opt.AddSpecial {
		e.ids = append(e.ids, t.suffix...)
	}
	ids := e.result()
	t.encoders.Put(e)
	return ids
}

// Decode returns the text of ids, special tokens included. Ids that the
// vocabulary does not have are left out. Bytes that form no UTF-8 become
// U+FFFD.
func (t *Tokenizer) Decode(ids []int32) string {
	d := t.NewDecoder()
	return string(d.Finish(d.Append(nil, ids...)))
}

// Token returns the token of an id as the file writes it; in a byte-level
// vocabulary "Ġthe" is " the".
func (t *Tokenizer) Token(id int32) (token string, ok bool) { return t.vocab.token(id) }

// ID returns the id of a token as the file writes it.
func (t *Tokenizer) ID(token string) (id int32, ok bool) {
	id, ok = t.vocab.ids[token]
	return id, ok
}

// VocabSize is the number of ids: the highest one and one. A model may have
// more rows of embeddings, never fewer.
func (t *Tokenizer) VocabSize() int { return len(t.vocab.tokens) }

// BOS returns the id of the token that begins a text. Only WithConfig makes it
// known.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.bos, t.bos >= 0 }

// EOS returns the id of the token that ends a text. Only WithConfig makes it
// known.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.eos, t.eos >= 0 }

// PAD returns the id of the token that fills up a batch. Only WithConfig makes
// it known.
func (t *Tokenizer) PAD() (id int32, ok bool) { return t.pad, t.pad >= 0 }

// encoder is the working memory of one call of Encode.
type encoder struct {
	*rules
	ids   []int32
	merge merger
	words wordCache
}

func (r *rules) encoder() *encoder {
	if e, ok := r.encoders.Get().(*encoder); ok {
		return e
	}
	return &encoder{rules: r, words: newWordCache()}
}

// result returns the ids and makes e ready for another text.
func (e *encoder) result() []int32 {
	ids := make([]int32, len(e.ids))
	copy(ids, e.ids)
	const keep = 1 << 20 // a huge text need not hold on to its memory
	if cap(e.ids) > keep {
		e.ids = nil
	}
	e.ids = e.ids[:0]
	e.merge.shrink(keep)
	return ids
}

// text appends the ids of a whole text of valid UTF-8.
func (e *encoder) text(s string) {
	e.raw.split(s, func(at int, section string, added int32) {
		if added >= 0 {
			e.ids = append(e.ids, added)
			return
		}
		e.normalized.split(e.normalizer.normalize(section), func(sub int, section string, added int32) {
			if added >= 0 {
				e.ids = append(e.ids, added)
				return
			}
			e.pieces(section, e.stages, at == 0 && sub == 0)
		})
	})
}

// pieces cuts s by the stages of the pre-tokenizer and appends the ids of the
// pieces. first says that s begins the text.
func (e *encoder) pieces(s string, stages []stage, first bool) {
	if len(stages) == 0 {
		e.piece(s)
		return
	}
	if r := stages[0].rewrite; r != nil {
		s = r.rewrite(s, first)
	}
	if stages[0].splitter == nil {
		e.pieces(s, stages[1:], first)
		return
	}
	for s != "" {
		n, match := stages[0].splitter.next(s)
		if match && !stages[0].dropMatches || !match && !stages[0].dropGaps {
			e.pieces(s[:n], stages[1:], first)
		}
		s, first = s[n:], false
	}
}

// piece appends the ids of what the model merges as a whole.
func (e *encoder) piece(s string) {
	if !e.model.cuts {
		e.word(s)
		return
	}
	for s != "" {
		n := e.model.uncut(s)
		e.word(s[:n])
		s = s[n:]
	}
}

// word appends the ids of a piece, from memory if it has been seen lately.
func (e *encoder) word(s string) {
	w := e.words.at(s)
	if w != nil && w.is(s) {
		e.ids = append(e.ids, w.ids[:w.n]...)
		return
	}
	start := len(e.ids)
	e.ids = e.model.append(e.ids, s, &e.merge)
	if w != nil {
		w.set(s, e.ids[start:])
	}
}

// vocabulary is the two-way table of tokens and ids.
type vocabulary struct {
	ids    map[string]int32
	tokens []string // by id, "" where there is none
	// literal, by id, tells added tokens that the model does not have: they
	// stand for themselves, whatever the alphabet of the others.
	literal []bool
}

func (v *vocabulary) token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.tokens) {
		return "", false
	}
	s := v.tokens[id]
	if s == "" {
		empty, ok := v.ids[""]
		return "", ok && empty == id
	}
	return s, true
}
