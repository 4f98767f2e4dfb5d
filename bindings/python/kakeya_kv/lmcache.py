"""A serde for LMCache's distributed storage: KV objects are coded on their way to L2.

Importing this module registers the type "kakeya":

    {"type": "fs", "base_path": "/cache",
     "serde": {"type": "kakeya", "spec": "e8-gs:delta=0.09", "dim": 128}}

- spec: a codec of kakeya (`kakeya codec list`).
- dim: values in a vector: the head dimension; 576 for the latent of MLA. Left out, the
  last dimension of each tensor is one vector.
- groups: which of an object's tensors are coded, a list of indices; others are kept as
  they are. Left out, all float tensors are. Name them where an object also holds
  recurrent state or the like, which is no cache of entries.
- threads, max_workers: per object, and objects at a time.

Tensors may have any shape whose last dimension holds whole vectors, such as
[2, layers, tokens, heads * dim] or the MLA shape [1, layers, tokens, 576].
"""

from __future__ import annotations

import struct
import threading
import zlib
from typing import Any, Optional, Sequence

import torch
from lmcache.v1.distributed.serde.async_processor import AsyncSerdeProcessor
from lmcache.v1.distributed.serde.base import Deserializer, Serializer
from lmcache.v1.distributed.serde.factory import register_serde_factory

from .codec import Codec

# Magic, version, number of tensors, CRC-32 of all that follows; then the length of each
# tensor's bytes, and the bytes.
_HEADER = struct.Struct("<4sHHI")
_LENGTH = struct.Struct("<Q")
_MAGIC, _VERSION = b"KKLM", 1
_FLOATS = (torch.float32, torch.bfloat16, torch.float16)


class Coder:
    """What the two ends share: which tensors are coded, and how."""

    def __init__(self, spec: str, dim: Optional[int] = None, groups: Optional[Sequence[int]] = None, threads: int = 1):
        if dim is not None and dim < 1:
            raise ValueError(f"dim={dim}: want a positive number")
        self.spec, self.dim, self.threads = spec, dim, threads
        self.groups = None if groups is None else frozenset(groups)
        self._codecs: dict[int, Codec] = {}
        self._lock = threading.Lock()
        if dim is not None:
            self.codec(dim)

    def codec(self, dim: int) -> Codec:
        with self._lock:
            if dim not in self._codecs:
                self._codecs[dim] = Codec(self.spec, dim)
            return self._codecs[dim]

    def vectors(self, index: int, shape: Sequence[int], dtype: torch.dtype) -> Optional[tuple[int, int]]:
        """The number of vectors of a tensor and their dimension; None if it is kept."""
        if dtype not in _FLOATS or self.groups is not None and index not in self.groups:
            return None
        last = int(shape[-1]) if len(shape) else 0
        dim = self.dim or last
        if last == 0 or last % dim:
            raise ValueError(f"tensor {index} of shape {tuple(shape)}: its last dimension does not hold vectors of {dim}; set dim, or leave the tensor out of groups")
        n = 1
        for s in shape:
            n *= int(s)
        return n // dim, dim

    def max_size(self, shapes: Sequence[Sequence[int]], dtypes: Sequence[torch.dtype]) -> int:
        size = _HEADER.size + _LENGTH.size * len(shapes)
        for i, (shape, dtype) in enumerate(zip(shapes, dtypes)):
            coded = self.vectors(i, shape, dtype)
            if coded is None:
                n = dtype.itemsize
                for s in shape:
                    n *= int(s)
                size += n
            else:
                size += self.codec(coded[1]).max_bytes(coded[0])
        return size


def _tensors(obj: Any, what: str) -> list[torch.Tensor]:
    shapes = obj.get_shapes()
    tensors = [obj.tensor] if len(shapes) == 1 else [obj.get_tensor(i) for i in range(len(shapes))]
    if any(t is None for t in tensors):
        raise ValueError(f"kakeya serde: {what} has no tensor")
    if any(t.device.type != "cpu" for t in tensors):
        raise ValueError(f"kakeya serde: {what} is on {tensors[0].device}; L1 is expected in CPU memory")
    return tensors


class KakeyaSerializer(Serializer):
    def __init__(self, coder: Coder):
        self._coder = coder

    def estimate_serialized_size(self, layout_desc: Any) -> int:
        """The most that serialize writes; just that with a codec of fixed size, such as
        e8-gs:slot=auto."""
        return self._coder.max_size(layout_desc.shapes, layout_desc.dtypes)

    def serialize(self, src: Any, dst: Any, key: Any) -> int:
        tensors = _tensors(src, "the source")
        out = memoryview(dst.byte_array).cast("B")
        at = body = _HEADER.size + _LENGTH.size * len(tensors)
        if len(out) < at:
            raise ValueError(f"kakeya serde: a destination of {len(out)} bytes; give what estimate_serialized_size says")
        lengths = []
        for i, t in enumerate(tensors):
            coded = self._coder.vectors(i, t.shape, t.dtype)
            t = t.contiguous()
            if coded is None:
                raw = memoryview(t.view(torch.uint8).reshape(-1).numpy())  # type: ignore[arg-type]
                if len(out) - at < len(raw):
                    raise ValueError("kakeya serde: the destination is too small")
                out[at : at + len(raw)] = raw
                n = len(raw)
            else:
                n = self._coder.codec(coded[1]).encode_into(t.view(coded), out[at:], threads=self._coder.threads)
            lengths.append(n)
            at += n
        for i, n in enumerate(lengths):
            _LENGTH.pack_into(out, _HEADER.size + i * _LENGTH.size, n)
        _HEADER.pack_into(out, 0, _MAGIC, _VERSION, len(tensors), zlib.crc32(out[_HEADER.size : at]))
        assert at >= body
        return at


class KakeyaDeserializer(Deserializer):
    def __init__(self, coder: Coder):
        self._coder = coder

    def deserialize(self, src: Any, dst: Any, key: Any) -> None:
        data = memoryview(src.byte_array).cast("B")
        tensors = _tensors(dst, "the destination")
        parts = self._parts(data, len(tensors))
        for i, (t, part) in enumerate(zip(tensors, parts)):
            coded = self._coder.vectors(i, t.shape, t.dtype)
            to = t if t.is_contiguous() else torch.empty_like(t, memory_format=torch.contiguous_format)
            if coded is None:
                raw = to.view(torch.uint8).reshape(-1)
                if raw.numel() != len(part):
                    raise ValueError(f"kakeya serde: tensor {i} has {raw.numel()} bytes, the object {len(part)}")
                raw.numpy()[:] = part
            else:
                codec = self._coder.codec(coded[1])
                if codec.decode(part, to.view(coded), threads=self._coder.threads) != len(part):
                    raise ValueError(f"kakeya serde: tensor {i} takes fewer bytes than the object has: of another shape or codec")
            if to is not t:
                t.copy_(to)

    @staticmethod
    def _parts(data: memoryview, tensors: int) -> list[memoryview]:
        if len(data) < _HEADER.size:
            raise ValueError(f"kakeya serde: {len(data)} bytes are no object")
        magic, version, count, crc = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise ValueError("kakeya serde: the object was not written by this serde, or by another version of it")
        at = _HEADER.size + _LENGTH.size * count
        if count != tensors or len(data) < at:
            raise ValueError(f"kakeya serde: an object of {count} tensors, {tensors} are expected")
        lengths = [_LENGTH.unpack_from(data, _HEADER.size + i * _LENGTH.size)[0] for i in range(count)]
        end = at + sum(lengths)
        # What was stored may be longer: a buffer of the estimated size.
        if end > len(data) or zlib.crc32(data[_HEADER.size : end]) != crc:
            raise ValueError("kakeya serde: the object is damaged")
        parts = []
        for n in lengths:
            parts.append(data[at : at + n])
            at += n
        return parts


def create(kwargs: dict[str, Any]) -> AsyncSerdeProcessor:
    """The factory that the type "kakeya" stands for."""
    options = dict(kwargs)
    workers = int(options.pop("max_workers", 1))
    try:
        spec = str(options.pop("spec"))
    except KeyError:
        raise ValueError('kakeya serde: give "spec", such as "e8-gs:delta=0.09"') from None
    dim, groups, threads = options.pop("dim", None), options.pop("groups", None), int(options.pop("threads", 1))
    if options:
        raise ValueError(f"kakeya serde: unknown options {sorted(options)}; there are spec, dim, groups, threads, max_workers")
    coder = Coder(spec, None if dim is None else int(dim), groups, threads)
    return AsyncSerdeProcessor(KakeyaSerializer(coder), KakeyaDeserializer(coder), max_workers=workers)


register_serde_factory("kakeya", create)
