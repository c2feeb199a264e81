# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the suite `training`: training_torch.py FOLDER THREADS BATCH, driven by bench/suite/torch.cc.

Reads networks, weights and batches that bench/suite/training_data.cc wrote to FOLDER. A line of stdin is a command, a
line of stdout its answer: `run NETWORK VARIANT STEPS` (ms and loss of each), `memory` (bytes resident before a network
was made, and the most until now), `epochs NETWORK VARIANT IDX_FOLDER EPOCHS IMAGES` (seconds with evaluation, accuracy).
With Debian's python3-torch (1.13).
"""
import gzip
import sys
import time

try:
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as missing:
    print("missing:", missing, flush=True)
    sys.exit(0)

BATCHES, RATE, MOMENTUM = 8, 0.01, 0.9


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNet18(nn.Module):
    """torchvision's, with the stem for small pictures: a 3x3 convolution and no pooling."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        for k, (i, o, s) in enumerate([(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]):
            setattr(self, f"layer{k + 1}", nn.Sequential(Block(i, o, s), Block(o, o, 1)))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


NETWORKS = {"resnet18": ResNet18, "lenet5": LeNet5}


def weights(path):
    arrays, at = {}, 0
    values = np.fromfile(path + ".bin", np.float32)
    for line in open(path + ".txt"):
        name, *dims = line.split()
        n = int(np.prod([int(d) for d in dims])) if dims else 1
        arrays[name] = torch.from_numpy(values[at : at + n].reshape([int(d) for d in dims]).copy())
        at += n
    return arrays


class Trainer:
    def __init__(self, folder, network, variant, batch):
        self.bf16, self.last = variant.startswith("bf16"), variant.endswith("last")
        path = f"{folder}/{network}"
        net = NETWORKS[network]()
        missing, unexpected = net.load_state_dict(weights(path), strict=False)
        missing = [m for m in missing if "num_batches" not in m]
        assert not missing and not unexpected, (missing, unexpected)
        self.net = net.to(memory_format=self.format()).train()
        self.x = torch.from_numpy(np.fromfile(path + ".x", np.float32).reshape(BATCHES, batch, 1, 28, 28))
        self.y = torch.from_numpy(np.fromfile(path + ".y", np.int64).reshape(BATCHES, batch))
        self.optimizer = torch.optim.SGD(self.net.parameters(), RATE, MOMENTUM)
        self.next = 0

    def format(self):
        return torch.channels_last if self.last else torch.contiguous_format

    def answer(self, x):
        with torch.autocast("cpu", torch.bfloat16, self.bf16):
            return self.net(x.to(memory_format=self.format()))

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.answer(x).float(), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def run(self, steps):
        out = []
        for _ in range(steps):
            k = self.next % BATCHES
            start = time.perf_counter()
            loss = self.step(self.x[k], self.y[k])
            out += [(time.perf_counter() - start) * 1e3, loss]
            self.next += 1
        return out

    def epochs(self, folder, epochs, images):
        """Batches of 64 in a new order each epoch, evaluation on the test part after each."""

        def read(part):
            x = np.frombuffer(gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
            y = np.frombuffer(gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
            x = (x.reshape(-1, 1, 28, 28).astype(np.float32) / 255 - 0.286) / 0.353
            return torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))

        (x, y), (xt, yt) = read("train"), read("t10k")
        x, y = x[:images], y[:images]
        start, accuracy = time.perf_counter(), 0.0
        for _ in range(epochs):
            order = torch.randperm(len(x))
            self.net.train()
            for i in range(0, len(x) - 63, 64):
                self.step(x[order[i : i + 64]], y[order[i : i + 64]])
            self.net.eval()
            with torch.no_grad():
                right = sum((self.answer(xt[i : i + 64]).argmax(1) == yt[i : i + 64]).sum().item() for i in range(0, len(xt), 64))
            accuracy = right / len(xt)
        return [time.perf_counter() - start, accuracy]


def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def main(folder, threads, batch):
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    start = status("VmRSS")
    trainers = {}
    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            if word == "memory":
                answer = [start, status("VmHWM")]
            else:
                key = (rest[0], rest[1])
                if key not in trainers:
                    trainers[key] = Trainer(folder, *key, int(batch))
                trainer = trainers[key]
                answer = trainer.run(int(rest[2])) if word == "run" else trainer.epochs(rest[2], int(rest[3]), int(rest[4]))
            print("ok", *[repr(a) for a in answer], flush=True)
        except Exception as error:
            print("error", repr(error).replace("\n", " "), flush=True)


main(*sys.argv[1:])
