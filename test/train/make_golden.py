# SPDX-License-Identifier: Apache-2.0
"""Writes test/train/golden/*.npz: what PyTorch does in double. Run by hand with Debian's python3-torch (1.13):

    /usr/bin/python3 test/train/make_golden.py
"""
import copy
import io
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
RNG = np.random.RandomState(5)
X = RNG.randn(3, 4, 5)  # three towers, or three micro-batches
W0 = np.concatenate([(RNG.randn(n) * s).ravel() for n, s in ((35, 0.5), (7, 0.1), (21, 0.5), (3, 0.1))])
LABELS = np.array([2, 0, 1, 2])
SOFT = RNG.dirichlet(np.ones(3), 4)
VALUES = RNG.randn(4, 3)
UNIT = RNG.rand(4, 3)
SIGNS = np.where(RNG.rand(4, 3) < 0.5, -1.0, 1.0)
SAME = np.array([1.0, 0.0, 0.0, 1.0])
STEPS = 100


def weights():
    return [torch.tensor(w.reshape(d), requires_grad=True)
            for w, d in zip(np.split(W0, [35, 42, 63]), ((5, 7), (7,), (7, 3), (3,)))]


def mlp(w, x):
    return torch.tanh(x @ w[0] + w[1]) @ w[2] + w[3]


def flat(w):
    return np.concatenate([t.detach().numpy().ravel() for t in w])


def hinge(margin):
    return lambda a, t: torch.clamp(margin - a[0] * t, min=0).mean()


def contrastive(margin):
    def f(a, same):
        d = F.pairwise_distance(a[0], a[1])
        return ((same * d ** 2 + (1 - same) * torch.clamp(margin - d, min=0) ** 2) / 2).mean()
    return f


def first(f, **options):
    return lambda a, t: f(a[0], t, **options)


IGNORED = np.array([2, -100, 1, 0])
# name: (answers, target, function)
LOSSES = {
    "cross_entropy": (1, LABELS, first(F.cross_entropy)),
    "cross_entropy_smooth": (1, LABELS, first(F.cross_entropy, label_smoothing=0.1)),
    "cross_entropy_ignored": (1, IGNORED, first(F.cross_entropy)),
    "cross_entropy_ignored_smooth": (1, IGNORED, first(F.cross_entropy, label_smoothing=0.2)),
    "cross_entropy_sum": (1, LABELS, first(F.cross_entropy, label_smoothing=0.1, reduction="sum")),
    "cross_entropy_soft": (1, SOFT, first(F.cross_entropy)),
    "cross_entropy_soft_smooth": (1, SOFT, first(F.cross_entropy, label_smoothing=0.1)),
    "bce_with_logits": (1, UNIT, first(F.binary_cross_entropy_with_logits)),
    "mse": (1, VALUES, first(F.mse_loss)),
    "mse_sum": (1, VALUES, first(F.mse_loss, reduction="sum")),
    "mae": (1, VALUES, first(F.l1_loss)),
    "hinge": (1, SIGNS, hinge(1)),
    "hinge_margin": (1, SIGNS, hinge(0.4)),
    "multi_margin": (1, LABELS, first(F.multi_margin_loss)),
    "multi_margin_margin": (1, LABELS, first(F.multi_margin_loss, margin=0.3)),
    "contrastive": (2, SAME, contrastive(1)),
    "contrastive_margin": (2, SAME, contrastive(2.5)),
    "triplet": (3, None, lambda a, t: F.triplet_margin_loss(*a)),
    "triplet_swap": (3, None, lambda a, t: F.triplet_margin_loss(*a, margin=2.0, swap=True)),
    "cosine_embedding": (2, 2 * SAME - 1, lambda a, t: F.cosine_embedding_loss(a[0], a[1], t)),
    "cosine_embedding_margin": (2, 2 * SAME - 1, lambda a, t: F.cosine_embedding_loss(a[0], a[1], t, margin=0.3)),
}


def tensor(t):
    return None if t is None else torch.tensor(t)


def losses():
    out = {"x": X, "w0": W0, "points": RNG.randn(3, 4, 3)}
    for name, (answers, target, f) in LOSSES.items():
        if target is not None:
            out[name + ".target"] = target
        a = [torch.tensor(p, requires_grad=True) for p in out["points"][:answers]]
        loss = f(a, tensor(target))
        loss.backward()
        out[name + ".value"] = loss.detach().numpy()[None]
        out[name + ".gradient"] = np.stack([p.grad.numpy() for p in a])
        w = weights()
        optimiser = torch.optim.SGD(w, 0.02, momentum=0.9)
        curve = []
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = f([mlp(w, torch.tensor(x)) for x in X[:answers]], tensor(target))
            loss.backward()
            optimiser.step()
            curve.append(loss.item())
        out[name + ".losses"], out[name + ".weights"] = np.array(curve), flat(w)
    # Positions behind the class axis.
    x = torch.tensor(RNG.randn(2, 3, 4), requires_grad=True)
    labels = torch.tensor([[0, 2, -100, 1], [1, 1, 0, -100]])
    loss = F.cross_entropy(x, labels, label_smoothing=0.1)
    loss.backward()
    out |= {"planes.x": x.detach().numpy(), "planes.target": labels.numpy(), "planes.value": loss.detach().numpy()[None], "planes.gradient": x.grad.numpy()}
    soft = torch.tensor(RNG.dirichlet(np.ones(3), (2, 4)).transpose(0, 2, 1))
    x.grad = None
    loss = F.cross_entropy(x, soft, label_smoothing=0.1)
    loss.backward()
    return out | {"soft_planes.target": soft.numpy(), "soft_planes.value": loss.detach().numpy()[None], "soft_planes.gradient": x.grad.numpy()}


O = torch.optim
# name: (optimiser, what else is done)
OPTIMISERS = {
    "sgd": (lambda w: O.SGD(w, 0.1), {}),
    "sgd_decay": (lambda w: O.SGD(w, 0.1, weight_decay=0.01), {}),
    "momentum": (lambda w: O.SGD(w, 0.02, momentum=0.9), {}),
    "momentum_decay": (lambda w: O.SGD(w, 0.02, momentum=0.9, weight_decay=0.01), {}),
    "nesterov": (lambda w: O.SGD(w, 0.02, momentum=0.8, nesterov=True), {}),
    "nesterov_decay": (lambda w: O.SGD(w, 0.02, momentum=0.9, nesterov=True, weight_decay=0.01), {}),
    "adagrad": (lambda w: O.Adagrad(w, 0.1), {}),
    "adagrad_decay": (lambda w: O.Adagrad(w, 0.1, lr_decay=0.01, weight_decay=0.02, eps=1e-6), {}),
    "rmsprop": (lambda w: O.RMSprop(w, 0.01), {}),
    "rmsprop_momentum": (lambda w: O.RMSprop(w, 0.005, alpha=0.9, momentum=0.9), {}),
    "rmsprop_centred": (lambda w: O.RMSprop(w, 0.01, centered=True), {}),
    "rmsprop_all": (lambda w: O.RMSprop(w, 0.005, alpha=0.95, eps=1e-6, momentum=0.5, centered=True, weight_decay=0.01), {}),
    "adam": (lambda w: O.Adam(w, 0.01), {}),
    "adam_decay": (lambda w: O.Adam(w, 0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.02), {}),
    "adamw": (lambda w: O.AdamW(w, 0.01), {}),
    "adamw_decay": (lambda w: O.AdamW(w, 0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1), {}),
    "adamw_weights_only": (lambda w: O.AdamW([{"params": w[0::2], "weight_decay": 0.1}, {"params": w[1::2], "weight_decay": 0}], 0.01), {}),
    "clip_value": (lambda w: O.Adam(w, 0.01), {"clip_value": 0.05}),
    "clip_norm": (lambda w: O.SGD(w, 0.1), {"clip_norm": 0.3}),
    "clip_both": (lambda w: O.SGD(w, 0.1), {"clip_value": 0.05, "clip_norm": 0.3}),
    "accumulate": (lambda w: O.Adam(w, 0.01), {"accumulate": 3}),
    "accumulate_clip": (lambda w: O.SGD(w, 0.1, momentum=0.9), {"accumulate": 2, "clip_norm": 0.2}),
    "ema": (lambda w: O.SGD(w, 0.02, momentum=0.9), {"ema": 0.95}),
    "accumulate_ema": (lambda w: O.SGD(w, 0.02, momentum=0.9), {"ema": 0.9, "accumulate": 3}),
    "rates": (lambda w: O.AdamW(w, 0.02), {"rates": True}),
}


def optimisers():
    rates = 0.02 * (1 + np.cos(np.linspace(0, 3, STEPS)))
    out = {"x": X, "w0": W0, "target": VALUES, "rates": rates}
    for name, (make, also) in OPTIMISERS.items():
        w = weights()
        optimiser = make(w)
        ema = [t.detach().clone() for t in w]
        k = also.get("accumulate", 1)
        curve = []
        optimiser.zero_grad()
        for i in range(STEPS):
            if "rates" in also:
                optimiser.param_groups[0]["lr"] = rates[i]
            loss = F.mse_loss(mlp(w, torch.tensor(X[i % k])), torch.tensor(VALUES))
            curve.append(loss.item())
            (loss / k).backward()
            if (i + 1) % k:
                continue
            if "clip_value" in also:
                nn.utils.clip_grad_value_(w, also["clip_value"])
            if "clip_norm" in also:
                nn.utils.clip_grad_norm_(w, also["clip_norm"])
            optimiser.step()
            optimiser.zero_grad()
            if "ema" in also:
                n = i // k
                decay = min(also["ema"], (1 + n) / (10 + n))  # tf.train.ExponentialMovingAverage with num_updates
                ema = [decay * e + (1 - decay) * t.detach() for e, t in zip(ema, w)]
        out[name + ".losses"], out[name + ".weights"] = np.array(curve), flat(w)
        if "ema" in also:
            out[name + ".ema"] = flat(ema)
    return out


def warmed(after):
    def make(o):
        warm = lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=10)
        return lr_scheduler.SequentialLR(o, [warm, after(o)], milestones=[10])
    return make


SCHEDULES = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1),
    "step": lambda o: lr_scheduler.StepLR(o, 30, gamma=0.3),
    "multi_step": lambda o: lr_scheduler.MultiStepLR(o, [20, 50, 51], gamma=0.5),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 100, eta_min=0.001),
    "one_cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.2, total_steps=100, cycle_momentum=False),
    "one_cycle_odd": lambda o: lr_scheduler.OneCycleLR(o, 0.2, total_steps=101, pct_start=0.17, div_factor=10, final_div_factor=100, cycle_momentum=False),
    "warmup": lambda o: lr_scheduler.LinearLR(o, total_iters=15),
    "warmup_cosine": warmed(lambda o: lr_scheduler.CosineAnnealingLR(o, 90)),
    "warmup_step": warmed(lambda o: lr_scheduler.StepLR(o, 25)),
}
PLATEAUS = {
    "plateau": dict(patience=3),
    "plateau_largest": dict(mode="max", factor=0.5, patience=2, threshold=0.05, threshold_mode="abs", cooldown=4, min_lr=0.01),
}


def schedules():
    metric = np.exp(-np.arange(STEPS) / 20) + 0.15 * RNG.rand(STEPS)
    out = {"metric": metric}
    for name, make in SCHEDULES.items():
        o = O.SGD([torch.zeros(1, requires_grad=True)], 0.2)
        s = make(o)
        out[name] = []
        for _ in range(STEPS):
            out[name].append(o.param_groups[0]["lr"])
            o.step()
            s.step()
    for name, options in PLATEAUS.items():
        o = O.SGD([torch.zeros(1, requires_grad=True)], 0.2)
        s = lr_scheduler.ReduceLROnPlateau(o, **options)
        out[name] = []
        for m in metric:
            out[name].append(o.param_groups[0]["lr"])
            s.step(1 - m if options.get("mode") == "max" else m)
    return {k: np.array(v) for k, v in out.items()}


def statistics():
    """Two uses of one normalisation in a step, three steps."""
    bn = nn.BatchNorm2d(3, momentum=0.25)
    x = RNG.randn(3, 4, 3, 2, 2)
    out = {"x": x, "mean": RNG.randn(3), "variance": RNG.rand(3) + 0.5}
    bn.running_mean[:], bn.running_var[:] = torch.tensor(out["mean"]), torch.tensor(out["variance"])
    for step in x:
        bn(torch.tensor(step))
        bn(torch.tensor(2 * step + 1))
    return out | {"mean.after": bn.running_mean.numpy(), "variance.after": bn.running_var.numpy()}


def philox(counter, key):
    """Philox4x32-10 of arrays of counters [n, 4] (Salmon et al. 2011)."""
    c, k = [counter[:, i].astype(np.uint64) for i in range(4)], [np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)]
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> half) ^ c[1] ^ k[0], p1 & low, (p0 >> half) ^ c[3] ^ k[1], p0 & low]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return np.stack(c, 1)


class Dropout(nn.Dropout):
    """With the masks that hone draws (src/op/dropout.cc): a function of the seed, the step and the element."""

    def __init__(self, p, seed, number):
        super().__init__(p)
        block = philox(np.array([[number, 0, 0xD409, 0]]), seed)[0]
        self.key, self.draw, self.drawing = int(block[0]) | int(block[1]) << 32, 0, False

    def forward(self, x):
        if not (self.training and self.drawing):
            return super().forward(x)
        n = x.numel()
        block = np.arange((n + 3) // 4)
        counter = np.stack([block, 0 * block, 0 * block + self.draw, 0 * block], 1)
        keep = philox(counter, self.key).ravel()[:n] >= round(self.p * 2.0**32)
        self.draw += 1
        return x * torch.tensor(keep.astype(float).reshape(x.shape)) / (1 - self.p)


def dropout():
    """A network with dropout and batch normalisation, exported in training mode; thirty steps of AdamW; the answers in evaluation mode."""
    seed, steps = 0x0123456789ABCDEF, 30
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(6, 17), nn.BatchNorm1d(17, momentum=0.25), nn.ReLU(), Dropout(0.3, seed, 0), nn.Linear(17, 13), nn.Tanh(), Dropout(0.5, seed, 1), nn.Linear(13, 3))
    with torch.no_grad():  # the exporter makes one of parameters that are equal
        net[1].weight.uniform_(0.9, 1.1), net[1].bias.uniform_(-0.1, 0.1), net[1].running_mean.uniform_(-0.1, 0.1), net[1].running_var.uniform_(0.9, 1.1)
    x, labels = torch.tensor(RNG.randn(3, 8, 6)), torch.tensor(RNG.randint(0, 3, (3, 8)))
    out = {"x": x.numpy(), "labels": labels.numpy()}
    for name, dtype in (("model", torch.float64), ("model32", torch.float32)):
        file = io.BytesIO()
        twin = copy.deepcopy(net).to(dtype).train()
        torch.onnx.export(twin, x[0].to(dtype), file, opset_version=14, do_constant_folding=False, training=torch.onnx.TrainingMode.TRAINING)
        out[name] = np.frombuffer(file.getvalue(), np.uint8)
        if dtype == torch.float64:  # the exporter took a step of the statistics, which are in the file
            exported = twin
    net.load_state_dict(exported.state_dict())
    for m in net:
        m.drawing = True
    optimiser, curve = O.AdamW(net.train().parameters(), 0.01, weight_decay=0.1), []
    for k in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x[k % 3]), labels[k % 3])
        loss.backward()
        optimiser.step()
        curve.append(loss.item())
    out |= {"after." + k: v.numpy() for k, v in net.state_dict().items() if "batches" not in k}
    return out | {"losses": np.array(curve), "evaluated": net.eval()(x[0]).detach().numpy()}


for made in (losses, optimisers, schedules, statistics, dropout):
    np.savez_compressed(os.path.join(FOLDER, made.__name__ + ".npz"), **made())
