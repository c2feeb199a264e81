# SPDX-License-Identifier: Apache-2.0
"""An ONNX network as files that torch_arm.py reads without the onnx package, and its trained weights back into ONNX."""
import json

import numpy as np
import onnx
from onnx import helper, numpy_helper


def translate(path, folder):
    """Writes folder/graph.json (nodes in order) and folder/weights.npz."""
    g = onnx.load(str(path)).graph
    nodes = [{"op": n.op_type, "inputs": list(n.input), "outputs": list(n.output),
              "attributes": {a.name: plain(helper.get_attribute_value(a)) for a in n.attribute}} for n in g.node]
    weights = {i.name: numpy_helper.to_array(i) for i in g.initializer}
    inputs = [i.name for i in g.input if i.name not in weights]
    (folder / "graph.json").write_text(json.dumps({"nodes": nodes, "input": inputs[0], "output": g.output[0].name}))
    np.savez(folder / "weights.npz", **weights)


def plain(value):
    return value.decode() if isinstance(value, bytes) else list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else value


def write_back(path, weights, out):
    """The network of `path` with the values of the .npz `weights` where it has them."""
    model = onnx.load(str(path))
    with np.load(weights) as z:
        for i in model.graph.initializer:
            if i.name in z:
                i.CopyFrom(numpy_helper.from_array(z[i.name].astype(numpy_helper.to_array(i).dtype), i.name))
    onnx.save(model, str(out))
