# SPDX-License-Identifier: Apache-2.0
"""What onnxruntime answers at every node: every_node.py OUT BATCH MODEL... Runs in the peers' environment.

Each model goes to OUT/NAME: all.onnx, the model with every node's output among its outputs; input_0.pb ... in the order
of the inputs; output_0.pb ... named. Open axes are BATCH (the first of a name, the next ones BATCH + 1 ...), integers are words of a small
vocabulary, masks ones with zeros at the end."""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

WORDS = 96


def expose(model):
    """Every node's output that is not one already; types are left to whoever reads it. Not the mask of Dropout: before
    opset 12 the standard does not say what it holds outside training."""
    listed = {o.name for o in model.graph.output} | {""}
    for node in model.graph.node:
        for name in node.output[:1] if node.op_type == "Dropout" else node.output:
            if name not in listed:
                listed.add(name)
                model.graph.output.append(onnx.ValueInfoProto(name=name))


def draw(value, open_axes, batch, rng):
    t = value.type.tensor_type
    dims = [d.dim_value or open_axes.setdefault(d.dim_param, batch + len(open_axes)) for d in t.shape.dim]
    if t.elem_type == onnx.TensorProto.FLOAT:
        return rng.standard_normal(dims, dtype=np.float32)
    if "mask" in value.name:
        mask = np.ones(dims, np.int64)
        mask[-1, dims[-1] // 2:] = 0
        return mask
    return rng.integers(0, 2 if "type" in value.name else WORDS, dims)


def save(path, array, name):
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def answer(model, folder, batch, rng):
    """Writes the model, inputs and answers to `folder`."""
    folder.mkdir(parents=True)
    expose(model)
    path = folder / "all.onnx"
    path.write_bytes(model.SerializeToString())
    constants = {t.name for t in model.graph.initializer}
    open_axes, inputs = {}, {}
    for value in model.graph.input:
        if value.name not in constants:
            inputs[value.name] = draw(value, open_axes, batch, rng)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for i, (name, array) in enumerate(inputs.items()):
        save(folder / f"input_{i}.pb", array, name)
    names = [o.name for o in session.get_outputs()]
    for i, (name, array) in enumerate(zip(names, session.run(names, inputs))):
        save(folder / f"output_{i}.pb", np.asarray(array), name)


def main(out, batch, *models):
    for path in map(pathlib.Path, models):
        answer(onnx.load(path), pathlib.Path(out) / path.stem, int(batch), np.random.default_rng(7))


if __name__ == "__main__":
    main(*sys.argv[1:])
