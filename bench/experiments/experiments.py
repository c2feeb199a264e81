# SPDX-License-Identifier: Apache-2.0
"""Runs the arms of a declared training experiment and says how they compare: scripts/experiments DECLARATION.toml [...]

A declaration (bench/experiments/*.toml) names the data, the options that all arms share, and arms, each with what it adds,
the program that trains it (hone, or torch on the same first weights) and the arm it is held against. Each arm's learning
rate is the best of the same small grid on the validation part, at a seed of its own (`rate_seed`), after `rate_epochs`.
Every finished run is one line of the journal bench/results/experiments/NAME.jsonl, with the commit it was made by and the
answer on each test sample, which onnxruntime gives on the written ONNX file; what the journal has is not run again, so
figures may come from several sittings. The comparison is a bootstrap over seeds and test samples (paired by both): mean
difference in points and its one-sided 95 % lower limit.
"""
import argparse
import base64
import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TORCH_PYTHON = "/usr/bin/python3"  # Debian's, which has python3-torch


def fail(text):
    sys.exit(f"experiments: {text}")


class Journal:
    def __init__(self, path):
        self.path = path
        self.runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def find(self, **key):
        return next((r for r in self.runs if all(r[k] == v for k, v in key.items())), None)

    def add(self, run):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as f:
            f.write(json.dumps(run) + "\n")
            f.flush()
            os.fsync(f.fileno())
        self.runs.append(run)


def commit():
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return head.stdout.strip() or "unknown"


def pack(bits):
    return base64.b64encode(np.packbits(bits.astype(np.uint8)).tobytes()).decode()


def unpack(run):
    return np.unpackbits(np.frombuffer(base64.b64decode(run["right"]), np.uint8))[: run["samples"]].astype(bool)


def run_logged(command, log):
    with open(log, "w") as f:
        done = subprocess.run([str(c) for c in command], stdout=f, stderr=subprocess.STDOUT)
    if done.returncode:
        fail(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{Path(log).read_text()[-2000:]}")


class Experiment:
    def __init__(self, declaration, options):
        self.name = Path(declaration).stem
        self.d = tomllib.loads(Path(declaration).read_text())
        self.options = options
        self.journal = Journal(ROOT / "bench/results/experiments" / f"{self.name}.jsonl")
        unknown = set(self.d) - {"what", "data", "new", "model", "train", "margin", "seeds", "rates", "rate_seed", "rate_epochs", "epochs", "mean", "std", "share", "make", "arms"}
        if unknown:
            fail(f"{declaration}: unknown {sorted(unknown)}")
        if "make" in self.d and not place(self.d["data"]).exists():
            subprocess.run([ROOT / "scripts" / self.d["make"], place(self.d["data"])], check=True)

    def arm(self, name):
        return {"program": "hone", "train": "", "new": self.d.get("new", ""), **self.d["arms"][name]}

    def recipe(self, name):
        """All that makes a run but seed, rate and epochs: where it changes, the run is another."""
        arm = self.arm(name)
        return " | ".join([arm["program"], arm.get("model", self.d.get("model", arm["new"])), f"{self.d['data']} x {self.d.get('share', 1)}", f"{self.d.get('train', '')} {arm['train']}".strip()])

    def train(self, name, seed, rate, epochs):
        """One run; its journal line, from the journal where it has it."""
        key = {"arm": name, "seed": seed, "rate": rate, "epochs": epochs, "recipe": self.recipe(name)}
        if known := self.journal.find(**key):
            return known
        if self.options.report or time.time() > self.options.until:
            return None
        arm, start = self.arm(name), time.time()
        with tempfile.TemporaryDirectory(prefix="hone-experiment-") as folder:
            folder = Path(folder)
            net = folder / "net.onnx"
            if "model" in arm or "model" in self.d:
                shutil.copy(place(arm.get("model", self.d.get("model"))), net)
            else:
                run_logged([self.options.hone, "new", *shlex.split(arm["new"]), "--seed", seed, "--out", net], folder / "new.log")
            flags = [*shlex.split(self.d.get("train", "")), *shlex.split(arm["train"])]
            flags += ["--mean", self.d["mean"], "--std", self.d["std"]] if "mean" in self.d else []
            data = write_share(folder / "data", self.d["share"], seed) if "share" in self.d else place(self.d["data"]) if "make" in self.d else self.d["data"]
            flags += ["--data", data, "--lr", rate, "--epochs", epochs, "--seed", seed, "--threads", self.options.threads]
            if arm["program"] == "hone":
                run_logged([self.options.hone, "train", net, *flags, "--out", folder, "--quiet"], folder / "train.log")
                record, out = json.loads((folder / "train.json").read_text()), folder / "net_trained.onnx"
                history = record["history"]
                validation = history[-1]["metrics"].get("top1")
                loss, seconds = history[-1]["loss"], sum(e["seconds"] for e in history)
            else:
                from to_torch import translate, write_back
                translate(net, folder)
                run_logged([TORCH_PYTHON, HERE / "torch_arm.py", folder, *flags], folder / "train.log")
                record, out = json.loads((folder / "torch.json").read_text()), folder / "trained.onnx"
                write_back(net, folder / "trained.npz", out)
                validation, loss, seconds = record["validation"], record["loss"], record["seconds"]
            right = self.answers(out)
        run = {**key, "commit": commit(), "at": time.strftime("%Y-%m-%d %H:%M"), "took": round(time.time() - start, 1), "training_seconds": round(seconds, 1),
               "threads": self.options.threads, "loss": loss, "validation": validation, "test": float(right.mean()), "samples": int(right.size), "right": pack(right)}
        self.journal.add(run)
        print(f"{self.name}: {name}, seed {seed}, rate {rate:g}, {epochs} epochs: loss {loss:.4f}, validation {100 * validation:.2f} %, test {100 * run['test']:.2f} %, {run['took']:.0f} s", flush=True)
        return run

    def answers(self, model):
        """Which test samples the written file answers rightly, as onnxruntime runs it."""
        import onnxruntime
        x, y = test_part(self.d)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.options.threads
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        feed = session.get_inputs()[0]
        n = feed.shape[0] if isinstance(feed.shape[0], int) else 500
        return np.concatenate([session.run(None, {feed.name: x[i : i + n]})[0].argmax(1) == y[i : i + n] for i in range(0, len(x), n)])

    def best_rate(self, name):
        rates = self.d["rates"]
        if len(rates) == 1:
            return rates[0]
        tried = [self.train(name, self.d.get("rate_seed", 100), r, self.d.get("rate_epochs", 1)) for r in rates]
        return None if None in tried else max(tried, key=lambda r: r["validation"])["rate"]

    def run(self):
        arms = self.options.arms or list(self.d["arms"])
        for name in arms:
            if name not in self.d["arms"]:
                fail(f"{self.name} has no arm '{name}'; it has {', '.join(self.d['arms'])}")
        rates = {name: self.best_rate(name) for name in arms}
        for seed in self.options.seeds or self.d["seeds"]:
            for name in arms:
                if rates[name] is not None:
                    self.train(name, seed, rates[name], self.d["epochs"])

    def report(self):
        print(f"\n# {self.name}: {self.d['what']}\n")
        print("| arm | rate | seeds | test % | sd | against | difference, points | one-sided 95 % limit |\n|---|---|---|---|---|---|---|---|")
        for name in self.d["arms"]:
            runs = self.full_runs(name)
            if not runs:
                continue
            tests = np.array([100 * r["test"] for r in runs.values()])
            line = f"| {name} | {next(iter(runs.values()))['rate']:g} | {len(runs)} | {tests.mean():.2f} | {tests.std(ddof=1) if len(tests) > 1 else 0:.2f} |"
            control = self.arm(name).get("against")
            other = self.full_runs(control) if control else {}
            seeds = sorted(set(runs) & set(other))
            if not seeds:
                print(line + " | | |")
                continue
            mean, low = compare([unpack(runs[s]) for s in seeds], [unpack(other[s]) for s in seeds])
            print(f"{line} {control} | {mean:+.2f} | {low:+.2f}{self.verdict(low)} |")

    def verdict(self, low):
        return "" if "margin" not in self.d else f" ({'above' if low > self.d['margin'] else 'not above'} {self.d['margin']:+g})"

    def full_runs(self, name):
        return {r["seed"]: r for r in self.journal.runs if r["arm"] == name and r["recipe"] == self.recipe(name) and r["epochs"] == self.d["epochs"] and r["seed"] in self.d["seeds"]}


def compare(ours, theirs, resamples=4000):
    """Mean difference in points and its lower limit: seeds are drawn, then test samples, both paired."""
    difference = np.stack([a.astype(np.int8) - b.astype(np.int8) for a, b in zip(ours, theirs)])
    seeds, samples = difference.shape
    draw = np.random.default_rng(1)
    means = [difference[draw.integers(0, seeds, seeds)].mean(0)[draw.integers(0, samples, samples)].mean() for _ in range(resamples)]
    return 100 * difference.mean(), 100 * np.quantile(means, 0.05)


def place(text):
    return ROOT / text


def test_part(d):
    """Inputs and labels of the test part: Fashion-MNIST, or of a folder that `make` made."""
    x, y = read_idx(place(d["data"]) / "test", "") if "make" in d else fashion("t10k")
    return (x.astype(np.float32) / 255 - float(d["mean"])) / float(d["std"]), y


def fashion(part):
    return read_idx(Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist")), f"{part}-")


def read_idx(folder, prefix):
    def values(name, offset):
        path = folder / f"{prefix}{name}"
        return np.frombuffer(path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read(), np.uint8, offset=offset)
    return values("images-idx3-ubyte", 16).reshape(-1, 1, 28, 28), values("labels-idx1-ubyte", 8).astype(np.int64)


def write_share(folder, share, seed):
    """Fashion-MNIST with so much of its training part, drawn by the seed, equally of each class; a folder of .npz."""
    folder.mkdir()
    x, y = fashion("train")
    order = np.random.default_rng(seed).permutation(55000)
    each = int(share * 5500)
    some = np.concatenate([order[y[order] == c][:each] for c in range(10)])
    np.savez(folder / "train.npz", x=x[some], y=y[some])
    np.savez(folder / "validation.npz", x=x[55000:], y=y[55000:])
    test = fashion("t10k")
    np.savez(folder / "test.npz", x=test[0], y=test[1])
    return folder


def main():
    p = argparse.ArgumentParser(prog="scripts/experiments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("declarations", nargs="+", help="TOML files; NAME alone is bench/experiments/NAME.toml")
    p.add_argument("--arms", type=lambda s: s.split(","), help="only these")
    p.add_argument("--seeds", type=lambda s: [int(v) for v in s.split(",")], help="only these")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--minutes", type=float, default=1e9, help="begin no run after so long; call again to go on")
    p.add_argument("--report", action="store_true", help="only what the journal has")
    p.add_argument("--hone", default=str(ROOT / "build/release/hone"))
    options = p.parse_args()
    options.until = time.time() + 60 * options.minutes
    for text in options.declarations:
        path = Path(text) if text.endswith(".toml") else HERE / f"{text}.toml"
        if not path.exists():
            fail(f"no '{path}'; there are {', '.join(sorted(f.stem for f in HERE.glob('*.toml')))}")
        experiment = Experiment(path, options)
        if not options.report:
            experiment.run()
        experiment.report()


if __name__ == "__main__":
    main()
