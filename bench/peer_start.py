#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Milliseconds that onnxruntime takes to make a session, in this fresh process: peer_start.py MODEL THREADS

Prints: VERSION  CREATION_MS  FIRST_RUN_MS  AGAIN_MS (the second creation). The import is not counted.
"""
import os
import sys
import time

import numpy as np
import onnxruntime as ort


def main():
    model, threads = sys.argv[1], int(sys.argv[2])
    ort.set_default_logger_severity(3)

    def create():
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        start = time.perf_counter()
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return session, (time.perf_counter() - start) * 1e3

    session, creation = create()
    feed = {i.name: np.ones([d if isinstance(d, int) else 1 for d in i.shape], np.float32) for i in session.get_inputs()}
    start = time.perf_counter()
    session.run(None, feed)
    first = (time.perf_counter() - start) * 1e3
    del session
    print(ort.__version__, creation, first, create()[1], flush=True)
    os._exit(0)


main()
