"""Decodes .klp pages, with nothing but the standard library of Python 3.8+.

    python3 klp.py inspect FILE.klp
    python3 klp.py decode FILE.klp OUT.npy        (or OUT.f32: plain little-endian float32)
    python3 klp.py check DIRECTORY                decodes every NAME.klp and compares with NAME.f32

As a library:

    page = klp.Page(open("k.0.klp", "rb").read())
    values = page.decode()                        # array('f'), vector after vector

It is written from docs/format.md and follows its sections. It is meant to be
read, not to be fast. Where a result is rounded to float32, the code says so by
f32() or array('f'): an operation on two float32 values in Python's double
precision, rounded once more, is the correctly rounded float32 operation.
"""

import math
import os
import struct
import sys
from array import array
from fractions import Fraction

MAX = float.fromhex("0x1.fffffep127")  # the largest finite float32


class Corrupt(Exception):
    """The bytes are no page, or not the page that was written."""


class Unsupported(Exception):
    """An intact page of a version or codec that this program does not know."""


def need(condition, text, *args):
    if not condition:
        raise Corrupt(text % args)


# ---- numbers -------------------------------------------------------------


def f32(x):
    """x rounded to float32, ties to even."""
    return array("f", [x])[0]


def saturated(x):
    """x rounded to float32, an overflow brought back to the largest finite value."""
    return max(-MAX, min(MAX, f32(x)))


def parse_f32(text):
    """The float32 nearest to a decimal number, rounded once."""
    exact = Fraction(text)
    near = bits_of(float(exact))
    candidates = range(max(near - 1, 0), min(near + 2, 0x7F800000))
    return from_bits(min(candidates, key=lambda b: (abs(Fraction(from_bits(b)) - exact), b & 1)))


def from_bits(b):
    return struct.unpack("<f", struct.pack("<I", b))[0]


def bits_of(v):
    return struct.unpack("<I", struct.pack("<f", v))[0]


def small_float(code, exponent_bits, mantissa_bits, bias):
    e = code >> mantissa_bits & (1 << exponent_bits) - 1
    m = code & (1 << mantissa_bits) - 1
    m, e = (m, 1) if e == 0 else (m | 1 << mantissa_bits, e)
    v = math.ldexp(m, e - bias - mantissa_bits)
    return -v if code >> (exponent_bits + mantissa_bits) else v


E4M3 = [small_float(c, 4, 3, 7) for c in range(256)]
E2M1 = [small_float(c, 2, 1, 1) for c in range(16)]


def bf16(b):
    need(b & 0x7F80 != 0x7F80, "BF16 code %04x is not finite", b)
    return from_bits(b << 16)


def fp16(b):
    need(b & 0x7C00 != 0x7C00, "FP16 code %04x is not finite", b)
    return struct.unpack("<e", struct.pack("<H", b))[0]


def words(src, offset, n):
    return struct.unpack_from("<%dH" % n, src, offset)


def all_zero(b):
    return not any(b)


# ---- rotation ------------------------------------------------------------


def runs(n):
    size, result = 4096, []
    while n > 0:
        if n < size:
            size //= 2
        else:
            result.append(size)
            n -= size
    return result


def rotates(n):
    return n % 8 == 0 or n & n - 1 == 0


def hadamard(x):
    n, h = len(x), 1
    while h < n:
        y = array("f", x)
        for i in range(n):
            y[i] = x[i] + x[i + h] if i & h == 0 else x[i - h] - x[i]
        x, h = y, 2 * h
    scale = f32(1 / math.sqrt(n))
    return array("f", [v * scale for v in x])


def rotate(x):
    y = array("f")
    for n in runs(len(x)):
        y.extend(hadamard(x[len(y) : len(y) + n]))
    return y


# ---- vectors of fixed size -----------------------------------------------


class Fixed:
    """A codec whose vectors take self.size bytes each; vector() decodes one."""

    def chunk(self, src, count):
        need(len(src) == count * self.size, "%d bytes for %d vectors of %d", len(src), count, self.size)
        values = array("f")
        for i in range(count):
            values.extend(self.vector(src[i * self.size : (i + 1) * self.size]))
        return values


class Storage(Fixed):
    def __init__(self, dim, value):
        self.dim, self.size, self.value = dim, 2 * dim, value

    def vector(self, src):
        return array("f", [self.value(w) for w in words(src, 0, self.dim)])


class FP16Scale:
    width = 2

    def value(self, src, i):
        code = words(src, 2 * i, 1)[0]
        need(code < 0x7C00, "scale %04x is negative or not finite", code)
        return fp16(code)


class UE8M0Scale:
    width = 1

    def value(self, src, i):
        need(src[i] != 0xFF, "scale ff is a NaN")
        return math.ldexp(1, src[i] - 127)


class E4M3Scale:
    width = 1

    def __init__(self, stream):
        self.stream = stream

    def value(self, src, i):
        need(src[i] < 0x7F, "scale %02x is negative or a NaN", src[i])
        return saturated(E4M3[src[i]] * self.stream)


class StreamScale:
    width = 0

    def __init__(self, stream):
        self.stream = stream

    def value(self, src, i):
        return self.stream


def e4m3_codes(src, n):
    need(all(c & 0x7F != 0x7F for c in src), "an E4M3 code is a NaN")
    return [E4M3[c] for c in src]


def e2m1_codes(src, n):
    need(n % 2 == 0 or src[-1] < 16, "the last half byte is not zero")
    return [E2M1[src[i // 2] >> 4 * (i % 2) & 15] for i in range(n)]


class Grouped(Fixed):
    """Codes of the first head values, then scales, then the rest in BF16."""

    def __init__(self, dim, head, group, codes, per_byte, scale, align=1, tail_first=False):
        need(head > 0 and (dim == head or dim % 64 == 0), "%d values", dim)
        self.dim, self.head, self.group = dim, head, min(group, head)
        self.codes, self.per_byte, self.scale = codes, per_byte, scale
        codes_end = -(-head // per_byte)
        scales = -(-head // self.group) * scale.width
        tail = 2 * (dim - head)
        if tail_first:
            self.tail, self.scales = codes_end, codes_end + tail
        else:
            self.scales, self.tail = codes_end, codes_end + scales
        self.end = codes_end + scales + tail
        self.size = -(-self.end // align) * align

    def vector(self, src):
        values = array("f")
        scales = src[self.scales :]
        for i, begin in enumerate(range(0, self.head, self.group)):
            n = min(self.group, self.head - begin)
            codes = src[begin // self.per_byte : -(-(begin + n) // self.per_byte)]
            scale = self.scale.value(scales, i)
            need(scale != 0 or all_zero(codes), "group %d: its scale is 0, its codes are not", i)
            values.extend(saturated(c * scale) for c in self.codes(codes, n))
        values.extend(bf16(w) for w in words(src, self.tail, self.dim - self.head))
        need(all_zero(src[self.end :]), "padding is not zero")
        return values


class Integers(Fixed):
    def __init__(self, dim, bits, group, rotated):
        need(not rotated or rotates(dim), "%d values cannot be rotated", dim)
        self.dim, self.bits, self.group, self.rotated = dim, bits, min(group, dim), rotated
        self.scales = 2 * -(-dim // self.group)
        self.size = self.scales + (dim * bits + 7) // 8

    def vector(self, src):
        codes = int.from_bytes(src[self.scales :], "little")
        need(codes >> self.dim * self.bits == 0, "padding is not zero")
        largest = (1 << self.bits - 1) - 1
        values = array("f")
        for i in range(self.dim):
            scale = FP16Scale().value(src, i // self.group)
            q = codes >> i * self.bits & (1 << self.bits) - 1
            if q > largest:
                q -= 1 << self.bits
            need(q >= -largest and (q == 0 or scale != 0), "value %d has the code %d at a scale of %g", i, q, scale)
            values.append(q * scale)
        return rotate(values) if self.rotated else values


class Blocks32(Fixed):
    """q8_0 and q4_0: blocks of 32 values, the last one shorter."""

    def __init__(self, dim, nibbles):
        self.nibbles = nibbles
        self.blocks = [min(32, dim - i) for i in range(0, dim, 32)]
        self.size = sum(2 + self.codes(n) for n in self.blocks)

    def codes(self, n):
        return (n + 1) // 2 if self.nibbles else n

    def vector(self, src):
        values = array("f")
        for n in self.blocks:
            code = words(src, 0, 1)[0]
            d = fp16(code)
            codes = src[2 : 2 + self.codes(n)]
            if self.nibbles:
                half = len(codes)
                need(n % 2 == 0 or codes[-1] < 16, "the last half byte is not zero")
                q = [c & 15 for c in codes] + [c >> 4 for c in codes[: n - half]]
                values.extend((c - 8) * d for c in q)
            else:
                need(code < 0x8000, "scale %04x is negative", code)
                need(0x80 not in codes, "a code is -128")
                values.extend((c - 256 if c > 127 else c) * d for c in codes)
            src = src[2 + len(codes) :]
        return values


class Box(Fixed):
    """d4 and e8: a step and the ranks of lattice points in a box."""

    def __init__(self, dim, block, q):
        need(rotates(dim) and dim >= block and 1 <= q <= 4095, "%d values, q=%d", dim, q)
        self.dim, self.block, self.q, self.n = dim, block, q, 2 * q + 1
        self.ranks = self.n**8 if block == 8 else (self.n**4 - 1) // 2 + 1
        self.width = (self.ranks - 1).bit_length()
        self.size = 4 + (dim // block * self.width + 7) // 8

    def vector(self, src):
        step = int.from_bytes(src[:4], "little")
        if step == 0:
            need(all_zero(src), "a byte of a zero vector is not zero")
            return array("f", [0.0] * self.dim)
        mantissa, exponent = 1 + (step & (1 << 23) - 1) / 2**23, (step >> 23) - 256
        need(-170 <= exponent <= 134, "step exponent %d", exponent)
        stream = int.from_bytes(src[4:], "little")
        blocks = self.dim // self.block
        need(stream >> blocks * self.width == 0, "padding is not zero")
        z = []
        for i in range(blocks):
            z += self.point(stream >> i * self.width & (1 << self.width) - 1)
        y = array("f", [v * mantissa for v in z])
        return array("f", [saturated(math.ldexp(v, exponent)) for v in rotate(y)])

    def point(self, rank):
        need(rank < self.ranks, "rank %d of %d", rank, self.ranks)
        m = rank if self.block == 8 else 2 * rank
        digits = [m // self.n**i % self.n for i in range(self.block)]
        shift = -self.q
        if self.block == 8 and rank & 1:
            digits[7] -= 1
            need(digits[7] >= 0 and max(digits) < self.n - 1, "rank %d is no point of the box", rank)
            shift += 0.5
        return [d + shift for d in digits]


# ---- gain and shape ------------------------------------------------------


def exp_negative(a):
    halved = 0
    while a > 0.5:
        a, halved = a / 2, halved + 1
    e = 1.0
    for i in range(18, 0, -1):
        e = 1 - a * e / i
    for _ in range(halved):
        e *= e
    return e


def log2_fixed(n):
    whole = n.bit_length() - 1
    m, result = n << 31 - whole, whole
    for _ in range(16):
        m = m * m >> 31
        result = result << 1 | m >> 32
        m >>= m >> 32
    return result


def apportion(weights, whole, total):
    small, bulk = 0, 0.0
    for w in weights:
        if w * total / whole < 1:
            small += 1
        else:
            bulk += w
    freqs = [max(1, int(w * (total - small) / bulk + 0.5)) for w in weights]
    freqs[freqs.index(max(freqs))] += total - sum(freqs)
    return freqs


class Alphabet:
    """Symbols for the values low .. high and, if more can occur, an escape as the last."""

    def __init__(self, least, most, escape_bits, weight):
        self.least, self.most, self.low, self.high = least, most, -1, 0
        whole = 0.0
        for v in range(least, most + 1):
            whole += weight(v)
        rare = 2.0 ** -(12 + escape_bits)
        while self.low > least and weight(self.low - 1) / whole >= rare:
            self.low -= 1
        while self.high < most and weight(self.high + 1) / whole >= rare:
            self.high += 1
        weights = [weight(v) for v in range(self.low, self.high + 1)]
        escape = (self.low, self.high) != (least, most)
        freqs = apportion(weights, whole, 4095 if escape else 4096) + [1] * escape
        self.fill(freqs)
        total, inside = 0.0, 0.0
        for w, f in zip(weights, freqs):
            total += w * ((12 << 16) - log2_fixed(f))
            inside += w
        if escape:
            total += (whole - inside) * (12 + escape_bits << 16)
        self.mean = int(total / whole)

    def fill(self, freqs):
        self.slots = []  # symbol, its frequency, the sum of those before
        for i, f in enumerate(freqs):
            self.slots += [(i, f, len(self.slots))] * f


class Coset(Alphabet):
    """Two equally likely symbols."""

    def __init__(self):
        self.low, self.high = 0, 1
        self.fill([2048, 2048])


class Body:
    """A rANS state, the words it takes, and bits that are not coded."""

    def __init__(self, b, raw_bytes, code_bits):
        n = len(b) - raw_bytes
        need(n >= 1, "%d bytes are too few for a vector", len(b))
        header = n if n <= 2 else 4 - n % 2
        word = int.from_bytes(b[:header], "little")
        self.code, self.state = word & (1 << code_bits) - 1, word >> code_bits
        self.words = list(words(b, header, (n - header) // 2))[::-1]
        self.raw = int.from_bytes(b[n:], "little")
        self.refill()

    def refill(self):
        if self.state < 1 << 16 and self.words:
            self.state = self.state << 16 | self.words.pop()

    def symbol(self, alphabet):
        symbol, f, start = alphabet.slots[self.state % 4096]
        self.state = f * (self.state >> 12) + self.state % 4096 - start
        self.refill()
        return symbol

    def value(self, bits):
        v = self.state & (1 << bits) - 1
        self.state >>= bits
        self.refill()
        return v

    def raw_bits(self, n):
        v = self.raw & (1 << n) - 1
        self.raw >>= n
        return v


class GainShape:
    """What e8-gs, d4-gs and z-gs share: the model, the points, the gain."""

    def __init__(self, dim, delta, block, halves, even, moment):
        need(rotates(dim) and dim >= block and f32(0.01) <= delta <= 2, "%d values, delta=%g", dim, delta)
        self.dim, self.block, self.halves, self.even = dim, block, halves, even
        self.delta, self.shift = delta, 0
        if delta < 5 / 32:
            self.shift = 1
            while delta * (1 << self.shift) < 5 / 64:
                self.shift += 1
        self.mantissa = max(1, min(7, dim.bit_length() - 3))
        self.reach = 2 + math.ceil(math.sqrt(dim) * (1 + 2.0 ** -(self.mantissa + 1)) / delta)
        self.escape_low = -self.reach >> self.shift
        self.escape_bits = ((self.reach >> self.shift) - self.escape_low).bit_length()
        self.model(moment)
        self.raw_width = block * self.shift - (even and not halves and self.shift > 0)
        self.raw_bytes = (dim // block * self.raw_width + 7) // 8

    def model(self, moment):
        square = self.delta * self.delta
        u = exp_negative(square / (8 * (1 + moment * square)))
        factor, densities = u * u, [1.0]
        for _ in range(2 * self.reach + (4 << self.shift) + 3):
            densities.append(densities[-1] * u)
            u *= factor

        def e(t):
            return densities[abs(t)]

        def bucket(h):
            size, total = 1 << self.shift, 0.0
            for k in range(h * size, (h + 1) * size):
                total += 2 * e(2 * k) + e(2 * k + 1) + e(2 * k + 1 - size) if self.halves else e(2 * k)
            return total

        def alphabet(shift, weight):
            return Alphabet(-self.reach >> shift, self.reach >> shift, self.escape_bits, weight)

        if self.shift > 0:
            shared = alphabet(self.shift, bucket)
            self.first, self.last = [shared] * 2, [[shared] * 2] * 2
            return
        self.coset, self.first, self.last = Coset(), [], []
        for c in range(1 + self.halves):
            self.first.append(alphabet(0, lambda k: e(2 * k + c)))
            if self.even:
                self.last.append([alphabet(1, lambda j: e(2 * (2 * j + b) + c)) for b in (0, 1)])

    def value(self, body, alphabet):
        v = alphabet.low + body.symbol(alphabet)
        if v > alphabet.high:
            v = body.value(self.escape_bits) + self.escape_low
            need(alphabet.least <= v <= alphabet.most, "a coordinate is escaped as %d", v)
            need(not alphabet.low <= v <= alphabet.high, "a coordinate is escaped as %d", v)
        return v

    def points(self, body):
        z = []
        for _ in range(self.dim // self.block):
            raw = body.raw_bits(self.raw_width)
            coset = 0
            if self.halves:
                coset = raw >> self.raw_width - 1 if self.shift else body.symbol(self.coset)
            total = 0
            for i in range(self.block - self.even):
                k = self.value(body, self.first[coset]) << self.shift | raw & (1 << self.shift) - 1
                raw >>= self.shift
                if coset and self.shift and 3 <= i <= 6:
                    k -= 1 << self.shift - 1
                total += k
                z.append(k + coset / 2)
            if self.even:
                shift = max(self.shift, 1) - 1
                j = self.value(body, self.last[coset][total & 1]) << shift | raw & (1 << shift) - 1
                z.append(2 * j + (total & 1) + coset / 2)
        need(body.raw == 0, "padding is not zero")
        return z

    def vector(self, body, mantissa, factor):
        z = self.points(body)
        need(body.state >> 9 + mantissa == 1, "the last state is %x", body.state)
        gain = body.state - (1 << 9 + mantissa)
        exponent = (gain >> mantissa) - 256
        need(-149 <= exponent <= 136, "gain exponent %d", exponent)
        length = 1 + (gain & (1 << mantissa) - 1) / 2.0**mantissa
        step = f32(length * f32(self.delta * factor / math.sqrt(self.dim)))
        y = rotate(array("f", [v * step for v in z]))
        return array("f", [saturated(math.ldexp(v, exponent)) for v in y])


class Varying:
    """A codec whose vectors tell their length; vector() decodes one and returns its size."""

    def chunk(self, src, count):
        values = array("f")
        for _ in range(count):
            v, size = self.vector(src)
            need(size <= len(src), "the chunk ends before its last vector")
            values.extend(v)
            src = src[size:]
        need(not src, "%d bytes after the last vector", len(src))
        return values


class Records(Varying):
    """Gain and shape in vectors of their own length."""

    def __init__(self, shape):
        self.shape, self.base = shape, self.usual_size(shape)

    @staticmethod
    def usual_size(s):
        symbols = 0
        for c in range(1 + s.halves):
            symbols += s.block * s.first[c].mean
            if s.even:
                symbols += (s.last[c][0].mean + s.last[c][1].mean) // 2 - s.first[c].mean
        block = (s.raw_width << 16) + symbols // (1 + s.halves)
        if s.halves and s.shift == 0:
            block += 1 << 16
        mean = s.dim // s.block * block + (9 + s.mantissa + 3 << 16) + 38010
        return max(0, (mean >> 19) - 2)

    def vector(self, src):
        need(src, "the chunk ends before its last vector")
        code, field, prefix = src[0] & 7, src[0] >> 3, 0
        if code == 0:
            need(field == 0, "a record begins with %02x", src[0])
            return [0.0] * self.shape.dim, 1
        if code < 7:
            size = self.base + code
        elif field < 16:
            prefix, size = 1, self.base + 7 + field
        elif field < 31:
            prefix, size = 1, self.base + 16 - field
        else:
            prefix, size = 4, int.from_bytes(src[1:4], "little")
        need(size >= 1 and len(src) >= prefix + size, "the chunk ends before its last vector")
        body = Body(src[prefix : prefix + size], self.shape.raw_bytes, 3)
        need(body.code == code, "the code after a prefix is %d", body.code)
        values = self.shape.vector(body, self.shape.mantissa, 1)
        need(not body.words, "words follow the last symbol")
        return values, prefix + size


class Slots(Fixed):
    """Gain and shape in slots of one size."""

    FACTORS = (1, 1.0625, 1.25, 2)

    def __init__(self, shape, size):
        self.shape, self.size = shape, size

    def vector(self, src):
        body = Body(src, self.shape.raw_bytes, 2)
        if body.state == 0:
            need(all_zero(src), "a byte of a zero vector is not zero")
            return [0.0] * self.shape.dim
        values = self.shape.vector(body, 7, self.FACTORS[body.code])
        need(not any(body.words), "padding is not zero")
        return values


def gain_shape(dim, params, *lattice):
    shape = GainShape(dim, parse_f32(params.get("delta", "0.09")), *lattice)
    return Slots(shape, int(params["slot"])) if "slot" in params else Records(shape)


# ---- fp8, entropy coded --------------------------------------------------


OCTAVES = (224, 112, 56, 28, 14, 7, 3.5, 1.75)
DEVIATIONS = ((320,), (176,), (128,), (176, 88, 44), OCTAVES, (160, 40, 10, 2.5, 0.625), OCTAVES)


class FP8Rans(Varying):
    def __init__(self, dim):
        self.dim, self.plain = dim, CODECS["fp8"](dim, {})
        self.prefix = 4 if self.plain.size >= 65535 else 2
        self.signs = (dim + 7) // 8
        self.alphabets = [self.alphabet(t) for t in range(7)]

    def alphabet(self, t):
        weights, whole = [], 0.0
        for c in range(127):
            width = (E4M3[min(c + 1, 126)] - E4M3[max(c - 1, 0)]) / 2
            w = 0.0
            for d in DEVIATIONS[t]:
                z = E4M3[c] / d
                w += width / d * exp_negative(z * z / 2)
            weights.append(w)
            whole += w
        largest = whole / self.plain.group
        weights[126] += largest
        whole += largest
        if t == 6:
            weights[0] += whole
            whole += whole
        alphabet = Alphabet.__new__(Alphabet)
        alphabet.fill(apportion(weights, whole, 4096))
        return alphabet

    def vector(self, src):
        n = int.from_bytes(src[: self.prefix], "little")
        need(len(src) >= self.prefix + n, "the chunk ends before its last vector")
        return self.plain.vector(self.codes(src[self.prefix : self.prefix + n])), self.prefix + n

    def codes(self, record):
        """The vector in fp8."""
        size = self.plain.size
        if not record:
            return bytes(size)
        if record[0] == 7 and len(record) == 1 + size:
            return record[1:]
        body = Body(record, self.signs + size - self.dim - 2, 3)
        need(body.code < 7, "there is no alphabet %d", body.code)
        magnitudes = [body.symbol(self.alphabets[body.code]) for _ in range(self.dim)]
        need(not body.words, "words follow the last symbol")
        need(body.state >> 16 == 1, "the last state is %x", body.state)
        signs = body.raw_bits(8 * self.signs)
        need(signs >> self.dim == 0, "padding is not zero")
        scales = (body.state & 0xFFFF).to_bytes(2, "little") + record[len(record) - (size - self.dim - 2) :]
        return bytes(m | (signs >> i & 1) << 7 for i, m in enumerate(magnitudes)) + scales


# ---- codec specs ---------------------------------------------------------


def parse_spec(text):
    name, _, rest = text.partition(":")
    params = {}
    for part in rest.split(",") if rest else []:
        key, _, value = part.partition("=")
        params[key] = value
    return name, params


def integer(params, key, default):
    return int(params.get(key, default))


MXFP4, V4_ROPE = UE8M0Scale(), 64

CODECS = {
    "bf16": lambda d, p: Storage(d, bf16),
    "fp16": lambda d, p: Storage(d, fp16),
    "fp8": lambda d, p: Grouped(d, d, integer(p, "group", 64), e4m3_codes, 1, FP16Scale()),
    "fp8-v4": lambda d, p: Grouped(d, d - V4_ROPE, 64, e4m3_codes, 1, UE8M0Scale(), 8, True),
    "fp8-v41": lambda d, p: Grouped(d, d, 32, e4m3_codes, 1, UE8M0Scale()),
    "fp8-tensor": lambda d, p: Grouped(d, d, d, e4m3_codes, 1, StreamScale(parse_f32(p["scale"]))),
    "nvfp4": lambda d, p: Grouped(d, d, 16, e2m1_codes, 2, E4M3Scale(parse_f32(p["scale"]))),
    "mxfp4": lambda d, p: Grouped(d, d, 32, e2m1_codes, 2, UE8M0Scale()),
    "nvfp4-v4": lambda d, p: Grouped(d, d - V4_ROPE, 16, e2m1_codes, 2, E4M3Scale(parse_f32(p["scale"])), 16),
    "mxfp4-v4": lambda d, p: Grouped(d, d - V4_ROPE, 32, e2m1_codes, 2, UE8M0Scale(), 16),
    "int8": lambda d, p: Integers(d, 8, integer(p, "group", 64), "hadamard" in p),
    "int6": lambda d, p: Integers(d, 6, integer(p, "group", 64), "hadamard" in p),
    "int4": lambda d, p: Integers(d, 4, integer(p, "group", 64), "hadamard" in p),
    "q8_0": lambda d, p: Blocks32(d, False),
    "q4_0": lambda d, p: Blocks32(d, True),
    "d4": lambda d, p: Box(d, 4, integer(p, "q", 38)),
    "e8": lambda d, p: Box(d, 8, integer(p, "q", 38)),
    "e8-gs": lambda d, p: gain_shape(d, p, 8, True, True, 929 / 12960),
    "d4-gs": lambda d, p: gain_shape(d, p, 4, False, True, 13 / 120),
    "fp8-rans": lambda d, p: FP8Rans(d),
    "z-gs": lambda d, p: gain_shape(d, p, 1, False, False, 1 / 12),
}


# ---- container -----------------------------------------------------------


def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


CRC_TABLE = crc_table()


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for part in parts:
        for b in part:
            crc = crc >> 8 ^ CRC_TABLE[(crc ^ b) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Page:
    """A page in memory. The constructor checks everything but the chunks."""

    def __init__(self, b):
        self.bytes = b
        need(len(b) >= 44 and b[:8] == b"\x89KLP\r\n\x1a\n", "not a .klp page")
        (self.version, self.flags, size, self.dim, self.chunk_vectors, self.vectors, spec_size, name_size, axes) = struct.unpack_from(
            "<HHIIIQHHI", b, 8
        )
        if self.version != 1:
            raise Unsupported("format version %d" % self.version)
        need(1 <= axes <= 64, "a shape of %d axes", axes)
        need(size == 44 + 8 * axes + spec_size + name_size, "a header of %d bytes", size)
        need(size <= len(b), "a header of %d bytes in a page of %d", size, len(b))
        self.crc = int.from_bytes(b[size - 4 : size], "little")
        need(crc32c(b[: size - 4]) == self.crc, "the header's CRC is wrong")
        self.shape = struct.unpack_from("<%dQ" % axes, b, 40)
        at = 40 + 8 * axes
        self.spec = b[at : at + spec_size].decode()
        try:
            self.tensor = b[at + spec_size : size - 4].decode()
        except UnicodeDecodeError:
            raise Corrupt("the tensor's name is no UTF-8")
        need(1 <= self.dim <= 1 << 16 and self.vectors * self.dim == math.prod(self.shape), "the shape is not that of the vectors")
        need(self.chunk_vectors >= 16 and self.chunk_vectors % 16 == 0, "%d vectors a chunk", self.chunk_vectors)
        need(self.chunk_vectors * self.dim <= 1 << 22, "%d vectors a chunk", self.chunk_vectors)
        need(self.vectors <= len(b), "%d vectors in a page of %d bytes", self.vectors, len(b))
        name, params = parse_spec(self.spec)
        if name not in CODECS:
            raise Unsupported("codec %s" % self.spec)
        try:
            self.codec = CODECS[name](self.dim, params)
        except (KeyError, ValueError, ArithmeticError):
            raise Unsupported("codec %s" % self.spec)
        self.chunks = -(-self.vectors // self.chunk_vectors)
        fixed = isinstance(self.codec, Fixed)
        need(self.flags == (0 if fixed else 1), "flags %04x", self.flags)
        self.ends = self.fixed_ends(size) if fixed else self.index(size)
        self.begins = [size] + self.ends[:-1]

    def count(self, i):
        """The number of vectors of chunk i."""
        return min(self.chunk_vectors, self.vectors - i * self.chunk_vectors)

    def fixed_ends(self, at):
        ends = []
        for i in range(self.chunks):
            at += self.count(i) * self.codec.size + 4
            ends.append(at)
        need(at == len(self.bytes), "a page of %d bytes; its header promises %d", len(self.bytes), at)
        return ends

    def index(self, start):
        b, size = self.bytes, len(self.bytes)
        begin = size - 24 - 8 * self.chunks
        need(begin >= start, "the page ends before its index")
        index_at, payload, crc, magic = struct.unpack("<QQI4s", b[size - 24 :])
        need(magic == b"KLPE", "the last bytes are %s", magic.hex())
        need(crc32c(struct.pack("<I", self.crc), b[begin : size - 8]) == crc, "the index's CRC is wrong")
        ends = list(struct.unpack_from("<%dQ" % self.chunks, b, begin))
        at = start
        for i, end in enumerate(ends):
            n = self.count(i)
            need(end - at - 4 >= n, "chunk %d ends at %d", i, end)
            at = end
        need(at == begin == index_at, "the index begins at %d", begin)
        need(payload == begin - start - 4 * self.chunks, "a payload of %d bytes", payload)
        return ends

    def chunk(self, i):
        """The values of chunk i."""
        payload = self.bytes[self.begins[i] : self.ends[i] - 4]
        crc = int.from_bytes(self.bytes[self.ends[i] - 4 : self.ends[i]], "little")
        need(crc32c(struct.pack("<IQ", self.crc, i), payload) == crc, "chunk %d: its CRC is wrong", i)
        return self.codec.chunk(payload, self.count(i))

    def decode(self):
        values = array("f")
        for i in range(self.chunks):
            values.extend(self.chunk(i))
        return values


# ---- command line --------------------------------------------------------


def little_endian(values):
    if sys.byteorder == "big":
        values = array("f", values)
        values.byteswap()
    return values.tobytes()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def npy(page, values):
    shape = "".join("%d, " % n for n in page.shape)
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }" % shape
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + little_endian(values)


def check(directory):
    """Every page must give the values beside it, and none when it is damaged."""
    pages = refused = 0
    for folder, _, names in sorted(os.walk(directory)):
        for name in sorted(n for n in names if n.endswith(".klp")):
            path = os.path.join(folder, name)
            b = read(path)
            if os.path.basename(folder) == "refused":
                refuse(path, b)
                refused += 1
                continue
            try:
                got, want = little_endian(Page(b).decode()), read(path[:-4] + ".f32")
            except (Corrupt, Unsupported) as e:
                sys.exit("%s: %s" % (path, e))
            if got != want:
                at = next((i for i in range(0, len(want), 4) if got[i : i + 4] != want[i : i + 4]), min(len(got), len(want)))
                sys.exit("%s: value %d is %s, want %s" % (path, at // 4, got[at : at + 4].hex(), want[at : at + 4].hex()))
            for k in range(8):
                at = len(b) * k // 8
                refuse("%s, byte %d damaged" % (path, at), b[:at] + bytes([b[at] ^ 1 << k]) + b[at + 1 :])
                refuse("%s, cut at byte %d" % (path, at), b[:at])
            pages += 1
    if pages == 0:
        sys.exit("%s holds no page" % directory)
    print("%d pages as expected, %d refused as expected" % (pages, refused))


def refuse(what, b):
    try:
        Page(b).decode()
    except (Corrupt, Unsupported):
        return
    sys.exit("%s: is not refused" % what)


def main(args):
    if len(args) == 2 and args[0] == "check":
        check(args[1])
    elif len(args) == 2 and args[0] == "inspect":
        page = Page(read(args[1]))
        print("codec   %s" % page.spec)
        print("tensor  %s %s: %d vectors of %d values" % (page.tensor, list(page.shape), page.vectors, page.dim))
        for i in range(page.chunks):
            try:
                page.chunk(i)
                state = "intact"
            except Corrupt as e:
                state = "damaged: %s" % e
            print("chunk %d: %d vectors, bytes %d to %d, %s" % (i, page.count(i), page.begins[i], page.ends[i], state))
    elif len(args) == 3 and args[0] == "decode":
        page = Page(read(args[1]))
        values = page.decode()
        with open(args[2], "wb") as f:
            f.write(npy(page, values) if args[2].endswith(".npy") else little_endian(values))
    else:
        sys.exit(__doc__.split("\n\n")[1])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Corrupt, Unsupported, OSError) as e:
        sys.exit("klp: %s" % e)
