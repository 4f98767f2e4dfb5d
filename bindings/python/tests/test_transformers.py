import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from kakeya_kv import Codec, KakeyaError  # noqa: E402
from kakeya_kv.transformers import KakeyaCache  # noqa: E402


def model(head_dim, family="llama", dtype=torch.float32):
    torch.manual_seed(0)
    name = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[family]
    config = getattr(transformers, name + "Config")(
        vocab_size=96, hidden_size=4 * head_dim, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim, max_position_embeddings=512,
    )
    return getattr(transformers, name + "ForCausalLM")(config).to(dtype).eval()


def prompt(n=40, batch=1):
    return torch.randint(0, 96, (batch, n), generator=torch.Generator().manual_seed(1))


def logits(m, ids, cache):
    with torch.no_grad():
        first = m(ids[:, :-8], past_key_values=cache).logits
        rest = [m(ids[:, i : i + 1], past_key_values=cache).logits for i in range(ids.shape[1] - 8, ids.shape[1])]
    return torch.cat([first, *rest], dim=1)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("head_dim", [64, 80, 96, 128])
def test_generate_stores_real_bytes(family, head_dim):
    m = model(head_dim, family)
    cache = KakeyaCache("e8-gs:delta=0.09", block=16)
    out = m.generate(prompt(), past_key_values=cache, max_new_tokens=12, do_sample=False)
    assert out.shape[1] == 52
    tokens = cache.get_seq_length()
    coded = tokens // 16 * 16
    most = Codec("e8-gs:delta=0.09", head_dim).max_bytes(2 * 2 * 2 * coded)  # layers, keys and values, heads
    assert 0 < cache.coded_nbytes <= most
    exact = 2 * 2 * 2 * (tokens - coded) * head_dim * 4
    assert cache.nbytes == cache.coded_nbytes + exact
    assert cache.exact_nbytes == 2 * 2 * 2 * tokens * head_dim * 4
    assert cache.nbytes < cache.exact_nbytes / 2


def test_an_exact_window_is_exact():
    m = model(64)
    ids = prompt(60)
    want = logits(m, ids, transformers.DynamicCache())
    assert torch.equal(logits(m, ids, KakeyaCache("e8:q=2", window=1000)), want)
    coarse, fine = (logits(m, ids, KakeyaCache(s, block=8)) for s in ("e8:q=2", "e8:q=76"))
    assert 0 < (fine - want).abs().max() < (coarse - want).abs().max()
    kept = logits(m, ids, KakeyaCache("e8:q=2", block=8, window=24, sinks=4))
    assert (kept - want).pow(2).mean() < (coarse - want).pow(2).mean()


def test_bf16_is_the_control():
    m = model(64, dtype=torch.bfloat16)
    ids = prompt(60)
    cache = KakeyaCache("bf16", block=8)
    assert torch.equal(logits(m, ids, cache), logits(m, ids, transformers.DynamicCache()))
    assert cache.nbytes == cache.exact_nbytes


def test_beams_crops_and_copies():
    m = model(64)
    out = m.generate(prompt(30), past_key_values=KakeyaCache("e8:q=76", block=8), max_new_tokens=8, num_beams=3, do_sample=False)
    assert out.shape[1] == 38
    cache = KakeyaCache("e8:q=38", block=8, sinks=3)
    ids = prompt(45, batch=2)
    logits(m, ids, cache)
    before = [layer._read(0) for layer in cache.layers]
    for left in (44, 40, 21, 2):
        cache.crop(left - cache.get_seq_length())
        assert cache.get_seq_length() == left
        for layer, b in zip(cache.layers, before):
            assert torch.equal(layer._read(0), b[..., :left, :])
    cache.batch_repeat_interleave(2)
    assert cache.layers[0]._read(0).shape[0] == 4
    cache.batch_select_indices(torch.tensor([3]))
    assert torch.equal(cache.layers[0]._read(0), before[0][1:, :, :2])
    cache.reset()
    assert cache.get_seq_length() == 0


def test_what_cannot_be_is_refused():
    with pytest.raises(KakeyaError):
        KakeyaCache("e9")
    with pytest.raises(ValueError, match="block=0"):
        KakeyaCache("bf16", block=0)
    with pytest.raises(KakeyaError, match="NaN"):
        KakeyaCache("e8:q=38", block=2).update(*(torch.full((1, 1, 4, 64), float("nan")) for _ in range(2)), 0)
