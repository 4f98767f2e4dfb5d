"""Other people's arrays as those of the C library, without a copy."""

from __future__ import annotations

import ctypes
from typing import Any, Optional, Sequence

from . import _lib

DTYPES = {"float32": 0, "bfloat16": 1, "float16": 2}
_BUFFER_FORMATS = {"f": "float32", "e": "float16"}


class ArrayError(TypeError):
    """An object that is not an array the library can use in place."""


class _DLDevice(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DLTensor(ctypes.Structure):  # dlpack.h
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _DLDevice),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_CPU_DEVICES = (1, 3)  # kDLCPU, kDLCUDAHost
_DLPACK_TYPES = {(2, 32): "float32", (2, 16): "float16", (4, 16): "bfloat16"}

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class View:
    """An array of the library, and what keeps its memory alive."""

    __slots__ = ("array", "shape", "keep")

    def __init__(self, pointer: int, dtype: str, shape: Sequence[int], stride: Sequence[int], keep: Any):
        if not 1 <= len(shape) <= 3:
            raise ArrayError(f"an array of the shape {tuple(shape)}: want [dim], [vectors, dim] or [tokens, heads, dim]")
        self.shape, self.keep = tuple(shape), keep
        # [dim] is [1, 1, dim], [vectors, dim] is [vectors, 1, dim].
        full = [1, 1, shape[-1]]
        steps = [stride[-1] * shape[-1], stride[-1] * shape[-1], stride[-1]]
        if len(shape) > 1:
            full[0], steps[0] = shape[0], stride[0]
        if len(shape) == 3:
            full[1], steps[1] = shape[1], stride[1]
        if min(steps) < 0:
            raise ArrayError("an array with negative strides cannot be used in place; make a copy")
        self.array = _lib.Array(pointer, DTYPES[dtype], 0, (ctypes.c_int64 * 3)(*full), (ctypes.c_int64 * 3)(*steps))

    @property
    def vectors(self) -> int:
        return self.array.shape[0] * self.array.shape[1]


def view(x: Any, *, dtype: Optional[str] = None, writable: bool = False) -> View:
    """x as an array of the library. dtype "bfloat16" takes a buffer of 16-bit integers
    as such, since numpy has no name for it."""
    if dtype is not None and dtype not in DTYPES:
        raise ArrayError(f"dtype {dtype!r}: want one of {', '.join(DTYPES)}")
    if hasattr(x, "__dlpack__") and not _has_buffer(x):
        return _from_dlpack(x, dtype)
    try:
        buffer = memoryview(x)
    except TypeError:
        raise ArrayError(f"{type(x).__name__} has neither the buffer protocol nor DLPack; give a numpy array or a torch tensor") from None
    return _from_buffer(buffer, dtype, writable)


def _has_buffer(x: Any) -> bool:
    try:
        memoryview(x).release()
    except (TypeError, ValueError, BufferError):
        return False
    return True


def _from_buffer(b: memoryview, dtype: Optional[str], writable: bool) -> View:
    code = b.format.lstrip("@=<")
    name = _BUFFER_FORMATS.get(code)
    if dtype == "bfloat16" and code in ("H", "h"):
        name = dtype
    if name is None or dtype not in (None, name):
        raise ArrayError(f"a buffer of format {b.format!r}: want float32 or float16, or 16-bit integers with dtype='bfloat16'")
    if writable and b.readonly:
        raise ArrayError("the output is read-only")
    if b.ndim == 0 or not b.shape or b.strides is None:
        raise ArrayError("a buffer without a shape")
    if any(s % b.itemsize for s in b.strides):
        raise ArrayError(f"strides of {b.strides} bytes are not whole values")
    return View(_address(b), name, b.shape, [s // b.itemsize for s in b.strides], b)


class _PyBuffer(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t), ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int), ("ndim", ctypes.c_int), ("format", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_ssize_t)), ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)), ("internal", ctypes.c_void_p),
    ]


_STRIDED_READ_ONLY = 0x0018  # PyBUF_STRIDES
_get_buffer, _release_buffer = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
_get_buffer.argtypes, _get_buffer.restype = [ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int], ctypes.c_int
_release_buffer.argtypes, _release_buffer.restype = [ctypes.POINTER(_PyBuffer)], None


def _address(b: memoryview) -> int:
    """Where a memoryview's first value lies; read-only ones included, which
    ctypes' from_buffer refuses. The view keeps the memory."""
    raw = _PyBuffer()
    _get_buffer(b, ctypes.byref(raw), _STRIDED_READ_ONLY)
    try:
        return raw.buf or 0
    finally:
        _release_buffer(ctypes.byref(raw))


def _from_dlpack(x: Any, dtype: Optional[str]) -> View:
    try:
        device = x.__dlpack_device__()
    except Exception as e:
        raise ArrayError(f"the array has no device that can be used: {e}") from e
    if int(device[0]) not in _CPU_DEVICES:
        raise ArrayError(f"the array is on device {tuple(map(int, device))}: the codecs run on the CPU; copy it with .cpu()")
    if getattr(x, "requires_grad", False):
        x = x.detach()
    capsule = x.__dlpack__()
    t = _DLTensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    name = _DLPACK_TYPES.get((t.code, t.bits))
    if name is None or t.lanes != 1 or dtype not in (None, name):
        raise ArrayError(f"{getattr(x, 'dtype', (t.code, t.bits))}: want float32, float16 or bfloat16")
    shape = [t.shape[i] for i in range(t.ndim)]
    if t.strides:
        stride = [t.strides[i] for i in range(t.ndim)]
    else:
        stride = [1] * t.ndim
        for i in range(t.ndim - 2, -1, -1):
            stride[i] = stride[i + 1] * shape[i + 1]
    # The capsule, not taken over, frees its tensor when it goes.
    return View((t.data or 0) + t.byte_offset, name, shape, stride, capsule)


def data(b: Any, *, writable: bool = False) -> tuple[int, int, memoryview]:
    """The address and the length of bytes."""
    try:
        m = memoryview(b).cast("B")
    except TypeError:
        raise ArrayError(f"{type(b).__name__}: want contiguous bytes") from None
    if writable and m.readonly:
        raise ArrayError("the output is read-only")
    return _address(m), len(m), m
