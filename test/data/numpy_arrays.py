# SPDX-License-Identifier: Apache-2.0
"""What NumPy writes: python3 numpy_arrays.py OUT writes OUT/N.npy with OUT/N.f64 (int32 rank, int32 dims, then the
values as float64 in C order), and OUT/N.npz with arrays x and y, every second one compressed. numpy_test.cc compares."""
import sys
import warnings
import numpy as np
from numpy.lib import format as npy

out, number = sys.argv[1], 0
rng = np.random.default_rng(1)
warnings.simplefilter("ignore")
types = ["?", "i1", "u1"] + [e + t for e in "<>" for t in ("i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]
for kind in types:
    for shape in ((5,), (3, 4), (2, 3, 5), (2, 1, 3, 2)):
        for order in "CF":
            for version in ((1, 0), (2, 0), (3, 0)):
                a = np.asarray(rng.integers(0, 2 if kind == "?" else 100, shape), order=order).astype(kind, order=order)
                if np.dtype(kind).kind == "f":
                    a = np.asarray(rng.normal(size=shape).astype(kind), order=order)
                with open(f"{out}/{number}.npy", "wb") as f:
                    npy.write_array(f, a, version=version)
                with open(f"{out}/{number}.f64", "wb") as f:
                    np.array([a.ndim, *a.shape], np.int32).tofile(f)
                    a.astype(np.float64, order="C").tofile(f)
                y = np.arange(shape[0], dtype=np.int64)
                (np.savez_compressed if number % 2 else np.savez)(f"{out}/{number}.npz", x=a, y=y)
                number += 1
