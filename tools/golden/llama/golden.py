"""Makes model/llama/testdata: tiny random Llama, Qwen2 and Qwen3 models, and what
Hugging Face transformers computes with them in float32.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6
    python tools/golden/llama/golden.py model/llama/testdata

Each model is a folder: config.json, model.safetensors in bfloat16, and
golden.safetensors with
    tokens             [n]                     as float32
    logits             [n, vocab]
    hidden.L           [n, hidden]             the state before layer L
    q.L                [n, heads * dim]        after norm and rotation
    k.L, v.L           [n, kv_heads * dim]     as cached
from float32 arithmetic on the bfloat16 weights. There is no
golden value of the state after the last layer: transformers returns it normed.
"""

import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.qwen2 import modeling_qwen2
from transformers.models.qwen3 import modeling_qwen3

TOKENS = 20
SMALL = dict(vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, attn_implementation="eager", torch_dtype="float32")

MODELS = {
    # Grouped heads wider than hidden / heads, scaled positions, a head of its own.
    "llama": (LlamaForCausalLM, modeling_llama, LlamaConfig(
        **SMALL, head_dim=12, max_position_embeddings=128, rms_norm_eps=1e-5, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=64))),
    # All biases, tied embeddings, linearly scaled positions.
    "llama-bias": (LlamaForCausalLM, modeling_llama, LlamaConfig(
        **SMALL, max_position_embeddings=64, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0))),
    "qwen2": (Qwen2ForCausalLM, modeling_qwen2, Qwen2Config(
        **SMALL, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "qwen3": (Qwen3ForCausalLM, modeling_qwen3, Qwen3Config(
        **SMALL, head_dim=16, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
}


def golden(name, cls, modeling, config, folder):
    torch.manual_seed(len(name))
    model = cls(config).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            # Larger than at the start of training, so that every part matters.
            if "norm" in key:
                p.copy_(1 + 0.2 * torch.randn_like(p))
            elif key.endswith("bias"):
                p.copy_(0.3 * torch.randn_like(p))
            elif "embed" in key:
                p.copy_(torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * 1.5 / p.shape[1] ** 0.5)
            p.copy_(p.to(torch.bfloat16).float())

    queries = []
    rotary = modeling.apply_rotary_pos_emb

    def record(*args, **kwargs):
        q, k = rotary(*args, **kwargs)
        queries.append(q)
        return q, k

    modeling.apply_rotary_pos_emb = record
    tokens = torch.randint(0, config.vocab_size, (1, TOKENS))
    with torch.no_grad():
        out = model(tokens, use_cache=True, output_hidden_states=True)
    modeling.apply_rotary_pos_emb = rotary

    flat = lambda t: t[0].transpose(0, 1).reshape(TOKENS, -1).contiguous()  # [1, heads, n, dim] to [n, heads * dim]
    arrays = {"tokens": tokens[0].float(), "logits": out.logits[0].contiguous()}
    for layer in range(config.num_hidden_layers):
        cached = out.past_key_values.layers[layer]
        arrays[f"hidden.{layer}"] = out.hidden_states[layer][0].contiguous()
        arrays[f"q.{layer}"] = flat(queries[layer])
        arrays[f"k.{layer}"], arrays[f"v.{layer}"] = flat(cached.keys), flat(cached.values)

    os.makedirs(folder, exist_ok=True)
    weights = {k: v.to(torch.bfloat16) for k, v in model.state_dict().items()}
    if config.tie_word_embeddings:
        del weights["lm_head.weight"]
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    save_file(arrays, os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as f:
        text = json.loads(config.to_json_string(use_diff=False))
        keep = ["model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                "head_dim", "vocab_size", "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters",
                "tie_word_embeddings", "hidden_act", "attention_bias", "mlp_bias", "sliding_window", "use_sliding_window", "layer_types"]
        json.dump({k: text[k] for k in keep if k in text}, f, indent=1)
        f.write("\n")


for name, (cls, modeling, config) in MODELS.items():
    golden(name, cls, modeling, config, os.path.join(sys.argv[1], name))
