package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	magic = "\x93NUMPY"
	// maxPrefix is the size of magic, version and the longer length field.
	maxPrefix = len(magic) + 2 + 4
	// MaxHeader is the largest header in bytes. An array of plain numbers takes
	// about a hundred; structured types take more but are not read.
	MaxHeader = 1 << 16
)

// Header is what a file says about its array.
type Header struct {
	DType DType
	Shape []int // empty for a scalar; an axis may have length 0
}

// elements is the product of the shape; ok is false if it, lengths of 0 left
// out, does not fit an int.
func (h Header) elements() (n int, ok bool) {
	n = 1
	for _, axis := range h.Shape {
		if axis > 0 && n > math.MaxInt/axis {
			return 0, false
		}
		n *= max(1, axis)
	}
	if slices.Contains(h.Shape, 0) {
		n = 0
	}
	return n, true
}

// ParseHeader reads the start of a file and returns its header and the offset
// of the values. Arrays in Fortran order are refused unless they have one axis
// at most, where the order makes no difference.
func ParseHeader(b []byte) (Header, int, error) {
	fail := func(format string, args ...any) (Header, int, error) {
		return Header{}, 0, fmt.Errorf(format, args...)
	}
	if !strings.HasPrefix(string(b[:min(len(b), len(magic))]), magic) {
		return fail(`no .npy file: it does not start with \x93NUMPY`)
	}
	if len(b) < len(magic)+2 {
		return fail("the file ends in the version")
	}
	major, minor := b[len(magic)], b[len(magic)+1]
	field := 4
	switch {
	case minor != 0 || major < 1 || major > 3:
		return fail("version %d.%d is unknown; 1.0, 2.0 and 3.0 can be read", major, minor)
	case major == 1:
		field = 2
	}
	start := len(magic) + 2 + field
	if len(b) < start {
		return fail("the file ends in the header's length")
	}
	n := uint64(binary.LittleEndian.Uint16(b[start-field:]))
	if field == 4 {
		n = uint64(binary.LittleEndian.Uint32(b[start-field:]))
	}
	if n > MaxHeader {
		return fail("header length %d is above the limit of %d", n, MaxHeader)
	}
	end := start + int(n)
	if len(b) < end {
		return fail("header length %d is beyond the end of the file", n)
	}
	p := &literal{text: string(b[start:end]), base: start}
	h, err := p.header()
	return h, end, err
}

// literal is a cursor over the dict of a header: Python syntax, of which only
// what NumPy writes for plain numbers is read.
type literal struct {
	text string
	pos  int
	base int // of text in the file
}

func (p *literal) fault(format string, args ...any) error {
	return fmt.Errorf("header: %s (at byte %d)", fmt.Sprintf(format, args...), p.base+p.pos)
}

// header reads the whole dict: its three keys in any order, each once.
func (p *literal) header() (Header, error) {
	var h Header
	var fortran bool
	seen := map[string]bool{}
	err := p.sequence('{', '}', func() error {
		key, err := p.quoted()
		if err != nil {
			return err
		}
		if seen[key] {
			return p.fault("%q is there twice", key)
		}
		seen[key] = true
		if !p.take(":") {
			return p.fault("want : after %q", key)
		}
		switch key {
		case "descr":
			h.DType, err = p.dtype()
		case "fortran_order":
			fortran, err = p.boolean()
		case "shape":
			h.Shape, err = p.shape()
		default:
			err = p.fault("unknown key %q", key)
		}
		return err
	})
	if err != nil {
		return Header{}, err
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return Header{}, p.fault("%q is missing", key)
		}
	}
	if p.space(); p.pos < len(p.text) {
		return Header{}, p.fault("text after the dict")
	}
	if fortran && len(h.Shape) > 1 {
		return Header{}, errors.New("the array is in Fortran order; save it with numpy.ascontiguousarray")
	}
	return h, nil
}

// space passes over white space.
func (p *literal) space() {
	p.pos = len(p.text) - len(strings.TrimLeft(p.text[p.pos:], " \t\r\n"))
}

// take passes over white space and the word, if it is next.
func (p *literal) take(word string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.pos:], word) {
		return false
	}
	p.pos += len(word)
	return true
}

// sequence reads items between two brackets, a comma after each; the one after
// the last may be missing.
func (p *literal) sequence(open, end byte, item func() error) error {
	if !p.take(string(open)) {
		return p.fault("want %c", open)
	}
	for {
		if p.take(string(end)) {
			return nil
		}
		if err := item(); err != nil {
			return err
		}
		if !p.take(",") {
			if !p.take(string(end)) {
				return p.fault("want , or %c", end)
			}
			return nil
		}
	}
}

// quoted reads a string in either quote, without escapes.
func (p *literal) quoted() (string, error) {
	for _, quote := range []string{"'", `"`} {
		if !p.take(quote) {
			continue
		}
		n := strings.Index(p.text[p.pos:], quote)
		if n < 0 {
			return "", p.fault("a string without end")
		}
		s := p.text[p.pos : p.pos+n]
		if strings.ContainsAny(s, "\\\n") {
			return "", p.fault("a string with an escape")
		}
		p.pos += n + 1
		return s, nil
	}
	return "", p.fault("want a string")
}

func (p *literal) dtype() (DType, error) {
	if p.space(); strings.HasPrefix(p.text[p.pos:], "[") {
		return "", p.fault("structured types cannot be read; save one field")
	}
	s, err := p.quoted()
	if err != nil {
		return "", err
	}
	if !slices.Contains(supported, DType(s)) {
		return "", p.fault("type %q cannot be read; save it as float16, float32 or float64", s)
	}
	return DType(s), nil
}

func (p *literal) boolean() (bool, error) {
	switch {
	case p.take("True"):
		return true, nil
	case p.take("False"):
		return false, nil
	}
	return false, p.fault("want True or False")
}

// shape reads a tuple. One of a single value must have its comma, as in
// Python, where (3) is a number.
func (p *literal) shape() ([]int, error) {
	shape := []int{}
	err := p.sequence('(', ')', func() error {
		p.space()
		rest := p.text[p.pos:]
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.Atoi(rest[:digits])
		if err != nil {
			return p.fault("want a whole number below 2^63, none negative")
		}
		p.pos += digits
		shape = append(shape, n)
		if len(shape) == 1 {
			if p.space(); !strings.HasPrefix(p.text[p.pos:], ",") {
				return p.fault("want a tuple: (%d,)", n)
			}
		}
		return nil
	})
	return shape, err
}
