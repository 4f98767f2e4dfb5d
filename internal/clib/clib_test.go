package clib

import (
	"errors"
	"strings"
	"testing"

	"kakeyalattice/internal/strided"
)

func array(tokens, dim int) *strided.Array {
	return &strided.Array{Data: make([]byte, 4*tokens*dim), Type: strided.F32, Shape: [3]int{tokens, 1, dim}, Stride: [3]int{dim, dim, 1}}
}

func TestErrorsHaveTheirStatus(t *testing.T) {
	h, err := Open("e8:q=38", 64)
	if err != nil {
		t.Fatal(err)
	}
	a := array(2, 64)
	dst := make([]byte, 1000)
	for _, c := range []struct {
		name string
		call func() error
		want Status
		text string
	}{
		{"nothing wrong", func() error { _, err := Encode(h, dst, a, 1); return err }, OK, ""},
		{"no codec", func() error { _, err := Open("e9", 64); return err }, Spec, "spec"},
		{"no bytes", func() error { _, err := Open("ref-e8:q=38", 64); return err }, Spec, "simulated"},
		{"a constant is missing", func() error { _, err := Open("nvfp4", 64); return err }, Spec, "kakeya_fit"},
		{"a dimension", func() error { _, err := Open("fp8-v4", 64); return err }, Dim, "64"},
		{"no dimension", func() error { _, err := Open("bf16", 0); return err }, Argument, "dim"},
		{"not open", func() error { _, err := Encode(0, dst, a, 1); return err }, Argument, "not open"},
		{"no room", func() error { _, err := Encode(h, dst[:9], a, 1); return err }, Space, "9 bytes"},
		{"another dimension", func() error { _, err := Encode(h, dst, array(1, 32), 1); return err }, Argument, "32"},
		{"over itself", func() error { _, err := Encode(h, a.Data, a, 1); return err }, Argument, "overlaps"},
		{"too few bytes", func() error { _, err := Decode(h, a, dst[:3], 1); return err }, Corrupt, ""},
		{"no page", func() error { _, err := PageInfo(dst[:5]); return err }, Corrupt, ""},
		{"too many vectors", func() error { _, _, err := Size(h, 1<<62); return err }, Argument, "vectors"},
		{"a fault", func() error { return errors.New("else") }, Internal, ""},
	} {
		err := c.call()
		if got := StatusOf(err); got != c.want || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: status %d, want %d: %v", c.name, got, c.want, err)
		}
	}
	if err := Close(h); err != nil {
		t.Error(err)
	}
	if err := Close(h); StatusOf(err) != Argument {
		t.Errorf("closed twice: %v", err)
	}
}

func TestAPageKeepsShapeAndName(t *testing.T) {
	h, err := Open("bf16", 64)
	if err != nil {
		t.Fatal(err)
	}
	a := array(5, 64)
	for i := range a.Data {
		a.Data[i] = byte(i % 60)
	}
	n, err := PageEncode(h, "k.0", nil, a, 1)
	if StatusOf(err) != Space {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if n, err = PageEncode(h, "k.0", b, a, 1); err != nil || n != len(b) {
		t.Fatalf("%d bytes of %d: %v", n, len(b), err)
	}
	header, err := PageInfo(b)
	if err != nil || header.Tensor != "k.0" || header.Vectors != 5 || len(header.Shape) != 3 {
		t.Errorf("%+v (%v)", header, err)
	}
	out := array(5, 64)
	if err := PageDecode(h, b, out, 1); err != nil {
		t.Error(err)
	}
	other, err := Open("fp16", 64)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"codec": PageDecode(other, b, out, 1), "shape": PageDecode(0, b, array(4, 64), 1)} {
		if StatusOf(err) != Mismatch {
			t.Errorf("another %s: %v", name, err)
		}
	}
}
