#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a ResNet-50-shaped ONNX model with random weights, for latency only: resnet50_onnx.py OUT.onnx [--int8]

--int8: QDQ form, u8 activations with zero point 0, s8 weights with a scale per channel.
"""
import argparse

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save


class Builder:
    def __init__(self, int8):
        self.int8, self.nodes, self.constants = int8, [], []
        self.random = np.random.default_rng(1)

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind, inputs, **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def quantised(self, x, scale=0.02):
        if not self.int8:
            return x
        n = len(self.nodes)
        s = self.constant(f"s{n}", np.float32(scale))
        z = self.constant(f"z{n}", np.uint8(0))
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, s, z]), s, z])

    def weight(self, shape):
        w = (self.random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
        n = len(self.constants)
        if not self.int8:
            return self.constant(f"w{n}", w), self.constant(f"b{n}", np.zeros(shape[0], np.float32))
        scale = (np.abs(w).reshape(shape[0], -1).max(1) / 127).astype(np.float32)
        q = np.rint(w / scale.reshape([-1] + [1] * (len(shape) - 1))).astype(np.int8)
        s = self.constant(f"ws{n}", scale)
        z = self.constant(f"wz{n}", np.zeros(shape[0], np.int8))
        real = self.node("DequantizeLinear", [self.constant(f"w{n}", q), s, z], axis=0)
        bs = self.constant(f"bs{n}", (scale * np.float32(0.02)).astype(np.float32))
        bz = self.constant(f"bz{n}", np.zeros(shape[0], np.int32))
        bias = self.node("DequantizeLinear", [self.constant(f"b{n}", np.zeros(shape[0], np.int32)), bs, bz], axis=0)
        return real, bias

    def conv(self, x, shape, stride):
        w, b = self.weight(shape)
        pad = shape[2] // 2
        return self.node("Conv", [x, w, b], strides=[stride] * 2, pads=[pad] * 4, kernel_shape=shape[2:])

    def relu(self, x):
        return self.quantised(self.node("Relu", [x]))

    def block(self, x, channels, width, stride, first):
        shortcut = self.quantised(self.conv(x, (4 * width, channels, 1, 1), stride)) if first else x
        y = self.relu(self.conv(x, (width, channels, 1, 1), 1))
        y = self.relu(self.conv(y, (width, width, 3, 3), stride))
        y = self.quantised(self.conv(y, (4 * width, width, 1, 1), 1))
        return self.relu(self.node("Add", [y, shortcut]))

    def network(self):
        x = self.relu(self.conv(self.quantised("input"), (64, 3, 7, 7), 2))
        x = self.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        channels = 64
        for stage, (width, repeats) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
            for i in range(repeats):
                x = self.block(x, channels, width, 2 if stage and not i else 1, i == 0)
                channels = 4 * width
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])])
        w, b = self.weight((1000, 2048))
        return self.node("Gemm", [self.quantised(x), w, b], transB=1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--int8", action="store_true")
    args = parser.parse_args()
    builder = Builder(args.int8)
    out = builder.network()
    kind = TensorProto.FLOAT
    graph = helper.make_graph(builder.nodes, "resnet50", [helper.make_tensor_value_info("input", kind, [1, 3, 224, 224])],
                              [helper.make_tensor_value_info(out, kind, [1, 1000])], builder.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, args.out)


main()
