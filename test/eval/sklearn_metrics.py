# SPDX-License-Identifier: Apache-2.0
"""What scikit-learn answers: python3 sklearn_metrics.py FOLDER CLASSES reads labels.bin, answers.bin (int32), scores.bin,
values.bin, targets.bin (float32) and writes out.bin (float64) in the order that metrics_test.cc expects."""
import sys
import numpy as np
from sklearn import metrics

folder, classes = sys.argv[1], int(sys.argv[2])
labels, answers = (np.fromfile(f"{folder}/{n}.bin", np.int32) for n in ("labels", "answers"))
scores = np.fromfile(f"{folder}/scores.bin", np.float32).reshape(-1, classes).astype(np.float64)
values, targets = (np.fromfile(f"{folder}/{n}.bin", np.float32).reshape(-1, 2).astype(np.float64) for n in ("values", "targets"))
p = np.exp(scores - scores.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)

macro = metrics.precision_recall_fscore_support(labels, answers, average="macro", zero_division=0)[:3]
each = np.stack(metrics.precision_recall_fscore_support(labels, answers, labels=range(classes), zero_division=0), 1)
auc = metrics.roc_auc_score(labels, p[:, 1]) if classes == 2 else metrics.roc_auc_score(labels, p, multi_class="ovr")
out = [*macro, *each.ravel(), *metrics.confusion_matrix(labels, answers, labels=range(classes)).ravel(), auc,
       metrics.mean_squared_error(targets, values), metrics.mean_absolute_error(targets, values),
       metrics.r2_score(targets, values)]
np.array(out, np.float64).tofile(f"{folder}/out.bin")
