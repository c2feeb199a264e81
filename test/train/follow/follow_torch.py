# SPDX-License-Identifier: Apache-2.0
"""Ten steps of real networks in PyTorch, for follow.cc to follow: /usr/bin/python3 follow_torch.py FOLDER [NAME ...]

With Debian's python3-torch (1.13). Writes FOLDER/NAME.npz: the network as ONNX in double and in float (m64, m32), ten
batches of Fashion-MNIST (x, y), the gradients of the first step in both (g64.PARAMETER, g32.PARAMETER) and the losses (l64, l32) of plain
SGD at 1e-2 with batch normalisation in training mode.
"""
import copy
import gzip
import io
import os
import sys
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride != 1 or i != o else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.down(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        sizes = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.layers = nn.Sequential(*[nn.Sequential(Residual(i, o, s), Residual(o, o, 1)) for i, o, s in sizes])
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        return self.fc(self.layers(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        h = i * expand
        parts = [] if expand == 1 else [nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6()]
        parts += [nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6(), nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o)]
        self.body, self.skip = nn.Sequential(*parts), stride == 1 and i == o

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


class MobileNetV2(nn.Module):
    """Sandler et al. 2018, table 2, with strides for 28 x 28 pictures."""

    def __init__(self):
        super().__init__()
        blocks, i = [], 32
        for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
            for k in range(n):
                blocks.append(Inverted(i, c, s if k == 0 else 1, t))
                i = c
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6())
        self.fc = nn.Linear(1280, 10)

    def forward(self, x):
        return self.fc(self.head(self.blocks(self.stem(x))).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.fc = kind(28, 128, num_layers=2, batch_first=True), nn.Linear(128, 10)

    def forward(self, x):
        y, _ = self.rnn(x.squeeze(1))
        return self.fc(y[:, -1])


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.scale = heads, (d // heads) ** -0.5  # a number here: the exporter would compute it in float
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out, self.up, self.down = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = ((q @ k.transpose(-1, -2)) * self.scale).softmax(-1) @ v
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class ViT(nn.Module):
    def __init__(self, d=96):
        super().__init__()
        self.patch, self.token, self.place = nn.Conv2d(1, d, 7, 7), nn.Parameter(torch.randn(1, 1, d) * 0.02), nn.Parameter(torch.randn(1, 17, d) * 0.02)
        self.blocks, self.norm, self.fc = nn.Sequential(*[Block(d, 4) for _ in range(4)]), nn.LayerNorm(d), nn.Linear(d, 10)

    def forward(self, x):
        p = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), p], 1) + self.place
        return self.fc(self.norm(self.blocks(x))[:, 0])


NETWORKS = {"resnet18": ResNet18, "mobilenetv2": MobileNetV2, "lstm": lambda: Recurrent(nn.LSTM), "gru": lambda: Recurrent(nn.GRU), "vit": ViT}


def batches(n):
    """Ten of Fashion-MNIST's first training images."""
    folder = "/usr/share/datasets/fashion-mnist"
    folder = os.environ.get("FASHION_MNIST", folder)
    x = np.frombuffer(gzip.open(f"{folder}/train-images-idx3-ubyte.gz").read(), np.uint8, offset=16)[: 10 * n * 784]
    y = np.frombuffer(gzip.open(f"{folder}/train-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)[: 10 * n]
    x = (x.reshape(10, n, 1, 28, 28).astype(np.float32) / 255 - 0.286) / 0.353
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.int64)).reshape(10, n)


def exported(net, x):
    file = io.BytesIO()
    torch.onnx.export(net.eval(), x, file, opset_version=13, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    return np.frombuffer(file.getvalue(), np.uint8)


def follow(net, x, y):
    """Gradients of the first step and ten losses."""
    net.train()
    first, losses = {}, []
    for k in range(len(x)):
        net.zero_grad()
        loss = F.cross_entropy(net(x[k]), y[k])
        loss.backward()
        losses.append(loss.item())
        if not k:
            first = {n: p.grad.clone().numpy() for n, p in net.named_parameters()}
        with torch.no_grad():
            for p in net.parameters():
                p -= 1e-2 * p.grad
    return first, losses, {n: b.numpy() for n, b in net.named_buffers() if "running" in n}


def main(folder, *names):
    for name in names or NETWORKS:
        torch.manual_seed(3)
        net = NETWORKS[name]()
        with torch.no_grad():  # the exporter makes one of parameters that are equal
            for m in net.modules():
                if isinstance(m, (nn.LayerNorm, nn.BatchNorm2d)):
                    m.weight.uniform_(0.99, 1.01), m.bias.uniform_(-0.01, 0.01)
                if isinstance(m, nn.BatchNorm2d):
                    m.running_mean.uniform_(-0.01, 0.01), m.running_var.uniform_(0.99, 1.01)
        x, y = batches(32)
        arrays = {"x": x.numpy(), "y": y.numpy()}
        for bits, dtype in (("64", torch.float64), ("32", torch.float32)):
            n = copy.deepcopy(net).to(dtype)
            arrays["m" + bits] = exported(n, x[0].to(dtype))
            gradients, arrays["l" + bits], statistics = follow(n, x.to(dtype), y)
            arrays.update({f"g{bits}.{k}": v for k, v in gradients.items()})
            arrays.update({f"s{bits}.{k}": v for k, v in statistics.items()})
        np.savez(f"{folder}/{name}.npz", **arrays)
        print("wrote", name, flush=True)


main(*sys.argv[1:])
