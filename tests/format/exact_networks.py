"""Models, features and networks of exact PIEs: FORMAT.md, 12.1 to 12.4."""
import json
import numpy as np


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
        self.activation_bits = preset.get("activation_bits", 5)
        self.mean_bits = preset.get("mean_bits", 7 if self.relative else 5)
        self.tensors = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + first:8 + length + end], "<f4").astype(np.float64)
            kind = name.rsplit(".", 1)[1]
            values = values * (2**7 if kind == "weight" else 2**self.sum_bits(name) if kind == "bias" else 1)
            assert (values == np.round(values)).all(), name
            self.tensors[name] = values.astype(np.int64).reshape(entry["shape"])
        self.weights, self.rates, self.tail = (self.tensors["tables." + t].tolist() for t in ("weights", "rates", "tail"))

    # ---- Layers (12.4). Activations are [height, width, channels].

    def sum_bits(self, name):
        """S of a layer, or of a tensor of it."""
        of_features = name.split(".")[1].endswith(("first", "_planes", "_before"))
        return 7 + (5 if of_features else self.activation_bits)

    def sums(self, name, a, skip):
        w, b = self.tensors[name + ".weight"], self.tensors[name + ".bias"]
        radius = w.shape[2] // 2
        padded = np.pad(a.astype(np.int64), ((radius, radius), (radius, radius), (0, 0)))
        h, width = a.shape[:2]
        total = np.broadcast_to(b, (h, width, len(b))).copy()
        for y in range(w.shape[2]):
            for x in range(w.shape[3]):
                total += padded[y:y + h, x:x + width] @ w[:, :, y, x].T
        return total if skip is None else total + (skip << self.sum_bits(name) - self.activation_bits)

    def layer(self, name, a, skip=None):
        n = self.sum_bits(name) - self.activation_bits
        return np.clip((self.sums(name, a, skip) + 2**(n - 1)) >> n, 0, 127)

    def indices(self, name, a):
        k, total = self.components, self.sums(name, a, None)
        n = self.sum_bits(name)
        parts = ((n - 3, -64, 63), (n - self.mean_bits, -2559, 2559), (n - 3, -32, 31))
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
