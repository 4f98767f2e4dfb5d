#!/usr/bin/env python3
"""Writes model/deepseek4/testdata/official_kv.safetensors: KV entries by the
official program, inference/model.py of deepseek-ai/DeepSeek-V4-Flash, with all
its roundings.

    venv/bin/python official_kv.py FOLDER ../../../model/deepseek4/testdata/official_kv.safetensors

FOLDER holds that model.py, revision 60d8d707 or later, which is not part of this
repository. Its CUDA kernels are replaced by the few lines below, which use
torch's own casts to float8_e4m3fn and bfloat16 and a list of the E2M1 values.
Its Compressor runs as it is, from a whole text and then token by token; the
window entry is its Linear, RMSNorm and apply_rotary_emb in the order of its
Attention.forward. Nothing else of the file runs.

Weights and inputs come from a formula that the Go test repeats. They have so few
bits that every sum of products is exact in float32, in any order; what is left
to differ is the softmax and the norms, by a float32 rounding, seldom enough to
move a bfloat16.

Made with Python 3.11.7, torch 2.15.0 (CPU) and these parts of the copy of the file
in github.com/Nicooo-Wang/DeepSeek-V4-Pro-code at 0ec3a03c.
"""

import sys
import types

import numpy as np
import torch
from safetensors.torch import save_file

TOKENS, HIDDEN, HEAD_DIM, ROPE, INDEX_DIM = 300, 256, 192, 64, 128
before = []  # what the stand-ins below were asked to round in place


def power_of_two(scale):
    mantissa, exponent = torch.frexp(scale)  # scale = mantissa 2^exponent, 1/2 <= mantissa < 1
    return torch.ldexp(torch.ones_like(scale), torch.where(mantissa == 0.5, exponent - 1, exponent))


def act_quant(x, block_size=128, scale_fmt=None, scale_dtype=torch.float32, inplace=False):
    assert scale_fmt == "ue8m0"
    groups = x.float().unflatten(-1, (-1, block_size))
    scale = power_of_two(groups.abs().amax(-1, keepdim=True).clamp(min=1e-4) / 448)
    codes = (groups / scale).clamp(-448, 448).to(torch.float8_e4m3fn)
    if not inplace:
        return codes.flatten(-2), scale.squeeze(-1)
    before.append(x.clone())
    x.copy_((codes.float() * scale).flatten(-2).to(x.dtype))
    return x


def fp4_act_quant(x, block_size=32, inplace=False):
    assert inplace
    before.append(x.clone())
    groups = x.float().unflatten(-1, (-1, block_size))
    scale = power_of_two(groups.abs().amax(-1, keepdim=True).clamp(min=6 * 2.0**-126) / 6)
    v = (groups / scale).clamp(-6, 6)
    grid = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    distance = (v.abs()[..., None] - grid).abs().double()
    # Of two that are as near, the one with the even code.
    nearest = (distance + torch.tensor([0, 1e-9] * 4)).argmin(-1)
    x.copy_((grid[nearest] * v.sign() * scale).flatten(-2).to(x.dtype))
    return x


def fp8_gemm(a, a_scale, b, b_scale, scale_dtype):
    a = (a.double().unflatten(-1, (-1, 128)) * a_scale[..., None].double()).flatten(-2)
    b_scale = b_scale.float().repeat_interleave(128, 0)[: b.shape[0]].repeat_interleave(128, 1)
    return (a @ (b.double() * b_scale.double()).T).to(torch.bfloat16)


def hadamard_transform(x, scale):
    n = x.shape[-1]
    h = torch.tensor([[(-1.0) ** bin(i & j).count("1") for j in range(n)] for i in range(n)], dtype=torch.float64)
    return ((x.double() @ h) * scale).to(x.dtype)


def small(salt, shape, span):
    """Whole numbers from -span to span."""
    h = (np.arange(int(np.prod(shape)), dtype=np.uint64) + salt * 1000003) * 2654435761 % 2**32
    h = (h ^ (h >> 15)) * 2246822519 % 2**32
    h = (h ^ (h >> 13)) * 3266489917 % 2**32
    h ^= h >> 16
    return torch.from_numpy((h % (2 * span + 1)).astype(np.int64).reshape(shape) - span).float()


def compressor(model, args, ratio, dim, rotate, salt, freqs):
    c = model.Compressor(args, ratio, dim, rotate)
    width = dim * (2 if ratio == 4 else 1)
    with torch.no_grad():
        c.wkv.weight.copy_(small(salt, (width, HIDDEN), 16) / 256)
        c.wgate.weight.copy_(small(salt + 1, (width, HIDDEN), 16) / 128)
        c.ape.copy_(small(salt + 2, (ratio, width), 64) / 32)
        c.norm.weight.copy_(1 + small(salt + 3, (dim,), 32) / 64)
    c.kv_cache, c.freqs_cis = torch.zeros(1, TOKENS // ratio, dim, dtype=torch.bfloat16), freqs
    return c


def run(c, x, prefill):
    """The entries before and after their rounding."""
    before.clear()
    c(x[None, :prefill], 0)
    for t in range(prefill, TOKENS):
        c(x[None, t : t + 1], t)
    after = c.kv_cache[0]
    unrounded = torch.cat(before, 1)[0]
    return torch.cat([unrounded, after[:, unrounded.shape[-1] :]], -1), after


@torch.no_grad()
def main(folder, path):
    torch.set_num_threads(1)
    kernels = types.ModuleType("kernel")
    for name in ("act_quant", "fp4_act_quant", "fp8_gemm"):
        setattr(kernels, name, globals()[name])
    for name in ("fp4_gemm", "sparse_attn", "hc_split_sinkhorn"):
        setattr(kernels, name, None)
    hadamard = types.ModuleType("fast_hadamard_transform")
    hadamard.hadamard_transform = hadamard_transform
    sys.modules |= {"kernel": kernels, "fast_hadamard_transform": hadamard}
    sys.path.insert(0, folder)
    import model

    model.scale_fmt, model.scale_dtype = "ue8m0", torch.float8_e8m0fnu
    args = model.ModelArgs(max_batch_size=1, max_seq_len=TOKENS, dim=HIDDEN, head_dim=HEAD_DIM, rope_head_dim=ROPE)
    x = (small(1, (TOKENS, HIDDEN), 128) / 64).bfloat16()
    plain = model.precompute_freqs_cis(ROPE, TOKENS, 0, 10000.0, 16, 32, 1)
    yarn = model.precompute_freqs_cis(ROPE, TOKENS, 65536, 160000.0, 16, 32, 1)

    out = {}
    wkv = model.Linear(HIDDEN, HEAD_DIM, dtype=torch.float8_e4m3fn)
    wkv.weight.copy_((small(2, (HEAD_DIM, HIDDEN), 15) / 8).to(torch.float8_e4m3fn))
    wkv.weight.scale.copy_(torch.exp2(small(3, (2, 2), 2)).to(torch.float8_e8m0fnu))
    norm = model.RMSNorm(HEAD_DIM)
    norm.weight.copy_(1 + small(4, (HEAD_DIM,), 32) / 64)
    picked = list(range(0, TOKENS, 13))
    for name, freqs in (("swa", plain), ("csa", yarn)):
        kv = norm(wkv(x[None]))
        model.apply_rotary_emb(kv[..., -ROPE:], freqs)
        out[f"window.{name}"] = kv[0, picked].clone()
        act_quant(kv[..., :-ROPE], 64, model.scale_fmt, model.scale_dtype, True)
        out[f"window.{name}.served"] = kv[0, picked].clone()

    for name, ratio, dim, rotate, salt in (("csa", 4, HEAD_DIM, False, 10), ("hca", 128, HEAD_DIM, False, 20), ("indexer", 4, INDEX_DIM, True, 30)):
        whole = run(compressor(model, args, ratio, dim, rotate, salt, yarn), x, TOKENS)
        stepped = run(compressor(model, args, ratio, dim, rotate, salt, yarn), x, 150)
        same = (whole[0] == stepped[0]).float().mean()
        print(f"{name}: {tuple(whole[0].shape)}, {100 * same:.3f} % of the values alike token by token")
        out[name], out[name + ".served"] = whole[0].clone(), whole[1].clone()
    save_file(out, path, metadata={"made_by": f"tools/golden/deepseek4/official_kv.py, torch {torch.__version__}"})


if __name__ == "__main__":
    main(*sys.argv[1:])
