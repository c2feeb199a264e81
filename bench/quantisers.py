#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hone's static quantisation beside onnxruntime's, both files judged in onnxruntime (scripts/bench quantisers).

For every shared model: onnxruntime's file (quant_pre_process, then quantize_static: QDQ, per channel, activations u8,
weights s8, min-max, 512 samples) and hone's, calibrated on the same samples. hone's choice among its recipes is made on
the validation part; the test part only judges. Printed for each: both drops against fp32 in points, their paired
difference (hone - onnxruntime) with its 95 % interval and a one-sided exact sign test, the ratio of sizes, and the
ratio of times (interleaved, 2 threads, spinning off).

    quantisers.py [--models a,b] [--steps make,accuracy,latency] [--recipes min_max,...] [--work DIR] [--json[=FILE]]
"""
import argparse
import gzip
import hashlib
import io
import itertools
import json
import math
import os
import shlex
import subprocess
import sys
import tarfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

SAMPLES = 512
# What `hone quantize` is asked for. "chosen" among them is the one with the best validation accuracy, the first of equals.
RECIPES = {
    "min_max": "",
    "min_max+bias": "--correct-bias",
    "mse+bias": "--range mse --weights mse --correct-bias",
    "entropy+bias": "--range entropy --correct-bias",
    "percentile+bias": "--range percentile --correct-bias",
    "min_max+equal+bias": "--equalize --correct-bias",
    "mse+equal+bias": "--range mse --weights mse --equalize --correct-bias",
}
LAYOUT = "--activations nodes --weight-only cast"
FLAGS = {"fashion": "--data fashion-mnist --mean 0.286 --std 0.353", "glyphs": "--data {shared}/data/glyphs.tar --mean 0.5 --std 0.5 --resize 32x32",
         "letters": "--data {shared}/data/letters"}
FASHION = "/usr/share/datasets/fashion-mnist"


def idx(name):
    with gzip.open(f"{FASHION}/{name}.gz") as file:
        raw = file.read()
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def fashion(part):
    prefix = "t10k" if part == "test" else "train"
    x, y = idx(f"{prefix}-images-idx3-ubyte"), idx(f"{prefix}-labels-idx1-ubyte")
    if part == "validation":
        x, y = x[55000:], y[55000:]
    return ((x[:, None].astype(np.float32) / 255 - 0.2860) / 0.3530).astype(np.float32), y.astype(np.int64)


def glyphs(part, shared):
    from PIL import Image
    x, y = [], []
    with tarfile.open(f"{shared}/data/glyphs.tar") as tar:
        for member in tar:
            parts = member.name.strip("./").split("/")
            if not member.isfile() or part not in parts:
                continue
            picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
            x.append(np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR)).transpose(2, 0, 1))
            y.append(ord(parts[-2]) - ord("A"))
    return ((np.stack(x).astype(np.float32) / 255 - 0.5) / 0.5).astype(np.float32), np.array(y)


def letters(part, shared):
    with open(f"{shared}/data/letters/{part}.csv") as file:
        rows = [line.strip().replace('"', "").split(",") for line in file if line.strip()][1:]
    return np.array([[float(v) for v in r[:-1]] for r in rows], np.float32), np.array([ord(r[-1]) - ord("A") for r in rows])


def load(kind, part, shared, cache={}):
    if (kind, part) not in cache:
        cache[kind, part] = fashion(part) if kind == "fashion" else glyphs(part, shared) if kind == "glyphs" else letters(part, shared)
    return cache[kind, part]


class Reader(CalibrationDataReader):
    def __init__(self, name, samples):
        self.batches = iter([{name: samples[i:i + 32]} for i in range(0, len(samples), 32)])

    def get_next(self):
        return next(self.batches, None)


def session(path, threads=2):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def predictions(path, kind, part, shared, work):
    """Predicted classes, kept by the file's hash."""
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()[:24]
    kept = f"{work}/answers-{digest}-{part}.npy"
    if not os.path.exists(kept):
        x, _ = load(kind, part, shared)
        s = session(path)
        name = s.get_inputs()[0].name
        fixed = s.get_inputs()[0].shape[0]
        step = fixed if isinstance(fixed, int) else 100
        np.save(kept, np.concatenate([s.run(None, {name: x[i:i + step]})[0].argmax(1) for i in range(0, len(x), step)]))
    return np.load(kept)


def sign_test(worse, better):
    """P(at least `worse` of worse + better) when each is as likely: small where hone is significantly worse."""
    n = worse + better
    return sum(math.comb(n, k) for k in range(worse, n + 1)) / 2**n if n else 1.0


def compared(reference, ours, theirs, y):
    right = lambda p: (p == y).astype(int)
    r, a, b = right(reference), right(ours), right(theirs)
    d = b - a
    worse, better = int((d > 0).sum()), int((d < 0).sum())
    half = 1.96 * d.std() / math.sqrt(len(y))
    return {"samples": len(y), "fp32": float(r.mean()), "drop_hone": float((r - a).mean()), "drop_ort": float((r - b).mean()),
            "difference": float(d.mean()), "low": float(d.mean() - half), "high": float(d.mean() + half),
            "p_worse": sign_test(worse, better)}


def timed(paths, kind, shared, seconds):
    """Milliseconds of each file, interleaved in short blocks of one process whose pools do not spin."""
    x = load(kind, "validation", shared)[0][:1]
    sessions = [session(p) for p in paths]
    feeds = [{s.get_inputs()[0].name: x} for s in sessions]
    for s, f in zip(sessions, feeds):
        for _ in range(5):
            s.run(None, f)
    times = [[] for _ in paths]
    stop = time.perf_counter() + seconds
    orders = list(itertools.permutations(range(len(paths))))  # who ran before leaves the caches as they are
    for turn in itertools.count():
        if len(times[0]) >= 36 and (time.perf_counter() > stop or len(times[0]) >= 6000):
            break
        for i in orders[turn % len(orders)]:
            s, f, t = sessions[i], feeds[i], times[i]
            s.run(None, f)
            for _ in range(6):
                start = time.perf_counter()
                s.run(None, f)
                t.append((time.perf_counter() - start) * 1e3)
    return [np.array(t) for t in times]


def ratio(a, b):
    """Median ratio a/b over blocks of rounds, with its 95 % interval by bootstrap over blocks."""
    blocks = max(1, min(30, len(a) // 3))
    r = np.array([np.median(p) / np.median(q) for p, q in zip(np.array_split(a, blocks), np.array_split(b, blocks))])
    draws = np.median(np.random.default_rng(0).choice(r, (2000, len(r))), axis=1)
    return {"estimate": float(np.median(a) / np.median(b)), "low": float(np.quantile(draws, 0.025)), "high": float(np.quantile(draws, 0.975))}


def make(model, args, recipes):
    base, kind = model["file"][:-5], model["data"]
    source = f"{args.shared}/models/{model['file']}"
    flags = shlex.split(FLAGS[kind].format(shared=args.shared))
    samples = f"{args.work}/{base}.samples.npy"
    for name in recipes:
        command = [args.hone, "quantize", source, *flags, "--samples", str(SAMPLES), "--out", f"{args.work}/{base}.{name}.onnx",
                   "--save-samples", samples, "--threads", "2", *shlex.split(f"{LAYOUT} {RECIPES[name]}")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}\n{done.stderr}")
    theirs = f"{args.work}/{base}.ort.onnx"
    if not os.path.exists(theirs):
        prepared = f"{args.work}/{base}.prepared.onnx"
        try:
            quant_pre_process(source, prepared)
        except Exception as error:  # its symbolic shape inference needs a package more, and fails on some exports
            print(f"{base}: quant_pre_process without symbolic shapes ({type(error).__name__})", file=sys.stderr)
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
        name = onnx.load(source).graph.input[0].name
        quantize_static(prepared, theirs, Reader(name, np.load(samples)), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax)


def accuracy(model, args, recipes):
    base, kind = model["file"][:-5], model["data"]
    source, theirs = f"{args.shared}/models/{model['file']}", f"{args.work}/{base}.ort.onnx"
    row, answers = {"recipes": {}}, {}
    for part in ("validation", "test"):
        y = load(kind, part, args.shared)[1]
        reference, b = (predictions(p, kind, part, args.shared, args.work) for p in (source, theirs))
        for name in recipes:
            a = predictions(f"{args.work}/{base}.{name}.onnx", kind, part, args.shared, args.work)
            answers[name] = a
            row["recipes"].setdefault(name, {})[part] = compared(reference, a, b, y)
    row["chosen"] = min(recipes, key=lambda n: row["recipes"][n]["validation"]["drop_hone"])
    row.update({part: row["recipes"][row["chosen"]][part] for part in ("validation", "test")})
    row["size"] = os.path.getsize(f"{args.work}/{base}.{row['chosen']}.onnx") / os.path.getsize(theirs)
    return row


def latency(model, args, row):
    base = model["file"][:-5]
    paths = [f"{args.work}/{base}.{row['chosen']}.onnx", f"{args.work}/{base}.ort.onnx", f"{args.shared}/models/{model['file']}"]
    ours, theirs, fp32 = timed(paths, model["data"], args.shared, args.seconds)
    return {"latency": ratio(ours, theirs), "over_fp32": ratio(ours, fp32), "ort_over_fp32": ratio(theirs, fp32),
            "ms": {"hone": float(np.median(ours)), "ort": float(np.median(theirs)), "fp32": float(np.median(fp32))}}


def verdict(row):
    t = row["test"]
    better = t["difference"] < 0 or row["size"] < 0.995 or row.get("latency", {}).get("high", 9) < 1
    ok = t["difference"] <= 0.002 and t["p_worse"] >= 0.05 and row["size"] <= 1.02 and row.get("latency", {}).get("estimate", 1) <= 1.05
    return "yes" if ok and better else "NO"


def table(rows):
    print(f"{'model':24} {'recipe':22} {'drop':>6} {'ort':>6} {'difference, points':>20} {'p':>5} {'size':>5} {'time':>5} {'interval':>12} {'/fp32':>5} {'ort':>5}  holds")
    for r in rows:
        t, l, f = r["test"], r.get("latency"), r.get("over_fp32")
        times = f"{l['estimate']:5.2f} {l['low']:5.2f}..{l['high']:4.2f} {f['estimate']:5.2f} {r['ort_over_fp32']['estimate']:5.2f}" if l else " " * 30
        print(f"{r['model']:24} {r['chosen']:22} {t['drop_hone']*100:6.2f} {t['drop_ort']*100:6.2f} {t['difference']*100:6.2f} [{t['low']*100:5.2f},{t['high']*100:5.2f}] {t['p_worse']:6.2f} {r['size']:5.3f} {times}  {verdict(r)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=".")
    parser.add_argument("--models", default="")
    parser.add_argument("--steps", default="make,accuracy,latency")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--work", default="")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", nargs="?", const="-")
    args = parser.parse_args()
    args.shared, args.hone = f"{args.root}/../shared", f"{args.root}/build/release/hone"
    args.work = args.work or f"{args.root}/build/quantisers"
    os.makedirs(args.work, exist_ok=True)
    ort.set_default_logger_severity(4)
    recipes, steps = args.recipes.split(","), args.steps.split(",")
    rows = []
    for model in json.load(open(f"{args.shared}/models/models.json"))["models"]:
        if args.models and model["file"][:-5] not in args.models.split(","):
            continue
        kept = f"{args.work}/{model['file'][:-5]}.row.json"
        if "make" in steps:
            make(model, args, recipes)
        row = {"model": model["file"][:-5], **accuracy(model, args, recipes)} if "accuracy" in steps else json.load(open(kept))
        if "latency" in steps:
            row.update(latency(model, args, row))
        json.dump(row, open(kept, "w"))
        rows.append(row)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    document = {"schema": "hone.quantisers/1", "cpu": cpu, "peers": {"onnxruntime": ort.__version__}, "threads": 2, "samples": SAMPLES, "rows": rows}
    if args.json == "-":
        print(json.dumps(document))
    else:
        table(rows)
        if args.json:
            with open(args.json, "w") as file:
                json.dump(document, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
