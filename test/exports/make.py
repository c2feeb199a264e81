# SPDX-License-Identifier: Apache-2.0
"""Exports the networks of this folder: make.py torchscript|dynamo|dynamo23 FOLDER [NAME...]. test/exports/make gives each
exporter its PyTorch. dynamo23 asks for opset 23, where attention is an operator. Weights are seeded; a later run of the same PyTorch writes the same answers."""
import pathlib
import sys

import torch

import convolutional as c
import sequential as s


def image(size):
    return {"image": torch.randn(2, 3, size, size)}, {"image": {0: "batch"}}


def tokens(n, t):
    return torch.randint(0, s.WORDS, (n, t))


def bert_inputs():
    mask = torch.ones(2, 9, dtype=torch.int64)
    mask[1, 6:] = 0
    axes = {0: "batch", 1: "time"}
    given = {"input_ids": tokens(2, 9), "attention_mask": mask, "token_type_ids": torch.randint(0, 2, (2, 9))}
    return given, {name: axes for name in given}


# name: network, its inputs, the axes that stay open
NETWORKS = {
    "mobilenet_v2": (c.mobilenet_v2, lambda: image(32)),
    "mobilenet_v3": (c.MobileNetV3, lambda: image(32)),
    "efficientnet": (c.efficientnet, lambda: image(32)),
    "convnext": (c.ConvNext, lambda: image(32)),
    "shuffle_dense": (c.ShuffleDense, lambda: image(40)),
    "unet": (c.UNet, lambda: image(32)),
    "vit": (s.Vit, lambda: image(32)),
    "bert": (s.Bert, bert_inputs),
    "lstm": (s.Lstm, lambda: ({"series": torch.randn(2, 7, 12)}, {"series": {0: "batch"}})),
    "gru": (s.Gru, lambda: ({"words": tokens(7, 2), "state": torch.randn(2, 2, 32)}, {"words": {0: "time"}})),
    "decoder": (s.Decoder, lambda: ({"words": tokens(2, 8), "memory": torch.randn(2, 5, s.WIDTH)},
                                    {"words": {0: "batch", 1: "time"}, "memory": {0: "batch", 1: "memory_time"}})),
}

ATTENTION = ("vit", "decoder")


def build(make, seed):
    """In evaluation mode, with the statistics and scales of a network that was trained."""
    torch.manual_seed(seed)
    network = make().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
        if hasattr(module, "weight") and getattr(module, "bias", None) is not None and module.weight.dim() == 1:
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return network


def export(exporter, name, path):
    make, inputs = NETWORKS[name]
    network = build(make, sum(map(ord, name)))
    given, axes = inputs()
    with torch.no_grad():
        outputs = network(*given.values())
    count = len(outputs) if isinstance(outputs, tuple) else 1
    names = {"input_names": list(given), "output_names": ["output"] if count == 1 else [f"output{i}" for i in range(count)]}
    if exporter == "torchscript":
        torch.onnx.export(network, tuple(given.values()), path, dynamic_axes=axes, **names)
    else:
        dynamic = [{a: torch.export.Dim(d) for a, d in axes.get(n, {}).items()} for n in given]
        program = torch.onnx.export(network, tuple(given.values()), dynamo=True, dynamic_shapes=tuple(dynamic), opset_version=23 if exporter == "dynamo23" else None, **names)
        for node in program.model.graph:  # stack traces hold the paths of the machine
            node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)
        program.save(path)


def main(exporter, folder, *chosen):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for name in chosen or (ATTENTION if exporter == "dynamo23" else NETWORKS):
        path = pathlib.Path(folder) / f"{name}_{exporter}.onnx"
        export(exporter, name, str(path))
        size = path.stat().st_size
        print(f"{path.name}: {size} bytes", flush=True)
        if size > 300 * 1024:
            raise SystemExit(f"{path.name} is larger than 300 KiB")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("torchscript", "dynamo", "dynamo23"):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
