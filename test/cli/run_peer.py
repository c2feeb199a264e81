# SPDX-License-Identifier: Apache-2.0
"""What Pillow, numpy and onnxruntime answer: python3 run_peer.py MODEL "L"|"RGB"|"table" SIZE MEAN STD INPUT...
prints {"results": [[softmax of the output], ...]}, one a picture or row. run_test.cc compares."""
import csv, json, sys
import numpy as np
import onnxruntime
from PIL import Image


def picture(path, mode, size, mean, std):
    image = Image.open(path).convert(mode)
    # Width first, then height: see pillow.py.
    image = image.resize((size, image.height), Image.BILINEAR).resize((size, size), Image.BILINEAR)
    pixels = np.asarray(image, np.float64).reshape(size, size, -1).transpose(2, 0, 1)
    return ((pixels / 255 - mean) / std).astype(np.float32)


def rows(path):
    with open(path) as f:
        return [np.array([v for k, v in row.items() if k != "label"], np.float32) for row in csv.DictReader(f)]


def main(model, mode, size, mean, std, *inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    samples = []
    for path in inputs:
        samples += rows(path) if mode == "table" else [picture(path, mode, int(size), float(mean), float(std))]
    results = []
    for x in samples:
        logits = session.run(None, {session.get_inputs()[0].name: x[None]})[0][0].astype(np.float64)
        e = np.exp(logits - logits.max())
        results.append((e / e.sum()).tolist())
    json.dump({"results": results}, sys.stdout)


main(*sys.argv[1:])
