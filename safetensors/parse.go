package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Parse reads a header, the bytes between the length field and the data, of a
// file that holds dataSize bytes of data. It allocates in proportion to the
// header, whatever sizes the header claims. Unknown fields of a tensor are
// ignored.
func Parse(header []byte, dataSize int64) (*Header, error) {
	switch {
	case len(header) > MaxHeader:
		return nil, &FormatError{Offset: 0, Reason: fmt.Sprintf("header of %d bytes is longer than the limit of %d", len(header), MaxHeader)}
	case len(header) == 0 || header[0] != '{':
		return nil, &FormatError{Offset: prefix, Reason: "header does not start with {: not a safetensors file"}
	case !utf8.Valid(header):
		return nil, &FormatError{Offset: prefix + invalidUTF8(header), Reason: "header is not UTF-8"}
	}
	p := &parser{
		dec:    json.NewDecoder(bytes.NewReader(header)),
		header: &Header{index: map[string]int{}},
	}
	p.dec.UseNumber() // a float64 would round offsets above 2^53
	if err := p.object(p.entry); err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, p.fault("header goes on after its JSON object")
	}
	h := p.header
	if err := h.checkLayout(prefix+int64(len(header)), dataSize); err != nil {
		return nil, err
	}
	for i, t := range h.Tensors {
		h.index[t.Name] = i
	}
	return h, nil
}

// checkLayout orders the tensors by their data and checks that they cover it:
// no overlap, no gap, nothing beyond it. start is the data's place in the file.
func (h *Header) checkLayout(start, dataSize int64) error {
	slices.SortStableFunc(h.Tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End))
	})
	var end int64
	last := "the start of the data"
	for _, t := range h.Tensors {
		bad := func(format string, args ...any) error {
			return &FormatError{Tensor: t.Name, Offset: start + t.Begin, Reason: fmt.Sprintf(format, args...)}
		}
		switch {
		case t.End > dataSize:
			return bad("data_offsets [%d, %d] reach beyond the %d bytes of data: the file is truncated or its header wrong", t.Begin, t.End, dataSize)
		case t.Begin < end:
			return bad("data_offsets [%d, %d] overlap %s, which ends at %d", t.Begin, t.End, last, end)
		case t.Begin > end:
			return bad("data_offsets [%d, %d] leave a gap of %d bytes after %s", t.Begin, t.End, t.Begin-end, last)
		}
		end, last = t.End, t.Name
	}
	if end < dataSize {
		return &FormatError{Offset: start + end, Reason: fmt.Sprintf("%d bytes after %s belong to no tensor", dataSize-end, last)}
	}
	return nil
}

func invalidUTF8(b []byte) int64 {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return int64(i)
		}
		i += size
	}
	return int64(len(b))
}

// parser reads the header token by token, so that duplicate keys are seen and
// an error knows its offset.
type parser struct {
	dec    *json.Decoder
	header *Header
	tensor string // the one being read
}

func (p *parser) fault(format string, args ...any) error {
	return &FormatError{Tensor: p.tensor, Offset: prefix + p.dec.InputOffset(), Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) token() (json.Token, error) {
	token, err := p.dec.Token()
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, p.fault("header is not valid JSON: it ends too early")
	}
	if err != nil {
		return nil, p.fault("header is not valid JSON: %v", err)
	}
	return token, nil
}

// object reads an object; value reads the value of each key.
func (p *parser) object(value func(key string) error) error {
	token, err := p.token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return p.fault("want an object, found %v", token)
	}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return p.fault("want a key, found %v", token)
		}
		if seen[key] {
			return p.fault("%q is there twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err = p.token()
	return err
}

// entry reads one value of the header's object.
func (p *parser) entry(name string) error {
	if name == metadataKey {
		p.header.Metadata = map[string]string{}
		return p.object(func(key string) error {
			text, err := p.text()
			p.header.Metadata[key] = text
			return err
		})
	}
	p.tensor = name
	defer func() { p.tensor = "" }()
	t := Tensor{Name: name}
	var offsets []int64
	var hasType, hasShape, hasOffsets bool
	err := p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			hasType = true
			var text string
			text, err = p.text()
			t.DType = DType(text)
		case "shape":
			hasShape = true
			t.Shape, err = p.shape()
		case "data_offsets":
			hasOffsets = true
			offsets, err = p.integers()
		default:
			err = p.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case !hasType:
		return p.fault("dtype is missing")
	case !hasShape:
		return p.fault("shape is missing")
	case !hasOffsets:
		return p.fault("data_offsets is missing")
	case len(offsets) != 2:
		return p.fault("data_offsets has %d values, want begin and end", len(offsets))
	case offsets[0] > offsets[1]:
		return p.fault("data_offsets [%d, %d] end before they begin", offsets[0], offsets[1])
	}
	t.Begin, t.End = offsets[0], offsets[1]
	if !t.fits() {
		return p.fault("data_offsets [%d, %d] hold %d bytes, which is not what %s of shape %v takes", t.Begin, t.End, t.End-t.Begin, t.DType, t.Shape)
	}
	p.header.Tensors = append(p.header.Tensors, t)
	return nil
}

// fits says whether the byte range is what the type and shape take, if the
// type is known. The element count itself is known not to overflow.
func (t Tensor) fits() bool {
	size, ok := t.DType.Bytes(t.Elements())
	return bits[t.DType] == 0 || ok && size == t.End-t.Begin
}

// shape reads the axes. Their product, lengths of 0 left out, must fit an int,
// so that no product of some of them overflows later.
func (p *parser) shape() ([]int, error) {
	axes, err := p.integers()
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(axes))
	n := 1
	for i, axis := range axes {
		if axis > math.MaxInt || axis > 0 && n > math.MaxInt/int(axis) {
			return nil, p.fault("shape %v has more elements than can be counted", axes)
		}
		n *= max(1, int(axis))
		shape[i] = int(axis)
	}
	return shape, nil
}

// integers reads an array of whole numbers, none negative.
func (p *parser) integers() ([]int64, error) {
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('[') {
		return nil, p.fault("want an array of whole numbers, found %v", token)
	}
	var list []int64
	for p.dec.More() {
		token, err := p.token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, p.fault("want a whole number, found %v", token)
		}
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil {
			return nil, p.fault("%s is not a whole number below 2^63", number)
		}
		if n < 0 {
			return nil, p.fault("%d is negative", n)
		}
		list = append(list, n)
	}
	_, err = p.token()
	return list, err
}

func (p *parser) text() (string, error) {
	token, err := p.token()
	if err != nil {
		return "", err
	}
	text, ok := token.(string)
	if !ok {
		return "", p.fault("want a string, found %v", token)
	}
	return text, nil
}

// maxDepth bounds the nesting of fields that are skipped, and with it the
// decoder's memory for them.
const maxDepth = 100

// skip passes over a value of any kind.
func (p *parser) skip() error {
	for depth := 0; ; {
		token, err := p.token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return p.fault("an unknown field is nested more than %d deep", maxDepth)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
