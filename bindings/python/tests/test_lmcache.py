"""Against the released package, which installs without a GPU."""

import time

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lmcache.v1.distributed.serde", exc_type=ImportError)

from lmcache.v1.distributed.api import MemoryLayoutDesc  # noqa: E402
from lmcache.v1.distributed.serde import SerdeConfig, create_serde_processor, serialized_layout_desc  # noqa: E402
from lmcache.v1.memory_management import MemoryFormat, MemoryObjMetadata, TensorMemoryObj  # noqa: E402

import kakeya_kv.lmcache as serde  # noqa: E402

KEY = None  # content-agnostic


def memory_object(tensors):
    shapes, dtypes = [t.shape for t in tensors], [t.dtype for t in tensors]
    raw = torch.cat([t.contiguous().view(torch.uint8).reshape(-1) for t in tensors])
    meta = MemoryObjMetadata(
        shape=shapes[0], dtype=dtypes[0], address=0, phy_size=raw.numel(), ref_count=1,
        fmt=MemoryFormat.KV_2LTD, shapes=shapes, dtypes=dtypes,
    )
    return TensorMemoryObj(raw, meta, None)


def layout(tensors):
    return MemoryLayoutDesc(shapes=[t.shape for t in tensors], dtypes=[t.dtype for t in tensors])


def finish(query):
    for _ in range(2000):
        if (done := query()) is not None:
            return done
        time.sleep(0.005)
    raise AssertionError("the task does not end")


def through(processor, tensors):
    """What comes back of an object, and the bytes that were stored."""
    src, dst = memory_object(tensors), memory_object([torch.zeros_like(t) for t in tensors])
    size = serialized_layout_desc(layout(tensors), processor).shapes[0].numel()
    stored = memory_object([torch.zeros(size, dtype=torch.uint8)])
    task = processor.submit_serialize([src], [stored], [KEY])
    assert finish(lambda: processor.query_serialize_result(task))
    used = stored.get_size()
    task = processor.submit_deserialize([stored], [dst], [KEY])
    assert finish(lambda: processor.query_deserialize_result(task))
    out = [dst.tensor] if len(tensors) == 1 else [dst.get_tensor(i) for i in range(len(tensors))]
    return out, used, size


def error(x, y):
    x, y = x.float(), y.float()
    return float(((x - y) ** 2).sum() / (x**2).sum())


@pytest.mark.parametrize("spec", ["e8-gs:delta=0.09", "e8-gs:delta=0.09,slot=auto", "e8:q=38"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_keys_and_values(spec, dtype):
    p = create_serde_processor(SerdeConfig("kakeya", {"spec": spec, "dim": 128}))
    x = torch.randn(2, 3, 32, 4 * 128).to(dtype)
    (y,), used, size = through(p, [x])
    assert error(x, y) < 1e-3
    assert used <= size and (used == size) == p._serializer._coder.codec(128).fixed
    assert used < x.numel() * 0.85
    p.close()


def test_the_latent_of_mla():
    p = create_serde_processor(SerdeConfig("kakeya", {"spec": "e8-gs:delta=0.09"}))
    x = torch.randn(1, 5, 64, 576).bfloat16()
    (y,), used, size = through(p, [x])
    assert error(x, y) < 1e-3 and used < 0.4 * x.numel() * 2 and size < 1.1 * used
    p.close()


def test_groups():
    p = create_serde_processor(SerdeConfig("kakeya", {"spec": "e8:q=38", "dim": 64, "groups": [0, 2]}))
    tensors = [torch.randn(2, 1, 8, 128).bfloat16(), torch.randn(3, 8), torch.randn(2, 2, 8, 64).half(), torch.arange(9, dtype=torch.int64)]
    out, used, size = through(p, tensors)
    assert error(tensors[0], out[0]) < 1e-3 and error(tensors[2], out[2]) < 1e-3
    assert not torch.equal(out[0], tensors[0])
    assert torch.equal(out[1], tensors[1]) and torch.equal(out[3], tensors[3])
    assert used == size
    p.close()


def test_damage_is_found():
    p = create_serde_processor(SerdeConfig("kakeya", {"spec": "e8-gs:delta=0.09", "dim": 64}))
    x = torch.randn(2, 1, 8, 64).bfloat16()
    size = p.estimate_serialized_size(layout([x]))
    stored, dst = memory_object([torch.zeros(size, dtype=torch.uint8)]), memory_object([torch.zeros_like(x)])
    n = p._serializer.serialize(memory_object([x]), stored, KEY)
    for at in (0, 5, 9, 13, n // 2, n - 1):
        stored.raw_data[at] ^= 1
        with pytest.raises(ValueError, match="kakeya serde"):
            p._deserializer.deserialize(stored, dst, KEY)
        stored.raw_data[at] ^= 1
    with pytest.raises(ValueError, match="takes fewer bytes|tensors"):
        p._deserializer.deserialize(stored, memory_object([x[:1]]), KEY)
    with pytest.raises(Exception):
        p._serializer.serialize(memory_object([x]), memory_object([torch.zeros(n - 1, dtype=torch.uint8)]), KEY)
    p.close()


@pytest.mark.parametrize("options, match", [
    ({}, "spec"), ({"spec": "e8:q=38", "level": 3}, "level"), ({"spec": "e9", "dim": 64}, "e9"), ({"spec": "e8:q=38", "dim": -1}, "dim"),
])
def test_bad_options(options, match):
    with pytest.raises(Exception, match=match):
        create_serde_processor(SerdeConfig("kakeya", options))


def test_vectors_must_fit():
    with pytest.raises(ValueError, match="does not hold vectors of 128"):
        serde.Coder("e8:q=38", 128).max_size([(2, 1, 8, 100)], [torch.bfloat16])
