// SPDX-License-Identifier: Apache-2.0
// Gradients of the Fourier transforms, which are linear: the adjoint of a forward transform is the inverse one without its
// 1 / n. Real and imaginary parts count as two numbers.
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;

ValueId transformed(C& c, ValueId x, int64_t axis, bool inverse, bool one_sided) {
    return c.b.node("DFT", {x, kNone, c.b.integers({axis})}, {{"inverse", int64_t{inverse}}, {"onesided", int64_t{one_sided}}});
}
/// Of the real and imaginary parts of v as many as there were.
ValueId parts(C& c, ValueId v, int64_t n) { return c.b.fit(v, static_cast<int64_t>(c.b.rank(v)) - 1, n); }

void dft(C& c) {
    const Dims d = c.b.dims(c.x()), y = c.b.dims(c.y());
    const auto rank = static_cast<int64_t>(d.size());
    const int64_t axis = normal_axis(c, c.has_input(2) ? c.constant(2).at_int(0) : -2, rank);
    const auto a = static_cast<size_t>(axis);
    const bool inverse = c.integer("inverse") != 0, one_sided = c.integer("onesided") != 0;
    if (inverse && one_sided) {
        // y = Re(sum of c_k x_k e^(i...)) / n with c_k = 2 for the bins that stand for their conjugates too.
        const int64_t n = y[a], bins = n / 2 + 1;
        Dims shape(d.size(), 1);
        shape[a] = bins;
        Tensor weights = Tensor::zeros(c.b.dtype(c.x()), shape);
        for (int64_t k = 0; k < bins; ++k) weights.set(k, (k == 0 || 2 * k == n ? 1.0 : 2.0) / static_cast<double>(n));
        const ValueId spectrum = transformed(c, c.dy(), axis, false, true);
        return c.give(0, c.b.fit(c.b.mul(spectrum, c.b.constant(weights)), axis, d[a]));
    }
    const int64_t n = !one_sided ? y[a] : c.has_input(1) ? c.constant(1).at_int(0) : d[a];
    const auto length = static_cast<double>(n);
    const ValueId back = transformed(c, c.b.fit(c.dy(), axis, n), axis, !inverse, false);
    c.give(0, parts(c, c.b.fit(c.b.scale(back, inverse ? 1 / length : length), axis, d[a]), d.back()));
}

void stft(C& c) {
    const Dims d = c.b.dims(c.x()), y = c.b.dims(c.y());
    const int64_t step = c.constant(1).at_int(0), frames = y[1];
    const int64_t length = c.has_input(3) ? c.constant(3).at_int(0) : c.b.dims(c.x(2))[0];
    const ValueId back = transformed(c, c.b.fit(c.dy(), 2, length), 2, true, false);
    const ValueId of_frames = parts(c, c.b.scale(back, static_cast<double>(length)), d[2]);
    Tensor places = Tensor::zeros(DType::i64, {frames * length, 1});
    for (int64_t i = 0; i < places.count(); ++i) places.set_int(i, i / length * step + i % length);
    const ValueId at = c.b.constant(places);
    if (c.wants(0)) {  // each sample adds up what its frames give
        const ValueId v = c.has_input(2) ? c.b.mul(of_frames, c.b.reshape(c.x(2), {length, 1})) : of_frames;
        const ValueId rows = c.b.reshape(c.b.transpose(v, {1, 2, 0, 3}), {frames * length, d[0], d[2]});
        const ValueId zeros = c.b.expand(c.b.like(c.x(), 0), {d[1], d[0], d[2]});
        c.give(0, c.b.transpose(c.b.node("ScatterND", {zeros, at, rows}, {{"reduction", std::string("add")}}), {1, 0, 2}));
    }
    if (c.wants(2)) {
        const ValueId read = c.b.node("Gather", {c.x(), c.b.reshape(at, {frames, length})}, {{"axis", int64_t{1}}});
        c.give(2, c.b.sum(c.b.mul(of_frames, read), {0, 1, 3}, false));
    }
}

}  // namespace

std::vector<Rule> signal_rules() { return {{"DFT", dft}, {"STFT", stft}, {"MelWeightMatrix", nullptr}}; }

}  // namespace hone::ops
