"""A storage backend for SGLang's HiCache: pages of the cache are coded on their way to
files, and decoded on their way back.

    python -m sglang.launch_server ... --enable-hierarchical-cache \\
        --hicache-storage-backend dynamic --hicache-storage-backend-extra-config '{
            "backend_name": "kakeya", "module_path": "kakeya_kv.sglang",
            "class_name": "KakeyaHiCache", "spec": "e8-gs:delta=0.09", "dim": 128,
            "file_storage_path": "/cache"}'

It is SGLang's own file backend but for what is in the files: each page is a page of
kakeya (.klp). Folder, size limits and eviction are set as for that backend. Options:

- spec: a codec of kakeya (`kakeya codec list`). It is part of the files' names, so that
  two codecs can share a folder.
- dim: values in a vector: the head dimension; 576 for the latent of MLA.
- pools: the host pools whose pages are coded, ["kv"] unless given. Those of others,
  such as recurrent state, are stored as they are.
- threads: for one page.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from typing import Any, Optional

import torch
from sglang.srt.mem_cache.hicache_storage import HiCacheFile, HiCacheStorageConfig

from ._array import ArrayError
from ._lib import KakeyaError
from .codec import Codec, decode_page, encode_page

logger = logging.getLogger(__name__)

_FLOATS = (torch.float32, torch.bfloat16, torch.float16)


class KakeyaHiCache(HiCacheFile):
    """The backend; SGLang makes it. A page that cannot be coded or decoded is logged and
    counts as not stored."""

    def __init__(self, storage_config: HiCacheStorageConfig, _: Optional[dict[str, Any]] = None):
        options = storage_config.extra_config or {}
        for name in ("spec", "dim"):
            if not options.get(name):
                raise ValueError(f'kakeya: give "{name}" in the extra config of the storage backend, such as "spec": "e8-gs:delta=0.09", "dim": 128')
        if options.get("interface_v1"):
            raise ValueError("kakeya: pages are coded, not copied: leave interface_v1 out")
        pools = options.get("pools", ["kv"])
        if not isinstance(pools, list) or not all(isinstance(p, str) for p in pools):
            raise ValueError(f'kakeya: pools {pools!r}: want a list of names, such as ["kv"]')
        self._codec = Codec(str(options["spec"]), int(options["dim"]))
        self._pools, self._threads = frozenset(pools), int(options.get("threads", 1))
        self._warned = False
        name = f"{storage_config.model_name or ''}-{self._codec.spec}-{self._codec.dim}"
        super().__init__(dataclasses.replace(storage_config, model_name=name))

    def _coded(self, key: str, page: torch.Tensor) -> bool:
        """Whether a page is coded; keys are those of the pool "kv", or end in the name of
        another."""
        _, _, pool = key.partition(".")
        if (pool or "kv") not in self._pools:
            return False
        if page.dtype not in _FLOATS:
            if not self._warned:
                logger.warning(f"kakeya: pages of {page.dtype} are stored as they are; codecs take float32, bfloat16 and float16")
                self._warned = True
            return False
        return True

    def _vectors(self, page: torch.Tensor) -> torch.Tensor:
        if page.numel() % self._codec.dim:
            raise ValueError(f"a page of {page.numel()} values does not hold vectors of {self._codec.dim}; dim is to be the head dimension")
        return page.view(-1, self._codec.dim)

    def set(self, key: str, value: Optional[Any] = None, target_location: Optional[Any] = None, target_sizes: Optional[Any] = None) -> bool:
        if self._coded(key, value) and not self.exists(key):
            try:
                page = encode_page(self._codec, self._vectors(value.contiguous()), tensor=key, threads=self._threads)
            except (KakeyaError, ArrayError, ValueError) as e:
                logger.error(f"kakeya: {key} is not stored: {e}")
                return False
            value = torch.frombuffer(page, dtype=torch.uint8)
        return super().set(key, value)

    def get(self, key: str, target_location: torch.Tensor, target_sizes: Optional[Any] = None) -> torch.Tensor | None:
        if not self._coded(key, target_location):
            return super().get(key, target_location)
        name = self._get_suffixed_key(key)
        path = os.path.join(self.file_path, f"{name}.bin")
        try:
            with open(path, "rb") as f:
                decode_page(f.read(), self._vectors(target_location), codec=self._codec, threads=self._threads)
        except FileNotFoundError:
            logger.warning(f"kakeya: {key} is not stored.")
            self._forget(name)
            return None
        except (KakeyaError, ArrayError, ValueError, OSError) as e:
            logger.error(f"kakeya: {path}: {e}")
            # What is stored is not written again: damage would stay for good.
            if isinstance(e, KakeyaError) and e.kind == "corrupt":
                self._remove(name, path)
            return None
        self._evictor.touch(name, path)
        if self.metadata_cache is not None:
            self.metadata_cache.add(name)
        return target_location

    def _forget(self, name: str) -> None:
        if self.metadata_cache is not None:
            self.metadata_cache.remove(name)

    def _remove(self, name: str, path: str) -> None:
        try:
            os.remove(path)
        except OSError as e:
            logger.error(f"kakeya: {path}: {e}")
            return
        self._evictor.abort(name)  # it gives the bytes back
        self._forget(name)
