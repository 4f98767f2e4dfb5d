"""Codecs for KV caches, over the C library of kakeya.

    codec = kakeya_kv.Codec("e8-gs:delta=0.09", dim=128)
    data = codec.encode(keys)              # torch or numpy, [tokens, heads, 128]
    codec.decode(data, out=restored)       # into memory of yours

Arrays are used in place: anything with the buffer protocol (numpy) or DLPack (torch
on the CPU), float32, float16 or bfloat16, with any strides, [dim], [vectors, dim] or
[tokens, heads, dim]. Calls release the interpreter's lock.
"""

from ._array import ArrayError
from ._lib import KakeyaError, version
from .codec import Codec, PageInfo, decode_page, encode_page, fit, page_info

__all__ = [
    "ArrayError", "Codec", "KakeyaError", "PageInfo",
    "decode_page", "encode_page", "fit", "page_info", "version",
]
__version__ = "0.1.0"
