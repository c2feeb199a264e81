// SPDX-License-Identifier: Apache-2.0
// SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss: class axis 1, any number of axes after it.
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

bool is_label(DType t) { return t == DType::i32 || t == DType::i64; }
bool wants_none(const OpContext& c) {
    const std::string& r = c.text("reduction");
    if (r != "none" && r != "sum" && r != "mean")
        c.refuse(cat("attribute 'reduction' is '", r, "'; expected none, sum or mean"));
    return r == "none";
}

void infer_loss(InferContext& c) {
    const DType t = require_type(c, {0, 2}, is_float, "a float type");
    require_type(c, {1}, is_label, "i32 or i64");
    const bool none = wants_none(c);
    require_rank(c, 0, 2, 1000);
    c.set(0, t);
    if (c.out.size() > 1) c.set(1, t);
    if (!none) c.set(0, t, Shape{});
    if (!c.rank_known(0)) return;
    const Shape& x = c.shape(0);
    Shape labels{x[0]};
    labels.insert(labels.end(), x.begin() + 2, x.end());
    require_shape(c, 1, labels, "the labels");
    require_shape(c, 2, {x[1]}, "the class weights");
    if (none) c.set(0, t, labels);
    if (c.out.size() > 1) c.set(1, t, x);
}

/// Losses from log-probabilities [N,C,inner].
void reduce_losses(RefContext& c, const std::vector<double>& logs) {
    const Dims& d = c.in[0].dims();
    const int64_t classes = d[1], inner = count_between(d, 2, d.size());
    const bool ignores = c.has("ignore_index");
    const int64_t ignored = ignores ? c.integer("ignore_index") : 0;
    const bool none = wants_none(c);
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < c.in[1].count(); ++i) {
        const int64_t label = c.in[1].at_int(i);
        if (ignores && label == ignored) continue;
        if (label < 0 || label >= classes) c.refuse(cat("a label is ", label, "; expected 0 to ", classes - 1));
        const double weight = c.given(2) ? c.in[2].at(label) : 1;
        const double loss = -logs[static_cast<size_t>((i / inner * classes + label) * inner + i % inner)] * weight;
        if (none && c.wanted(0)) c.out[0].set(i, loss);
        sum += loss;
        weights += weight;
    }
    if (!none && c.wanted(0)) c.out[0].set(0, c.text("reduction") == "sum" ? sum : sum / weights);
}

void run_nll(RefContext& c) { reduce_losses(c, values<double>(c.in[0])); }

void run_cross_entropy(RefContext& c) {
    const Dims& d = c.in[0].dims();
    std::vector<double> x = values<double>(c.in[0]);
    const int64_t classes = d[1], inner = count_between(d, 2, d.size());
    const int64_t columns = x.empty() ? 0 : d[0] * inner;
    for (int64_t o = 0; o < columns; ++o) {
        double* p = x.data() + o / inner * classes * inner + o % inner;
        double top = p[0], sum = 0;
        for (int64_t k = 1; k < classes; ++k) top = std::fmax(top, p[k * inner]);
        for (int64_t k = 0; k < classes; ++k) sum += std::exp(p[k * inner] - top);
        for (int64_t k = 0; k < classes; ++k) p[k * inner] -= top + std::log(sum);
    }
    if (c.wanted(1)) assign(c.out[1], x);
    reduce_losses(c, x);
}

Cost cost_loss(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = 3 * static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

OpDecl declare(const char* name, int outputs, void (*reference)(RefContext&)) {
    return {.name = name, .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = outputs,
            .attributes = {{"ignore_index", AttrKind::integer}, {"reduction", AttrKind::text, std::string("mean")}},
            .infer = infer_loss, .reference = reference, .cost = cost_loss, .since = 12};
}

}  // namespace

std::vector<OpDecl> loss() {
    std::vector<OpDecl> all = {declare("SoftmaxCrossEntropyLoss", 2, run_cross_entropy), declare("NegativeLogLikelihoodLoss", 1, run_nll)};
    attach_rules(all, loss_rules());
    return all;
}

}  // namespace hone::ops
