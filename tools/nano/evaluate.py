"""Held-out perplexity of a run, beside unigram and trigram models of the same
tokens, and without the entries of CSA or HCA: python evaluate.py --run DIR.

The passages are the held-out pieces, cut to --length tokens. Intervals are
Student t over passages, paired where two arms are compared."""

import argparse
import collections
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from config import CONFIG
from model import Model

T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228,
        11: 2.201, 12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 16: 2.120, 17: 2.110, 18: 2.101, 19: 2.093, 20: 2.086}


def interval(values):
    v = np.asarray(values)
    return float(v.mean()), float(T975[min(len(v) - 1, 20)] * v.std(ddof=1) / math.sqrt(len(v)))


class Ngrams:
    """Interpolated absolute discounting (Ney, Essen and Kneser 1994) of order n."""

    def __init__(self, ids, n, vocab, discount=0.75):
        self.n, self.d = n, discount
        self.uni = (np.bincount(ids, minlength=vocab) + 0.5) / (len(ids) + 0.5 * vocab)
        self.counts = {}
        for k in range(2, n + 1):
            c = collections.defaultdict(dict)
            keys = np.zeros(len(ids) - k + 1, np.int64)
            for i in range(k):
                keys = keys * vocab + ids[i : len(ids) - k + 1 + i]
            for key, m in zip(*np.unique(keys, return_counts=True)):
                c[int(key) // vocab][int(key) % vocab] = int(m)
            self.counts[k] = {h: (t, sum(t.values())) for h, t in c.items()}
        self.vocab = vocab

    def p(self, history, w):
        p = self.uni[w]
        for k in range(2, self.n + 1):
            if len(history) < k - 1:
                break
            key = 0
            for t in history[len(history) - k + 1 :]:
                key = key * self.vocab + int(t)
            if key not in self.counts[k]:
                break
            table, total = self.counts[k][key]
            p = max(table.get(int(w), 0) - self.d, 0) / total + self.d * len(table) / total * p
        return p

    def loss(self, ids):
        return float(np.mean([-math.log(self.p(ids[max(0, i - self.n + 1) : i], ids[i])) for i in range(1, len(ids))]))


def losses(model, passages, drop=()):
    out = []
    with torch.no_grad():
        for ids in passages:
            x = torch.from_numpy(ids.astype(np.int64))[None]
            n = (x.shape[1] - 1) // 128 * 128
            logits = model(x[:, :n], drop=drop)
            out.append(F.cross_entropy(logits[0], x[0, 1 : n + 1]).item())
    return out


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--run", default="/tmp/nano")
    a.add_argument("--length", type=int, default=2049)
    o = a.parse_args()
    run = pathlib.Path(o.run)
    torch.set_flush_denormal(True)
    train = np.load(run / "train.npy")
    held = np.load(run / "held.npz")
    passages = [held[k][: o.length] for k in sorted(held.files) if len(held[k]) >= o.length]
    state = torch.load(run / "train.pt", weights_only=True)
    model = Model(CONFIG)
    model.load_state_dict(state["model"])
    model.eval()
    result = {"passages": len(passages), "tokens": [len(p) for p in passages], "step": state["step"], "args": state["args"]}
    arms = {"float32 weights": losses(model, passages)}
    model.quantise()
    base = arms["shipped weights"] = losses(model, passages)
    for drop in ("csa", "hca"):
        arms[f"without {drop} entries"] = losses(model, passages, (drop,))
    ids = train.astype(np.int64)
    for n, name in ((1, "unigram"), (3, "trigram")):
        g = Ngrams(ids, n, CONFIG["vocab_size"])
        arms[name] = [g.loss(p[: (len(p) - 1) // 128 * 128 + 1]) for p in passages]
    for name, values in arms.items():
        mean, half = interval(values)
        diff, dhalf = interval(np.array(values) - np.array(base))
        result[name] = {
            "ppl": math.exp(mean), "loss": mean, "loss_ci95": half,
            "ln_ppl_ratio_to_shipped": diff, "ci95": dhalf, "per_passage": values,
        }
        print(f"{name:24s} ppl {math.exp(mean):8.2f}  loss {mean:.4f} ± {half:.4f}  ln ratio to shipped {diff:+.4f} ± {dhalf:.4f}  (n = {len(values)})")
    (run / "evaluation.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
