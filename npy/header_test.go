package npy

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// withHeader is the start of a file of a version and header.
func withHeader(major, minor byte, header string) []byte {
	b := append([]byte(magic), major, minor)
	if major == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(b, header...)
}

func TestParseHeaderReads(t *testing.T) {
	for _, tt := range []struct {
		name   string
		file   []byte
		dtype  DType
		shape  []int
		offset int
	}{
		{"what NumPy writes", withHeader(1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }         \n"), "<f4", []int{2, 3}, 79},
		{"version 2.0 with a longer length field", withHeader(2, 0, "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }\n"), "<f8", []int{4}, 70},
		{"version 3.0", withHeader(3, 0, "{'descr': '>f2', 'fortran_order': False, 'shape': (), }\n"), ">f2", []int{}, 68},
		{"keys in another order and double quotes", withHeader(1, 0, `{"shape":(0,5,),"fortran_order":False,"descr":"<f2"}`), "<f2", []int{0, 5}, 62},
		{"Fortran order of one axis", withHeader(1, 0, "{'descr': '<f4', 'fortran_order': True, 'shape': (9,)}"), "<f4", []int{9}, 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, offset, err := ParseHeader(append(tt.file, "values"...))
			if err != nil {
				t.Fatal(err)
			}
			if h.DType != tt.dtype || !slices.Equal(h.Shape, tt.shape) || offset != tt.offset {
				t.Errorf("%s %v, values at %d; want %s %v at %d", h.DType, h.Shape, offset, tt.dtype, tt.shape, tt.offset)
			}
		})
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	dict := func(s string) []byte { return withHeader(1, 0, s) }
	const rest = "'fortran_order': False, 'shape': (2,)}"
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"an empty file", nil, "does not start with"},
		{"another format", []byte("PK\x03\x04 a zip file"), "does not start with"},
		{"a file that ends in the version", []byte(magic + "\x01"), "ends in the version"},
		{"a file that ends in the length", []byte(magic + "\x01\x00\x10"), "ends in the header's length"},
		{"an unknown version", withHeader(4, 0, "{}"), "version 4.0 is unknown"},
		{"an unknown minor version", withHeader(1, 1, "{}"), "version 1.1 is unknown"},
		{"a header beyond the file", dict("{'descr'")[:12], "header length 8 is beyond the end of the file"},
		{"a header above the limit", append([]byte(magic), 2, 0, 255, 255, 255, 255), "header length 4294967295 is above the limit"},
		{"an empty header", dict(""), "want { (at byte 10)"},
		{"a missing key", dict("{'descr': '<f4', 'shape': (2,)}"), `"fortran_order" is missing`},
		{"an unknown key", dict("{'descr': '<f4', 'x': 1}"), `unknown key "x"`},
		{"a key that is there twice", dict("{'descr': '<f4', 'descr': '<f4'}"), `"descr" is there twice`},
		{"a key without quotes", dict("{descr: '<f4'}"), "want a string"},
		{"a string without end", dict("{'descr"), "a string without end"},
		{"a string with an escape", dict(`{'des\x63r': '<f4'}`), "a string with an escape"},
		{"a missing colon", dict("{'descr' '<f4'}"), `want : after "descr"`},
		{"a missing comma", dict("{'descr': '<f4' " + rest), "want , or }"},
		{"a dict without end", dict("{'descr': '<f4', "), "want a string"},
		{"text after the dict", dict("{'descr': '<f4', " + rest + " x"), "text after the dict"},
		{"an integer type", dict("{'descr': '<i8', " + rest), `type "<i8" cannot be read`},
		{"a native byte order", dict("{'descr': '=f4', " + rest), `type "=f4" cannot be read`},
		{"Python objects", dict("{'descr': '|O', " + rest), `type "|O" cannot be read`},
		{"a structured type", dict("{'descr': [('x', '<f4')], " + rest), "structured types cannot be read"},
		{"an order that is no boolean", dict("{'fortran_order': 1}"), "want True or False"},
		{"Fortran order of two axes", dict("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}"), "numpy.ascontiguousarray"},
		{"a shape that is a list", dict("{'shape': [2]}"), "want ("},
		{"a shape that is a number", dict("{'shape': (2)}"), "want a tuple: (2,)"},
		{"a negative axis", dict("{'shape': (-2,)}"), "want a whole number"},
		{"a fractional axis", dict("{'shape': (2.5,)}"), "want a tuple"},
		{"an axis beyond 64 bits", dict("{'shape': (9223372036854775808,)}"), "want a whole number below 2^63"},
		{"an empty axis", dict("{'shape': (,)}"), "want a whole number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _, err := ParseHeader(tt.file)
			if err == nil {
				t.Fatalf("accepted as %v", h)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in it, on one line", err, tt.want)
			}
		})
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(withHeader(1, 0, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n"))
	f.Add(withHeader(2, 0, `{"shape":(),"fortran_order":True,"descr":">f8"}`))
	f.Add(withHeader(3, 0, "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (99999999999999999999,)}"))
	f.Add([]byte(magic + "\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		if err != nil {
			return
		}
		if n > len(b) || !slices.Contains(supported, h.DType) {
			t.Fatalf("%v with values at %d of %d bytes", h, n, len(b))
		}
		// What is read can be written and reads back equal.
		again, err := h.encode()
		if err != nil {
			return // too many axes for version 1.0
		}
		got, _, err := ParseHeader(again)
		if err != nil || got.DType != h.DType || !slices.Equal(got.Shape, h.Shape) {
			t.Fatalf("%v is written as %q, read as %v (%v)", h, again, got, err)
		}
	})
}
