"""Writes a trained run as a checkpoint in the layout of the official release,
and golden logits of the shipped weights: python export.py --run DIR --out DIR."""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

import quant
from config import CONFIG
from data import BOS, EOS
from model import Experts, Gate, Hyper, Head, Linear, Model, Norm


def fp8(t, name, w):
    q, e = quant.fp8_parts(w)
    t[name + ".weight"] = q
    t[name + ".scale"] = (e + 127).to(torch.uint8).view(torch.float8_e8m0fnu)


def fp4(t, name, w):
    code, negative, e = quant.fp4_parts(w)
    code = (code + 8 * negative).to(torch.uint8)
    t[name + ".weight"] = (code[:, 0::2] | code[:, 1::2] << 4).view(torch.int8)
    t[name + ".scale"] = (e + 127).to(torch.uint8).view(torch.float8_e8m0fnu)


def tensors(model):
    t = {"embed.weight": model.embed.detach().to(torch.bfloat16)}
    for name, m in model.named_modules():
        if isinstance(m, Linear):
            name = name.replace(".ffn.w", ".ffn.shared_experts.w")
            if m.kind == "fp8":
                fp8(t, name, m.weight.detach())
            else:
                t[name + ".weight"] = m.weight.detach().to(torch.bfloat16)
        elif isinstance(m, Norm):
            t[name + ".weight"] = m.weight.detach().to(torch.bfloat16)
        elif isinstance(m, Experts):
            for w in ("w1", "w2", "w3"):
                for e, matrix in enumerate(getattr(m, w).detach()):
                    fp4(t, f"{name}.{e}.{w}", matrix)
        elif isinstance(m, Gate):
            t[name + ".weight"] = m.weight.detach().to(torch.bfloat16)
            if m.hashed:
                t[name + ".tid2eid"] = m.tid2eid.to(torch.int64)
            else:
                t[name + ".bias"] = m.bias.float()
        elif isinstance(m, (Hyper, Head)):
            for part in ("fn", "base", "scale"):
                t[f"{name}_{part}"] = getattr(m, part).detach()
    for name, p in model.named_parameters():
        if name.endswith((".ape", ".attn_sink")):
            t[name] = p.detach()
    return {k: v.contiguous() for k, v in t.items()}


def golden(model, ids):
    """Logits of the shipped weights, float32, at a few positions."""
    with torch.no_grad():
        logits = model(torch.tensor(ids)[None])[0]
    at = list(range(0, len(ids), 37)) + [len(ids) - 1]
    return {"tokens": torch.tensor(ids, dtype=torch.int64), "positions": torch.tensor(at), "logits": logits[at].contiguous()}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--run", default="/tmp/nano")
    a.add_argument("--out", required=True)
    o = a.parse_args()
    run, out = pathlib.Path(o.run), pathlib.Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    model = Model(CONFIG)
    model.load_state_dict(torch.load(run / "train.pt", weights_only=True)["model"])
    model.eval()
    model.quantise()
    save_file(tensors(model), out / "model.safetensors", {"format": "pt"})
    (out / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (out / "tokenizer.json").write_text((run / "tokenizer.json").read_text())
    (out / "tokenizer_config.json").write_text(json.dumps({"bos_token": BOS, "eos_token": EOS, "pad_token": EOS, "add_bos_token": False}, indent=2) + "\n")
    held = np.load(run / "held.npz")
    ids = held[sorted(held.files)[0]].astype(np.int64)[:384]
    save_file(golden(model, ids.tolist()), out / "golden.safetensors")
    print({p.name: p.stat().st_size for p in out.iterdir()})


if __name__ == "__main__":
    main()
