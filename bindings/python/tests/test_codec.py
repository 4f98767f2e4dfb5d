import pickle
import threading

import numpy as np
import pytest

import kakeya_kv
from kakeya_kv import ArrayError, Codec, KakeyaError

SPECS = ["e8:q=38", "e8-gs:delta=0.09", "int6:group=64", "bf16"]


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec):
    x = gaussian(50, 3, 128)
    codec = Codec(spec, 128)
    data = codec.encode(x)
    assert len(data) <= codec.max_bytes(150) and (len(data) == codec.max_bytes(150)) == codec.fixed
    y = np.full_like(x, np.nan)
    assert codec.decode(data, y) == len(data)
    assert ((x - y) ** 2).sum() < 1e-3 * (x**2).sum()
    assert codec.encode(x, threads=2) == data


def test_strides_are_followed():
    x = gaussian(3, 50, 128)  # [heads, tokens, dim], as caches have it
    codec = Codec("e8-gs:delta=0.09", 128)
    assert codec.encode(x.transpose(1, 0, 2)) == codec.encode(np.ascontiguousarray(x.transpose(1, 0, 2)))
    y = np.empty_like(x)
    codec.decode(codec.encode(x.transpose(1, 0, 2)), y.transpose(1, 0, 2))
    z = np.empty((50, 3, 128), np.float32)
    codec.decode(codec.encode(x.transpose(1, 0, 2)), z)
    assert (y.transpose(1, 0, 2) == z).all()


def test_half_precision():
    x = gaussian(20, 64)
    codec = Codec("e8:q=38", 64)
    half = x.astype(np.float16)
    assert codec.encode(half) == codec.encode(half.astype(np.float32))
    brain = (x.view(np.uint32) >> 16).astype(np.uint16)
    wide = (brain.astype(np.uint32) << 16).view(np.float32)
    assert codec.encode(brain, dtype="bfloat16") == codec.encode(wide)
    out = np.empty_like(brain)
    codec.decode(codec.encode(wide), out, dtype="bfloat16")
    assert np.abs((out.astype(np.uint32) << 16).view(np.float32) - wide).max() < 0.2


def test_read_only_input_is_fine_and_output_is_not():
    x = gaussian(4, 64)
    x.flags.writeable = False
    codec = Codec("bf16", 64)
    data = codec.encode(x)
    with pytest.raises(ArrayError, match="read-only"):
        codec.decode(data, x)


def test_pages():
    x = gaussian(70, 2, 64)
    codec = Codec("e8-gs:delta=0.09", 64)
    page = kakeya_kv.encode_page(codec, x, tensor="k.0")
    info = kakeya_kv.page_info(page)
    assert (info.spec, info.tensor, info.dim, info.vectors, info.shape) == (codec.spec, "k.0", 64, 140, (70, 2, 64))
    y, z = np.empty_like(x), np.empty_like(x)
    kakeya_kv.decode_page(page, y, codec=codec)
    codec.decode(codec.encode(x), z)
    assert (y == z).all()
    with pytest.raises(KakeyaError) as e:
        kakeya_kv.decode_page(page, y, codec=Codec("bf16", 64))
    assert e.value.kind == "mismatch"
    page[len(page) // 2] ^= 1
    with pytest.raises(KakeyaError) as e:
        kakeya_kv.decode_page(page, y)
    assert e.value.kind == "corrupt"


def test_fit():
    x = gaussian(10, 64)
    with pytest.raises(KakeyaError, match="kakeya_fit"):
        Codec("nvfp4", 64)
    spec = kakeya_kv.fit("nvfp4", x)
    assert spec.startswith("nvfp4:")
    Codec(spec, 64).encode(x)


@pytest.mark.parametrize("what, kind", [
    (lambda c, x: Codec("e9", 64), "spec"),
    (lambda c, x: Codec("fp8-v4", 64), "dim"),
    (lambda c, x: c.encode(gaussian(3, 32)), "argument"),
    (lambda c, x: c.encode_into(x, bytearray(3)), "space"),
    (lambda c, x: c.decode(b"abc", x), "corrupt"),
    (lambda c, x: c.encode(x + np.nan), "value"),
    (lambda c, x: c.decode(c.encode(x), np.broadcast_to(x[:1], x.shape).view()), None),
])
def test_errors_say_what(what, kind):
    with pytest.raises((KakeyaError, ArrayError)) as e:
        what(Codec("e8:q=38", 64), gaussian(3, 64))
    assert kind is None or e.value.kind == kind


@pytest.mark.parametrize("x", [
    object(), [1.0, 2.0], gaussian(2, 64).astype(np.float64), gaussian(2, 2, 2, 64), np.float32(1),
    gaussian(2, 64)[::-1], np.zeros((2, 64), np.uint16),
])
def test_other_arrays_are_refused(x):
    with pytest.raises((ArrayError, TypeError)):
        Codec("e8:q=38", 64).encode(x)


def test_threads_share_a_codec():
    codec, x = Codec("e8-gs:delta=0.09", 128), gaussian(64, 128)
    want, wrong = codec.encode(x), []

    def work():
        for _ in range(50):
            if codec.encode(x) != want:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_codec_is_pickled_by_its_spec():
    codec = pickle.loads(pickle.dumps(Codec("e8:q=38", 64)))
    assert (codec.spec, codec.dim) == ("e8:q=38", 64)
    codec.close()
    with pytest.raises(KakeyaError, match="not open"):
        codec.encode(gaussian(1, 64))


def test_torch_tensors_are_used_in_place():
    torch = pytest.importorskip("torch")
    x = torch.randn(3, 50, 128)
    codec = Codec("e8-gs:delta=0.09", 128)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        t = x.to(dtype)
        data = codec.encode(t.transpose(0, 1))
        assert data == codec.encode(t.transpose(0, 1).float().contiguous().numpy())
        out = torch.full_like(t, float("nan"))
        codec.decode(data, out.transpose(0, 1))
        assert ((out.float() - t.float()) ** 2).sum() < 1e-3 * (t.float() ** 2).sum()
    codec.encode(torch.nn.Parameter(x[0]))
    with pytest.raises(ArrayError, match="meta|device|DLPack|CPU"):
        codec.encode(torch.empty(2, 128, device="meta"))
