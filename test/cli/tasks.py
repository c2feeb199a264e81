# SPDX-License-Identifier: Apache-2.0
"""What tasks_test.cc compares with, in the peers' Python (scikit-learn, onnxruntime):

    tasks.py tables FOLDER [LETTERS]       FOLDER/TASK/{train,validation,test}.csv of scikit-learn's data sets, and of the
                                           shared letters one with a column to predict
    tasks.py sklearn FOLDER/TASK KIND SEED the figure of scikit-learn's model of that kind on the test part
    tasks.py onnxruntime MODEL CSV         the figure of a written network: accuracy, or r2 where the column is `target`
"""
import csv
import os
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def write(folder, columns, rows, answers, answer):
    os.makedirs(folder, exist_ok=True)
    order = np.random.RandomState(0).permutation(len(rows))
    n = len(order)
    for name, part in (("train", order[: n * 7 // 10]), ("validation", order[n * 7 // 10 : n * 8 // 10]), ("test", order[n * 8 // 10 :])):
        write_part(folder, name, columns, [(rows[i], answers[i]) for i in part], answer)


def write_part(folder, name, columns, rows, answer):
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow([*columns, answer])
        out.writerows([*map(repr, map(float, r)), a] for r, a in rows)


def read(path):
    with open(path, newline="") as f:
        header, *rows = csv.reader(f)
    x = np.array([[float(v) for v in r[:-1]] for r in rows], np.float32)
    y = [r[-1] for r in rows]
    return header, x, np.array(y, np.float64) if header[-1] == "target" else np.array(y)


def tables(folder, letters=None):
    from sklearn import datasets

    for name, load, answer in (("digits", datasets.load_digits, "label"), ("cancer", datasets.load_breast_cancer, "label"), ("diabetes", datasets.load_diabetes, "target")):
        d = load() if name != "diabetes" else load(scaled=False)
        write(f"{folder}/{name}", [f"f{i}" for i in range(d.data.shape[1])], d.data, d.target.tolist(), answer)
    if not letters:
        return
    for part in ("train", "validation", "test"):
        header, x, _ = read(f"{letters}/{part}.csv")
        column = header.index("onpix")  # of the other fifteen numbers: how many pixels are on
        rest = [i for i in range(x.shape[1]) if i != column]
        write_part(f"{folder}/onpix", part, [header[i] for i in rest], [(r[rest], repr(float(r[column]))) for r in x], "target")


def sklearn_figure(folder, kind, seed):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    _, x, y = read(f"{folder}/train.csv")
    _, tx, ty = read(f"{folder}/test.csv")
    model = {
        "classifier": lambda: MLPClassifier(hidden_layer_sizes=(128,), random_state=seed, batch_size=64, max_iter=30),
        "regressor": lambda: TransformedTargetRegressor(MLPRegressor(hidden_layer_sizes=(128,), random_state=seed, batch_size=64, max_iter=30), transformer=StandardScaler()),
        "small_regressor": lambda: TransformedTargetRegressor(MLPRegressor(hidden_layer_sizes=(128,), random_state=seed, batch_size=32, early_stopping=True, max_iter=200), transformer=StandardScaler()),
        "hinge": lambda: LinearSVC(loss="hinge", random_state=seed, max_iter=100000),
    }[kind]()
    print(make_pipeline(StandardScaler(), model).fit(x, y).score(tx, ty))


def onnxruntime_figure(model, path):
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    header, x, y = read(path)
    answer = session.run(None, {session.get_inputs()[0].name: x})[0]
    if header[-1] == "target":
        print(1 - np.sum((answer[:, 0] - y) ** 2) / np.sum((y - y.mean()) ** 2))
        return
    names = sorted(set(y), key=lambda s: (float(s) if s.replace(".", "").isdigit() else 0, s))
    number = answer.argmax(1) if answer.shape[1] > 1 else (answer[:, 0] > 0).astype(int)
    print(np.mean(np.array(names)[number] == y))


{"tables": tables, "sklearn": lambda f, k, s: sklearn_figure(f, k, int(s)), "onnxruntime": onnxruntime_figure}[sys.argv[1]](*sys.argv[2:])
