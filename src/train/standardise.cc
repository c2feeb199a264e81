// SPDX-License-Identifier: Apache-2.0
#include "train/standardise.h"

#include <algorithm>
#include <cmath>

#include "op/builder.h"
#include "pass/pass.h"

namespace hone::train {
namespace {

constexpr const char *kFeatures = "features.mean", *kMean = "targets.mean", *kDeviation = "targets.deviation", *kBody = ".standardised";

/// Of columns, whose values come row by row.
class Columns {
  public:
    explicit Columns(size_t n) : sum_(n), squares_(n), shift_(n) {}
    void add(const float* row) {
        if (rows_++ == 0)
            for (size_t c = 0; c < sum_.size(); ++c) shift_[c] = static_cast<double>(row[c]);
        for (size_t c = 0; c < sum_.size(); ++c) {
            const double d = static_cast<double>(row[c]) - shift_[c];  // near 0, so that squares do not cancel
            sum_[c] += d, squares_[c] += d * d;
        }
    }
    Scaling scaling() const {
        Scaling s;
        const double n = static_cast<double>(std::max<int64_t>(1, rows_));
        for (size_t c = 0; c < sum_.size(); ++c) {
            const double mean = sum_[c] / n, variance = squares_[c] / n - mean * mean;
            s.mean.push_back(shift_[c] + mean);
            s.deviation.push_back(variance > 1e-12 * std::max(1e-12, squares_[c] / n) ? std::sqrt(variance) : 1);
        }
        return s;
    }

  private:
    std::vector<double> sum_, squares_, shift_;
    int64_t rows_ = 0;
};

Tensor tensor(const std::vector<double>& v, DType type) {
    Tensor t = Tensor::zeros(type, {static_cast<int64_t>(v.size())});
    for (size_t i = 0; i < v.size(); ++i) t.set(static_cast<int64_t>(i), v[i]);
    return t;
}
bool fits(const TypeInfo& t, size_t columns) {
    return t.kind == TypeInfo::Kind::tensor && is_float(t.dtype) && t.rank_known && t.shape.size() == 2 && (!t.shape[1].known() || t.shape[1].value == static_cast<int64_t>(columns));
}

}  // namespace

Scaling scaling_of(const Dataset& rows) {
    if (rows.sample_dims().size() != 1 || rows.sample_type() != DType::f32)
        fail(ErrorKind::data, "train.standardise", cat("samples of ", to_text(rows.sample_dims()), " are not rows of features"), "Give --mean and --std instead.");
    std::vector<float> row(static_cast<size_t>(rows.sample_count()));
    Columns columns(row.size());
    for (int64_t i = 0; i < rows.size(); ++i) {
        rows.load(i, row.data());
        columns.add(row.data());
    }
    return columns.scaling();
}

Scaling scaling_of_targets(const Dataset& regression) {
    HONE_CHECK(regression.regression());
    const Tensor t = regression.targets().cast(DType::f32);
    Columns columns(static_cast<size_t>(t.dim(1)));
    for (int64_t i = 0; i < t.dim(0); ++i) columns.add(t.data<float>() + i * t.dim(1));
    return columns.scaling();
}

Graph standardise_inputs(const Graph& from, const Scaling& s) {
    Graph g = from.compacted();
    if (g.inputs.size() != 1 || !fits(g.value(g.inputs[0]).type, s.mean.size()))
        fail(ErrorKind::model, "train.standardise", cat("the network takes ", g.inputs.empty() ? "nothing" : to_text(g.value(g.inputs[0]).type), "; expected rows [N,", static_cast<unsigned long>(s.mean.size()), "]"));
    const ValueId x = g.inputs[0];
    const DType type = g.value(x).type.dtype;
    const ValueId mean = g.add_constant(g.unique_name(kFeatures), tensor(s.mean, type)), deviation = g.add_constant(g.unique_name("features.deviation"), tensor(s.deviation, type));
    const std::vector<NodeId> users = g.value(x).users;
    Builder b(g, "standardise");
    const ValueId y = b.div(b.sub(x, mean), deviation);
    for (NodeId id : users)
        for (size_t i = 0; i < g.node(id).inputs.size(); ++i)
            if (g.node(id).in(i) == x) g.set_input(id, i, y);
    for (ValueId& o : g.outputs)
        if (o == x) o = y;
    infer_graph(g);
    return g;
}

bool has_standardised_inputs(const Graph& g) {
    const ValueId v = g.find_value(kFeatures);
    return v != kNone && g.value(v).is_constant() && g.inputs.size() == 1 && g.value(v).users.size() == 1 && g.node(g.value(v).users[0]).in(0) == g.inputs[0];
}

bool standardises_already(const Graph& g) {
    if (g.inputs.size() != 1) return false;
    ValueId v = g.inputs[0];
    for (;;) {
        if (g.value(v).users.size() != 1) return false;
        const Node& n = g.node(g.value(v).users[0]);
        if (n.is("Sub") || n.is("Div") || n.is("Mul") || n.is("Add") || n.is("BatchNormalization") || n.is("LayerNormalization") || n.is("Gather")) return true;
        if (!n.is("Flatten") && !n.is("Reshape") && !n.is("Identity") && !n.is("Cast") && !n.is("Squeeze") && !n.is("Unsqueeze")) return false;
        v = n.out();
    }
}

Graph restore_targets(const Graph& from, const Scaling& s) {
    Graph g = from.compacted();
    if (g.outputs.empty() || !fits(g.value(g.outputs[0]).type, s.mean.size()))
        fail(ErrorKind::model, "train.standardise", cat("the first output is ", g.outputs.empty() ? "absent" : to_text(g.value(g.outputs[0]).type), "; expected [N,", static_cast<unsigned long>(s.mean.size()), "]"));
    const ValueId y = g.outputs[0];
    const DType type = g.value(y).type.dtype;
    const std::string name = g.value(y).name;
    const bool answers = !g.is_input(y) && std::count(g.outputs.begin(), g.outputs.end(), y) == 1;
    if (answers) g.rename_value(y, g.unique_name(name + kBody));
    Builder b(g, "restore");
    const ValueId scaled = b.mul(y, g.add_constant(kDeviation, tensor(s.deviation, type)));
    g.outputs[0] = b.add(scaled, g.add_constant(kMean, tensor(s.mean, type)));
    if (answers) g.rename_value(g.outputs[0], name);
    infer_graph(g);
    return g;
}

Tensor standardised(const Tensor& targets, const Scaling& s) {
    if (s.mean.empty()) return targets;
    Tensor t = targets.clone();
    for (int64_t i = 0; i < t.count(); ++i) {
        const auto k = static_cast<size_t>(i) % s.mean.size();
        t.set(i, (t.at(i) - s.mean[k]) / s.deviation[k]);
    }
    return t;
}

Unscaled without_restored_targets(const Graph& g) {
    Unscaled u{g, {}};
    if (g.outputs.empty()) return u;
    const auto step = [&](ValueId v, const char* op, const char* name, ValueId* constant) {
        const NodeId p = g.value(v).producer;
        if (p == kNone || !g.node(p).is(op) || g.node(p).inputs.size() != 2) return kNone;
        *constant = g.node(p).in(1);
        return g.value(*constant).is_constant() && g.value(*constant).name == name ? g.node(p).in(0) : kNone;
    };
    ValueId mean = kNone, deviation = kNone;
    const ValueId scaled = step(g.outputs[0], "Add", kMean, &mean);
    const ValueId y = scaled == kNone ? kNone : step(scaled, "Mul", kDeviation, &deviation);
    if (y == kNone) return u;
    u.targets = {g.value(mean).constant.to_f64(), g.value(deviation).constant.to_f64()};
    u.body.outputs[0] = y;
    remove_dead(u.body);
    u.body = u.body.compacted();
    const std::string name = g.value(g.outputs[0]).name, now = u.body.value(u.body.outputs[0]).name;
    if (now.starts_with(name + kBody)) u.body.rename_value(u.body.outputs[0], name);
    return u;
}

}  // namespace hone::train
