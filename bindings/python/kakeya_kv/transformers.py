"""A cache for Hugging Face transformers that stores real bytes.

    from kakeya_kv.transformers import KakeyaCache
    cache = KakeyaCache("e8-gs:delta=0.09")
    model.generate(**inputs, past_key_values=cache)
    cache.nbytes, cache.exact_nbytes       # what is stored, and what bfloat16 would take

Tokens are coded in blocks once they are older than the window; the first tokens (sinks)
and the latest ones can stay exact. Every read decodes: this trades time for memory, on
the CPU, and is meant for measuring codecs and for cold caches, not for speed.
"""

from __future__ import annotations

from typing import Any, Optional

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from .codec import Codec


class _Block:
    """Consecutive tokens of a batch: the bytes of each item's keys or values."""

    __slots__ = ("tokens", "data")

    def __init__(self, tokens: int, data: list[bytes]):
        self.tokens, self.data = tokens, data


class KakeyaLayer(CacheLayerMixin):
    """Keys and values [batch, heads, tokens, head_dim] of a layer: exact sinks, coded
    blocks, exact recent tokens, in this order."""

    is_sliding = False
    is_croppable = True
    keys: Any  # tensors from lazy_initialization on
    values: Any

    def __init__(self, key_spec: str, value_spec: str, window: int, sinks: int, block: int, threads: int):
        super().__init__()
        self.key_spec, self.value_spec = key_spec, value_spec
        self.window, self.sinks, self.block, self.threads = window, sinks, block, threads
        self._blocks: list[tuple[_Block, _Block]] = []

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self._codecs = Codec(self.key_spec, key_states.shape[-1]), Codec(self.value_spec, value_states.shape[-1])
        self._first = [t[..., :0, :].clone() for t in (key_states, value_states)]
        # keys and values are the recent tokens; transformers reads no more of them.
        self.keys, self.values = (t[..., :0, :].clone() for t in (key_states, value_states))
        self._blocks = []
        self.is_initialized = True

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        new = [key_states, value_states]
        if (missing := self.sinks - self._first[0].shape[-2]) > 0 and not self._blocks and self.keys.shape[-2] == 0:
            self._first = [torch.cat([f, t[..., :missing, :]], dim=-2) for f, t in zip(self._first, new)]
            new = [t[..., missing:, :] for t in new]
        self.keys = torch.cat([self.keys, new[0]], dim=-2)
        self.values = torch.cat([self.values, new[1]], dim=-2)
        while self.keys.shape[-2] >= self.window + self.block:
            self._blocks.append(tuple(self._encode(i, t[..., : self.block, :]) for i, t in enumerate((self.keys, self.values))))  # type: ignore[arg-type]
            self.keys, self.values = self.keys[..., self.block :, :].clone(), self.values[..., self.block :, :].clone()
        return self._read(0), self._read(1)

    def _encode(self, which: int, t: torch.Tensor) -> _Block:
        codec = self._codecs[which]
        # [heads, tokens, dim] of an item; a vector is a head of a token.
        return _Block(t.shape[-2], [bytes(codec.encode(item.detach().cpu(), threads=self.threads)) for item in t])

    def _decode(self, which: int, block: _Block) -> torch.Tensor:
        exact = (self.keys, self.values)[which]
        out = torch.empty((len(block.data), exact.shape[1], block.tokens, exact.shape[-1]), dtype=self.dtype)
        for item, data in zip(out, block.data):
            self._codecs[which].decode(data, item, threads=self.threads)
        return out.to(self.device)

    def _read(self, which: int) -> torch.Tensor:
        decoded = [self._decode(which, b[which]) for b in self._blocks]
        return torch.cat([self._first[which], *decoded, (self.keys, self.values)[which]], dim=-2)

    def get_seq_length(self) -> int:
        if not self.is_initialized:
            return 0
        return self._first[0].shape[-2] + sum(k.tokens for k, _ in self._blocks) + self.keys.shape[-2]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return -1

    def get_max_cache_shape(self) -> int:  # its name before transformers 5
        return -1

    def reset(self) -> None:
        self._blocks, self.keys, self.values, self.is_initialized = [], None, None, False

    def crop(self, tokens_to_remove: int) -> None:
        """Removes the last -tokens_to_remove tokens. A block that is cut is exact from
        then on: as it was decoded."""
        if tokens_to_remove > 0:
            raise ValueError(f"crop({tokens_to_remove}): give the tokens to remove as a negative number")
        left = self.get_seq_length() + tokens_to_remove
        if left < 0:
            raise ValueError(f"crop({tokens_to_remove}): there are {self.get_seq_length()} tokens")
        if not self.is_initialized or tokens_to_remove == 0:
            return
        while self._blocks and left < self.get_seq_length() - self.keys.shape[-2]:
            last = self._blocks[-1]
            recent = [torch.cat([self._decode(i, last[i]), t], dim=-2) for i, t in enumerate((self.keys, self.values))]
            self._blocks.pop()
            self.keys, self.values = recent
        before = self.get_seq_length() - self.keys.shape[-2]
        keep = max(0, left - before)
        self.keys, self.values = self.keys[..., :keep, :].clone(), self.values[..., :keep, :].clone()
        if left < before:
            self._first = [f[..., :left, :].clone() for f in self._first]

    def _select(self, indices: list[int]) -> None:
        if not self.is_initialized:
            return
        at = torch.tensor(indices, dtype=torch.long, device=self.device)
        self._first = [f.index_select(0, at) for f in self._first]
        self.keys, self.values = self.keys.index_select(0, at), self.values.index_select(0, at)
        self._blocks = [
            tuple(_Block(b.tokens, [b.data[i] for i in indices]) for b in pair) for pair in self._blocks  # type: ignore[misc]
        ]

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        self._select(beam_idx.tolist())

    def batch_repeat_interleave(self, repeats: int) -> None:
        if self.is_initialized:
            self._select([i for i in range(self.keys.shape[0]) for _ in range(repeats)])

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        if self.is_initialized:
            self._select(torch.arange(self.keys.shape[0])[indices.cpu()].tolist())

    def offload(self) -> None:
        """Bytes are on the CPU already."""

    def prefetch(self) -> None:
        """See offload."""

    @property
    def coded_nbytes(self) -> int:
        return sum(len(data) for pair in self._blocks for b in pair for data in b.data)

    @property
    def nbytes(self) -> int:
        if not self.is_initialized:
            return 0
        exact = [*self._first, self.keys, self.values]
        return self.coded_nbytes + sum(int(t.numel() * t.element_size()) for t in exact)

    @property
    def exact_nbytes(self) -> int:
        if not self.is_initialized:
            return 0
        size = torch.tensor([], dtype=self.dtype).element_size()
        batch, heads = self.keys.shape[:2]
        return self.get_seq_length() * batch * heads * size * (self.keys.shape[-1] + self.values.shape[-1])


class KakeyaCache(Cache):
    """A cache for generate() and for models that takes key and value codecs.

    spec is the codec of keys, and of values unless value_spec names another; window is
    how many of the latest tokens stay exact, sinks how many of the first; block is how
    many tokens are coded at a time."""

    layers: list[Any]  # KakeyaLayer

    def __init__(self, spec: str, value_spec: Optional[str] = None, *, window: int = 0, sinks: int = 0, block: int = 64, threads: int = 1):
        for name, value, least in (("window", window, 0), ("sinks", sinks, 0), ("block", block, 1)):
            if value < least:
                raise ValueError(f"{name}={value}: want at least {least}")
        for text in {spec, value_spec or spec}:
            Codec(text, 128).close()  # a spec that cannot be read is refused here
        self._make = lambda: KakeyaLayer(spec, value_spec or spec, window, sinks, block, threads)
        super().__init__(layers=[])

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        while len(self.layers) <= layer_idx:
            self.layers.append(self._make())
        return self.layers[layer_idx].update(key_states, value_states)

    @property
    def nbytes(self) -> int:
        """Bytes that are stored: coded, and exact where tokens are."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def coded_nbytes(self) -> int:
        """Of nbytes, those that codecs wrote."""
        return sum(layer.coded_nbytes for layer in self.layers)

    @property
    def exact_nbytes(self) -> int:
        """Bytes of the same tokens in the model's number format."""
        return sum(layer.exact_nbytes for layer in self.layers)
