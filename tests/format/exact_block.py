"""The samples of one block: FORMAT.md, 12.2 to 12.8."""
import numpy as np
from exact_coding import Lanes, Mixture, Odds, SetCoding, get_correction, near_context, plain_symbols, seen_context, taps_of
from exact_networks import coarse_features, near_levels, plane_features

PHASES = ((1, 1), (0, 1), (1, 0))  # 12.2


def ceil_div(a, b):
    return -(-a // b)


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
        planes = [p for p in self.planes() if p[0] < len(self.layers) or self.model.position]
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
            self.missing = layer >= len(self.layers)
            if size[0] * size[1] > 0 and not self.missing:
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
        if self.missing:
            for i in range(self.items):
                for y in range(size[0]):
                    for x in range(size[1]):
                        levels[i][y, x] = Mixture(self.model, rows[i][y, x].tolist()).find(2**23 - 1)[0]
            return levels
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
