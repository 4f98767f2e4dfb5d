"""The number formats of the shipped weights, and training through them.

Every function returns float32 values that the format holds exactly. `through`
uses the rounded value forward and passes the gradient on as if nothing had
been rounded (the straight-through estimator)."""

import torch

E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
# Between two neighbours the value at the border goes to the even code.
E2M1_BORDERS = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])


def through(w, rounded):
    return w + (rounded - w).detach()


def bf16(w):
    return w.to(torch.bfloat16).float()


def blocks(w, rows, cols):
    """w [R, C] padded with zeros to whole blocks: [R/rows, rows, C/cols, cols]."""
    r, c = w.shape
    padded = torch.nn.functional.pad(w, (0, -c % cols, 0, -r % rows))
    return padded.view(padded.shape[0] // rows, rows, padded.shape[1] // cols, cols)


def exponent(amax, largest):
    """The smallest power of two s with amax / s <= largest."""
    e = torch.ceil(torch.log2(torch.clamp(amax, min=2.0**-100) / largest))
    e = torch.where(amax > largest * torch.exp2(e), e + 1, e)
    return torch.where(amax <= largest * torch.exp2(e - 1), e - 1, e).clamp(-127, 127)


def fp8_parts(w, block=128):
    """Codes [R, C] (float8_e4m3fn) and E8M0 exponents [ceil(R/b), ceil(C/b)]."""
    b = blocks(w, block, block)
    e = exponent(b.abs().amax(dim=(1, 3)), 448.0)
    q = (b / torch.exp2(e)[:, None, :, None]).clamp(-448, 448).to(torch.float8_e4m3fn)
    q = q.view(b.shape[0] * block, b.shape[2] * block)[: w.shape[0], : w.shape[1]]
    return q.contiguous(), e


def fp8(w, block=128):
    q, e = fp8_parts(w, block)
    s = torch.exp2(e).repeat_interleave(block, 0).repeat_interleave(block, 1)
    return q.float() * s[: w.shape[0], : w.shape[1]]


def fp4_parts(w, group=32):
    """Magnitude codes and signs [..., C] and E8M0 exponents [..., C/group]."""
    g = w.view(*w.shape[:-1], w.shape[-1] // group, group)
    e = exponent(g.abs().amax(-1), 6.0)
    x = g / torch.exp2(e)[..., None]
    code = torch.bucketize(x.abs(), E2M1_BORDERS, right=False)
    # bucketize sends a value on a border to the lower code; the upper is even
    # where the lower is odd.
    tie = torch.zeros_like(code, dtype=torch.bool)
    for i, border in enumerate(E2M1_BORDERS):
        if i % 2 == 1:
            tie |= x.abs() == border
    code = code + tie.long()
    return code.view(w.shape), (x < 0).view(w.shape), e


def fp4(w, group=32):
    code, negative, e = fp4_parts(w, group)
    value = E2M1[code] * torch.where(negative, -1.0, 1.0)
    return value * torch.exp2(e).repeat_interleave(group, -1)
