// SPDX-License-Identifier: Apache-2.0
#include "eval/two_classes.h"

namespace hone::eval {

bool ends_in_sigmoid(const Graph& g) {
    if (g.outputs.empty()) return false;
    for (ValueId v = g.outputs[0];;) {
        const NodeId p = g.value(v).producer;
        if (p == kNone) return false;
        const Node& n = g.node(p);
        if (n.is("Sigmoid")) return true;
        if (!n.is("Identity") && !n.is("Reshape") && !n.is("Flatten") && !n.is("Squeeze") && !n.is("Unsqueeze") && !n.is("Cast")) return false;
        v = n.in(0);
    }
}

Tensor two_columns(const Tensor& raw, bool probability, const Dataset& data) {
    if (data.regression() || data.class_names().size() != 2 || raw.rank() < 1 || raw.count() != raw.dim(0) || !is_float(raw.dtype())) return raw;
    Tensor out = Tensor::zeros(DType::f32, {raw.dim(0), 2});
    for (int64_t i = 0; i < raw.dim(0); ++i) {
        const double s = raw.at(i);
        out.set(2 * i, probability ? 1 - s : -s / 2);
        out.set(2 * i + 1, probability ? s : s / 2);
    }
    return out;
}

}  // namespace hone::eval
