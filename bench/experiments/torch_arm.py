# SPDX-License-Identifier: Apache-2.0
"""Trains a translated network (to_torch.py) in PyTorch with the flags of `hone train`: torch_arm.py FOLDER FLAGS

Reads FOLDER/graph.json and weights.npz, writes trained.npz and torch.json. Fashion-MNIST, whole in memory; SGD (momentum,
Nesterov) or AdamW, one-cycle or constant rate, label smoothing, augmentation by flip and shift, as hone declares them.
"""
import argparse
import gzip
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

NOT_TRAINED = ("running_mean", "running_var")


class Network(torch.nn.Module):
    """Interprets the nodes of a convolutional or dense network; batch normalisation in training mode while training."""

    def __init__(self, folder):
        super().__init__()
        g = json.loads((folder / "graph.json").read_text())
        self.nodes, self.input, self.out = g["nodes"], g["input"], g["output"]
        self.names = {}
        with np.load(folder / "weights.npz") as z:
            for i, name in enumerate(z.files):
                t = torch.from_numpy(z[name].copy())
                self.names[name] = f"w{i}"
                if t.is_floating_point() and t.dim() and not name.endswith(NOT_TRAINED):
                    self.register_parameter(f"w{i}", torch.nn.Parameter(t))
                else:
                    self.register_buffer(f"w{i}", t)

    def value(self, name):
        return getattr(self, self.names[name])

    def forward(self, x):
        v = {self.input: x}
        for n in self.nodes:
            args = [v[i] if i in v else self.value(i) if i in self.names else None for i in n["inputs"]]
            v[n["outputs"][0]] = self.apply_node(n["op"], n["attributes"], args)
        return v[self.out]

    def apply_node(self, op, a, x):
        if op == "Conv":
            pads = a.get("pads", [0, 0, 0, 0])
            if pads[:2] != pads[2:]:
                raise NotImplementedError(f"Conv with pads {pads}")
            return F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, a.get("strides", [1, 1]), pads[:2], a.get("dilations", [1, 1]), a.get("group", 1))
        if op == "BatchNormalization":
            return F.batch_norm(x[0], x[3], x[4], x[1], x[2], self.training, 1 - a.get("momentum", 0.9), a.get("epsilon", 1e-5))
        if op == "Relu":
            return F.relu(x[0])
        if op == "Clip":
            return F.relu6(x[0])
        if op == "Add":
            return x[0] + x[1]
        if op == "Slice":
            cut = [slice(None)] * x[0].dim()
            for begin, end, axis, step in zip(*(v.tolist() for v in x[1:5])):
                cut[axis] = slice(begin, min(end, x[0].shape[axis]), step)
            return x[0][tuple(cut)]
        if op == "Pad":
            before, after = x[1].view(2, -1).tolist()
            return F.pad(x[0], [p for pair in zip(reversed(before), reversed(after)) for p in pair])
        if op == "GlobalAveragePool":
            return x[0].mean((2, 3), keepdim=True)
        if op == "MaxPool":
            return F.max_pool2d(x[0], a["kernel_shape"], a.get("strides"), a.get("pads", [0, 0])[:2])
        if op == "Flatten":
            return x[0].flatten(a.get("axis", 1))
        if op == "Gemm":
            return F.linear(x[0], x[1] if a.get("transB") else x[1].t(), x[2])
        raise NotImplementedError(f"torch_arm.py does not translate {op}")


def flags():
    p = argparse.ArgumentParser()
    p.add_argument("folder", type=Path)
    for name, fallback in [("batch", 64), ("epochs", 1), ("seed", 0), ("threads", 2)]:
        p.add_argument(f"--{name}", type=int, default=fallback)
    for name in ["lr", "momentum", "weight-decay", "label-smoothing"]:
        p.add_argument(f"--{name}", type=float, default=0.0)
    p.add_argument("--mean", type=float, required=True)
    p.add_argument("--std", type=float, required=True)
    p.add_argument("--optimizer", choices=["sgd", "nesterov", "adamw"], default="sgd")
    p.add_argument("--schedule", choices=["constant", "one_cycle"], default="constant")
    p.add_argument("--augment", default="")
    p.add_argument("--data", choices=["fashion-mnist"], required=True)
    return p.parse_args()


def images(part):
    folder = os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")
    x = np.frombuffer(gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    return x, y.astype(np.int64)


def augmented(x, kinds, draw):
    """[N,28,28] bytes: mirrored half the time, moved by up to so many pixels with black coming in."""
    out = x.copy()
    for kind in filter(None, kinds.split(",")):
        name, _, value = kind.partition("=")
        if name == "flip":
            some = draw.random(len(out)) < 0.5
            out[some] = out[some, :, ::-1]
        elif name == "shift":
            m = int(value)
            wide = np.pad(out, ((0, 0), (m, m), (m, m)))
            dy, dx = draw.integers(0, 2 * m + 1, (2, len(out)))
            out = np.stack([wide[i, a : a + 28, b : b + 28] for i, (a, b) in enumerate(zip(dy, dx))])
        else:
            sys.exit(f"torch_arm.py has no augmentation '{name}'")
    return out


def main():
    o = flags()
    torch.manual_seed(o.seed)
    torch.set_num_threads(o.threads)
    draw = np.random.default_rng(o.seed)
    x, y = images("train")
    train, labels, check = x[:55000], torch.from_numpy(y[:55000]), (x[55000:], torch.from_numpy(y[55000:]))
    scaled = lambda b: torch.from_numpy((b.astype(np.float32) / 255 - o.mean) / o.std)[:, None].contiguous(memory_format=torch.channels_last)
    net = Network(o.folder).to(memory_format=torch.channels_last)
    if o.optimizer == "adamw":
        optimizer = torch.optim.AdamW(net.parameters(), o.lr, weight_decay=o.weight_decay)
    else:
        optimizer = torch.optim.SGD(net.parameters(), o.lr, momentum=o.momentum, nesterov=o.optimizer == "nesterov", weight_decay=o.weight_decay)
    steps = len(train) // o.batch
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, o.lr, steps * o.epochs, cycle_momentum=False) if o.schedule == "one_cycle" else None
    seconds = 0
    for epoch in range(o.epochs):
        start, order, total = time.time(), draw.permutation(len(train)), 0.0
        net.train()
        for k in range(steps):
            at = order[k * o.batch : (k + 1) * o.batch]
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(scaled(augmented(train[at], o.augment, draw))), labels[at], label_smoothing=o.label_smoothing)
            loss.backward()
            optimizer.step()
            if cycle:
                cycle.step()
            total += loss.item() / steps
        seconds += time.time() - start
        net.eval()
        with torch.no_grad():
            validation = np.mean([(net(scaled(check[0][i : i + 500])).argmax(1) == check[1][i : i + 500]).float().mean().item() for i in range(0, 5000, 500)])
        print(f"epoch {epoch + 1}: loss {total:.4f}, validation {100 * validation:.2f} %, {seconds:.0f} s", flush=True)
    np.savez(o.folder / "trained.npz", **{name: net.value(name).detach().numpy() for name in net.names})
    (o.folder / "torch.json").write_text(json.dumps({"loss": total, "validation": float(validation), "seconds": seconds, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
