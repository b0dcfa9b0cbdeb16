#!/usr/bin/env python3
"""Training speed side by side: pie-train against an eager PyTorch version of the same model.

    tests/bench/train_speed.py BUILD_DIR IMAGES.idx.gz [--threads N] [--steps N] [--rounds N]

Same configuration, weights, batch, optimiser and clipping. First the float32 gradients of both are
compared on one batch (norm of the difference over norm); then both train, taking turns, eager PyTorch
in bfloat16 autocast in NCHW and in channels-last. Prints one JSON object with the ratio of the medians,
against the better layout. Needs Debian's python3-torch.
"""
import argparse, gzip, json, math, os, statistics, struct, subprocess, tempfile, time

# The tools tell OpenBLAS of processors that are newer than itself; what is compared gets the same.
if "avx512bw" in open("/proc/cpuinfo").read():
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


BATCH = 128
WARM_UP = 10  # steps before the clock starts


def read_safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + o for o in entry["data_offsets"])
        tensors[name] = torch.from_numpy(
            np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"]).copy())
    return metadata, tensors


class Subnet(nn.Module):
    """Kernels 3-1-...-1-3 (1 throughout in linear blocks) with ReLU between."""

    def __init__(self, inputs, outputs, block):
        super().__init__()
        self.kernel = 3 if block["kind"] == "conv" else 1
        sizes = [inputs] + [block["hidden"]] * (block["depth"] + 1) + [outputs]
        kernels = [self.kernel] + [1] * block["depth"] + [self.kernel]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, k, padding=k // 2) if self.kernel == 3 else nn.Linear(a, b)
            for a, b, k in zip(sizes, sizes[1:], kernels))

    def forward(self, x, autocast):
        if self.kernel == 1:
            x = x.flatten(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            for layer in self.layers[:-1]:
                x = F.relu(layer(x))
            x = self.layers[-1](x)
        x = x.float()
        return x if self.kernel == 3 else x[:, :, None, None]

    def load(self, prefix, tensors):
        """Our weights are matrices over (tap, channel); PyTorch's are [out, in, ky, kx]."""
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            w = tensors[f"{prefix}.weight{i}"]
            if self.kernel == 1:
                w = w.t()
            elif i == 0:
                w = w.view(3, 3, -1, w.shape[1]).permute(3, 2, 0, 1)
            elif i == last:
                w = w.view(w.shape[0], 3, 3, -1).permute(3, 0, 1, 2)
            else:
                w = w.t()[:, :, None, None]
            layer.weight.data.copy_(w)
            layer.bias.data.copy_(tensors[f"{prefix}.bias{i}"])

    def squared_gradient_difference(self, prefix, ours):
        """(squared norm of the difference from our gradients, squared norm of ours)."""
        theirs = [(layer.weight.grad.clone(), layer.bias.grad.clone()) for layer in self.layers]
        self.load(f"gradient.{prefix}", ours)  # the same rearrangement serves the gradients
        pairs = [pair for layer, (w, b) in zip(self.layers, theirs)
                 for pair in ((layer.weight.data, w), (layer.bias.data, b))]
        return (sum((o - t).double().square().sum().item() for o, t in pairs),
                sum(o.double().square().sum().item() for o, _ in pairs))


class Step(nn.Module):
    def __init__(self, channels, block):
        super().__init__()
        self.first, self.a = (channels + 1) // 2, block["scale_clamp"]
        second = channels - self.first
        self.act_norm = block["act_norm"]
        if self.act_norm:
            self.log_scale = nn.Parameter(torch.zeros(channels))
            self.shift = nn.Parameter(torch.zeros(channels))
        self.vectors = nn.Parameter(torch.randn(block["reflections"], channels))
        outputs = 2 if self.a > 0 else 1
        self.subnet1 = Subnet(second, outputs * self.first, block)
        self.subnet2 = Subnet(self.first, outputs * second, block)

    def affine(self, x, network):
        if self.a == 0:
            return x + network, 0.0
        h, b = network.chunk(2, 1)
        log_scale = self.a * torch.tanh(h / self.a)
        return x * log_scale.exp() + b, log_scale.flatten(1).sum(1)

    def forward(self, x, autocast):
        log_det = 0.0
        if self.act_norm:
            x = x * self.log_scale.exp()[:, None, None] + self.shift[:, None, None]
            log_det = x.shape[2] * x.shape[3] * self.log_scale.sum()
        # All reflections at once, as pie-train does it: a loop over them would be much slower.
        gram = self.vectors @ self.vectors.t()
        a = gram.triu(1) + 0.5 * gram.diagonal().diag()
        q = torch.eye(x.shape[1]) - self.vectors.t() @ torch.linalg.solve_triangular(
            a, self.vectors, upper=True)
        x = F.conv2d(x, q[:, :, None, None])
        x1, x2 = x[:, : self.first], x[:, self.first :]
        y1, d1 = self.affine(x1, self.subnet1(x2, autocast))
        y2, d2 = self.affine(x2, self.subnet2(y1, autocast))
        return torch.cat([y1, y2], 1), log_det + d1 + d2


class Pie(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.scale, self.variance = config["pre_transform"]["scale"], config["eps0_squared"]
        c, h, w = (config["input"][k] for k in ("channels", "height", "width"))
        self.blocks, self.steps, self.means = [], nn.ModuleList(), nn.ModuleList()
        for block in config["blocks"]:
            block = {**config[block["kind"]], **block}
            conv = block["kind"] == "conv"
            c, h, w = (4 * c, h // 2, w // 2) if conv else (c * h * w, 1, 1)
            keep = block["keep"] // (h * w)
            self.steps.append(nn.ModuleList(Step(c, block) for _ in range(block["steps"])))
            self.means.append(Subnet(keep, c - keep, block) if keep < c else nn.Identity())
            self.blocks.append((conv, keep))
            c = keep

    def forward(self, x, autocast):
        total = x[0].numel() * math.log(self.scale)
        x = (x - 0.5) * self.scale
        for (conv, keep), steps, mean in zip(self.blocks, self.steps, self.means):
            if conv:
                x = torch.cat([x[:, :, 0::2, 0::2], x[:, :, 1::2, 1::2],
                               x[:, :, 0::2, 1::2], x[:, :, 1::2, 0::2]], 1)
            else:
                x = x.flatten(1)[:, :, None, None]
            for step in steps:
                x, log_det = step(x, autocast)
                total = total + log_det
            if keep < x.shape[1]:
                e = (x[:, keep:] - mean(x[:, :keep], autocast)).flatten(1)
                total = total - (e * e).sum(1) / (2 * self.variance) - \
                    0.5 * e.shape[1] * math.log(2 * math.pi * self.variance)
                x = x[:, :keep]
        z = x.flatten(1)
        return total - 0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)

    def subnets(self):
        for i, ((conv, _), steps, mean) in enumerate(zip(self.blocks, self.steps, self.means)):
            for k, step in enumerate(steps):
                at = 1 + k * (3 if step.act_norm else 2)  # the reshape is step 0
                at += 1 if step.act_norm else 0
                yield f"block{i}.{at + 1}.subnet1", step.subnet1
                yield f"block{i}.{at + 1}.subnet2", step.subnet2
                step.names = (f"block{i}.{at - 1}", f"block{i}.{at}")
            if isinstance(mean, Subnet):
                yield f"block{i}_split.g", mean

    def load(self, tensors):
        for name, subnet in self.subnets():
            subnet.load(name, tensors)
        for steps in self.steps:
            for step in steps:
                step.vectors.data.copy_(tensors[step.names[1] + ".vectors"])
                if step.act_norm:
                    step.log_scale.data.copy_(tensors[step.names[0] + ".log_scale"])
                    step.shift.data.copy_(tensors[step.names[0] + ".shift"])


class Eager:
    """The model with its optimiser, in one memory layout, ready to be timed."""

    def __init__(self, config, tensors, images, channels_last):
        self.images, self.channels_last = images, channels_last
        self.model = Pie(config)
        self.model.load(tensors)
        if channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-5)

    def seconds_per_step(self, steps):
        self.train(WARM_UP)
        start = time.time()
        self.train(steps)
        return (time.time() - start) / steps

    def train(self, steps):
        for _ in range(steps):
            x = self.images[torch.randint(0, len(self.images), (BATCH,))].float()
            x = (x + torch.rand(x.shape)) / 256
            if self.channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
            loss = -self.model(x, True).mean() / x[0].numel()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()


def pie_train_seconds_per_step(arguments, folder):
    """Trains a fresh model and leaves it in `folder`; the log has a line every 50 steps."""
    log = os.path.join(folder, "log")
    subprocess.run([os.path.join(arguments.build, "bin", "pie-train"), "--preset", arguments.preset,
                    "--data", arguments.images, "-o", os.path.join(folder, "m.safetensors"), "-f",
                    "--batch", str(BATCH), "--steps", str(arguments.steps + 50), "-q",
                    "--precision", "bf16", "-T", str(arguments.threads), "--log", log],
                   check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in open(log)]
    os.remove(log)
    first, last = next(l for l in lines if l["step"] >= 50), lines[-1]
    return (last["elapsed_s"] - first["elapsed_s"]) / (last["step"] - first["step"])


def gradient_difference(arguments, folder, config, tensors):
    """(difference of the losses, relative difference of the float32 gradients) on one batch.

    The model has hardly been trained: at the end of a training float32 gradients of any
    implementation are 1e-3 away from those in float64.
    """
    out = os.path.join(folder, "gradients")
    subprocess.run([os.path.join(arguments.build, "bin", "bench_gradients"),
                    os.path.join(folder, "m.safetensors"), arguments.images, out], check=True)
    _, ours = read_safetensors(out)
    model = Pie(config)
    model.load(tensors)
    loss = -model(ours["x"], False).mean() / ours["x"][0].numel()
    loss.backward()
    squares = [s.squared_gradient_difference(n, ours) for n, s in model.subnets()]
    return (abs(loss.item() - ours["loss"].item()),
            math.sqrt(sum(d for d, _ in squares) / sum(n for _, n in squares)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("images")
    parser.add_argument("--preset", default="pie-mnist")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    raw = gzip.open(arguments.images).read()
    images = torch.from_numpy(np.frombuffer(raw[16:], dtype=np.uint8).copy()).view(-1, 1, 28, 28)
    seconds = {"pie_train": [], "eager_nchw": [], "eager_channels_last": []}
    with tempfile.TemporaryDirectory() as folder:
        pie_train_seconds_per_step(arguments, folder)
        metadata, tensors = read_safetensors(os.path.join(folder, "m.safetensors"))
        config = json.loads(metadata["preset"])
        loss_difference, gradient_error = gradient_difference(arguments, folder, config, tensors)
        eager = {name: Eager(config, tensors, images, name == "eager_channels_last")
                 for name in ("eager_nchw", "eager_channels_last")}
        for _ in range(arguments.rounds):
            seconds["pie_train"].append(pie_train_seconds_per_step(arguments, folder))
            for name, model in eager.items():
                seconds[name].append(model.seconds_per_step(arguments.steps))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(json.dumps({
        "loss_difference": loss_difference,
        "gradient_relative_error": gradient_error,
        "threads": arguments.threads,
        "seconds_per_step": {n: [round(v, 4) for v in values] for n, values in seconds.items()},
        "median_seconds_per_step": median,
        "ratio": min(median["eager_nchw"], median["eager_channels_last"]) / median["pie_train"],
    }, indent=1))


if __name__ == "__main__":
    main()
