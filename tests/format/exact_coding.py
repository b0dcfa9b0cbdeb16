"""Bytes and probabilities: FORMAT.md, 4.2 to 5, 7, 12.6 and 12.7."""
import subprocess
import numpy as np
from exact_networks import stepped


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        assert self.at + n <= len(self.data), "truncated"
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7


# ---- Mixtures (7)

class Mixture:
    def __init__(self, model, row):
        k = model.components
        self.model, self.w = model, [model.weights[i + 64] for i in row[:k]]
        self.m, self.r = row[k:2 * k], [model.rates[i + 32] for i in row[2 * k:]]

    def start(self, v):
        if v == 0 or v == 256:
            return v // 256 * 2**24
        total, tail = 0, self.model.tail
        for w, m, rate in zip(self.w, self.m, self.r):
            d = 8 * v - 4 - m
            i, f = divmod(abs(d) * rate, 2**10)
            t = tail[i] - (tail[i] - tail[i + 1]) * f // 2**10 if i < 1152 else 0
            total += w * (t if d < 0 else 2**25 - t)
        return v + total // sum(self.w) * (2**24 - 256) // 2**25

    def find(self, slot):
        low, high = 0, 256
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.start(middle) <= slot else (low, middle)
        return low, self.start(low), self.start(high) - self.start(low)

    def mean(self):
        return sum(w * m for w, m in zip(self.w, self.m)) // sum(self.w)


# ---- Entropy coding (4.2 to 4.4, 5)

class Rans:
    def __init__(self, data):
        assert data[:1] != b"\0"
        self.data, self.at, self.x = data, 0, 0
        self.refill()

    def refill(self):
        while self.x < 2**40 and self.at < len(self.data):
            self.x = 256 * self.x + self.data[self.at]
            self.at += 1


class Lanes:
    def __init__(self, data, samples):
        reader, lengths = Reader(data), []
        for _ in range(7 if samples >= 2**16 else 0):
            z = reader.varint()
            lengths.append((lengths[-1] if lengths else 0) + (z // 2 if z % 2 == 0 else -(z + 1) // 2))
        self.lanes = [Rans(reader.take(n)) for n in lengths]
        self.lanes.append(Rans(data[reader.at:]))
        self.next = 0

    def slot(self, bits):
        return self.lanes[self.next].x % 2**bits

    def advance(self, start, freq, bits):
        lane = self.lanes[self.next]
        lane.x = freq * (lane.x >> bits) + lane.x % 2**bits - start
        lane.refill()
        self.next = (self.next + 1) % len(self.lanes)

    def number(self, bits):
        value = self.slot(bits)
        self.advance(value, 1, bits)
        return value

    def finish(self):
        assert all(lane.x == 0 and lane.at == len(lane.data) for lane in self.lanes), "wrong end"


def plain_symbols(mode, data, n):
    if mode == 1:
        content = Reader(subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout)
        zigzag = [content.varint() for _ in range(n)]
        assert content.at == len(content.data)
    else:
        width = 8 * len(data) // n if n else 0
        bits = int.from_bytes(data, "little")
        zigzag = [bits >> i * width & (1 << width) - 1 for i in range(n)]
    return [z // 2 if z % 2 == 0 else -(z + 1) // 2 for z in zigzag]


# ---- What an image says of itself (12.7)

class Odds:
    def __init__(self):
        self.count, self.hits, self.mass = [0] * 64, [0] * 64, [0] * 64
        self.settle()

    def settle(self):
        self.pays, self.factor = [False] * 64, [0] * 64
        for i in range(64):
            while self.count[i] > 2**21:
                self.count[i] //= 2
                self.hits[i] //= 2
                self.mass[i] //= 2
            count, hits, e = self.count[i], self.hits[i], self.mass[i] // 2**16
            a = 2**8 * count
            rest = a - min(a, e)
            self.pays[i] = count > 0 and (2**8 * hits - e)**2 > e * rest // 64
            factor = 2**10 * ((2 * hits + 1) * (rest + 128)) // ((2 * (count - min(count, hits)) + 1) * (e + 128))
            self.factor[i] = min(max(factor, 1), 2**20)


def near_context(near, before):
    same = sorted(near.count(v) for v in set(near))
    return 1 + 3 * {(4,): 0, (1, 3): 1, (2, 2): 2, (1, 1, 2): 3, (1, 1, 1, 1): 4}[tuple(same)] + before


def seen_context(levels, samples):
    a = next(i for i, most in enumerate((1, 2, 4, 8, 16, 24)) if levels <= most)
    return 16 + 4 * a + (0 if samples < 2 else 1 if samples < 4 else 2 if samples < 16 else 3)


class SetCoding:
    """The slots of a set's levels and of all others."""

    def __init__(self, mixture, levels, factor):
        self.levels, self.slots = levels, [(mixture.start(v), mixture.start(v + 1) - mixture.start(v)) for v in levels]
        self.before = [0]
        for _, freq in self.slots:
            self.before.append(self.before[-1] + freq)
        self.mass, self.factor = self.before[-1], factor

    def edge(self, i):
        n = len(self.levels)
        if i > n:
            return 2**24
        total = self.factor * self.mass // 2**10 + 2**24 - self.mass
        return self.factor * self.before[i] // 2**10 * (2**24 - n - 1) // total + i

    def outside(self, v, start, freq):
        x, rest = start - sum(f for u, (_, f) in zip(self.levels, self.slots) if u < v), 2**24 - self.mass
        first = x * 2**24 // rest
        return first, (x + freq) * 2**24 // rest - first


# ---- Corrections (12.6)

def get_correction(lanes, taps):
    if lanes.number(1) == 0:
        return None
    offset, coefficients = lanes.number(3) - 3, []
    for _ in range(taps):
        n = min(lanes.number(4), 10)
        negative = lanes.number(1) if n > 0 else 0
        value = 2**(n - 1) + (lanes.number(n - 1) if n > 1 else 0) if n > 0 else 0
        coefficients.append(-value if negative else value)
    return offset, coefficients


def taps_of(phase, channel, coarse, diagonal, before, errors, means):
    taps = [errors[phase, k] for k in range(channel)]
    for q in range(phase):
        taps += [stepped(errors[q, channel], *s) for s in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
    taps += [8 * stepped(coarse[channel], *s) - means
             for s in ((0, 0), (0, 1), (1, 0), (1, 1), (0, -1), (-1, 0), (0, 2), (2, 0))]
    if phase > 0:
        taps += [8 * stepped(diagonal[channel], *s) - means for s in ((0, 0), (0, -1), (-1, 0), (-1, -1))]
    for k in range(channel):
        taps += [8 * (stepped(coarse[k], *s) - before[k]) for s in ((0, 0), (0, 1), (1, 0), (1, 1))]
    return taps + [np.full(means.shape, 64)]
