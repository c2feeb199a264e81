#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer engine driven over a pipe, so that it is timed in its own process and never beside hone's threads.

    python -c "$(cat peer.py)" onnxruntime|openvino MODEL [--threads T] [--precision f32|bf16] [--spin]

Answers on stdout, one line each, fields separated by tabs; every answer starts with `ok` or `error`:
    ok  ENGINE  VERSION  N  LOAD_MS   then N lines  NAME  DTYPE  DIMS   (the inputs; -1 where a dim is free)
Commands on stdin:
    input  NAME  DTYPE  DIMS  FILE          -> ok                    raw little-endian elements
    run  N                                  -> ok  MS MS ...         wall-clock of each of N runs
    load                                    -> ok  MS                the model made ready once more, and dropped
    memory                                  -> ok  START  PEAK       resident bytes before the model was opened; the most
    output  FILE                            -> ok  N                 then N lines  NAME  DTYPE  DIMS; FILE: all, in order
    eval  NAME  DTYPE  DIMS  BATCH  FILE  OUT -> ok  DTYPE  DIMS     first output over all samples of FILE, to OUT
    quit
Dims are numbers separated by blanks. Dtypes: f32 f64 f16 u8 i8 i16 i32 i64 boolean.
"""
import sys

sys.path = [p for p in sys.path if p]  # a file in the current folder is not one of Python's modules, whatever its name

import argparse
import os
import time

import numpy as np

DTYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "u8": np.uint8, "i8": np.int8, "i16": np.int16,
          "i32": np.int32, "i64": np.int64, "boolean": np.bool_}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def status_bytes(field):
    """A line of this process's status, "VmRSS" or "VmHWM", in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def timed(create):
    """What it makes, and the milliseconds that took."""
    start = time.perf_counter()
    made = create()
    return made, (time.perf_counter() - start) * 1e3


class Onnxruntime:
    ORT_TYPES = {"tensor(float)": "f32", "tensor(double)": "f64", "tensor(float16)": "f16", "tensor(uint8)": "u8",
                 "tensor(int8)": "i8", "tensor(int16)": "i16", "tensor(int32)": "i32", "tensor(int64)": "i64",
                 "tensor(bool)": "boolean"}

    def __init__(self, model, threads, precision, spin):
        import onnxruntime as ort
        if precision != "f32":
            raise ValueError(f"onnxruntime has no {precision} convolutions on this kind of processor")
        ort.set_default_logger_severity(3)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
        self.ort = ort
        self.version = ort.__version__
        self.start_bytes = status_bytes("VmRSS")
        self.create = lambda: ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.session, self.load_ms = timed(self.create)
        self.inputs = [(i.name, self.ORT_TYPES.get(i.type, i.type),
                        [d if isinstance(d, int) else -1 for d in i.shape]) for i in self.session.get_inputs()]
        self.output_names = [o.name for o in self.session.get_outputs()]
        self.binding = self.session.io_binding()

    def set_input(self, name, array):
        self.binding.bind_ortvalue_input(name, self.ort.OrtValue.ortvalue_from_numpy(array))

    def prepare(self):
        self.binding.clear_binding_outputs()
        for name in self.output_names:
            self.binding.bind_output(name, "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return list(zip(self.output_names, self.binding.copy_outputs_to_cpu()))


class Openvino:
    OV_TYPES = {"f32": "f32", "f64": "f64", "f16": "f16", "u8": "u8", "i8": "i8", "i16": "i16", "i32": "i32",
                "i64": "i64", "boolean": "boolean"}

    def __init__(self, model, threads, precision, spin):
        import openvino as ov
        self.ov = ov
        self.version = ov.__version__.split("-")[0]
        core = ov.Core()
        self.start_bytes = status_bytes("VmRSS")
        self.create = lambda: core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": precision})
        self.model, self.load_ms = timed(self.create)
        self.inputs = []
        for port in self.model.inputs:
            shape = port.get_partial_shape()
            dims = [d.get_length() if d.is_static else -1 for d in shape]
            kind = port.get_element_type().get_type_name()
            self.inputs.append((port.get_any_name(), self.OV_TYPES.get(kind, kind), dims))
        self.request = self.model.create_infer_request()
        self.kept = {}

    def set_input(self, name, array):
        self.kept[name] = array
        self.request.set_tensor(name, self.ov.Tensor(array, shared_memory=True))

    def prepare(self):
        pass

    def run(self):
        self.request.infer(share_outputs=True)

    def outputs(self):
        return [(p.get_any_name() if p.get_names() else f"output{i}", np.array(self.request.get_tensor(p).data))
                for i, p in enumerate(self.model.outputs)]


def read_raw(path, dtype, dims):
    array = np.fromfile(path, dtype=DTYPES[dtype])
    return np.ascontiguousarray(array.reshape([int(d) for d in dims.split()]))


def dims_text(shape):
    return " ".join(str(d) for d in shape)


def command_input(engine, name, dtype, dims, path):
    engine.set_input(name, read_raw(path, dtype, dims))
    engine.prepare()
    return ["ok"]


def command_run(engine, count):
    times = []
    for _ in range(int(count)):
        start = time.perf_counter()
        engine.run()
        times.append((time.perf_counter() - start) * 1e3)
    return ["ok\t" + " ".join(f"{t:.6f}" for t in times)]


def command_load(engine):
    return [f"ok\t{timed(engine.create)[1]:.6f}"]


def command_memory(engine):
    return [f"ok\t{engine.start_bytes}\t{status_bytes('VmHWM')}"]


def command_output(engine, path):
    outputs = engine.outputs()
    with open(path, "wb") as file:
        for _, array in outputs:
            file.write(np.ascontiguousarray(array).tobytes())
    return [f"ok\t{len(outputs)}"] + [f"{n}\t{NAMES[a.dtype]}\t{dims_text(a.shape)}" for n, a in outputs]


def command_eval(engine, name, dtype, dims, batch, path, out):
    samples = read_raw(path, dtype, dims)
    parts = []
    for begin in range(0, len(samples), int(batch)):
        engine.set_input(name, np.ascontiguousarray(samples[begin:begin + int(batch)]))
        engine.prepare()
        engine.run()
        parts.append(np.array(engine.outputs()[0][1]))
    result = np.concatenate(parts)
    result.tofile(out)
    return [f"ok\t{NAMES[result.dtype]}\t{dims_text(result.shape)}"]


COMMANDS = {"input": command_input, "run": command_run, "load": command_load, "memory": command_memory,
            "output": command_output, "eval": command_eval}


def one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not look like an answer

    def answer(lines):
        answers.write("\n".join(lines) + "\n")
        answers.flush()

    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["onnxruntime", "openvino"])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--spin", action="store_true")
    args = parser.parse_args()
    try:
        kind = Onnxruntime if args.engine == "onnxruntime" else Openvino
        engine = kind(args.model, args.threads, args.precision, args.spin)
        load_ms = engine.load_ms
        inputs = [f"{n}\t{t}\t{dims_text(d)}" for n, t, d in engine.inputs]
        answer([f"ok\t{args.engine}\t{engine.version}\t{len(inputs)}\t{load_ms:.3f}"] + inputs)
    except Exception as error:
        answer(["error\t" + one_line(error)])
        return 1
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        if fields[0] == "quit":
            break
        try:
            answer(COMMANDS[fields[0]](engine, *fields[1:]))
        except Exception as error:
            answer(["error\t" + one_line(error)])
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)
