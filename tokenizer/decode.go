package tokenizer

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Decoder turns ids into text as they come. What it has returned never
// changes and never ends inside a character; what it returns in all is what
// Decode returns for all the ids. It is for one goroutine.
type Decoder struct {
	rules *rules
	first decodeStage
	out   outputStage
	token []byte
}

// NewDecoder returns a decoder for one text.
func (t *Tokenizer) NewDecoder() *Decoder {
	d := &Decoder{rules: t.rules}
	d.first = &d.out
	for i := len(t.decoders) - 1; i >= 0; i-- {
		d.first = t.decoders[i](d.first)
	}
	return d
}

// Append appends to dst the text that ids make certain.
func (d *Decoder) Append(dst []byte, ids ...int32) []byte {
	d.out.dst = dst
	for _, id := range ids {
		token, ok := d.rules.vocab.token(id)
		if !ok {
			continue
		}
		d.token = append(d.token[:0], token...)
		d.first.push(fragment{text: d.token, begins: true, literal: d.rules.vocab.literal[id]})
	}
	return d.out.take()
}

// Finish appends to dst what the last ids left open, and makes the decoder
// ready for another text.
func (d *Decoder) Finish(dst []byte) []byte {
	d.out.dst = dst
	d.first.end()
	return d.out.take()
}

// fragment is text on its way through the decoder: a token or part of one.
type fragment struct {
	text    []byte // of whoever pushes it, until push returns
	begins  bool   // a token begins here
	literal bool   // the token is an added one that stands for itself
}

// decodeStage is one step of a decoder. Steps pass on what is certain, and keep
// the rest.
type decodeStage interface {
	push(f fragment)
	end() // of the text: pass on the rest and begin anew
}

// decoderSpec makes a stage that passes its text to next.
type decoderSpec func(next decodeStage) decodeStage

var (
	space    = []byte(" ")
	badBytes = []byte(replacement)
)

// outputStage ends every chain.
type outputStage struct{ dst []byte }

func (s *outputStage) push(f fragment) { s.dst = append(s.dst, f.text...) }
func (s *outputStage) end()            {}

func (s *outputStage) take() []byte {
	dst := s.dst
	s.dst = nil
	return dst
}

// spaceStage puts a space between tokens: what a file without a decoder means.
type spaceStage struct {
	next  decodeStage
	later bool
}

func (s *spaceStage) push(f fragment) {
	if f.begins && s.later {
		s.next.push(fragment{text: space})
	}
	s.later = true
	s.next.push(f)
}

func (s *spaceStage) end() {
	s.later = false
	s.next.end()
}

// replaceStage replaces a string within each token.
type replaceStage struct {
	next     decodeStage
	old, new []byte
	buf      []byte
}

func (s *replaceStage) push(f fragment) {
	i := bytes.Index(f.text, s.old)
	if i >= 0 {
		s.buf = s.buf[:0]
		for ; i >= 0; i = bytes.Index(f.text, s.old) {
			s.buf = append(append(s.buf, f.text[:i]...), s.new...)
			f.text = f.text[i+len(s.old):]
		}
		s.buf = append(s.buf, f.text...)
		f.text = s.buf
	}
	s.next.push(f)
}

func (s *replaceStage) end() { s.next.end() }

// fuseStage makes one token of all.
type fuseStage struct {
	next  decodeStage
	later bool
}

func (s *fuseStage) push(f fragment) {
	f.begins = f.begins && !s.later
	s.later = true
	s.next.push(f)
}

func (s *fuseStage) end() {
	s.later = false
	s.next.end()
}

// stripStage removes up to n times a character from the start of each token.
type stripStage struct {
	next    decodeStage
	content []byte
	n       int
	left    int
}

func (s *stripStage) push(f fragment) {
	if f.begins {
		s.left = s.n
	}
	for s.left > 0 && len(f.text) > 0 {
		rest, ok := bytes.CutPrefix(f.text, s.content)
		if !ok {
			s.left = 0
			break
		}
		f.text = rest
		s.left--
	}
	s.next.push(f)
}

func (s *stripStage) end() { s.next.end() }

// metaspaceStage writes spaces as such again, without those that the
// pre-tokenizer put before the text.
type metaspaceStage struct {
	replaceStage
	keepFirst bool
	tokens    int // begun so far, 2 for more
}

func (s *metaspaceStage) push(f fragment) {
	if f.begins {
		s.tokens = min(s.tokens+1, 2)
	}
	s.new = space
	if s.tokens == 1 && !s.keepFirst {
		s.new = nil
	}
	s.replaceStage.push(f)
}

func (s *metaspaceStage) end() {
	s.tokens = 0
	s.next.end()
}

// byteFallbackStage makes characters of runs of byte tokens such as <0xE2>. A
// run that is not wholly UTF-8 becomes a U+FFFD for each byte, so nothing of a
// run is certain before its end.
type byteFallbackStage struct {
	next decodeStage
	run  []byte
}

func (s *byteFallbackStage) push(f fragment) {
	if b, ok := byteToken(f.text); ok {
		s.run = append(s.run, b)
		return
	}
	s.flush()
	s.next.push(f)
}

func (s *byteFallbackStage) flush() {
	if utf8.Valid(s.run) {
		if len(s.run) > 0 {
			s.next.push(fragment{text: s.run, begins: true})
		}
	} else {
		for range s.run {
			s.next.push(fragment{text: badBytes, begins: true})
		}
	}
	s.run = s.run[:0]
}

func (s *byteFallbackStage) end() {
	s.flush()
	s.next.end()
}

// byteToken returns the byte that a token such as <0x0A> stands for.
func byteToken[T string | []byte](token T) (byte, bool) {
	if len(token) != len("<0x0A>") || string(token[:3]) != "<0x" || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(string(token[3:5]), 16, 8)
	return byte(b), err == nil
}

// byteLevelStage makes bytes of the characters of a byte-level vocabulary, and
// text of the bytes. A token with other characters stands for itself, and so
// does a literal one.
type byteLevelStage struct {
	next  decodeStage
	open  []byte // the beginning of a character
	buf   []byte
	later bool
}

func (s *byteLevelStage) push(f fragment) {
	s.buf = append(s.buf[:0], s.open...)
	start := len(s.buf)
	literal := f.literal
	for i := 0; i < len(f.text) && !literal; {
		r, n := utf8.DecodeRune(f.text[i:])
		b, ok := byteOf(r)
		if !ok {
			literal = true
		}
		s.buf = append(s.buf, b)
		i += n
	}
	if literal {
		s.buf = append(s.buf[:start], f.text...)
	}
	s.emit(false)
}

// emit passes on the text in buf, and keeps what may still become a character.
func (s *byteLevelStage) emit(last bool) {
	s.open = s.open[:0]
	rest := s.buf
	for {
		n, valid := validPrefix(rest)
		s.pass(rest[:n])
		rest = rest[n:]
		if valid {
			return
		}
		if !last && partial(rest) {
			s.open = append(s.open, rest...)
			return
		}
		s.pass(badBytes)
		rest = rest[badLen(rest):]
	}
}

func (s *byteLevelStage) pass(text []byte) {
	if len(text) > 0 {
		s.next.push(fragment{text: text, begins: !s.later})
		s.later = true
	}
}

func (s *byteLevelStage) end() {
	s.buf = append(s.buf[:0], s.open...)
	s.emit(true)
	s.later = false
	s.next.end()
}
