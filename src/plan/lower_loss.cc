// SPDX-License-Identifier: Apache-2.0
// Cross-entropy, from logits or log-probabilities, and its gradient. Sums over the batch are in double, in order.
#include <algorithm>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

/// The sizes and attributes that loss and gradient share, and the targets as kernels want them.
struct Targets {
    int64_t samples, classes, inner, columns, ignored = 0;
    bool ignores, weighted, wide, mean, none;
    std::string where;
    Targets(const LowerContext& c, size_t x) : weighted(c.given(x + 2)), wide(c.in_dtype(x + 1) == DType::i64), where(c.op().where()) {
        const Dims d = c.in(x);
        const OpContext op = c.op();
        samples = d[0], classes = d[1], inner = count_of(Dims(d.begin() + 2, d.end())), columns = samples * inner;
        ignores = op.has("ignore_index");
        if (ignores) ignored = op.integer("ignore_index");
        mean = op.text("reduction") == "mean", none = op.text("reduction") == "none";
    }
    size_t scratch() const { return static_cast<size_t>(columns) * (sizeof(int32_t) + sizeof(float)); }
    /// Fills [columns] labels (-1: ignored) and weights; what the losses are divided by.
    double read(const void* from, const float* by_class, int32_t* labels, float* weights) const {
        double total = 0;
        for (int64_t o = 0; o < columns; ++o) {
            const int64_t label = wide ? static_cast<const int64_t*>(from)[o] : static_cast<const int32_t*>(from)[o];
            const bool skip = ignores && label == ignored;
            if (!skip && (label < 0 || label >= classes))
                fail(ErrorKind::model, "op.invalid", cat("a label is ", label, "; expected 0 to ", classes - 1), "", where);
            labels[o] = skip ? -1 : static_cast<int32_t>(label);
            weights[o] = skip ? 0 : weighted ? by_class[label] : 1;
            total += static_cast<double>(weights[o]);
        }
        return mean ? total : 1;
    }
    const float* at_label(const float* x, const int32_t* labels, int64_t o) const {
        return x + (o / inner * classes + labels[o]) * inner + o % inner;
    }
    /// Calls f(first sample, samples).
    template <class F>
    void each_part(const F& f) const {
        parallel_ranges(samples, std::max<int64_t>(1, 4096 / (classes * inner)), [&](int64_t b, int64_t e) { f(b, e - b); });
    }
};

void forward(const LowerContext& c, std::vector<Candidate>& list) {
    const bool logits = c.node.op == "SoftmaxCrossEntropyLoss", loss = c.node.out(0) != kNone, log_prob = c.node.out(1) != kNone;
    const Targets t(c, 0);
    Candidate k;
    k.name = "cross_entropy";
    k.make = [=](Layout) {
        return step_kernel("vector cross_entropy", [=](const StepArgs& a) {
            auto* labels = static_cast<int32_t*>(a.scratch);
            auto *weights = reinterpret_cast<float*>(labels + t.columns), *top = weights + t.columns, *log_sum = top + t.columns;
            const float* x = in<float>(a, 0);
            const double divisor = t.read(a.in[1], t.weighted ? in<float>(a, 2) : nullptr, labels, weights);
            if (logits)
                t.each_part([&](int64_t first, int64_t n) {
                    const int64_t at = first * t.classes * t.inner, column = first * t.inner;
                    if (!log_prob) vec::table().log_sum_exp(x + at, top + column, log_sum + column, n, t.classes, t.inner);
                    else if (t.inner == 1) vec::table().log_softmax(x + at, out<float>(a, 1) + at, n, t.classes);
                    else vec::table().log_softmax_middle(x + at, out<float>(a, 1) + at, n, t.classes, t.inner, 0, t.inner);
                });
            if (!loss) return;
            const float* logs = log_prob ? out<float>(a, 1) : x;
            double sum = 0;
            for (int64_t o = 0; o < t.columns; ++o) {
                float one = 0;
                if (labels[o] >= 0) {
                    const float v = *t.at_label(logs, labels, o);
                    one = weights[o] * (logits && !log_prob ? (top[o] - v) + log_sum[o] : -v);
                }
                if (t.none) out<float>(a)[o] = one;
                sum += static_cast<double>(one);
            }
            if (!t.none) *out<float>(a) = static_cast<float>(sum / divisor);
        }, 2 * t.scratch());
    };
    list.push_back(std::move(k));
}

void backward(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.out(1) != kNone) return;  // the gradient of the class weights
    const bool logits = c.op().integer("logits") != 0;
    const Targets t(c, 1);
    Candidate k;
    k.name = "cross_entropy_grad";
    k.in_place = {1};
    k.make = [=](Layout) {
        return step_kernel("vector cross_entropy_grad", [=](const StepArgs& a) {
            auto* labels = static_cast<int32_t*>(a.scratch);
            auto* weights = reinterpret_cast<float*>(labels + t.columns);
            const float *dy = in<float>(a, 0), *x = in<float>(a, 1);
            float* dx = out<float>(a);
            const double divisor = t.read(a.in[2], t.weighted ? in<float>(a, 3) : nullptr, labels, weights);
            for (int64_t o = 0; o < t.columns; ++o)
                weights[o] = static_cast<float>(static_cast<double>(weights[o]) * static_cast<double>(dy[t.none ? o : 0]) / divisor);
            t.each_part([&](int64_t first, int64_t n) {
                const int64_t at = first * t.classes * t.inner, column = first * t.inner;
                if (logits) return vec::table().cross_entropy_grad(x + at, labels + column, weights + column, dx + at, n, t.classes, t.inner);
                std::fill(dx + at, dx + at + n * t.classes * t.inner, 0.f);
                for (int64_t o = column; o < column + n * t.inner; ++o)
                    if (labels[o] >= 0) dx[t.at_label(x, labels, o) - x] = -weights[o];
            });
        }, t.scratch());
    };
    list.push_back(std::move(k));
}

}  // namespace

void loss(const LowerContext& c, std::vector<Candidate>& list) {
    const bool gradient = c.node.op == "CrossEntropyGrad";
    const size_t x = gradient ? 1 : 0;
    for (size_t i : {size_t{0}, x, x + 2})
        if (c.given(i) && c.in_dtype(i) != DType::f32) return;
    const Dims d = c.in(x);
    if (d.size() < 2 || count_of(d) == 0 || d[1] > INT32_MAX) return;
    gradient ? backward(c, list) : forward(c, list);
}

}  // namespace hone::lower
