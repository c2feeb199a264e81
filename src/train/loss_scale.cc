// SPDX-License-Identifier: Apache-2.0
#include "train/loss_scale.h"

#include <cmath>
#include <cstdlib>

#include "op/builder.h"
#include "train/trainable.h"

namespace hone::train {

namespace {
constexpr double kStart = 65536, kLeast = 1e-9, kMost = 1e30;  ///< above kMost its reciprocal would be no normal f32
constexpr const char *kScale = "train.loss_scale", *kGood = "train.good_steps", *kSkipped = "train.skipped", *kRow = "train.skipped_in_a_row";
}  // namespace

LossScale parse_loss_scale(const std::string& text, Precision precision) {
    if (text == "dynamic" || (text.empty() && precision == Precision::fp16)) return {.start = kStart, .dynamic = true};
    if (text.empty()) return {};
    char* end = nullptr;
    const double v = std::strtod(text.c_str(), &end);
    if (*end || !(v > 0) || !(v < kMost))
        fail(ErrorKind::usage, "train.loss_scale", cat("the loss scale is '", text, "'; expected 'dynamic' or a number above 0"), "Powers of two, such as 1024, round nothing.");
    return {.start = v == 1 ? 0 : v};
}

LossScaling::LossScaling(Graph& g, const LossScale& options, ValueId loss) : g_(g), options_(options) {
    Builder b(g, "loss_scale");
    if (options.dynamic) scale_ = g.add_input(kScale, TypeInfo::tensor(DType::f32, Shape{}));
    else scale_ = b.scalar(DType::f32, options.start);
    const DType t = b.dtype(loss);
    seed_ = b.expand(b.cast(scale_, t), b.dims(loss));
    reciprocal_ = b.div(b.like(scale_, 1), scale_);
}

void LossScaling::finish(const Update& update, size_t states, std::map<std::string, Tensor>& initial) {
    Builder b(g_, "loss_scale");
    const auto number = [&](int64_t v) { return b.constant(Tensor::scalar_i64(v)); };
    HONE_CHECK(update.finite != kNone, "an update that takes every step");
    for (size_t i = 0; i < states; ++i) {
        const State s = g_.states[i];
        const ValueId next = g_.outputs[s.output];
        const std::string name = g_.value(next).name;
        g_.rename_value(next, g_.unique_name(name + ".unguarded"));
        g_.outputs[s.output] = b.where(update.finite, next, g_.inputs[s.input]);
        g_.rename_value(g_.outputs[s.output], name);
    }
    const ValueId broken = b.node("Not", {update.finite});
    const ValueId failed = update.full == kNone ? broken : b.node("And", {broken, update.full});
    const ValueId done = update.full == kNone ? update.finite : b.node("And", {update.finite, update.full});
    const ValueId skipped = g_.add_input(kSkipped, TypeInfo::tensor(DType::i64, Shape{}));
    initial[kSkipped] = Tensor::scalar_i64(0);
    bind_state(g_, kSkipped, skipped, b.add(skipped, b.cast(failed, DType::i64)));
    if (!options_.dynamic) {
        const ValueId row = g_.add_input(kRow, TypeInfo::tensor(DType::i64, Shape{}));
        bind_state(g_, kRow, row, b.where(done, number(0), b.add(row, b.cast(failed, DType::i64))));
        initial[kRow] = Tensor::scalar_i64(0);
        return;
    }
    const ValueId good = g_.add_input(kGood, TypeInfo::tensor(DType::i64, Shape{}));
    const ValueId now = b.add(good, b.cast(done, DType::i64));
    const ValueId ripe = b.equal(now, number(options_.every));
    bind_state(g_, kGood, good, b.where(b.node("Or", {failed, ripe}), number(0), now));
    const ValueId grown = b.node("Min", {b.scale(scale_, 2), b.like(scale_, kMost)});
    const ValueId next = b.where(failed, b.scale(scale_, 0.5), b.where(ripe, grown, scale_));
    bind_state(g_, kScale, scale_, next);
    initial[kGood] = Tensor::scalar_i64(0);
    initial[kScale] = Tensor::scalar_f32(static_cast<float>(options_.start));
}

ScaleReport scale_report(const std::map<std::string, Tensor>& states) {
    const auto at = [&](const char* name) {
        const auto it = states.find(name);
        return it == states.end() ? 0 : it->second.at(0);
    };
    return {at(kScale), static_cast<int64_t>(at(kSkipped)), static_cast<int64_t>(at(kRow))};
}

void check_scale(const ScaleReport& report, int64_t most) {
    if (report.scale != 0 && report.scale < kLeast)
        fail(ErrorKind::data, "train.diverged", cat("gradients are not finite at a loss scale of ", report.scale, ", after ", report.skipped, " skipped steps"), "A smaller --lr, or --clip-norm, often helps.");
    if (report.in_a_row >= most)
        fail(ErrorKind::data, "train.diverged", cat("gradients were not finite in ", report.in_a_row, " steps in a row; the loss scale is fixed"), "A smaller --lr or --loss-scale, or --clip-norm, often helps.");
}

}  // namespace hone::train
