# SPDX-License-Identifier: Apache-2.0
"""The nine topologies of onnx's backend test data (`light`) with weights that mean something: light.py OUT NAME... Each
goes to OUT/NAME as every_node.py writes it.

In the files every weight is 0.02. Here the weights of convolutions and dense layers are He-normal (He et al. 2015), scales
and variances lie around 1, biases and means around 0, all seeded."""
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper

import every_node

LIGHT = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"


def roles(graph):
    """Name of a constant -> (operator, input, node) of its first use; an Unsqueeze hands the use on."""
    users = {}
    for node in graph.node:
        for i, name in enumerate(node.input):
            users.setdefault(name, (node.op_type, i, node))
    for name, (op, _, node) in list(users.items()):
        if op == "Unsqueeze":
            users[name] = users[node.output[0]]
    return users


def normal(dims, rng):
    """N(0,1); past four million values they repeat, a prime number apart, which is quicker to draw."""
    count = int(np.prod(dims))
    return np.resize(rng.standard_normal(min(count, 4194301), dtype=np.float32), dims)


def weights(dims, use, rng):
    op, i, node = use
    if op in ("Conv", "Gemm") and i == 1:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        fan_in = dims[0] if op == "Gemm" and not transposed else int(np.prod(dims[1:]))
        return normal(dims, rng) * np.float32(np.sqrt(2 / fan_in))
    if (op == "BatchNormalization" and i in (1, 4)) or op == "Mul":
        return rng.uniform(0.7, 1.3, dims).astype(np.float32)
    return np.float32(0.1) * normal(dims, rng)


def with_weights(model, rng):
    graph, users = model.graph, roles(model.graph)
    shapes = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    made = [(n.output[0], [int(d) for d in shapes[n.input[0]]]) for n in graph.node if n.op_type == "ConstantOfShape"]
    made += [(t.name, list(t.dims)) for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    sources = {n.input[0] for n in graph.node if n.op_type == "ConstantOfShape"}
    kept = [n for n in graph.node if n.op_type != "ConstantOfShape"]
    gone = sources | {name for name, _ in made}
    tensors = [t for t in graph.initializer if t.name not in gone and t.name in users]
    inputs = [v for v in graph.input if v.name not in shapes]
    for field, values in (("node", kept), ("initializer", tensors), ("input", inputs)):
        values = [type(v).FromString(v.SerializeToString()) for v in values]
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    for name, dims in made:
        if name in users:
            graph.initializer.append(numpy_helper.from_array(weights(dims, users[name], rng), name))
    for t in graph.initializer:  # as IR version 3 has it
        graph.input.append(onnx.helper.make_tensor_value_info(t.name, t.data_type, t.dims))


def main(out, *names):
    for name in names:
        rng = np.random.default_rng(sum(map(ord, name)))
        model = onnx.load(LIGHT / f"light_{name}.onnx")
        with_weights(model, rng)
        every_node.answer(model, pathlib.Path(out) / name, 1, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
