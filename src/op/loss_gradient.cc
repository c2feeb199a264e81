// SPDX-License-Identifier: Apache-2.0
// The gradient of cross-entropy in one operator, hone.CrossEntropyGrad: softmax minus target, weighted and scaled.
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Inputs: the loss's gradient, X [N, C, ...] (logits, or without `logits` log-probabilities), labels, class weights.
/// Outputs: dX and the gradient of the class weights [C].
void infer_cross_entropy_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1, 3}, is_float, "a float type");
    require_type(c, {2}, [](DType d) { return d == DType::i32 || d == DType::i64; }, "i32 or i64");
    require_rank(c, 1, 2, 1000);
    const std::string& r = c.text("reduction");
    if (r != "none" && r != "sum" && r != "mean") c.refuse(cat("attribute 'reduction' is '", r, "'; expected none, sum or mean"));
    for (size_t i : {0, 1}) c.set(i, t);
    if (!c.rank_known(1)) return;
    const Shape& x = c.shape(1);
    Shape labels{x[0]};
    labels.insert(labels.end(), x.begin() + 2, x.end());
    require_shape(c, 2, labels, "the labels");
    require_shape(c, 0, r == "none" ? labels : Shape{}, "the loss's gradient");
    require_shape(c, 3, {x[1]}, "the class weights");
    c.set(0, t, x);
    c.set(1, t, {x[1]});
}

void run_cross_entropy_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    const int64_t classes = d[1], inner = count_between(d, 2, d.size()), columns = c.in[2].count();
    const std::string& reduction = c.text("reduction");
    const bool ignores = c.has("ignore_index"), none = reduction == "none", logits = c.integer("logits") != 0;
    const int64_t ignored = ignores ? c.integer("ignore_index") : 0;
    const auto label_of = [&](int64_t o) {  // -1: ignored
        const int64_t label = c.in[2].at_int(o);
        if (ignores && label == ignored) return int64_t{-1};
        if (label < 0 || label >= classes) c.refuse(cat("a label is ", label, "; expected 0 to ", classes - 1));
        return label;
    };
    const auto weight_of = [&](int64_t label) { return c.given(3) ? c.in[3].at(label) : 1.0; };
    std::vector<double> x = values<double>(c.in[1]), negative(static_cast<size_t>(columns));  // -log p of the label
    double sum = 0, weights = 0;
    for (int64_t o = 0; o < columns; ++o) {
        double* p = x.data() + o / inner * classes * inner + o % inner;
        if (logits) {
            double top = p[0], total = 0;
            for (int64_t k = 1; k < classes; ++k) top = std::fmax(top, p[k * inner]);
            for (int64_t k = 0; k < classes; ++k) total += std::exp(p[k * inner] - top);
            for (int64_t k = 0; k < classes; ++k) p[k * inner] -= top + std::log(total);
        }
        const int64_t label = label_of(o);
        if (label < 0) continue;
        negative[static_cast<size_t>(o)] = -p[label * inner];
        sum += -p[label * inner] * weight_of(label);
        weights += weight_of(label);
    }
    const double scale = reduction == "mean" ? 1 / weights : 1, mean = reduction == "mean" ? sum / weights : 0;
    std::vector<double> by_class(static_cast<size_t>(classes));
    for (int64_t o = 0; o < columns; ++o) {
        const int64_t label = label_of(o), at = o / inner * classes * inner + o % inner;
        if (label < 0) continue;
        const double g = c.in[0].at(none ? o : 0) * scale, part = g * weight_of(label);
        by_class[static_cast<size_t>(label)] += g * (negative[static_cast<size_t>(o)] - mean);
        if (!c.wanted(0)) continue;
        for (int64_t k = 0; k < classes && logits; ++k)
            c.out[0].set(at + k * inner, part * (std::exp(x[static_cast<size_t>(at + k * inner)]) - (k == label)));
        if (!logits) c.out[0].set(at + label * inner, -part);
    }
    if (c.wanted(1)) assign(c.out[1], by_class);
}

Cost cost_cross_entropy_grad(const CostContext& c) {
    Cost cost;
    if (c.in[1].fixed()) cost.flops = 5 * static_cast<double>(count_of(dims_of(c.in[1].shape)));
    return cost;
}

using C = GradientContext;

template <bool logits>
void cross_entropy(C& c) {
    ValueId dx = kNone;
    if (c.has_dy(0)) {
        std::vector<ValueId> in{c.dy(), c.x(), c.x(1)};
        if (c.has_input(2)) in.push_back(c.x(2));
        Attributes attributes = c.node.attributes;
        attributes["logits"] = int64_t{logits};
        const std::vector<ValueId> all = c.b.nodes("CrossEntropyGrad", in, c.wants(2) ? 2 : 1, attributes, "hone");
        dx = all[0];
        if (c.wants(2)) c.give(2, all[1]);
    }
    if (c.has_dy(1) && c.wants(0)) {  // of log_prob
        const ValueId sum = c.b.sum(c.dy(1), {1}, true);
        const ValueId part = c.b.sub(c.dy(1), c.b.mul(c.b.exp(c.y(1)), sum));
        dx = dx == kNone ? part : c.b.add(dx, part);
    }
    if (c.wants(0)) c.give(0, dx);
}

}  // namespace

std::vector<Rule> loss_rules() {
    return {{"SoftmaxCrossEntropyLoss", cross_entropy<true>}, {"NegativeLogLikelihoodLoss", cross_entropy<false>}};
}

std::vector<OpDecl> loss_gradient() {
    return {
        {.domain = "hone", .name = "CrossEntropyGrad", .min_inputs = 3, .max_inputs = 4, .min_outputs = 1, .max_outputs = 2,
         .attributes = {{"ignore_index", AttrKind::integer},
                        {"reduction", AttrKind::text, std::string("mean")},
                        {"logits", AttrKind::integer, int64_t{1}}},
         .infer = infer_cross_entropy_grad, .reference = run_cross_entropy_grad, .cost = cost_cross_entropy_grad},
    };
}

}  // namespace hone::ops
