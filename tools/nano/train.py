"""Trains the nano model: python data.py, then python train.py, then python export.py.

A run is a folder with data.py's arrays; train.pt in it is the state, written every
few minutes and taken up again when the script is started anew. The schedule
counts tokens, not hours: it is the same on every machine.

With --after FILE it is the second stage, from the weights of another run's train.pt:
long sequences, the types that ship, and half of the sequences without the entries
of CSA. In the first stage CSA, which sees the same past at a finer grain, leaves
HCA little to learn from."""

import argparse
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

from config import CONFIG
from model import Experts, Model

# (share of all tokens, sequence length): HCA needs length, attention over short
# sequences is cheaper.
PHASES = [(0.5, 512), (0.3, 1024), (0.2, 2048)]
QUANTISE_FROM = 0.8  # share of training after which the weights are those that ship
WARMUP, DECAY_FROM = 0.02, 0.45
BATCH = 8192  # tokens in a step
INDEXER = 0.1  # weight of the indexer's loss


def orthogonal(G):
    """The closest matrix with equal singular values, roughly: five steps of a
    quintic Newton-Schulz iteration (Jordan et al. 2024, Muon)."""
    X = G / (G.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = X.shape[-2] > X.shape[-1]
    if tall:
        X = X.transpose(-2, -1)
    for _ in range(5):
        A = X @ X.transpose(-2, -1)
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X.transpose(-2, -1) if tall else X


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.02):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                s = self.state[p]
                if not s:
                    s["m"] = torch.zeros_like(p)
                s["m"].lerp_(p.grad, 1 - group["momentum"])
                update = orthogonal(p.grad.lerp(s["m"], group["momentum"]))
                gain = 0.2 * math.sqrt(max(p.shape[-2:]))  # the update's RMS is 0.2, as Adam's
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * gain)


def optimisers(model):
    matrices, rest = [], []
    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            hidden = isinstance(module, Experts) or (p.dim() == 2 and name == "weight" and module is not model.head)
            (matrices if hidden else rest).append(p)
    return [
        Muon(matrices, lr=4e-3),
        torch.optim.AdamW(rest, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(done, second):
    """The learning rate's factor at a share of training."""
    if second:
        return 0.4 * min(done / 0.05, max(1 - done, 0.02))
    if done < WARMUP:
        return done / WARMUP
    if done < DECAY_FROM:
        return 1.0
    return max(1 - (done - DECAY_FROM) / (1 - DECAY_FROM), 0.02)


def sequence_length(done):
    for share, length in PHASES:
        if done < share:
            return length
        done -= share
    return PHASES[-1][1]


def withheld(step, n, seed):
    """The sequences of a step of the second stage that do without CSA entries."""
    return np.random.default_rng((seed, step, 1)).random(n) < 0.5


def batch(train, length, step, seed):
    rng = np.random.default_rng((seed, step))
    at = rng.integers(0, len(train) - length - 1, BATCH // length)
    x = torch.from_numpy(np.stack([train[a : a + length + 1] for a in at]).astype(np.int64))
    return x[:, :-1], x[:, 1:]


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--run", default="/tmp/nano")
    a.add_argument("--tokens", type=float, default=6e6)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--micro", type=int, default=2048, help="tokens in a backward pass")
    a.add_argument("--after", help="train.pt of the first stage: run the second")
    o = a.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(o.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(o.seed)
    torch.set_default_device(device)
    run = pathlib.Path(o.run)
    train = np.load(run / "train.npy")
    model = Model(CONFIG)
    opts = optimisers(model)
    total = int(o.tokens) // BATCH
    step, spent = 0, 0.0
    state = run / "train.pt"
    if state.exists():
        s = torch.load(state, weights_only=True)
        model.load_state_dict(s["model"])
        for opt, saved in zip(opts, s["opts"]):
            opt.load_state_dict(saved)
        step, spent = s["step"], s["seconds"]
    elif o.after:
        model.load_state_dict(torch.load(o.after, weights_only=True)["model"])
    bases = [[g["lr"] for g in opt.param_groups] for opt in opts] if step == 0 else [[4e-3], [4e-3]]
    model.train()
    log = open(run / "train.log", "a", buffering=1)
    saved = started = time.time()
    while step < total:
        done = step / total
        length = PHASES[-1][1] if o.after else sequence_length(done)
        model.quantise(bool(o.after) or done >= QUANTISE_FROM)
        for opt, base in zip(opts, bases):
            for g, lr in zip(opt.param_groups, base):
                g["lr"] = lr * rate(done, bool(o.after))
        x, y = batch(train, length, step, o.seed)
        micro = max(o.micro // length, 1)
        loss_sum, index_sum, load = 0.0, 0.0, {}
        parts = x.shape[0] // micro
        without = withheld(step, parts, o.seed) if o.after else np.zeros(parts, bool)
        for i in range(parts):
            use = {"indexer": torch.zeros(())}
            logits = model(x[i * micro : (i + 1) * micro].to(device), use, ("csa",) if without[i] else ())
            loss = F.cross_entropy(logits.flatten(0, 1), y[i * micro : (i + 1) * micro].to(device).flatten())
            ((loss + INDEXER * use["indexer"]) / parts).backward()
            loss_sum += loss.item() / parts
            index_sum += use["indexer"].item() / parts
            for moe, n in use["load"].items():
                load[moe] = load.get(moe, 0) + n
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        # Balance without a loss: an expert with less than its share gains bias.
        for moe, n in load.items():
            moe.gate.bias += 1e-3 * torch.sign(n.float().mean() - n.float())
        step += 1
        now = time.time()
        seconds = spent + now - started
        if step % 10 == 0 or step == 1:
            log.write(f"{step}/{total} length {length} loss {loss_sum:.4f} indexer {index_sum:.4f} {step * BATCH / seconds:.0f} tokens/s {seconds:.0f} s\n")
        if now - saved > 120 or step == total:
            torch.save(
                {"model": model.state_dict(), "opts": [p.state_dict() for p in opts], "step": step, "seconds": seconds, "args": vars(o)},
                state.with_suffix(".tmp"),
            )
            state.with_suffix(".tmp").rename(state)
            saved = now


if __name__ == "__main__":
    main()
