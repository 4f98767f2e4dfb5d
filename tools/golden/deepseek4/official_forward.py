#!/usr/bin/env python3
"""Writes model/deepseek4/testdata/forward/served.safetensors: what the official
program, inference/model.py of deepseek-ai/DeepSeek-V4-Flash, computes with all its
roundings from the model that hf_forward.py made.

    python official_forward.py FOLDER ../../../model/deepseek4/testdata/forward

FOLDER holds that model.py, revision 60d8d707 or later, which is not part of this
repository; its classes Block and ParallelHead run as they are. Its CUDA kernels are
replaced by those of official_kv.py and the few lines below, written from their
definition: float32 or float64 sums, and torch's casts. Groups that a matrix of this
small model does not fill are short.

    x.L      [tokens, hc_mult, hidden] BF16, the streams before layer L = 1, 2, 3
    logits   [n, vocab] at the last n tokens, from all five layers
"""

import os
import sys
import types

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import hf_forward
import official_kv
from official_kv import hadamard_transform, power_of_two

TOKENS, LOGITS = 136, 8


def groups(x, size):
    return x.float().unflatten(-1, (-1, min(size, x.shape[-1])))


def act_quant(x, block_size=128, scale_fmt=None, scale_dtype=torch.float32, inplace=False):
    assert scale_fmt == "ue8m0"
    g = groups(x, block_size)
    scale = power_of_two(g.abs().amax(-1, keepdim=True).clamp(min=1e-4) / 448)
    codes = (g / scale).clamp(-448, 448).to(torch.float8_e4m3fn)
    if not inplace:
        return codes.flatten(-2), scale.squeeze(-1)
    x.copy_((codes.float() * scale).flatten(-2).to(x.dtype))
    return x


def wide(scale, shape, rows, cols):
    return scale.float().repeat_interleave(rows, 0)[: shape[0]].repeat_interleave(cols, 1)[:, : shape[1]].double()


def activations(a, a_scale):
    return a.double() * a_scale.double().repeat_interleave(128, -1)[..., : a.shape[-1]]


def fp8_gemm(a, a_scale, b, b_scale, scale_dtype):
    return (activations(a, a_scale) @ (b.double() * wide(b_scale, b.shape, 128, 128)).T).to(torch.bfloat16)


def fp4_gemm(a, a_scale, b, b_scale, scale_dtype):
    code = b.view(torch.uint8).long()
    code = torch.stack([code & 15, code >> 4], -1).flatten(1)
    value = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)[code & 7] * (1 - 2.0 * (code >> 3))
    return (activations(a, a_scale) @ (value * wide(b_scale, value.shape, 1, 32)).T).to(torch.bfloat16)


def sparse_attn(q, kv, sink, indices, scale):
    """q [b, s, h, d], kv [b, n, d], indices [b, s, k], -1 for none."""
    valid = indices >= 0
    entries = kv.float()[0][indices[0].clamp(min=0).long()]  # [s, k, d]
    scores = torch.einsum("shd,skd->shk", q[0].float(), entries) * scale
    scores = scores.masked_fill(~valid[0][:, None], -torch.inf)
    top = scores.amax(-1, keepdim=True)
    p = torch.exp(scores - top)
    total = p.sum(-1, keepdim=True) + torch.exp(sink[:, None].float() - top)
    return (torch.einsum("shk,skd->shd", p.bfloat16().float(), entries) / total).to(q.dtype)[None]


def hc_split_sinkhorn(mixes, scale, base, k, iters, eps):
    pre = torch.sigmoid(mixes[..., :k] * scale[0] + base[:k]) + eps
    post = 2 * torch.sigmoid(mixes[..., k : 2 * k] * scale[1] + base[k : 2 * k])
    comb = (mixes[..., 2 * k :] * scale[2] + base[2 * k :]).unflatten(-1, (k, k)).softmax(-1) + eps
    comb = comb / (comb.sum(-2, keepdim=True) + eps)
    for _ in range(iters - 1):
        comb = comb / (comb.sum(-1, keepdim=True) + eps)
        comb = comb / (comb.sum(-2, keepdim=True) + eps)
    return pre, post, comb


def fill(module, prefix, stored):
    """Gives the parameters of a module the tensors of their names."""
    for name, p in module.named_parameters():
        v = stored[prefix + name]
        if "scale" in name and v.dtype == torch.float8_e8m0fnu or v.dtype == torch.int8:
            p.data = v.view(p.dtype)
        elif v.dtype == torch.float8_e4m3fn and p.dtype == torch.bfloat16:  # wo_a
            p.data.copy_(v.float() * wide(stored[prefix + name[:-6] + "scale"], v.shape, 128, 128))
        elif v.dtype == torch.float8_e4m3fn:
            p.data = v
        else:
            p.data.copy_(v)
    for m in module.modules():
        if getattr(m, "scale", None) is not None:
            m.weight.scale = m.scale


@torch.no_grad()
def main(official, folder):
    torch.set_num_threads(1)
    kernels = types.ModuleType("kernel")
    for f in (act_quant, fp8_gemm, fp4_gemm, sparse_attn, hc_split_sinkhorn, official_kv.fp4_act_quant):
        setattr(kernels, f.__name__, f)
    hadamard = types.ModuleType("fast_hadamard_transform")
    hadamard.hadamard_transform = hadamard_transform
    sys.modules |= {"kernel": kernels, "fast_hadamard_transform": hadamard}
    sys.path.insert(0, official)
    import model

    torch.set_default_dtype(torch.bfloat16)
    model.scale_fmt, model.scale_dtype, model.default_dtype = "ue8m0", torch.float8_e8m0fnu, torch.float8_e4m3fn
    c = hf_forward.CONFIG
    y = c["rope_scaling"]
    args = model.ModelArgs(
        max_batch_size=1, max_seq_len=TOKENS, expert_dtype="fp4", vocab_size=c["vocab_size"], dim=c["hidden_size"],
        moe_inter_dim=c["moe_intermediate_size"], n_layers=c["num_hidden_layers"], n_hash_layers=c["num_hash_layers"],
        n_heads=c["num_attention_heads"], n_routed_experts=c["n_routed_experts"], n_activated_experts=c["num_experts_per_tok"],
        route_scale=c["routed_scaling_factor"], swiglu_limit=c["swiglu_limit"], q_lora_rank=c["q_lora_rank"],
        head_dim=c["head_dim"], rope_head_dim=c["qk_rope_head_dim"], o_groups=c["o_groups"], o_lora_rank=c["o_lora_rank"],
        compress_ratios=c["compress_ratios"], compress_rope_theta=c["compress_rope_theta"], rope_theta=c["rope_theta"],
        original_seq_len=y["original_max_position_embeddings"], rope_factor=y["factor"], beta_fast=y["beta_fast"],
        beta_slow=y["beta_slow"], index_n_heads=c["index_n_heads"], index_head_dim=c["index_head_dim"],
        index_topk=c["index_topk"], hc_mult=c["hc_mult"], hc_sinkhorn_iters=c["hc_sinkhorn_iters"], hc_eps=c["hc_eps"],
    )
    stored = load_file(os.path.join(folder, "model.safetensors"))
    tokens = load_file(os.path.join(folder, "golden.safetensors"))["tokens"].long()[None, :TOKENS]

    out = {}
    x = stored["embed.weight"][tokens].unsqueeze(2).repeat(1, 1, c["hc_mult"], 1)
    for l in range(c["num_hidden_layers"]):
        block = model.Block(l, args)
        fill(block, f"layers.{l}.", stored)
        x = block(x, 0, tokens)
        out[f"x.{l + 1}"] = x[0].clone()
    head = model.ParallelHead(args.vocab_size, args.dim)
    y = head.hc_head(x, stored["hc_head_fn"], stored["hc_head_scale"], stored["hc_head_base"])
    norm = model.RMSNorm(args.dim)
    norm.weight.copy_(stored["norm.weight"])
    out["logits"] = F.linear(norm(y)[0, -LOGITS:].float(), stored["head.weight"].float())
    out = {k: v for k, v in out.items() if k not in ("x.4", "x.5")}
    save_file(out, os.path.join(folder, "served.safetensors"), metadata={"made_by": "tools/golden/deepseek4/official_forward.py"})
    for k, v in out.items():
        print(k, tuple(v.shape), v.dtype, v.abs().max().item())


if __name__ == "__main__":
    main(*sys.argv[1:])
