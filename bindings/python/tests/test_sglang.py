"""Against the released package, whose storage needs no GPU."""

import dataclasses
import logging
import os

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sglang.srt.mem_cache.pool_host.mha", exc_type=ImportError)

from sglang.srt.mem_cache.hicache_storage import (  # noqa: E402
    HiCacheStorageConfig, PoolHitPolicy, PoolName, PoolTransfer,
)
from sglang.srt.mem_cache.pool_host.mha import MHATokenToKVPoolHost  # noqa: E402
from sglang.srt.mem_cache.storage.backend_factory import StorageBackendFactory  # noqa: E402

import kakeya_kv  # noqa: E402

DIM, HEADS, LAYERS, PAGE = 128, 2, 3, 16


def config(folder, **options):
    extra = {
        "backend_name": "kakeya", "module_path": "kakeya_kv.sglang", "class_name": "KakeyaHiCache",
        "spec": "e8-gs:delta=0.09", "dim": DIM, "file_storage_path": str(folder),
    } | options
    extra = {k: v for k, v in extra.items() if v is not None}
    return HiCacheStorageConfig(
        tp_rank=0, tp_size=1, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1, is_mla_model=False,
        enable_storage_metrics=False, is_page_first_layout=False, model_name="org/model", extra_config=extra,
    )


def backend(folder, **options):
    return StorageBackendFactory.create_backend("dynamic", config(folder, **options), None)


def pool(layout, pages=4, dtype=torch.bfloat16):
    """SGLang's host pool of keys and values, without the device pool that it takes."""
    p = object.__new__(MHATokenToKVPoolHost)
    p.layout, p.dtype, p.device, p.pin_memory = layout, dtype, "cpu", False
    p.layer_num, p.page_size, p.head_num, p.head_dim = LAYERS, PAGE, HEADS, DIM
    shape = {
        "layer_first": (2, LAYERS, pages * PAGE, HEADS, DIM),
        "page_first": (2, pages * PAGE, LAYERS, HEADS, DIM),
        "page_first_direct": (2, pages, LAYERS, PAGE, HEADS, DIM),
        "page_head": (2, pages, HEADS, PAGE, LAYERS, DIM),
    }[layout]
    p.kv_buffer = torch.randn(shape).to(dtype)
    return p


def error(x, y):
    x, y = x.float(), y.float()
    return float(((x - y) ** 2).sum() / (x**2).sum())


def files(folder):
    return {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)}


@pytest.mark.parametrize("layout", ["layer_first", "page_first", "page_first_direct", "page_head"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_pages_of_the_cache_go_and_come_back(tmp_path, layout, dtype):
    """As the cache controller takes them out of its pool and puts them back."""
    b, host = backend(tmp_path), pool(layout, dtype=dtype)
    was = host.kv_buffer.clone()
    keys = [f"{i:064x}" for i in range(4)]
    assert b.batch_set(keys, [host.get_data_page(i * PAGE) for i in range(4)])
    assert b.batch_exists(keys + ["f" * 64]) == 4
    host.kv_buffer.zero_()
    pages = b.batch_get(keys, [host.get_dummy_flat_data_page() for _ in keys])
    for i, page in enumerate(pages):
        host.set_from_flat_data_page(i * PAGE, page)
    assert 0 < error(was, host.kv_buffer) < 1e-3
    raw = 2 * LAYERS * PAGE * HEADS * DIM * 2
    sizes = files(tmp_path).values()
    assert len(sizes) == 4 and max(sizes) < 0.42 * raw
    for name in files(tmp_path):
        info = kakeya_kv.page_info((tmp_path / name).read_bytes())
        assert (info.spec, info.dim, info.vectors) == ("e8-gs:delta=0.09", DIM, 2 * LAYERS * PAGE * HEADS)


def test_other_pools_are_kept_as_they_are(tmp_path):
    b = backend(tmp_path)
    host, state = pool("layer_first"), pool("layer_first", dtype=torch.float32)
    for p, name in (host, PoolName.KV), (state, PoolName.SWA):
        b.register_mem_host_pool_v2(p, name)
    keys = [f"{i:064x}" for i in range(4)]
    indices = torch.arange(4 * PAGE)
    transfers = [PoolTransfer(PoolName.KV, host_indices=indices, keys=keys), PoolTransfer(PoolName.SWA, host_indices=indices, keys=keys)]
    was, was_state = host.kv_buffer.clone(), state.kv_buffer.clone()
    assert all(map(all, b.batch_set_v2(transfers).values()))
    hits = b.batch_exists_v2(keys, [PoolTransfer(PoolName.SWA, keys=keys, hit_policy=PoolHitPolicy.ALL_PAGES)])
    assert hits.kv_hit_pages == 4
    host.kv_buffer.zero_(), state.kv_buffer.zero_()
    assert all(map(all, b.batch_get_v2(transfers).values()))
    assert torch.equal(state.kv_buffer, was_state) and 0 < error(was, host.kv_buffer) < 1e-3
    coded = backend(tmp_path / "all", pools=["kv", "swa"])
    coded.register_mem_host_pool_v2(state, PoolName.SWA)
    assert all(coded.batch_set_v2(transfers[1:])["swa"])
    assert all(coded.batch_get_v2(transfers[1:])["swa"]) and 0 < error(was_state, state.kv_buffer) < 1e-3


def test_pages_of_a_quantised_cache_are_kept_as_they_are(tmp_path, caplog):
    b = backend(tmp_path)
    page = torch.randint(0, 255, (2 * PAGE * DIM,), dtype=torch.uint8)
    with caplog.at_level(logging.WARNING):
        assert b.set("a", page) and b.set("b", page)
    assert torch.equal(b.get("a", torch.zeros_like(page)), page)
    assert sum("stored as they are" in r.message for r in caplog.records) == 1


def test_codecs_share_a_folder(tmp_path):
    page = torch.randn(PAGE * DIM).bfloat16()
    for spec in "e8-gs:delta=0.09", "e8:q=38":
        assert backend(tmp_path, spec=spec).set("a", page)
    assert len(files(tmp_path)) == 2
    assert backend(tmp_path, spec="fp8-v41").get("a", torch.zeros_like(page)) is None


def test_a_damaged_page_is_written_anew(tmp_path, caplog):
    b = backend(tmp_path, max_size="1Gi", enable_metadata_cache=True)
    page = torch.randn(PAGE * DIM).bfloat16()
    assert b.set("a", page)
    (name,) = files(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    assert b.get("a", torch.zeros_like(page)) is None
    assert not b.exists("a") and not files(tmp_path) and "corrupt page" in caplog.text
    assert b.set("a", page) and b.get("a", torch.zeros_like(page)) is not None


def test_a_page_of_another_shape_stays(tmp_path, caplog):
    b = backend(tmp_path)
    assert b.set("a", torch.randn(PAGE * DIM).bfloat16())
    assert b.get("a", torch.zeros(2 * PAGE * DIM).bfloat16()) is None
    assert b.exists("a") and "vectors" in caplog.text


def test_what_cannot_be_coded_is_not_stored(tmp_path, caplog):
    b = backend(tmp_path)
    bad = torch.randn(PAGE * DIM).bfloat16()
    bad[77] = float("nan")
    assert not b.set("a", bad) and "NaN" in caplog.text
    assert not b.set("b", torch.randn(100).bfloat16()) and "head dimension" in caplog.text
    assert not files(tmp_path)


@pytest.mark.parametrize("options, match", [
    ({"spec": None}, '"spec"'), ({"dim": None}, '"dim"'), ({"spec": "e9"}, "e9"), ({"dim": -1}, "-1"),
    ({"interface_v1": 1}, "interface_v1"), ({"pools": "kv"}, "list of names"),
])
def test_bad_options(tmp_path, options, match):
    with pytest.raises(Exception, match=match):
        backend(tmp_path, **options)


def test_the_configuration_is_left_alone(tmp_path):
    c = config(tmp_path)
    before = dataclasses.asdict(c)
    StorageBackendFactory.create_backend("dynamic", c, None)
    assert dataclasses.asdict(c) == before
