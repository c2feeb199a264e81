# SPDX-License-Identifier: Apache-2.0
"""Writes torch_gradients.npz beside it: small networks exported by PyTorch in double, points, and PyTorch's gradients there.

By hand, with Debian's python3-torch (1.13):  /usr/bin/python3 test/pass/make_torch_gradients.py
A case `c` has arrays c.model (the bytes of its ONNX file), c.x0.. (inputs), c.s0.. (the gradient that arrives at each output),
c.g0.. (of each input, absent for integers) and c.p.NAME (of each parameter of the network).
"""
import io
import os
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
CASES = {}
T = torch.Tensor


class Net(nn.Module):
    def __init__(self, f, parts=()):
        super().__init__()
        self.f, self.parts = f, nn.ModuleList(parts)

    def forward(self, *x):
        return self.f(*x, *self.parts)


def real(*shape, low=-2.0, high=2.0):
    return torch.rand(*shape) * (high - low) + low


def case(name, f, inputs, parts=(), opset=16, train=False):
    CASES[name] = (Net(f, parts), inputs, opset, train)


def unary():
    for name in "abs neg exp sin cos atan tanh erf sigmoid relu".split():
        case(name, getattr(torch, name), [real(3, 5)])
    for name in "sqrt log reciprocal".split():
        case(name, getattr(torch, name), [real(3, 5, low=0.3)])
    for name in "asin acos".split():
        case(name, getattr(torch, name), [real(3, 5, low=-0.9, high=0.9)])
    case("tan", torch.tan, [real(3, 5, low=-1.2, high=1.2)])
    case("clamp", lambda x: torch.clamp(x, -1.0, 0.5), [real(3, 7)])
    for name in "leaky_relu elu selu celu hardtanh hardsigmoid hardswish softplus softsign gelu silu mish logsigmoid".split():
        case(name, getattr(F, name), [real(3, 7, low=-4, high=4)])
    case("hardshrink", lambda x: F.hardshrink(x, 0.7), [real(3, 7)])
    case("softshrink", lambda x: F.softshrink(x, 0.7), [real(3, 7)])
    case("prelu", lambda x, m: m(x), [real(2, 3, 5)], [nn.PReLU(3, 0.2)])


def several():
    a, b = real(2, 3, 5), real(3, 1)
    for name in "add sub mul maximum minimum".split():
        case(name, getattr(torch, name), [a, b])
    case("div", torch.div, [a, real(3, 1, low=0.3)])
    case("pow", torch.pow, [real(2, 3, 5, low=0.3), b])
    case("pow3", lambda x: x**3, [a])
    case("rsqrt", torch.rsqrt, [real(3, 5, low=0.3)])
    case("where", lambda x, y: torch.where(x > 0.1, x * 2, y), [a, b])
    case("fmod", lambda x: torch.fmod(x, 0.7), [a])
    case("rsub", lambda x: 2 - x, [a])
    case("addcmul", lambda x, y, z: torch.addcmul(x, y, z, value=0.3), [a, b, real(5)])
    case("lerp_like", lambda x, y: x + 0.3 * (y - x), [a, b])
    case("atan2_like", lambda x, y: torch.atan(x / (y * y + 1)), [a, b])


def reductions():
    x = real(2, 3, 5)
    case("sum", lambda x: x.sum((0, 2)), [x])
    case("sum_all", lambda x: x.sum(), [x])
    case("mean_keep", lambda x: x.mean(1, keepdim=True), [x])
    case("prod", lambda x: x.prod(2), [x])
    case("amax", lambda x: x.amax(1), [x])
    case("amin", lambda x: x.amin((0, 1), keepdim=True), [x])
    case("max_values", lambda x: x.max(2)[0], [x])
    case("norm2", lambda x: x.norm(2, 1), [x])
    case("norm1", lambda x: x.norm(1, 1), [x])
    case("logsumexp", lambda x: x.logsumexp(1), [x])
    case("var", lambda x: x.var(1, unbiased=False), [x])
    case("std", lambda x: x.std(2, unbiased=True), [x])
    case("softmax", lambda x: x.softmax(1), [x])
    case("log_softmax", lambda x: x.log_softmax(-1), [x])
    case("cumsum", lambda x: x.cumsum(1), [x])
    case("topk", lambda x: x.topk(2, 2)[0], [x])
    case("normalize", lambda x: F.normalize(x, dim=1), [x])
    case("cosine", lambda x, y: F.cosine_similarity(x, y, dim=1), [x, real(2, 3, 5)])


def products():
    case("matmul", torch.matmul, [real(2, 1, 3, 5), real(4, 5, 2)])
    case("matmul_vector", torch.matmul, [real(2, 3, 5), real(5)])
    case("linear", lambda x, m: m(x), [real(2, 3, 5)], [nn.Linear(5, 4)])
    case("linear2", lambda x, m: m(x), [real(3, 5)], [nn.Linear(5, 4)])
    case("addmm", lambda c, a, b: torch.addmm(c, a, b, beta=0.3, alpha=0.7), [real(4), real(3, 5), real(5, 4)])
    case("bilinear_form", lambda a, b: torch.einsum("bij,bkj->bik", a, b), [real(2, 3, 5), real(2, 4, 5)])
    case("einsum_trace", lambda a, b: torch.einsum("bij,jk->bk", a, b), [real(2, 3, 5), real(5, 4)])


def moves():
    x = real(2, 3, 4, 5)
    case("reshape", lambda x: x.reshape(3, -1) * 2, [x])
    case("permute", lambda x: x.permute(2, 0, 3, 1) * 2, [x])
    case("slice", lambda x: x[:, 1:, ::2, 1:4] * 2, [x])
    case("select", lambda x: x[:, 1] * 2, [x])
    case("flip_roll", lambda x: torch.roll(x, 2, 3) * 2, [x])
    case("cat", lambda x, y: torch.cat([x, y, x], 1) * 2, [x, real(2, 1, 4, 5)])
    case("stack", lambda x, y: torch.stack([x, y], 2) * 2, [x, real(2, 3, 4, 5)])
    case("split", lambda x: [a * (i + 1) for i, a in enumerate(x.split([1, 3, 1], 3))], [x])
    case("chunk", lambda x: [a * (i + 1) for i, a in enumerate(x.chunk(2, 2))], [x])
    case("expand", lambda x: x.expand(2, 3, 4) * 2, [real(3, 1)])
    case("repeat", lambda x: x.repeat(2, 1, 3) * 2, [real(3, 4)])
    for mode in ("constant", "reflect", "replicate"):
        case("pad_" + mode, lambda x, mode=mode: F.pad(x, (1, 2, 3, 1), mode=mode) * 2, [x])
    case("index_select", lambda x: x.index_select(2, torch.tensor([0, 3, 3, 1])) * 2, [x])
    case("gather", lambda x, i: x.gather(3, i) * 2, [x, torch.randint(0, 5, (2, 3, 4, 7))])
    case("embedding", lambda i, m: m(i) * 2, [torch.randint(0, 6, (2, 7))], [nn.Embedding(6, 3)])
    case("scatter", lambda x, i, s: x.scatter(3, i, s) * 2, [x, torch.stack([torch.randperm(5)[:2] for _ in range(24)]).reshape(2, 3, 4, 2), real(2, 3, 4, 2)])
    case("scatter_add", lambda x, i, s: x.scatter_add(3, i, s) * 2, [x, torch.randint(0, 5, (2, 3, 4, 7)), real(2, 3, 4, 7)])
    case("tril", lambda x: x.tril(1) * 2, [x])
    case("squeeze", lambda x: x.squeeze(1).unsqueeze(0) * 2, [real(2, 1, 3)])
    case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2) * 2, [real(2, 8, 3, 5)])
    case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2) * 2, [real(2, 3, 4, 6)])
    case("masked_fill", lambda x: x.masked_fill(x > 0.5, -1.0) * 2, [x])


def windows():
    def conv(name, module, *shape):
        case(name, lambda x, m: m(x), [real(*shape)], [module])

    conv("conv1d", nn.Conv1d(3, 4, 3, stride=2, padding=2, dilation=2), 2, 3, 11)
    conv("conv2d", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0)), 2, 4, 7, 6)
    conv("conv2d_groups", nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, bias=False), 2, 4, 7, 6)
    conv("conv2d_depthwise", nn.Conv2d(5, 5, 3, padding=1, groups=5), 2, 5, 6, 7)
    conv("conv3d", nn.Conv3d(2, 3, (2, 3, 2), padding=1), 1, 2, 4, 5, 3)
    conv("deconv2d", nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), 2, 4, 4, 5)
    conv("deconv1d", nn.ConvTranspose1d(3, 2, 4, stride=3, dilation=2), 2, 3, 5)
    conv("max_pool2d", nn.MaxPool2d(3, 2, 1), 2, 3, 7, 6)
    conv("max_pool2d_ceil", nn.MaxPool2d((2, 3), 2, ceil_mode=True), 2, 3, 7, 6)
    conv("avg_pool2d", nn.AvgPool2d(3, 2, 1, count_include_pad=True), 2, 3, 7, 6)
    conv("avg_pool2d_exclude", nn.AvgPool2d(3, 2, 1, count_include_pad=False), 2, 3, 7, 6)
    conv("adaptive_avg", nn.AdaptiveAvgPool2d(1), 2, 3, 5, 4)
    conv("adaptive_max", nn.AdaptiveMaxPool2d(1), 2, 3, 5, 4)
    for mode, more in (("nearest", {}), ("bilinear", {"align_corners": False}), ("bilinear", {"align_corners": True}), ("bicubic", {"align_corners": False})):
        name = "resize_" + mode + ("_corners" if more.get("align_corners") else "")
        case(name, lambda x, mode=mode, more=more: F.interpolate(x, size=(7, 9), mode=mode, **more), [real(1, 2, 4, 5)])
    for mode in ("bilinear", "bicubic"):
        for pad in ("zeros", "border", "reflection"):
            if mode == "bicubic" and pad == "border":  # ONNX brings the point to the border, PyTorch each of its neighbours
                continue
            case("grid_" + mode + "_" + pad, lambda x, g, mode=mode, pad=pad: F.grid_sample(x, g, mode=mode, padding_mode=pad, align_corners=False), [real(1, 2, 4, 5), real(1, 3, 3, 2, low=-1.2, high=1.2)])


def norms():
    def layer(name, module, *shape, train=False):
        case(name, lambda x, m: m(x), [real(*shape)], [module], train=train)

    layer("batch_norm_eval", nn.BatchNorm2d(4), 3, 4, 5, 2)
    layer("batch_norm_train", nn.BatchNorm2d(4), 3, 4, 5, 2, train=True)
    layer("instance_norm", nn.InstanceNorm2d(4, affine=True), 3, 4, 5, 2)
    layer("group_norm", nn.GroupNorm(2, 4), 3, 4, 5, 2)
    layer("layer_norm", nn.LayerNorm((4, 5)), 3, 4, 5)


class Last(nn.Module):
    """Of a recurrent layer: all outputs and the last states."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        y, h = self.layer(x)
        return (y, *h) if isinstance(h, tuple) else (y, h)


def recurrent():
    for kind in ("RNN", "LSTM", "GRU"):
        for name, more in (("", {}), ("_two", {"num_layers": 2}), ("_both", {"bidirectional": True})):
            case(kind.lower() + name, lambda x, m: m(x), [real(5, 2, 3)], [Last(getattr(nn, kind)(3, 4, **more))])
    case("rnn_relu", lambda x, m: m(x), [real(5, 2, 3)], [Last(nn.RNN(3, 4, nonlinearity="relu"))])


def losses():
    labels = torch.tensor([1, 0, 3, 2, 1])
    x = real(5, 4)
    case("cross_entropy", lambda x, y: F.cross_entropy(x, y), [x, labels])
    case("cross_entropy_sum", lambda x, y: F.cross_entropy(x, y, reduction="sum"), [x, labels])
    case("cross_entropy_ignore", lambda x, y: F.cross_entropy(x, y, ignore_index=1), [x, labels])
    case("nll", lambda x, y: F.nll_loss(x.log_softmax(1), y, reduction="none"), [x, labels])
    case("mse", lambda x, y: ((x - y) ** 2).mean(), [x, real(5, 4)])
    case("l1", lambda x, y: (x - y).abs().mean(), [x, real(5, 4)])
    case("bce_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y), [x, torch.rand(5, 4)])


def networks():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1, groups=4)
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            y = F.relu(self.b(self.a(x)))
            return self.fc((y + F.hardswish(self.c(y))).mean((2, 3)))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.n, self.qkv, self.out = nn.LayerNorm(6), nn.Linear(6, 18), nn.Linear(6, 6)

        def forward(self, x):
            q, k, v = self.qkv(self.n(x)).reshape(2, 5, 3, 2, 3).permute(2, 0, 3, 1, 4)
            y = ((q @ k.transpose(-1, -2)) / 3**0.5).softmax(-1) @ v
            return x + F.gelu(self.out(y.transpose(1, 2).reshape(2, 5, 6)))

    case("residual_block", lambda x, m: m(x), [real(2, 3, 5, 6)], [Block()], train=True)
    case("attention_block", lambda x, m: m(x), [real(2, 5, 6)], [Attention()])


def main():
    torch.manual_seed(1)
    for family in (unary, several, reductions, products, moves, windows, norms, recurrent, losses, networks):
        family()
    arrays, failed = {}, []
    for name, (net, inputs, opset, train) in CASES.items():
        for m in net.modules():
            if isinstance(m, nn.modules.batchnorm._NormBase) and getattr(m, "running_var", None) is not None:
                m.running_mean.uniform_(-0.5, 0.5)
                m.running_var.uniform_(0.5, 1.5)
            if hasattr(m, "weight") and isinstance(m, (nn.GroupNorm, nn.LayerNorm, nn.modules.batchnorm._NormBase)):
                nn.init.uniform_(m.weight, 0.5, 1.5)
                nn.init.uniform_(m.bias, -0.5, 0.5)
        net.train(train)
        inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]  # cases share points
        try:
            file = io.BytesIO()
            mode = torch.onnx.TrainingMode.TRAINING if train else torch.onnx.TrainingMode.EVAL
            torch.onnx.export(net, tuple(x.detach() for x in inputs), file, opset_version=opset, do_constant_folding=False, training=mode, input_names=[f"x{i}" for i in range(len(inputs))])
        except Exception as e:  # what this exporter does not have is said below
            failed.append(f"{name}: {str(e).splitlines()[0][:90]}")
            continue
        y = net(*inputs)
        y = list(y) if isinstance(y, (tuple, list)) else [y]
        seeds = [torch.rand_like(v) + 0.2 for v in y]
        net.zero_grad()
        sum((v * s).sum() for v, s in zip(y, seeds)).backward()
        arrays[name + ".model"] = np.frombuffer(file.getvalue(), np.uint8)
        for i, x in enumerate(inputs):
            arrays[f"{name}.x{i}"] = x.detach().numpy()
            if x.requires_grad:
                arrays[f"{name}.g{i}"] = x.grad.numpy()
        for i, s in enumerate(seeds):
            arrays[f"{name}.s{i}"] = s.numpy()
        for parameter, p in net.named_parameters():
            if p.grad is not None:
                arrays[f"{name}.p.{parameter}"] = p.grad.numpy()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_gradients.npz")
    np.savez_compressed(path, **arrays)
    print(f"{len(CASES) - len(failed)} cases, {os.path.getsize(path)} bytes; not exported:", *failed, sep="\n  ")


main()
