//go:build cgo

package main

/*
#include "kakeya.h"
*/
import "C"

import (
	"fmt"
	"unsafe"

	"kakeyalattice/internal/clib"
	"kakeyalattice/internal/strided"
)

// finish turns what a call ends with into its status and message. It is deferred, so
// that a panic, a fault of the library, does not end the host.
func finish(status *C.int, to *C.kakeya_error, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("a fault of the library, please report it: %v", r)
	}
	*status = C.int(clib.StatusOf(*err))
	if to == nil {
		return
	}
	message := ""
	if *err != nil {
		message = (*err).Error()
	}
	setText(to.message[:], message)
}

// setText copies text, cut to fit, and a zero.
func setText(dst []C.char, text string) {
	n := min(len(text), len(dst)-1)
	for n < len(text) && n > 0 && text[n]&0xc0 == 0x80 {
		n-- // between characters
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), n), text[:n])
	dst[n] = 0
}

func null(name string) error { return &clib.ArgumentError{Name: name, Reason: "NULL"} }

// bytesAt is memory of the caller.
func bytesAt(name string, p unsafe.Pointer, n C.size_t) ([]byte, error) {
	switch {
	case n == 0:
		return nil, nil
	case p == nil:
		return nil, null(name)
	case uint64(n) > 1<<47:
		return nil, &clib.ArgumentError{Name: name, Reason: fmt.Sprintf("%d bytes cannot be", uint64(n))}
	}
	return unsafe.Slice((*byte)(p), int(n)), nil
}

// arrayAt is an array of the caller.
func arrayAt(name string, p *C.kakeya_array, written bool) (a strided.Array, err error) {
	if p == nil {
		return a, null(name)
	}
	a.Type = strided.DType(p.dtype)
	for i := range a.Shape {
		a.Shape[i], a.Stride[i] = int(p.shape[i]), int(p.stride[i])
	}
	n, err := strided.Extent(a.Type, a.Shape, a.Stride, written)
	switch {
	case err != nil:
		return a, fmt.Errorf("%s: %w", name, err)
	case n > 0 && p.data == nil:
		return a, null(name + ".data")
	case p.reserved != 0:
		return a, &clib.ArgumentError{Name: name + ".reserved", Reason: "want 0"}
	}
	if n > 0 {
		a.Data = unsafe.Slice((*byte)(p.data), n)
	}
	return a, nil
}

// encodeArguments are an array to read and memory to write to, of which written will
// tell.
func encodeArguments(in *C.kakeya_array, out unsafe.Pointer, capacity C.size_t, written *C.size_t) (a strided.Array, dst []byte, err error) {
	if written == nil {
		return a, nil, null("written")
	}
	*written = 0
	if a, err = arrayAt("in", in, false); err == nil {
		dst, err = bytesAt("out", out, capacity)
	}
	return a, dst, err
}

// decodeArguments are an array to write to and bytes to read.
func decodeArguments(out *C.kakeya_array, name string, in unsafe.Pointer, size C.size_t) (a strided.Array, src []byte, err error) {
	if a, err = arrayAt("out", out, true); err == nil {
		src, err = bytesAt(name, in, size)
	}
	return a, src, err
}

//export kakeyaGoOpen
func kakeyaGoOpen(spec *C.char, dim C.int32_t, out *C.kakeya_codec, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	if spec == nil || out == nil {
		err = null(map[bool]string{true: "spec", false: "codec"}[spec == nil])
		return
	}
	*out = 0
	h, err := clib.Open(C.GoString(spec), int(dim))
	*out = C.kakeya_codec(h)
	return
}

//export kakeyaGoClose
func kakeyaGoClose(h C.kakeya_codec, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	err = clib.Close(clib.Handle(h))
	return
}

//export kakeyaGoFit
func kakeyaGoFit(spec *C.char, array *C.kakeya_array, out *C.char, capacity C.size_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	if spec == nil || out == nil {
		err = null(map[bool]string{true: "spec", false: "spec_out"}[spec == nil])
		return
	}
	a, err := arrayAt("array", array, false)
	if err != nil {
		return
	}
	text, err := clib.Fit(C.GoString(spec), &a)
	if err != nil {
		return
	}
	if uint64(len(text)) >= uint64(capacity) {
		err = fmt.Errorf("spec_out: %w: %d bytes, %q takes %d", strided.ErrSpace, uint64(capacity), text, len(text)+1)
		return
	}
	setText(unsafe.Slice(out, len(text)+1), text)
	return
}

//export kakeyaGoSize
func kakeyaGoSize(h C.kakeya_codec, vectors C.int64_t, bytes *C.size_t, fixed *C.int32_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	if bytes == nil {
		err = null("bytes")
		return
	}
	n, isFixed, err := clib.Size(clib.Handle(h), int64(vectors))
	*bytes = C.size_t(n)
	if fixed != nil {
		*fixed = 0
		if isFixed {
			*fixed = 1
		}
	}
	return
}

//export kakeyaGoEncode
func kakeyaGoEncode(h C.kakeya_codec, in *C.kakeya_array, out unsafe.Pointer, capacity C.size_t, written *C.size_t, threads C.int32_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	a, dst, err := encodeArguments(in, out, capacity, written)
	if err != nil {
		return
	}
	n, err := clib.Encode(clib.Handle(h), dst, &a, int(threads))
	if err != nil {
		err = about("in", "out", err)
		return
	}
	*written = C.size_t(n)
	return
}

//export kakeyaGoDecode
func kakeyaGoDecode(h C.kakeya_codec, in unsafe.Pointer, size C.size_t, out *C.kakeya_array, consumed *C.size_t, threads C.int32_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	a, src, err := decodeArguments(out, "in", in, size)
	if err != nil {
		return
	}
	n, err := clib.Decode(clib.Handle(h), &a, src, int(threads))
	if err != nil {
		err = about("in", "out", err)
		return
	}
	if consumed != nil {
		*consumed = C.size_t(n)
	}
	return
}

//export kakeyaGoPageEncode
func kakeyaGoPageEncode(h C.kakeya_codec, tensor *C.char, in *C.kakeya_array, out unsafe.Pointer, capacity C.size_t, written *C.size_t, threads C.int32_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	a, dst, err := encodeArguments(in, out, capacity, written)
	if err != nil {
		return
	}
	name := ""
	if tensor != nil {
		name = C.GoString(tensor)
	}
	n, err := clib.PageEncode(clib.Handle(h), name, dst, &a, int(threads))
	*written = C.size_t(n)
	if err != nil {
		err = about("in", "out", err)
	}
	return
}

//export kakeyaGoPageInfo
func kakeyaGoPageInfo(p unsafe.Pointer, size C.size_t, info *C.kakeya_page, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	if info == nil {
		err = null("info")
		return
	}
	b, err := bytesAt("page", p, size)
	if err != nil {
		return
	}
	h, err := clib.PageInfo(b)
	if err != nil {
		return
	}
	*info = C.kakeya_page{}
	setText(info.spec[:], h.Spec.String())
	setText(info.tensor[:], h.Tensor)
	info.dim, info.vectors, info.rank = C.int64_t(h.Dim), C.int64_t(h.Vectors), C.int32_t(len(h.Shape))
	for i, n := range h.Shape[:min(len(h.Shape), len(info.shape))] {
		info.shape[i] = C.int64_t(n)
	}
	return
}

//export kakeyaGoPageDecode
func kakeyaGoPageDecode(h C.kakeya_codec, p unsafe.Pointer, size C.size_t, out *C.kakeya_array, threads C.int32_t, to *C.kakeya_error) (status C.int) {
	var err error
	defer finish(&status, to, &err)
	a, b, err := decodeArguments(out, "page", p, size)
	if err != nil {
		return
	}
	err = clib.PageDecode(clib.Handle(h), b, &a, int(threads))
	return
}

// about says which argument an error is about.
func about(in, out string, err error) error {
	switch clib.StatusOf(err) {
	case clib.Space:
		return fmt.Errorf("%s: %w", out, err)
	case clib.Value, clib.Corrupt:
		return fmt.Errorf("%s: %w", in, err)
	}
	return err
}
