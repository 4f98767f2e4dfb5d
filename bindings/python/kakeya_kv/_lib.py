"""The C library and its types; see kakeya.h."""

from __future__ import annotations

import ctypes
import os
import pathlib
import sys

ABI = 1
NAME = {"darwin": "libkakeya.dylib", "win32": "kakeya.dll"}.get(sys.platform, "libkakeya.so")


class Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 256)]


class Array(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("shape", ctypes.c_int64 * 3),
        ("stride", ctypes.c_int64 * 3),
    ]


class Page(ctypes.Structure):
    _fields_ = [
        ("spec", ctypes.c_char * 256),
        ("tensor", ctypes.c_char * 256),
        ("dim", ctypes.c_int64),
        ("vectors", ctypes.c_int64),
        ("shape", ctypes.c_int64 * 8),
        ("rank", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


class KakeyaError(Exception):
    """What the library refuses, with its code of kakeya.h."""

    CODES = ("ok", "argument", "spec", "dim", "space", "value", "corrupt", "mismatch", "internal")

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
        self.kind = self.CODES[code] if 0 <= code < len(self.CODES) else "unknown"


def _load() -> ctypes.CDLL:
    path = os.environ.get("KAKEYA_LIBRARY") or str(pathlib.Path(__file__).parent / NAME)
    try:
        lib = ctypes.CDLL(path)  # unlike PyDLL it releases the interpreter's lock
    except OSError as e:
        raise ImportError(
            f"{path}: {e}; build it with `go build -buildmode=c-shared -o {path} ./capi` in a checkout of kakeya, "
            "or set KAKEYA_LIBRARY to where it is"
        ) from e
    size, array, error = ctypes.c_size_t, ctypes.POINTER(Array), ctypes.POINTER(Error)
    codec, sizes, pointer, text = ctypes.c_uint64, ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p, ctypes.c_char_p
    i32, i64 = ctypes.c_int32, ctypes.c_int64
    for name, arguments in {
        "open": [text, i32, ctypes.POINTER(codec), error],
        "close": [codec, error],
        "fit": [text, array, pointer, size, error],
        "size": [codec, i64, sizes, ctypes.POINTER(i32), error],
        "encode": [codec, array, pointer, size, sizes, i32, error],
        "decode": [codec, pointer, size, array, sizes, i32, error],
        "page_encode": [codec, text, array, pointer, size, sizes, i32, error],
        "page_info": [pointer, size, ctypes.POINTER(Page), error],
        "page_decode": [codec, pointer, size, array, i32, error],
    }.items():
        function = getattr(lib, "kakeya_" + name)
        function.argtypes, function.restype = arguments, ctypes.c_int
    lib.kakeya_abi.argtypes, lib.kakeya_abi.restype = [], i32
    lib.kakeya_version.argtypes, lib.kakeya_version.restype = [], text
    if (abi := lib.kakeya_abi()) != ABI:
        raise ImportError(f"{path} has ABI {abi}, this package needs {ABI}: build the library from the same sources")
    return lib


lib = _load()


def call(name: str, *arguments: object) -> None:
    """Calls a function of the library; its error becomes an exception."""
    err = Error()
    code = getattr(lib, "kakeya_" + name)(*arguments, ctypes.byref(err))
    if code:
        raise KakeyaError(code, err.message.decode("utf-8", "replace"))


def version() -> str:
    """The version of the C library."""
    return lib.kakeya_version().decode()
