"""Codecs and pages."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any, Optional

from . import _array, _lib


class Codec:
    """A codec for vectors of dim values; specs are those of `kakeya codec list`.

    It may be used by several threads at once."""

    def __init__(self, spec: str, dim: int):
        self._handle = 0
        if not isinstance(dim, int) or not 0 < dim < 1 << 31:
            raise ValueError(f"dim {dim!r}: want a positive number")
        handle = ctypes.c_uint64()
        _lib.call("open", spec.encode(), dim, ctypes.byref(handle))
        self._handle, self.spec, self.dim = handle.value, spec, dim
        size, fixed = ctypes.c_size_t(), ctypes.c_int32()
        _lib.call("size", self._handle, 1, ctypes.byref(size), ctypes.byref(fixed))
        #: bytes of a vector, at most unless fixed
        self.max_vector_bytes: int = size.value
        #: whether every vector takes just as many
        self.fixed: bool = bool(fixed.value)

    def __repr__(self) -> str:
        return f"Codec({self.spec!r}, dim={self.dim})"

    def __reduce__(self) -> Any:
        return Codec, (self.spec, self.dim)

    def close(self) -> None:
        """Gives the codec back; it is of no use afterwards."""
        if self._handle:
            handle, self._handle = self._handle, 0
            _lib.call("close", handle)

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:  # at the end of the interpreter
            pass

    def __enter__(self) -> "Codec":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def max_bytes(self, vectors: int) -> int:
        """The bytes that vectors take, at most unless the codec is fixed."""
        size = ctypes.c_size_t()
        _lib.call("size", self._handle, vectors, ctypes.byref(size), None)
        return size.value

    def encode(self, x: Any, *, dtype: Optional[str] = None, threads: int = 1) -> bytearray:
        """The bytes of x's vectors."""
        a = _array.view(x, dtype=dtype)
        out = bytearray(self.max_bytes(a.vectors))
        del out[self._encode_into(a, out, threads):]
        return out

    def encode_into(self, x: Any, out: Any, *, dtype: Optional[str] = None, threads: int = 1) -> int:
        """Writes the bytes of x's vectors to out, and returns their number."""
        return self._encode_into(_array.view(x, dtype=dtype), out, threads)

    def _encode_into(self, a: _array.View, out: Any, threads: int) -> int:
        address, size, keep = _array.data(out, writable=True)
        written = ctypes.c_size_t()
        try:
            _lib.call("encode", self._handle, ctypes.byref(a.array), address, size, ctypes.byref(written), threads)
        finally:
            keep.release()
        return written.value

    def decode(self, data: Any, out: Any, *, dtype: Optional[str] = None, threads: int = 1) -> int:
        """Sets out's vectors to what data holds, and returns the bytes read."""
        a = _array.view(out, dtype=dtype, writable=True)
        address, size, keep = _array.data(data)
        consumed = ctypes.c_size_t()
        try:
            _lib.call("decode", self._handle, address, size, ctypes.byref(a.array), ctypes.byref(consumed), threads)
        finally:
            keep.release()
        return consumed.value


def fit(spec: str, x: Any, *, dtype: Optional[str] = None) -> str:
    """spec with the constant that suits x, for codecs that need one of the stream
    (fp8-tensor, nvfp4)."""
    a = _array.view(x, dtype=dtype)
    out = ctypes.create_string_buffer(256)
    _lib.call("fit", spec.encode(), ctypes.byref(a.array), out, len(out))
    return out.value.decode()


@dataclasses.dataclass(frozen=True)
class PageInfo:
    """What a page holds."""

    spec: str
    tensor: str
    dim: int
    vectors: int
    shape: tuple[int, ...]


def encode_page(codec: Codec, x: Any, *, tensor: str = "", dtype: Optional[str] = None, threads: int = 1) -> bytearray:
    """A whole page (.klp) of x: header, checksums, random access."""
    a = _array.view(x, dtype=dtype)
    written = ctypes.c_size_t()
    # Payload, with what headers and checksums take of it; the library says if it is more.
    out = bytearray(codec.max_bytes(a.vectors) * 9 // 8 + 4096)
    while True:
        address, size, keep = _array.data(out, writable=True)
        try:
            _lib.call("page_encode", codec._handle, tensor.encode(), ctypes.byref(a.array), address, size, ctypes.byref(written), threads)
            break
        except _lib.KakeyaError as e:
            if e.kind != "space" or written.value <= size:
                raise
        finally:
            keep.release()
        out = bytearray(written.value)
    del out[written.value:]
    return out


def page_info(page: Any) -> PageInfo:
    """What a page holds, its header and index checked."""
    address, size, keep = _array.data(page)
    info = _lib.Page()
    try:
        _lib.call("page_info", address, size, ctypes.byref(info))
    finally:
        keep.release()
    shape = tuple(info.shape[i] for i in range(min(info.rank, len(info.shape))))
    return PageInfo(info.spec.decode(), info.tensor.decode("utf-8", "replace"), info.dim, info.vectors, shape)


def decode_page(page: Any, out: Any, *, codec: Optional[Codec] = None, dtype: Optional[str] = None, threads: int = 1) -> None:
    """Sets out, as many vectors as the page has, to them; every checksum is checked.
    With codec the page must be of it."""
    a = _array.view(out, dtype=dtype, writable=True)
    address, size, keep = _array.data(page)
    try:
        _lib.call("page_decode", codec._handle if codec else 0, address, size, ctypes.byref(a.array), threads)
    finally:
        keep.release()
