package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"kakeyalattice/internal/jsonscan"
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
	const entry = 96 // bytes of one, at least, as a rule
	p := &parser{json: jsonscan.New(header), header: &Header{index: make(map[string]int, len(header)/entry)}}
	err := p.json.Object(p.entry)
	if err == nil {
		err = p.json.End()
	}
	if err != nil {
		return nil, p.located(err)
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

// parser reads the header value by value, so that duplicate keys are seen and
// an error knows its offset.
type parser struct {
	json   *jsonscan.Scanner
	header *Header
	tensor string // the one being read

	fields  []string // of the tensor so far
	numbers []int64  // that integers read last
}

// fault is an error at the parser's place.
func (p *parser) fault(format string, args ...any) error {
	return &FormatError{Tensor: p.tensor, Offset: prefix + int64(p.json.Offset()), Reason: fmt.Sprintf(format, args...)}
}

// located adds the tensor to what the scanner refuses.
func (p *parser) located(err error) error {
	if e, ok := errors.AsType[*jsonscan.Error](err); ok {
		return &FormatError{Tensor: p.tensor, Offset: prefix + int64(e.Offset), Reason: "header: " + e.Reason}
	}
	return err
}

// entry reads one value of the header's object.
func (p *parser) entry(name string) error {
	if name == metadataKey {
		return p.metadata()
	}
	if _, twice := p.header.index[name]; twice {
		return p.fault("%q is there twice", name)
	}
	p.header.index[name] = 0 // its place is known when all are sorted
	p.tensor = name
	t := Tensor{Name: name}
	var begin, end int64
	p.fields = p.fields[:0]
	err := p.json.Object(func(key string) (err error) {
		if slices.Contains(p.fields, key) {
			return p.fault("%q is there twice", key)
		}
		p.fields = append(p.fields, key)
		switch key {
		case "dtype":
			var text string
			text, err = p.json.String()
			t.DType = DType(text)
		case "shape":
			t.Shape, err = p.shape()
		case "data_offsets":
			begin, end, err = p.offsets()
		default:
			err = p.json.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !slices.Contains(p.fields, key) {
			return p.fault("%s is missing", key)
		}
	}
	t.Begin, t.End = begin, end
	if !t.fits() {
		return p.fault("data_offsets [%d, %d] hold %d bytes, which is not what %s of shape %v takes", t.Begin, t.End, t.End-t.Begin, t.DType, t.Shape)
	}
	p.header.Tensors = append(p.header.Tensors, t)
	p.tensor = ""
	return nil
}

func (p *parser) metadata() error {
	if p.header.Metadata != nil {
		return p.fault("%q is there twice", metadataKey)
	}
	p.header.Metadata = map[string]string{}
	return p.json.Object(func(key string) error {
		if _, twice := p.header.Metadata[key]; twice {
			return p.fault("%q is there twice", key)
		}
		text, err := p.json.String()
		p.header.Metadata[key] = text
		return err
	})
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

func (p *parser) offsets() (begin, end int64, err error) {
	list, err := p.integers()
	switch {
	case err != nil:
		return 0, 0, err
	case len(list) != 2:
		return 0, 0, p.fault("data_offsets has %d values, want begin and end", len(list))
	case list[0] > list[1]:
		return 0, 0, p.fault("data_offsets [%d, %d] end before they begin", list[0], list[1])
	}
	return list[0], list[1], nil
}

// integers reads an array of whole numbers, none negative. The list is valid
// until the next call.
func (p *parser) integers() ([]int64, error) {
	p.numbers = p.numbers[:0]
	err := p.json.Array(func() error {
		n, err := p.json.Int()
		if err == nil && n < 0 {
			err = p.fault("%d is negative", n)
		}
		p.numbers = append(p.numbers, n)
		return err
	})
	return p.numbers, err
}
