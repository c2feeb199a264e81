# SPDX-License-Identifier: Apache-2.0
"""Writes test/pass/recurrent_torch.txt: gradients of recurrent cells and of attention that PyTorch computes in double, in
ONNX's order of gates. Run by hand with Debian's python3-torch (1.13):

    /usr/bin/python3 test/pass/make_recurrent_torch.py
"""
import os

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(4)
STEPS, BATCH, INPUT, HIDDEN = 3, 2, 3, 2
ORDER = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}  # of PyTorch's ifgo and rzn
lines = []


def write(name, t):
    a = np.asarray(t.detach() if isinstance(t, torch.Tensor) else t)
    lines.append(" ".join([name, str(a.ndim), *map(str, a.shape), *("%.17g" % v for v in a.ravel())]))


def onnx_rows(kind, t):
    parts = np.split(np.asarray(t), len(ORDER[kind]))
    return np.concatenate([parts[i] for i in ORDER[kind]])


def recurrent(kind, directions, **options):
    cell = getattr(torch.nn, kind)(INPUT, HIDDEN, bidirectional=directions == 2, **options)
    leaf = lambda *d: torch.randn(*d, requires_grad=True)
    x, h0, c0 = leaf(STEPS, BATCH, INPUT), leaf(directions, BATCH, HIDDEN), leaf(directions, BATCH, HIDDEN)
    lstm = kind == "LSTM"
    y, state = cell(x, (h0, c0) if lstm else h0)
    y = y.reshape(STEPS, BATCH, directions, HIDDEN).permute(0, 2, 1, 3)
    outputs = [y, *(state if lstm else [state])]
    seeds = [torch.randn(o.shape) for o in outputs]
    sum((o * s).sum() for o, s in zip(outputs, seeds)).backward()
    lines.append(f"case {kind} {directions} {options.get('nonlinearity', 'tanh')}")
    for i, (o, s) in enumerate(zip(outputs, seeds)):
        write(f"y{i}", o)
        write(f"seed{i}", s)
    for prefix, of in (("", lambda p: p), ("d", lambda p: p.grad)):
        get = lambda name: [onnx_rows(kind, of(getattr(cell, name + "_l0" + end)).detach()) for end in ("", "_reverse")[:directions]]
        write(prefix + "x0", of(x))
        write(prefix + "x1", np.stack(get("weight_ih")))
        write(prefix + "x2", np.stack(get("weight_hh")))
        write(prefix + "x3", np.stack([np.concatenate(b) for b in zip(get("bias_ih"), get("bias_hh"))]))
        write(prefix + "x5", of(h0))
        if lstm:
            write(prefix + "x6", of(c0))


def attention():
    """Four heads of queries over two of keys, with a mask of numbers and a scale."""
    q, k, v, m = (torch.randn(*d, requires_grad=True) for d in ((2, 4, 3, 5), (2, 2, 4, 5), (2, 2, 4, 3), (3, 4)))
    shared = lambda t: t.repeat_interleave(2, 1)
    y = torch.softmax(0.5 * q @ shared(k).transpose(2, 3) + m, -1) @ shared(v)
    seed = torch.randn(y.shape)
    (y * seed).sum().backward()
    lines.append("case Attention 1 softmax")
    write("y0", y)
    write("seed0", seed)
    for prefix, of in (("", lambda p: p), ("d", lambda p: p.grad)):
        for i, t in enumerate((q, k, v, m)):
            write(f"{prefix}x{i}", of(t))


recurrent("LSTM", 1)
recurrent("LSTM", 2)
recurrent("GRU", 1)
recurrent("GRU", 2)
recurrent("RNN", 2)
recurrent("RNN", 1, nonlinearity="relu")
attention()
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "recurrent_torch.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
