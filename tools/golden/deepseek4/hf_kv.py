#!/usr/bin/env python3
"""Writes model/deepseek4/testdata/hf_kv.safetensors: KV entries of a tiny random
DeepSeek-V4 by the `deepseek_v4` model of Hugging Face transformers, in float32.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    venv/bin/python hf_kv.py ../../../model/deepseek4/testdata/hf_kv.safetensors

Made with Python 3.11.7, torch 2.15.0 (CPU) and transformers 5.24.0. Older
transformers differ: some give every layer base 10000, scale cosines by 1.277, or
show compressed entries to every query. In float32 this model judges projections,
pooling, overlap, rotary positions, YaRN and norms. It has no FP8, FP4 or
indexer-Hadamard rounding, and no bfloat16 rounding in float32.

The file holds, for layers of ratio 0, 4 and 128 (layers 0, 1, 2):

    ids                    [tokens] int64
    embed.weight, layers.N.* and so on under the names of a released checkpoint,
                           BF16 (all values are exact in it), F32 for ape
    hidden.N               [tokens, hidden] the layer's input before attn_norm
    window.N               [len(picked.window), head_dim] the entries at these positions
    compressed.N           [len(picked.compressed.N), head_dim]
    indexer.1              [len(picked.compressed.1), index_head_dim]
    rope.positions, rope.{main,compress}.{cos,sin}   [positions, 32] with the bases and
                           the YaRN parameters of DeepSeek-V4-Flash
"""

import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import DynamicCache
from transformers.models.deepseek_v4.configuration_deepseek_v4 import DeepseekV4Config
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4Model, DeepseekV4RotaryEmbedding

TOKENS, VOCAB, HIDDEN, HEAD_DIM, ROPE, INDEX_DIM = 400, 64, 16, 128, 64, 128
RATIOS = [0, 4, 128]
YARN = dict(type="yarn", factor=16, beta_fast=32, beta_slow=1, original_max_position_embeddings=65536)


def config(**changes):
    shape = dict(
        vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=3, num_attention_heads=2, head_dim=HEAD_DIM,
        q_lora_rank=16, o_groups=1, o_lora_rank=8, index_n_heads=2, index_head_dim=INDEX_DIM, index_topk=512, hc_mult=2,
        moe_intermediate_size=8, n_routed_experts=4, num_experts_per_tok=2, num_hash_layers=1, sliding_window=1024,
        compress_ratios=RATIOS, qk_rope_head_dim=ROPE, rope_theta=10000, compress_rope_theta=160000,
        rope_scaling=dict(YARN), attn_implementation="eager",
    )
    return DeepseekV4Config(**(shape | changes))


def randomise(model, generator):
    """Weights that make every part matter, exact in bfloat16."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dtype.is_floating_point:
                noise = torch.randn(p.shape, generator=generator)
                if "norm" in name:
                    value = 1 + 0.3 * noise
                elif "position_bias" in name:
                    value = noise
                elif "gate_proj" in name and ("compressor" in name):
                    value = noise * 2 * p.shape[-1] ** -0.5
                elif p.dim() >= 2 and "embed" not in name:
                    value = noise * p.shape[-1] ** -0.5
                else:
                    value = noise
                p.copy_(value.bfloat16().float())
        for name, b in model.named_buffers():
            if name.endswith("tid2eid"):
                b.copy_(torch.randint(0, 4, b.shape, generator=generator))


def run(model, ids, pieces):
    """Entries of every layer after reading ids in pieces of these lengths."""
    cache, at, hidden = DynamicCache(config=model.config), 0, {}

    def keep(layer):
        def hook(module, args, kwargs=None):
            hidden.setdefault(layer, []).append(args[0][0].clone())
        return hook

    hooks = [l.input_layernorm.register_forward_pre_hook(keep(i)) for i, l in enumerate(model.layers)]
    with torch.no_grad():
        for n in pieces:
            positions = torch.arange(at, at + n)[None]
            model(input_ids=ids[None, at : at + n], position_ids=positions, cache=cache, use_cache=True)
            at += n
    for h in hooks:
        h.remove()
    out = {}
    for i, layer in enumerate(cache.layers):
        out[f"hidden.{i}"] = torch.cat(hidden[i])
        out[f"window.{i}"] = layer.keys[0, 0]
        for name, key in (("compressed", "compressor"), ("indexer", "indexer")):
            if getattr(layer, "compressed_kv", {}).get(key) is not None:
                out[f"{name}.{i}"] = layer.compressed_kv[key][0]
    return out


def weights(model):
    """The tensors of the KV path under the names of a released checkpoint."""
    out = {"embed.weight": model.embed_tokens.weight}
    for i, layer in enumerate(model.layers):
        attn, p = layer.self_attn, f"layers.{i}."
        out[p + "attn_norm.weight"] = layer.input_layernorm.weight
        out[p + "attn.wkv.weight"] = attn.kv_proj.weight
        out[p + "attn.kv_norm.weight"] = attn.kv_norm.weight
        parts = {}
        if attn.compressor is not None:
            parts["attn.compressor."] = attn.compressor
            if hasattr(attn.compressor, "indexer"):
                parts["attn.indexer.compressor."] = attn.compressor.indexer
        for prefix, c in parts.items():
            out[p + prefix + "wkv.weight"] = c.kv_proj.weight
            out[p + prefix + "wgate.weight"] = c.gate_proj.weight
            out[p + prefix + "ape"] = c.position_bias
            out[p + prefix + "norm.weight"] = c.kv_norm.weight
    return {k: (v.detach().float() if k.endswith("ape") else v.detach().bfloat16()).contiguous() for k, v in out.items()}


def main(path):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(20261125)
    model = DeepseekV4Model(config()).float().eval()
    randomise(model, generator)
    ids = torch.randint(0, VOCAB, (TOKENS,), generator=generator)

    whole = run(model, ids, [TOKENS])
    # Its own cache must not depend on how a text is cut.
    cut = run(model, ids, [1, 1, 1, 1, 2, 7, 116, 1, 126, 3, 1, 60, 80])
    for name, v in whole.items():
        difference = (v - cut[name]).abs().max().item()
        print(f"{name:14} {tuple(v.shape)} largest {v.abs().max():.3f} in pieces differs by {difference:.1e}")
        assert difference < 1e-4, name

    out = weights(model)
    out["ids"] = ids
    picked = torch.tensor([0, 1, 2, 3, 4, 7, 63, 127, 128, 255, 256, 399])
    out["picked.window"] = picked
    for i in range(3):
        out[f"hidden.{i}"] = whole[f"hidden.{i}"].contiguous()
        out[f"window.{i}"] = whole[f"window.{i}"][picked].contiguous()
    blocks = torch.tensor([0, 1, 2, 3, 31, 32, 33, 63, 98, 99])
    out["picked.compressed.1"], out["picked.compressed.2"] = blocks, torch.arange(3)
    out["compressed.1"] = whole["compressed.1"][blocks].contiguous()
    out["indexer.1"] = whole["indexer.1"][blocks].contiguous()
    out["compressed.2"] = whole["compressed.2"].contiguous()

    positions = torch.tensor([0, 1, 2, 127, 4096, 65535, 65536, 65791, 262144, 1048575])
    rope = DeepseekV4RotaryEmbedding(config())
    out["rope.positions"] = positions
    for kind in ("main", "compress"):
        cos, sin = rope(torch.zeros(1), positions[None], layer_type=kind)
        out[f"rope.{kind}.cos"], out[f"rope.{kind}.sin"] = cos[0].contiguous(), sin[0].contiguous()

    save_file(out, path, metadata={
        "made_by": f"tools/golden/deepseek4/hf_kv.py, torch {torch.__version__}, transformers {transformers.__version__}",
    })


if __name__ == "__main__":
    main(*sys.argv[1:])
