// SPDX-License-Identifier: Apache-2.0
#include "train/loss.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace hone::train {
namespace {

using C = LossContext;
constexpr double kMost = std::numeric_limits<double>::infinity();
constexpr size_t kAny = 100;

ValueId relu(C& c, ValueId v) { return c.b.node("Relu", {v}); }
ValueId row_sum(C& c, ValueId v) { return c.b.sum(v, {1}, false); }
ValueId minus_from(C& c, double from, ValueId v) { return c.b.sub(c.b.like(v, from), v); }
const char* name_of(Reduction r) { return r == Reduction::mean ? "mean" : r == Reduction::sum ? "sum" : "none"; }

/// Per position -log p(label); with smoothing e, (1 - e) of it and e of the mean of -log p over the classes (Szegedy et al.
/// 2016). The mean is over the positions that are not ignored.
ValueId cross_entropy(C& c) {
    Builder& b = c.b;
    const ValueId x = c.answers[0], labels = c.targets[0];
    const double smoothing = c.at("label_smoothing"), ignored = c.at("ignore_index");
    const std::vector<ValueId> hard =
        b.nodes("SoftmaxCrossEntropyLoss", {x, labels}, smoothing == 0 ? 1 : 2,
                {{"reduction", std::string(name_of(c.reduction))}, {"ignore_index", static_cast<int64_t>(ignored)}});
    if (smoothing == 0) return hard[0];
    Tensor index = Tensor::zeros(b.dtype(labels), {});
    index.set(0, ignored);
    const ValueId skipped = b.equal(labels, b.constant(std::move(index)));
    const ValueId each = b.neg(b.mean(hard[1], {1}, false));
    ValueId spread = b.where(skipped, b.like(each, 0), each);
    if (c.reduction != Reduction::none) spread = b.sum(spread, {}, false);
    if (c.reduction == Reduction::mean) {
        const ValueId counted = b.where(skipped, b.like(each, 0), b.like(each, 1));
        spread = b.div(spread, b.sum(counted, {}, false));
    }
    return b.add(b.scale(hard[0], 1 - smoothing), b.scale(spread, smoothing));
}
/// Per position -sum_c t_c log p_c, t smoothed as (1 - e) t + e / C.
ValueId cross_entropy_soft(C& c) {
    Builder& b = c.b;
    const ValueId x = c.answers[0];
    const double smoothing = c.at("label_smoothing");
    ValueId t = c.targets[0];
    if (smoothing != 0) t = b.shift(b.scale(t, 1 - smoothing), smoothing / static_cast<double>(b.dims(x)[1]));
    return c.reduce(b.neg(row_sum(c, b.mul(t, b.node("LogSoftmax", {x}, {{"axis", int64_t{1}}})))));
}
/// softplus(x) - t x = -t log s(x) - (1 - t) log(1 - s(x)), without overflow.
ValueId bce_with_logits(C& c) {
    const ValueId x = c.answers[0];
    return c.reduce(c.b.sub(c.b.node("Softplus", {x}), c.b.mul(c.targets[0], x)));
}
ValueId mse(C& c) { return c.reduce(c.b.square(c.b.sub(c.answers[0], c.targets[0]))); }
ValueId mae(C& c) { return c.reduce(c.b.node("Abs", {c.b.sub(c.answers[0], c.targets[0])})); }
ValueId hinge(C& c) { return c.reduce(relu(c, minus_from(c, c.at("margin"), c.b.mul(c.answers[0], c.targets[0])))); }

/// Crammer and Singer's margins, summed over the other classes: sum_{i != y} max(0, m - x_y + x_i) / C.
ValueId multi_margin(C& c) {
    Builder& b = c.b;
    const ValueId x = c.answers[0];
    const Dims d = b.dims(x);
    std::vector<int64_t> classes(static_cast<size_t>(d[1]));
    std::iota(classes.begin(), classes.end(), 0);
    const ValueId own = b.equal(b.reshape(c.targets[0], {d[0], 1}), b.integers(classes));
    const ValueId right = b.sum(b.keep(own, x), {1}, true);
    const ValueId excess = relu(c, b.shift(b.sub(x, right), c.at("margin")));
    return c.reduce(b.scale(row_sum(c, b.where(own, b.like(x, 0), excess)), 1 / static_cast<double>(d[1])));
}

/// |a - b + 1e-6| a row, whose gradient exists where a = b (torch.nn.PairwiseDistance).
ValueId distance(C& c, ValueId x, ValueId y) { return c.b.sqrt(row_sum(c, c.b.square(c.b.shift(c.b.sub(x, y), 1e-6)))); }

/// Hadsell et al. 2006: s D^2 / 2 + (1 - s) max(0, m - D)^2 / 2 with s = 1 for a pair of one class.
ValueId contrastive(C& c) {
    Builder& b = c.b;
    const ValueId far = distance(c, c.answers[0], c.answers[1]), same = c.targets[0];
    const ValueId apart = b.square(relu(c, minus_from(c, c.at("margin"), far)));
    return c.reduce(b.scale(b.add(b.mul(same, b.square(far)), b.mul(minus_from(c, 1, same), apart)), 0.5));
}
/// max(0, d(a, p) - d(a, n) + m); with `swap` the nearer of d(a, n) and d(p, n) counts (Balntas et al. 2016).
ValueId triplet(C& c) {
    Builder& b = c.b;
    ValueId other = distance(c, c.answers[0], c.answers[2]);
    if (c.at("swap") != 0) other = b.node("Min", {other, distance(c, c.answers[1], c.answers[2])});
    return c.reduce(relu(c, b.shift(b.sub(distance(c, c.answers[0], c.answers[1]), other), c.at("margin"))));
}
/// 1 - cos for a pair of one class (t = 1), max(0, cos - m) for another (t = -1).
ValueId cosine_embedding(C& c) {
    Builder& b = c.b;
    const auto size = [&](ValueId v) { return b.shift(row_sum(c, b.square(v)), 1e-12); };
    const ValueId x = c.answers[0], y = c.answers[1], t = c.targets[0];
    const ValueId cosine = b.div(row_sum(c, b.mul(x, y)), b.sqrt(b.mul(size(x), size(y))));
    const ValueId apart = relu(c, b.shift(cosine, -c.at("margin")));
    return c.reduce(b.where(b.greater(t, b.like(t, 0)), minus_from(c, 1, cosine), apart));
}

}  // namespace

const std::vector<LossDecl>& losses() {
    using K = TargetDecl::Kind;
    static const Hyper smoothing{"label_smoothing", 0, 0, 1};
    static const std::vector<LossDecl> all = {
        {"cross_entropy", "softmax cross-entropy with class labels", 1, 2, kAny, {{"labels", K::labels}},
         {smoothing, {"ignore_index", -100, -9e15, 9e15, true}}, cross_entropy},
        {"cross_entropy_soft", "softmax cross-entropy with a probability a class", 1, 2, kAny, {{"probabilities", K::alike}},
         {smoothing}, cross_entropy_soft},
        {"bce_with_logits", "binary cross-entropy; targets in [0, 1]", 1, 0, kAny, {{"targets", K::alike}}, {}, bce_with_logits},
        {"mse", "mean squared error", 1, 0, kAny, {{"targets", K::alike}}, {}, mse},
        {"mae", "mean absolute error", 1, 0, kAny, {{"targets", K::alike}}, {}, mae},
        {"hinge", "binary hinge; targets -1 or 1", 1, 0, kAny, {{"targets", K::alike}}, {{"margin", 1, 0, kMost}}, hinge},
        {"multi_margin", "hinge over classes, with class labels", 1, 2, 2, {{"labels", K::labels}}, {{"margin", 1, 0, kMost}}, multi_margin},
        {"contrastive", "two embeddings; target 1 for one class, 0 for two", 2, 2, 2, {{"same", K::rows}}, {{"margin", 1, 0, kMost}}, contrastive},
        {"triplet", "embeddings of an anchor, one of its class, one of another", 3, 2, 2, {},
         {{"margin", 1, 0, kMost}, {"swap", 0, 0, 2, true}}, triplet},
        {"cosine_embedding", "the angle of two embeddings; target 1 for one class, -1 for two", 2, 2, 2, {{"same", K::rows}},
         {{"margin", 0, -1, 1}}, cosine_embedding},
    };
    return all;
}
const LossDecl& find_loss(const std::string& name) { return find_declared(losses(), name, "loss"); }

ValueId LossContext::reduce(ValueId each) const {
    if (reduction == Reduction::none) return each;
    return reduction == Reduction::mean ? b.mean(each, {}, false) : b.sum(each, {}, false);
}

namespace {
/// The answers that the loss reads, the first outputs of the model.
std::vector<ValueId> answers_of(Builder& b, const LossDecl& d, const std::vector<ValueId>& answers) {
    const auto refuse = [&](const std::string& got, const std::string& expected) {
        fail(ErrorKind::usage, "train.answers", cat("the loss '", d.name, "' reads ", expected, "; the model gives ", got), d.summary);
    };
    if (answers.size() < d.answers)
        refuse(cat(static_cast<unsigned long>(answers.size()), " outputs"), cat(static_cast<unsigned long>(d.answers), " outputs"));
    std::vector<ValueId> out(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(d.answers));
    for (ValueId v : out) {
        const std::string text = to_text(b.graph().value(v).type);
        const Dims dims = b.dims(v);
        if (!is_float(b.dtype(v))) refuse(text, "floats");
        if (dims.size() < d.least_rank || dims.size() > d.most_rank) refuse(text, d.most_rank == 2 ? "[N,C]" : "[N,C,...]");
        if (dims != b.dims(out[0])) refuse(text, "outputs of equal dims");
    }
    return out;
}
}  // namespace

std::vector<ValueId> add_targets(Graph& g, const LossSpec& spec, const std::vector<ValueId>& answers) {
    const LossDecl& d = find_loss(spec.name);
    Builder b(g);
    const ValueId x = answers_of(b, d, answers)[0];
    std::vector<ValueId> out;
    for (const TargetDecl& t : d.targets) {
        Dims dims = b.dims(x);
        if (t.kind == TargetDecl::Kind::rows) dims.resize(1);
        if (t.kind == TargetDecl::Kind::labels) dims.erase(dims.begin() + 1);
        const DType type = t.kind == TargetDecl::Kind::labels ? DType::i64 : b.dtype(x);
        out.push_back(g.add_input(t.name, TypeInfo::tensor(type, shape_of(dims))));
    }
    return out;
}

ValueId add_loss(Graph& g, const LossSpec& spec, const std::vector<ValueId>& answers, const std::vector<ValueId>& targets) {
    const LossDecl& d = find_loss(spec.name);
    Builder b(g, "loss");
    HONE_CHECK(targets.size() == d.targets.size(), d.name, " takes ", static_cast<unsigned long>(d.targets.size()), " targets");
    LossContext c{b, answers_of(b, d, answers), targets, resolve(d.hyper, spec.hyper, cat("loss '", d.name, "'")), spec.reduction};
    return d.build(c);
}

}  // namespace hone::train
