"""DeepSeek-V4 in PyTorch, float32, for training: the formulas of docs/deepseek-v4.md.

Shapes: B sequences, T tokens, D hidden size, K hyper-connection copies, H heads,
d head size, E compressed entries. Parameter names are those of the checkpoint
(without `.weight`), so that export is a loop."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import quant


def rms(x, weight=None, eps=1e-6):
    y = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return y if weight is None else y * weight


def frequencies(c, compressed):
    """The 32 angles per position of a layer: YaRN where it is compressed."""
    n = c["qk_rope_head_dim"]
    base = c["compress_rope_theta"] if compressed else c["rope_theta"]
    f = base ** (-torch.arange(0, n, 2, dtype=torch.float64) / n)
    if not compressed:
        return f
    y = c["rope_scaling"]

    def turn(rho):
        return n * math.log(y["original_max_position_embeddings"] / (2 * math.pi * rho)) / (2 * math.log(base))

    low, high = max(math.floor(turn(y["beta_fast"])), 0), min(math.ceil(turn(y["beta_slow"])), n - 1)
    keep = 1 - ((torch.arange(n // 2, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    return f / y["factor"] * (1 - keep) + f * keep


def table(f, positions):
    angle = positions.double()[:, None] * f[None, :]
    return angle.cos().float(), angle.sin().float()


def rotate(x, cs, inverse=False):
    """Turns adjacent pairs of the last dimensions of x [..., d] by cs, which
    broadcasts to [..., 32]."""
    cos, sin = cs
    if inverse:
        sin = -sin
    n = 2 * cos.shape[-1]
    pairs = x[..., -n:].unflatten(-1, (n // 2, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    return torch.cat((x[..., :-n], turned), -1)


def hadamard(x):
    n, shape = x.shape[-1], x.shape
    h = 1
    while h < n:
        y = x.reshape(*shape[:-1], n // (2 * h), 2, h)
        x = torch.stack((y[..., 0, :] + y[..., 1, :], y[..., 0, :] - y[..., 1, :]), -2)
        h *= 2
    return x.reshape(shape) * n**-0.5


class Linear(nn.Module):
    """A matrix [out, in]; kind is the format that it ships in."""

    def __init__(self, out, inp, kind, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, inp) * gain * inp**-0.5)
        self.kind = kind
        self.quantised = False

    def matrix(self):
        if not self.quantised:
            return self.weight
        with torch.no_grad():
            q = quant.fp8(self.weight) if self.kind == "fp8" else quant.bf16(self.weight)
        return quant.through(self.weight, q)

    def forward(self, x):
        return F.linear(x, self.matrix())


class Norm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.quantised = False

    def forward(self, x):
        w = quant.through(self.weight, quant.bf16(self.weight.detach())) if self.quantised else self.weight
        return rms(x, w)


class Compressor(nn.Module):
    def __init__(self, c, ratio, d):
        super().__init__()
        self.ratio, self.d = ratio, d
        self.overlap = ratio == 4
        width = d * (2 if self.overlap else 1)
        self.wkv = Linear(width, c["hidden_size"], "bf16")
        self.wgate = Linear(width, c["hidden_size"], "bf16", gain=0.5)
        self.ape = nn.Parameter(torch.zeros(ratio, width))
        self.norm = Norm(d)
        self.f = frequencies(c, True)

    def forward(self, x):
        """x [B, T, D] to entries [B, T/ratio, d]."""
        B, T, _ = x.shape
        r, d, n = self.ratio, self.d, T // self.ratio
        x = x[:, : n * r]
        kv = self.wkv(x).view(B, n, r, -1)
        gate = self.wgate(x).view(B, n, r, -1) + self.ape
        if self.overlap:
            # Slots 0..3: the first columns of the block before; 4..7: the last
            # columns of this one. The first block has no block before it.
            before = torch.cat((torch.zeros_like(kv[:, :1, :, :d]), kv[:, :-1, :, :d]), 1)
            before_gate = torch.cat((torch.full_like(gate[:, :1, :, :d], -math.inf), gate[:, :-1, :, :d]), 1)
            kv = torch.cat((before, kv[..., d:]), 2)
            gate = torch.cat((before_gate, gate[..., d:]), 2)
        pooled = (kv * gate.softmax(2)).sum(2)
        return rotate(self.norm(pooled), table(self.f, torch.arange(n) * r))


class Indexer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.d = c["index_n_heads"], c["index_head_dim"]
        self.wq_b = Linear(self.heads * self.d, c["q_lora_rank"], "fp8")
        self.weights_proj = Linear(self.heads, c["hidden_size"], "bf16")
        self.compressor = Compressor(c, 4, self.d)
        self.f = frequencies(c, True)

    def forward(self, x, qr):
        """Scores [B, T, E]. Both sides are rotated by the same orthonormal
        transform when they are stored; here it would change nothing."""
        B, T, _ = x.shape
        k = self.compressor(x)
        cos, sin = table(self.f, torch.arange(T))
        q = rotate(self.wq_b(qr).view(B, T, self.heads, self.d), (cos[:, None], sin[:, None]))
        w = self.weights_proj(x) * (self.d * self.heads) ** -0.5
        s = torch.einsum("bthd,bed->bthe", q, k).relu()
        return torch.einsum("bth,bthe->bte", w, s)


class Attention(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        self.c = c
        D, self.H, self.d = c["hidden_size"], c["num_attention_heads"], c["head_dim"]
        self.ratio = c["compress_ratios"][layer]
        self.wkv = Linear(self.d, D, "fp8")
        self.kv_norm = Norm(self.d)
        self.wq_a = Linear(c["q_lora_rank"], D, "fp8")
        self.q_norm = Norm(c["q_lora_rank"])
        self.wq_b = Linear(self.H * self.d, c["q_lora_rank"], "fp8")
        self.attn_sink = nn.Parameter(torch.zeros(self.H))
        self.G, self.R = c["o_groups"], c["o_lora_rank"]
        self.wo_a = Linear(self.G * self.R, self.H * self.d // self.G, "fp8")
        self.wo_b = Linear(D, self.G * self.R, "fp8", gain=0.3)
        if self.ratio:
            self.compressor = Compressor(c, self.ratio, self.d)
        if self.ratio == 4:
            self.indexer = Indexer(c)
        self.f = frequencies(c, self.ratio > 0)

    def forward(self, x, use, drop=()):
        """x [B, T, D], T a multiple of the window. `use` gathers what training
        needs beside the output. `drop` names kinds of entries to ignore."""
        c, H, d, W = self.c, self.H, self.d, self.c["sliding_window"]
        B, T, _ = x.shape
        t = torch.arange(T)
        cos, sin = table(self.f, t)
        per_head = (cos[:, None], sin[:, None])
        kv = rotate(self.kv_norm(self.wkv(x)), (cos, sin))
        qr = self.q_norm(self.wq_a(x))
        q = rotate(rms(self.wq_b(qr).view(B, T, H, d)), per_head) * d**-0.5

        # The window: a block of W queries sees its own block and the one before.
        n = T // W
        qb = q.view(B, n, W, H, d).transpose(2, 3).reshape(B, n, H * W, d)
        blocks = kv.view(B, n, W, d)
        keys = torch.cat((torch.cat((torch.zeros_like(blocks[:, :1]), blocks[:, :-1]), 1), blocks), 2)
        s = (qb @ keys.transpose(-1, -2)).view(B, n, H, W, 2 * W)
        i, j = torch.arange(W)[:, None], torch.arange(2 * W)[None, :] - W
        seen = (j <= i) & (j > i - W)
        seen = seen & ((torch.arange(n)[:, None, None] > 0) | (j >= 0))
        s = s.masked_fill(~seen[None, :, None], -math.inf)
        parts, entries = [s], None
        if self.ratio and ("csa" if self.ratio == 4 else "hca") not in drop:
            entries = self.compressor(x)
            E = entries.shape[1]
            available = torch.arange(E)[None, :] < ((t + 1) // self.ratio)[:, None]
            chosen = available[None]
            if self.ratio == 4:
                score = self.indexer(x.detach(), qr.detach())
                k = c["index_topk"]
                if E > k:
                    masked = score.detach().masked_fill(~available, -math.inf)
                    best = masked.topk(k, -1).indices
                    chosen = torch.zeros_like(masked, dtype=torch.bool).scatter_(-1, best, True) & available
            sc = (qb.reshape(B, n * H * W, d) @ entries.transpose(-1, -2)).view(B, n, H, W, E)
            sc = sc.masked_fill(~chosen.expand(B, T, E).view(B, n, 1, W, E), -math.inf)
            parts.append(sc)
        sink = self.attn_sink.view(1, 1, H, 1, 1).expand(B, n, H, W, 1)
        p = torch.cat(parts + [sink], -1).softmax(-1)
        o = (p[..., : 2 * W].reshape(B, n, H * W, 2 * W) @ keys).view(B, n, H, W, d)
        if entries is not None:
            pc = p[..., 2 * W : -1]
            o = o + (pc.reshape(B, n * H * W, E) @ entries).view(B, n, H, W, d)
            if self.ratio == 4 and self.training:
                # The indexer learns where attention looks among what was chosen.
                target = pc.detach().sum(2).view(B, T, E)
                total = target.sum(-1, keepdim=True)
                some = (total > 1e-4).squeeze(-1) & (available.sum(-1) > 1)[None]
                logp = score.masked_fill(~chosen, -1e9).log_softmax(-1)
                ce = -(target / total.clamp(min=1e-4) * logp.masked_fill(~chosen, 0)).sum(-1)
                use["indexer"] = use.get("indexer", 0) + ce[some].mean()
        o = o.transpose(2, 3).reshape(B, T, H, d)
        o = rotate(o, per_head, inverse=True).view(B, T, self.G, -1)
        a = self.wo_a.matrix().view(self.G, self.R, -1)
        u = torch.einsum("btgi,gri->btgr", o, a).flatten(-2)
        return self.wo_b(u)


class Experts(nn.Module):
    """The routed experts, one tensor a matrix kind: [experts, out, in]."""

    def __init__(self, n, D, I):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(n, I, D) * D**-0.5)
        self.w3 = nn.Parameter(torch.randn(n, I, D) * D**-0.5)
        self.w2 = nn.Parameter(torch.randn(n, D, I) * 0.5 * I**-0.5)
        self.quantised = False

    def matrices(self):
        if not self.quantised:
            return self.w1, self.w3, self.w2
        return tuple(quant.through(w, quant.fp4(w.detach())) for w in (self.w1, self.w3, self.w2))


class Gate(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        n = c["n_routed_experts"]
        self.weight = nn.Parameter(torch.randn(n, c["hidden_size"]) * c["hidden_size"] ** -0.5)
        self.hashed = layer < c["num_hash_layers"]
        self.quantised = False
        if self.hashed:
            g = torch.Generator().manual_seed(4242 + layer)
            ids = torch.rand(c["vocab_size"], n, generator=g).argsort(-1)[:, : c["num_experts_per_tok"]]
            self.register_buffer("tid2eid", ids.contiguous())
        else:
            self.register_buffer("bias", torch.zeros(n))

    def matrix(self):
        return quant.through(self.weight, quant.bf16(self.weight.detach())) if self.quantised else self.weight


class MoE(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        self.c = c
        D, I = c["hidden_size"], c["moe_intermediate_size"]
        self.gate = Gate(c, layer)
        self.experts = Experts(c["n_routed_experts"], D, I)
        self.w1, self.w3 = Linear(I, D, "fp8"), Linear(I, D, "fp8")  # the shared expert
        self.w2 = Linear(D, I, "fp8", gain=0.5)

    def act(self, g, u):
        limit = self.c["swiglu_limit"]
        return F.silu(g.clamp(max=limit)) * u.clamp(-limit, limit)

    def forward(self, x, tokens, use):
        B, T, D = x.shape
        flat = x.reshape(-1, D)
        p = F.softplus(F.linear(flat, self.gate.matrix())).sqrt()
        if self.gate.hashed:
            ids = self.gate.tid2eid[tokens.reshape(-1)]
        else:
            ids = (p.detach() + self.gate.bias).topk(self.c["num_experts_per_tok"], -1).indices
        w = p.gather(-1, ids)
        w = w / w.sum(-1, keepdim=True) * self.c["routed_scaling_factor"]
        w1, w3, w2 = self.experts.matrices()
        y = self.w2(self.act(self.w1(flat), self.w3(flat)))
        for e in range(w1.shape[0]):
            rows, slot = (ids == e).nonzero(as_tuple=True)
            xe = flat[rows]
            h = self.act(F.linear(xe, w1[e]), F.linear(xe, w3[e])) * w[rows, slot, None]
            y = y.index_add(0, rows, F.linear(h, w2[e]))
        if not self.gate.hashed:
            use.setdefault("load", {})[self] = torch.bincount(ids.reshape(-1), minlength=w1.shape[0])
        return y.view(B, T, D)


class Hyper(nn.Module):
    """The hyper-connections of one sublayer: fn [2K + K^2, K D]."""

    def __init__(self, c, index):
        super().__init__()
        K = self.K = c["hc_mult"]
        self.c = c
        self.fn = nn.Parameter(torch.randn(2 * K + K * K, K * c["hidden_size"]) * 0.3 * (K * c["hidden_size"]) ** -0.5)
        base = torch.zeros(2 * K + K * K)
        base[:K] = -2.0
        base[index % K] = 2.0  # read mostly one copy, another in every sublayer
        base[2 * K :] = (4.0 * torch.eye(K) - 2.0).flatten()
        self.base = nn.Parameter(base)
        self.scale = nn.Parameter(torch.full((3,), 0.3))

    def pre(self, X):
        """X [B, T, K, D] to the input of the sublayer and what post needs."""
        K, eps = self.K, self.c["hc_eps"]
        v = X.flatten(-2)
        m = F.linear(v, self.fn) * torch.rsqrt(v.square().mean(-1, keepdim=True) + self.c["rms_norm_eps"])
        pre = torch.sigmoid(m[..., :K] * self.scale[0] + self.base[:K]) + eps
        post = 2 * torch.sigmoid(m[..., K : 2 * K] * self.scale[1] + self.base[K : 2 * K])
        C = (m[..., 2 * K :] * self.scale[2] + self.base[2 * K :]).unflatten(-1, (K, K))
        C = C.softmax(-1) + eps
        C = C / (C.sum(-2, keepdim=True) + eps)
        for _ in range(self.c["hc_sinkhorn_iters"] - 1):
            C = C / (C.sum(-1, keepdim=True) + eps)
            C = C / (C.sum(-2, keepdim=True) + eps)
        return (pre[..., None] * X).sum(-2), post, C

    def post(self, f, X, post, C):
        """Copy k becomes post_k f + sum_j C[j, k] X_j."""
        return post[..., None] * f[..., None, :] + C.transpose(-1, -2) @ X


class Block(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        self.hc_attn, self.hc_ffn = Hyper(c, 2 * layer), Hyper(c, 2 * layer + 1)
        self.attn_norm, self.ffn_norm = Norm(c["hidden_size"]), Norm(c["hidden_size"])
        self.attn, self.ffn = Attention(c, layer), MoE(c, layer)

    def forward(self, X, tokens, use, drop=()):
        x, post, C = self.hc_attn.pre(X)
        X = self.hc_attn.post(self.attn(self.attn_norm(x), use, drop), X, post, C)
        x, post, C = self.hc_ffn.pre(X)
        return self.hc_ffn.post(self.ffn(self.ffn_norm(x), tokens, use), X, post, C)


class Head(nn.Module):
    def __init__(self, c):
        super().__init__()
        K = c["hc_mult"]
        self.c = c
        self.fn = nn.Parameter(torch.randn(K, K * c["hidden_size"]) * 0.3 * (K * c["hidden_size"]) ** -0.5)
        self.base = nn.Parameter(torch.zeros(K))
        self.scale = nn.Parameter(torch.full((1,), 0.3))

    def forward(self, X):
        v = X.flatten(-2)
        m = F.linear(v, self.fn) * torch.rsqrt(v.square().mean(-1, keepdim=True) + self.c["rms_norm_eps"])
        pre = torch.sigmoid(m * self.scale + self.base) + self.c["hc_eps"]
        return (pre[..., None] * X).sum(-2)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Parameter(torch.randn(c["vocab_size"], c["hidden_size"]))
        self.layers = nn.ModuleList(Block(c, l) for l in range(c["num_hidden_layers"]))
        self.hc_head = Head(c)
        self.norm = Norm(c["hidden_size"])
        self.head = Linear(c["vocab_size"], c["hidden_size"], "bf16", gain=0.5)
        self.quantised = False

    def quantise(self, on=True):
        for m in self.modules():
            if hasattr(m, "quantised"):
                m.quantised = on

    def forward(self, tokens, use=None, drop=()):
        use = {} if use is None else use
        e = quant.through(self.embed, quant.bf16(self.embed.detach())) if self.quantised else self.embed
        X = e[tokens][:, :, None, :].expand(-1, -1, self.c["hc_mult"], -1)
        for block in self.layers:
            X = block(X, tokens, use, drop)
        return self.head(self.norm(self.hc_head(X)))
