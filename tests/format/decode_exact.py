#!/usr/bin/python3
"""Decodes code files of exact PIEs; written from lib/container/FORMAT.md alone, slow and plain.

    decode_exact.py MODEL.safetensors CODE.pie [LAYERS] > IMAGES

Writes each image as a PGM or PPM, and the modes of all blocks to stderr. Numbers in comments are sections of FORMAT.md. Only the colours, and of those the
high bytes, are decoded. Needs Debian's python3-numpy, and the command `zstd` for blocks of mode 1.
"""
import json, struct, subprocess, sys, zlib
import numpy as np

PHASES = ((1, 1), (0, 1), (1, 0))  # 4.5


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


def ceil_div(a, b):
    return -(-a // b)


# ---- Models (12.1)

class Model:
    def __init__(self, path):
        data = open(path, "rb").read()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        meta = header.pop("__metadata__")
        self.fingerprint = bytes.fromhex(meta["fingerprint"])
        preset = json.loads(meta["preset"])
        assert preset["arch"] == "pie-exact"
        self.channels, self.components = preset["input"]["channels"], preset["components"]
        self.position, self.relative = preset["position"], preset["relative_means"]
        self.depth, self.layers, self.nets = preset["depth"], preset["layers"], preset["networks"]
        self.prior = preset["prior"]
        self.tensors = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + first:8 + length + end], "<f4").astype(np.float64)
            unit = {"weight": 2**7, "bias": 2**12}.get(name.rsplit(".", 1)[1], 1) if "tables" not in name else 1
            values = values * unit
            assert (values == np.round(values)).all(), name
            self.tensors[name] = values.astype(np.int64).reshape(entry["shape"])
        self.weights, self.rates, self.tail = (self.tensors["tables." + t].tolist() for t in ("weights", "rates", "tail"))

    # ---- Layers (12.4). Activations are [height, width, channels].

    def sums(self, name, a, skip):
        w, b = self.tensors[name + ".weight"], self.tensors[name + ".bias"]
        radius = w.shape[2] // 2
        padded = np.pad(a.astype(np.int64), ((radius, radius), (radius, radius), (0, 0)))
        h, width = a.shape[:2]
        total = np.broadcast_to(b, (h, width, len(b))).copy()
        for y in range(w.shape[2]):
            for x in range(w.shape[3]):
                total += padded[y:y + h, x:x + width] @ w[:, :, y, x].T
        return total if skip is None else total + 2**7 * skip

    def layer(self, name, a, skip=None):
        return np.clip((self.sums(name, a, skip) + 2**6) >> 7, 0, 127)

    def indices(self, name, a):
        k, total = self.components, self.sums(name, a, None)
        parts = ((9, -64, 63), (5 if self.relative else 3, -2559, 2559), (9, -32, 31))
        return np.concatenate([np.clip((total[..., i * k:i * k + k] + 2**(n - 1)) >> n, low, high)
                               for i, (n, low, high) in enumerate(parts)], 2)

    def blocks(self, name, count, h):
        for i in range(count):
            h = self.layer(f"{name}{i}_outer", self.layer(f"{name}{i}_inner", h), h)
        return h


# ---- Features (12.3)

def stepped(plane, dy, dx):
    """The values of the cells a step away; beyond an edge, those at the edge."""
    h, w = plane.shape
    return plane[np.clip(np.arange(h) + dy, 0, h - 1)][:, np.clip(np.arange(w) + dx, 0, w - 1)]


def difference(q):
    r = (q + 1) >> 1
    u = abs(r)
    t = np.minimum(u, 32) + np.minimum(np.maximum(u - 32, 0) // 4, 31)
    return np.where(r >= 0, 64 + t, 64 - t)


def near_levels(phase, c, d):
    if phase == 0:
        return c, stepped(c, 0, 1), stepped(c, 1, 0), stepped(c, 1, 1)
    if phase == 1:
        return c, stepped(c, 0, 1), d, stepped(d, -1, 0)
    return c, stepped(c, 1, 0), d, stepped(d, 0, -1)


def level_features(model, levels):
    return [levels // 2] if model.relative else [levels // 2, levels % 16 * 8]


def plane_features(model, levels, base):
    return level_features(model, levels) + [difference(8 * levels - base)]


def coarse_features(model, scale, coarse):
    rows = []
    for c in coarse:
        rows += level_features(model, c)
        rows += [difference(8 * (stepped(c, 0, 1) - c)), difference(8 * (stepped(c, 1, 0) - c))]
    h, w = coarse[0].shape
    if model.position:
        rows.append(np.broadcast_to(127 * np.arange(w) // max(1, w - 1), (h, w)))
        rows.append(np.broadcast_to((127 * np.arange(h) // max(1, h - 1))[:, None], (h, w)))
    rows.append(np.full((h, w), min(16 * scale, 127)))
    return np.stack(rows, 2)


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


# ---- One block

class Block:
    """Decodes the items of a block, plane by plane. `layers`: (mode, bytes) of each layer to be decoded."""

    def __init__(self, model, items, height, width, channels, layers):
        self.model, self.items, self.channels, self.layers = model, items, channels, layers
        self.sizes = [(height, width)]
        for _ in range(model.depth):
            h, w = self.sizes[-1]
            self.sizes.append((ceil_div(h, 2), ceil_div(w, 2)))
        self.odds = Odds()
        self.seen = [{} for _ in range(3)]
        self.layer = None

    def planes(self):
        for scale in range(self.model.depth, -1, -1):
            h, w = self.sizes[scale]
            for phase, (dy, dx) in enumerate(PHASES if scale < self.model.depth else ((0, 0),)):
                size = ((h - dy + 1) // 2, (w - dx + 1) // 2) if scale < self.model.depth else (h, w)
                yield max(0, self.model.layers - scale), scale, phase, size

    def go_to(self, layer):
        """Begins a layer, once the one before it has ended."""
        while self.layer is None or self.layer < layer:
            self.end_layer()
            self.layer = 0 if self.layer is None else self.layer + 1
            samples = self.items * self.channels * sum(h * w for l, _, _, (h, w) in self.planes() if l == self.layer)
            self.mode, data = self.layers[self.layer]
            self.lanes = Lanes(data, samples) if self.mode == 0 else None
            self.symbols = iter(plain_symbols(self.mode, data, samples) if self.mode else ())

    def end_layer(self):
        if self.layer is None:
            return
        if self.mode == 0:
            self.lanes.finish()
            self.odds_before = (self.odds.count[:], self.odds.hits[:], self.odds.mass[:])
        else:
            self.odds.count, self.odds.hits, self.odds.mass = (v[:] for v in self.odds_before)
            self.odds.settle()

    def decode(self):
        """[items, channels, height, width] of the finest scale that the layers hold."""
        self.odds_before = (self.odds.count[:], self.odds.hits[:], self.odds.mass[:])
        depth = self.model.depth
        planes = [p for p in self.planes() if p[0] < len(self.layers)]
        coarse, diagonal, states = None, None, [None] * self.items
        scale_now = None
        for layer, scale, phase, size in planes:
            if scale != scale_now:
                if scale_now is not None and scale_now < depth:
                    coarse = self.joined(scale_now, coarse, found)
                elif scale_now == depth:
                    coarse = found[0]
                scale_now, found = scale, {}
                self.errors = {(p, c): np.zeros(self.cells(scale), np.int64) for p in range(3)
                               for c in range(self.model.channels)}
            if size[0] * size[1] > 0:
                self.go_to(layer)
            found[phase] = self.phase(scale, phase, size, coarse, found, states)
        self.go_to(len(self.layers) - 1)
        self.end_layer()
        finest = found[0] if scale_now == depth else self.joined(scale_now, coarse, found)
        return np.array(finest)[:, :self.channels], scale_now

    def cells(self, scale):
        return self.sizes[min(scale + 1, self.model.depth)]

    def joined(self, scale, coarse, found):
        h, w = self.sizes[scale]
        images = []
        for i in range(self.items):
            channels = []
            for c in range(self.model.channels):
                whole = np.zeros((2 * coarse[i][c].shape[0], 2 * coarse[i][c].shape[1]), np.int64)
                whole[::2, ::2] = coarse[i][c]
                for phase, (dy, dx) in enumerate(PHASES):
                    whole[dy::2, dx::2] = found[phase][i][c]
                channels.append(whole[:h, :w])
            images.append(channels)
        return images

    def phase(self, scale, phase, size, coarse, found, states):
        """The levels of all channels of a phase in all items, [items][channels]."""
        model, cells = self.model, self.cells(scale)
        last = scale == model.depth
        net = "z" if last else f"scale{min(scale, len(model.nets) - 1)}"
        shape = {"first_blocks": 0, "phase_blocks": 0} if last else model.nets[min(scale, len(model.nets) - 1)]
        if size[0] * size[1] == 0:
            result = [list(c) for c in coarse]
            self.features = [np.concatenate([np.stack(plane_features(model, c, 8 * c), 2) for c in item], 2)
                             for item in result]
            self.advance_states(net, shape, scale, phase, coarse, states)
            self.shown = self.features
            return result
        self.advance_states(net, shape, scale, phase, coarse, states)
        diagonal = None if last else coarse if phase == 0 else found[0]
        errors = [np.zeros(cells, np.int64) for _ in range(self.items)]
        result = [[] for _ in range(self.items)]
        features = [np.zeros(cells + (0,), np.int64) for _ in range(self.items)]
        for c in range(model.channels):
            rows, expected, bases = [], [], []
            for i in range(self.items):
                expected.append(np.full(cells, 1024) if last else
                                2 * sum(near_levels(phase, coarse[i][c], diagonal[i][c])))
                bases.append(expected[i] if c == 0 else np.clip(expected[i] + errors[i], -256, 2303))
                h, name = states[i], f"{net}.phase{phase}_channel{c}"
                if c > 0:
                    h = model.layer(name + "_before", features[i], h)
                    h = model.layer(name + "_mixed", h, h)
                indices = model.indices(name + "_out", h)
                k = model.components
                base = bases[i][..., None] if model.relative else 1024
                indices[..., k:2 * k] = np.clip(indices[..., k:2 * k] + base, -256, 2303)
                rows.append(indices)
            if c < self.channels:
                levels = self.samples(scale, phase, c, size, rows, coarse, diagonal, result)
            else:
                levels = [result[i][-1] for i in range(self.items)]  # repeats the last
            for i in range(self.items):
                own = 8 * levels[i] - expected[i]
                errors[i] = own if c == 0 else (errors[i] + own) >> 1
                features[i] = np.concatenate([features[i], np.stack(plane_features(model, levels[i], bases[i]), 2)], 2)
                result[i].append(levels[i])
        self.shown = features
        return result

    def advance_states(self, net, shape, scale, phase, coarse, states):
        model = self.model
        for i in range(self.items):
            if scale == model.depth:
                states[i] = np.zeros(self.cells(scale) + (model.prior,), np.int64)
                continue
            if phase == 0:
                h = model.layer(f"{net}.first", coarse_features(model, scale, coarse[i]))
                h = model.blocks(f"{net}.first", shape["first_blocks"], h)
            else:
                h = model.layer(f"{net}.phase{phase}_planes", self.shown[i], states[i])
            states[i] = model.blocks(f"{net}.phase{phase}_block", shape["phase_blocks"], h)

    def samples(self, scale, phase, c, size, rows, coarse, diagonal, before):
        """The levels of a plane in all items, one for each cell."""
        levels = [np.zeros(self.cells(scale), np.int64) if coarse is None else coarse[i][c].copy()
                  for i in range(self.items)]
        if self.mode != 0 or self.items > 1:
            for i in range(self.items):
                for y in range(size[0]):
                    for x in range(size[1]):
                        levels[i][y, x] = self.plain_sample(rows[i][y, x])
            if self.items == 1:
                self.learn(c, size, before[0], levels[0])
            return levels
        rows, known = rows[0], before[0]
        corrected = scale < min(2, self.model.depth) and size[0] * size[1] >= 1024
        if corrected:
            self.correct(phase, c, rows, coarse[0], diagonal[0], known)
        near = None if coarse is None else near_levels(phase, coarse[0][c], diagonal[0][c])
        near_before = None if coarse is None or c == 0 else near_levels(phase, coarse[0][c - 1], diagonal[0][c - 1])
        left = []
        for i in range(size[0] * size[1]):
            y, x = divmod(i, size[1])
            mixture = Mixture(self.model, rows[y, x].tolist())
            context, chosen = self.set_of(i, size, y, x, c, known, near, near_before)
            if chosen is None:
                left.append((y, x, mixture, None))
                continue
            coding = SetCoding(mixture, chosen, self.odds.factor[context])
            slot, member = self.lanes.slot(24), 0
            while coding.edge(member + 1) <= slot:
                member += 1
            self.lanes.advance(coding.edge(member), coding.edge(member + 1) - coding.edge(member), 24)
            self.odds.count[context] += 1
            self.odds.mass[context] += coding.mass
            if member < len(chosen):
                self.odds.hits[context] += 1
                levels[0][y, x] = chosen[member]
            else:
                left.append((y, x, mixture, coding))
        for y, x, mixture, coding in left:
            levels[0][y, x] = self.level(mixture, coding)
        self.odds.settle()
        self.learn(c, size, known, levels[0])
        if corrected:
            for y in range(size[0]):
                for x in range(size[1]):
                    mean = Mixture(self.model, rows[y, x].tolist()).mean()
                    self.errors[phase, c][y, x] = 8 * levels[0][y, x] - mean
        return levels

    def plain_sample(self, row):
        if self.mode != 0:
            return next(self.symbols) + 128
        return self.level(Mixture(self.model, row.tolist()), None)

    def level(self, mixture, coding):
        slot = self.lanes.slot(24)
        if coding is None:
            level, start, freq = mixture.find(slot)
        else:  # of the levels outside the set, the one that owns the slot
            outside = [v for v in range(256) if v not in coding.levels]
            low, high = 0, len(outside)
            while high - low > 1:
                middle = (low + high) // 2
                v = outside[middle]
                first, _ = coding.outside(v, mixture.start(v), 0)
                low, high = (middle, high) if first <= slot else (low, middle)
            level = outside[low]
            start, freq = coding.outside(level, mixture.start(level), mixture.start(level + 1) - mixture.start(level))
        self.lanes.advance(start, freq, 24)
        return level

    def set_of(self, i, size, y, x, c, known, near, near_before):
        few = i % 16 == 0 or size[0] * size[1] < 4096

        def asked(context):
            return few or self.odds.pays[context]
        four = None if near is None else [int(n[y, x]) for n in near]
        if c < 3:
            levels, samples = self.seen[c].get(tuple(int(known[k][y, x]) for k in range(c)), ((), 0))
            if 1 <= len(levels) <= 24 and (four is None or len(set(four)) > 1):
                context = seen_context(len(levels), samples)
                if asked(context):
                    return context, sorted(levels)
        if four is not None:
            before = 2
            if c > 0:
                before = int(known[c - 1][y, x] in [n[y, x] for n in near_before])
            context = near_context(four, before)
            if asked(context):
                return context, sorted(set(four))
        return 0, None

    def learn(self, c, size, known, levels):
        if c >= 3:
            return
        for y in range(size[0]):
            for x in range(size[1]):
                given = tuple(int(known[k][y, x]) for k in range(c))
                seen, samples = self.seen[c].get(given, (frozenset(), 0))
                self.seen[c][given] = seen | {int(levels[y, x])}, min(samples + 1, 255)

    def correct(self, phase, c, rows, coarse, diagonal, known):
        k = self.model.components
        means = np.array([[Mixture(self.model, row.tolist()).mean() for row in line] for line in rows])
        taps = taps_of(phase, c, coarse, diagonal, known, self.errors, means)
        correction = get_correction(self.lanes, len(taps))
        if correction is None:
            return
        offset, coefficients = correction
        total = (2**7 + sum(a * t for a, t in zip(coefficients, taps))) >> 8
        rows[..., k:2 * k] = np.clip(rows[..., k:2 * k] + total[..., None], -256, 2303)
        rows[..., 2 * k:] = np.clip(rows[..., 2 * k:] + offset, -32, 31)


# ---- Missing layers (12.8)

def interpolated(known, scale, height, width):
    u = 2**scale
    if u == 1:
        return known

    def rounded(n, d):
        return (2 * n + (d if n >= 0 else -d)) // (2 * d) if n >= 0 else -((-2 * n + d) // (2 * d))

    def along(lines, length):  # of [count, ...], to [length, ...]
        result = []
        for i in range(length):
            r, t = divmod(i, u)
            exact = (t * (2 * t * u - t * t - u * u), 2 * u**3 - 5 * t * t * u + 3 * t**3,
                     t * (u * u + 4 * t * u - 3 * t * t), t * t * (t - u))
            w = [rounded(2**12 * e, 2 * u**3) for e in exact]
            w[1 if 2 * t < u else 2] += 2**12 - sum(w)
            result.append(sum(w[k] * lines[min(max(r + k - 1, 0), len(lines) - 1)] for k in range(4)))
        return np.array(result)
    wide = along(known.T, width).T
    return np.clip((along(wide, height) + 2**23) >> 24, 0, 255)


# ---- Files (2 to 4)

def frames(data):
    at = 0
    while at < len(data):
        magic = int.from_bytes(data[at:at + 4], "little")
        if 0x184D2A50 <= magic <= 0x184D2A5F:
            at += 8 + int.from_bytes(data[at + 4:at + 8], "little")
            continue
        frame = Frame(data[at:])
        yield frame
        at += frame.payload_at + frame.payload_length + frame.metadata_length


class Frame:
    def __init__(self, data):
        reader = Reader(data)
        assert reader.take(4) == b"\x89PIE" and reader.u8() == 1
        length = reader.varint()
        end = reader.at + length
        assert zlib.crc32(data[:end]) == int.from_bytes(data[end:end + 4], "little"), "wrong header CRC"
        flags = reader.varint()
        self.fingerprint = reader.take(8)
        self.width, self.height = reader.varint(), reader.varint()
        self.images = reader.varint() if flags & 1 else 1
        self.tile_width, self.tile_height = (reader.varint(), reader.varint()) if flags & 2 else (self.width, self.height)
        if not flags & 4:
            assert reader.varint() == 0, "of the float profile"
        self.total_layers = reader.varint() if flags & 128 else None
        self.metadata_length = reader.varint() if flags & 8 else 0
        self.channels, sixteen = (flags >> 4 & 3) + 1, flags >> 6 & 1
        pixels = self.tile_width * self.tile_height * self.channels
        self.tiles = ceil_div(self.width, self.tile_width) * ceil_div(self.height, self.tile_height)
        self.items = self.images * self.tiles
        self.in_block = min(256, max(1, 2**18 // pixels))
        self.blocks = ceil_div(self.items, self.in_block)
        if flags & 4:
            group = max(1, self.in_block // self.tiles)
            for first in range(0, self.images, group):
                images = min(group, self.images - first)
                reader.take(2 if self.width * self.height * self.channels * images < 4096 else 8)
        self.table = []
        while reader.at < end:
            layer = []
            for b in range(self.blocks):
                v = reader.varint()
                mode, size = (0, v // 2) if v % 2 == 0 else (1 if v % 4 == 1 else 2, v // 4)
                crc = reader.u32()
                reader.take(1 if pixels * self.items_of(b) < 4096 else 4)
                layer.append((mode, size, crc))
            self.table.append(layer)
        assert reader.at == end
        self.payload_at = end + 4
        self.payload_length = sum(size for layer in self.table for _, size, _ in layer)
        self.data = data

    def items_of(self, block):
        return min(self.in_block, self.items - block * self.in_block)

    def block(self, layer, block):
        at = self.payload_at
        for l, entries in enumerate(self.table):
            for b, (mode, size, crc) in enumerate(entries):
                if (l, b) == (layer, block):
                    data = self.data[at:at + size]
                    assert zlib.crc32(data) == crc, "wrong block CRC"
                    return mode, data
                at += size


def coded_channels(image, model):
    """4.5: as many channels as the model has, or without the alpha channel that it has not."""
    colours = image - 1 if image % 2 == 0 else image
    return image if image == model else colours


def decoded_images(model, frame, layers):
    assert frame.fingerprint == model.fingerprint, "of another model"
    channels = coded_channels(frame.channels, model.channels)
    layers = min(layers or len(frame.table), len(frame.table))
    items = []
    for b in range(frame.blocks):
        block = Block(model, frame.items_of(b), frame.tile_height, frame.tile_width, channels,
                      [frame.block(l, b) for l in range(layers)])
        levels, scale = block.decode()
        items += [np.array([interpolated(c, scale, frame.tile_height, frame.tile_width) for c in item]) for item in levels]
    columns = ceil_div(frame.width, frame.tile_width)
    for first in range(0, len(items), frame.tiles):
        tiles = items[first:first + frame.tiles]
        rows = [np.concatenate(tiles[r:r + columns], 2) for r in range(0, frame.tiles, columns)]
        image = np.concatenate(rows, 1)[:, :frame.height, :frame.width]
        if channels >= 3:  # green comes first
            image = image[[1, 0] + list(range(2, channels))]
        yield image.astype(np.uint8)


def main():
    model, data = Model(sys.argv[1]), open(sys.argv[2], "rb").read()
    layers = int(sys.argv[3]) if len(sys.argv) > 3 else None
    for frame in frames(data):
        print("modes", *(mode for layer in frame.table for mode, _, _ in layer), file=sys.stderr)
        for image in decoded_images(model, frame, layers):
            colours = image[:3] if len(image) >= 3 else image[:1]
            kind = b"P6" if len(colours) == 3 else b"P5"
            sys.stdout.buffer.write(kind + b"\n%d %d\n255\n" % (image.shape[2], image.shape[1]) + colours.transpose(1, 2, 0).tobytes())


main()
