// SPDX-License-Identifier: Apache-2.0
// DFT, STFT, the window functions and MelWeightMatrix.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

constexpr int64_t kLongestOdd = 1 << 14;  // lengths that are no power of two take n * n steps

bool is_i32_or_i64(DType t) { return t == DType::i32 || t == DType::i64; }

/// The integer of input `i` where it is known; it must be one number.
std::optional<int64_t> known_integer(const InferContext& c, size_t i, int64_t least, const char* what) {
    require_type(c, {i}, is_i32_or_i64, "i32 or i64");
    require_one(c, i, what);
    const Tensor* t = c.given(i) ? c.value(i) : nullptr;
    if (!t) return std::nullopt;
    if (t->count() != 1 || t->at_int(0) < least || t->at_int(0) > (int64_t{1} << 40))
        c.refuse(cat(what, " is ", t->count() == 1 ? cat(t->at_int(0)) : to_text(t->dims()), "; expected one number from ", least));
    return t->at_int(0);
}

DType asked_type(const OpContext& c) {
    const int64_t n = c.integer("output_datatype");
    const auto t = static_cast<DType>(n);
    if (n < 1 || n > 16 || !is_number(t)) c.unsupported(cat("output_datatype ", n));
    return t;
}

void infer_window(InferContext& c) {
    const auto n = known_integer(c, 0, 0, "the size");
    c.set(0, asked_type(c), {n ? Dim(*n) : Dim()});
}
struct Cosines {
    double a0, a1, a2;
};
constexpr Cosines kHann{0.5, 0.5, 0}, kHamming{25.0 / 46, 21.0 / 46, 0}, kBlackman{0.42, 0.5, 0.08};
template <const Cosines& w>
void run_window(RefContext& c) {
    const int64_t n = c.out[0].count(), period = c.integer("periodic") ? n : std::max<int64_t>(1, n - 1);
    for (int64_t i = 0; i < n; ++i) {
        const double at = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(period);
        c.out[0].set(i, n == 1 ? 1 : w.a0 - w.a1 * std::cos(at) + w.a2 * std::cos(2 * at));
    }
}

void infer_mel(InferContext& c) {
    const auto bins = known_integer(c, 0, 0, "num_mel_bins"), length = known_integer(c, 1, 1, "dft_length");
    known_integer(c, 2, 1, "sample_rate");
    require_type(c, {3, 4}, is_float, "a float type");
    for (size_t i : {3, 4}) require_one(c, i, "an edge");
    c.set(0, asked_type(c), {length ? Dim(*length / 2 + 1) : Dim(), bins ? Dim(*bins) : Dim()});
}
void run_mel(RefContext& c) {
    const int64_t rows = c.out[0].dim(0), bins = c.out[0].dim(1);
    const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = mel(c.in[3].at(0)), step = (mel(c.in[4].at(0)) - low) / static_cast<double>(bins + 2);
    const auto bin = [&](int64_t i) {
        const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + low) / 2595) - 1);
        const double at = std::floor(static_cast<double>(c.in[1].at_int(0) + 1) * hertz / c.in[2].at(0));
        if (!(at >= 0 && at < static_cast<double>(rows))) c.refuse(cat("an edge frequency falls into bin ", at, " of ", rows));
        return static_cast<int64_t>(at);
    };
    for (int64_t i = 0; i < bins; ++i) {
        const int64_t lower = bin(i), centre = bin(i + 1), upper = bin(i + 2);
        const auto share = [](int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); };
        if (lower == centre) c.out[0].set(centre * bins + i, 1);
        else
            for (int64_t k = lower; k <= centre; ++k) c.out[0].set(k * bins + i, share(k - lower, centre - lower));
        for (int64_t k = centre; k < upper; ++k) c.out[0].set(k * bins + i, share(upper - k, upper - centre));
    }
}

void infer_dft(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    const bool one_sided = c.integer("onesided") != 0, to_real = one_sided && c.integer("inverse") != 0;
    require_rank(c, 0, 2, 1000);
    const auto length = known_integer(c, 1, 1, "dft_length");
    const auto axis = known_integer(c, 2, -1000, "the axis");
    c.set(0, t);
    if (!c.rank_known(0)) return;
    const Shape& x = c.shape(0);
    if (x.back().known() && x.back().value != 1 && x.back().value != 2)
        c.refuse(cat("the last axis has ", x.back().value, " entries; expected 1 (real) or 2 (complex)"));
    if (one_sided && x.back().known() && x.back().value != (to_real ? 2 : 1))
        c.refuse(cat("the last axis has ", x.back().value, " entries; onesided wants ", to_real ? "a complex" : "a real", " input"));
    Shape s = x;
    s.back() = to_real ? 1 : 2;
    if (c.given(2) && !axis) return c.set(0, t, Shape(x.size()));
    const auto at = static_cast<size_t>(normal_axis(c, axis.value_or(-2), static_cast<int64_t>(x.size())));
    if (at + 1 == x.size()) c.refuse("the axis is that of real and imaginary parts");
    const Dim whole = !to_real || !x[at].known() ? x[at] : Dim(std::max<int64_t>(1, checked_mul(2, x[at].value) - 2));
    const Dim n = length ? Dim(*length) : c.given(1) ? Dim() : whole;
    if (n == Dim(0)) c.refuse("the axis is empty");
    if (n.known() && n.value > kLongestOdd && (n.value & (n.value - 1)))
        c.unsupported(cat("a transform of length ", n.value, " (up to ", kLongestOdd, ", or a power of two)"));
    s[at] = !n.known() ? Dim() : one_sided && !to_real ? Dim(n.value / 2 + 1) : n;
    c.set(0, t, s);
}

using Complex = std::complex<double>;
/// In place; `sign` -1 forward, 1 inverse (not scaled).
void transform(std::vector<Complex>& v, double sign) {
    const size_t n = v.size();
    const auto turn = [&](size_t k, size_t of) {
        return std::polar(1.0, sign * 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(of));
    };
    if (n & (n - 1)) {
        std::vector<Complex> roots(n), out(n);
        for (size_t k = 0; k < n; ++k) roots[k] = turn(k, n);
        for (size_t k = 0; k < n; ++k)
            for (size_t i = 0; i < n; ++i) out[k] += v[i] * roots[i * k % n];
        v = out;
        return;
    }
    if (n < 2) return;
    std::vector<Complex> even(n / 2), odd(n / 2);
    for (size_t i = 0; i < n / 2; ++i) even[i] = v[2 * i], odd[i] = v[2 * i + 1];
    transform(even, sign);
    transform(odd, sign);
    for (size_t k = 0; k < n / 2; ++k) {
        const Complex t = turn(k, n) * odd[k];
        v[k] = even[k] + t;
        v[k + n / 2] = even[k] - t;
    }
}

void run_dft(RefContext& c) {
    const Dims &d = c.in[0].dims(), &out = c.out[0].dims();
    if (!c.out[0].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.given(2) ? c.in[2].at_int(0) : -2, static_cast<int64_t>(d.size())));
    const int64_t parts = d.back(), outer = count_between(d, 0, axis), inner = count_between(d, axis + 1, d.size() - 1);
    const bool inverse = c.integer("inverse") != 0, to_real = inverse && c.integer("onesided") != 0;
    const int64_t n = c.given(1) ? c.in[1].at_int(0) : to_real ? out[axis] : d[axis];
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
            std::vector<Complex> v(static_cast<size_t>(n));
            for (int64_t k = 0; k < std::min(n, d[axis]); ++k) {
                const int64_t at = ((o * d[axis] + k) * inner + i) * parts;
                v[static_cast<size_t>(k)] = {c.in[0].at(at), parts == 2 ? c.in[0].at(at + 1) : 0};
            }
            for (int64_t k = n / 2 + 1; to_real && k < n; ++k) v[static_cast<size_t>(k)] = std::conj(v[static_cast<size_t>(n - k)]);
            transform(v, inverse ? 1 : -1);
            for (int64_t k = 0; k < out[axis]; ++k) {
                const Complex y = v[static_cast<size_t>(k)] / (inverse ? static_cast<double>(n) : 1);
                const int64_t at = ((o * out[axis] + k) * inner + i) * out.back();
                c.out[0].set(at, y.real());
                if (!to_real) c.out[0].set(at + 1, y.imag());
            }
        }
}
/// The axis was an attribute (default 1) before 20.
void upgrade_dft(Graph& g, NodeId id, int from) {
    if (from >= 20) return;
    const int64_t axis = integer_or(g.node(id), "axis", 1);
    drop_attribute(g, id, "axis");
    put_input(g, id, 2, constant_for(g, id, "axis", Tensor::scalar_i64(axis)));
}
int downgrade_dft(Graph& g, NodeId id, int to) {
    if (to >= 20) return 17;
    const Tensor* axis = constant_input(g, id, 2);
    const TypeInfo& x = g.value(g.node(id).inputs[0]).type;
    if ((!axis && has_input(g, id, 2)) || !x.rank_known) return 20;
    const int64_t at = axis ? axis->at_int(0) : -2;
    g.node(id).attributes["axis"] = at < 0 ? at + static_cast<int64_t>(x.shape.size()) : at;
    omit_input(g, id, 2);
    return 17;
}

struct Frames {
    int64_t length, count;
};
/// Frame length (given, or the window's) and how many fit, where the values are known.
std::optional<Frames> frames_of(const InferContext& c) {
    const auto step = known_integer(c, 1, 1, "frame_step"), given = known_integer(c, 3, 1, "frame_length");
    require_rank(c, 2, 1, 1);
    if (!c.given(2) && !c.given(3)) c.refuse("neither window nor frame_length is given");
    Dim length = given ? Dim(*given) : Dim();
    if (c.given(2) && c.rank_known(2)) length = agree(c, length, c.shape(2)[0], "the window and frame_length");
    if (!step || !length.known() || !c.rank_known(0) || !c.shape(0)[1].known()) return std::nullopt;
    const int64_t n = c.shape(0)[1].value;
    if (length.value < 1 || length.value > n) c.refuse(cat("frame_length is ", length.value, "; expected 1 to ", n));
    if (length.value > kLongestOdd && (length.value & (length.value - 1)))
        c.unsupported(cat("frames of length ", length.value, " (up to ", kLongestOdd, ", or a power of two)"));
    return Frames{length.value, (n - length.value) / *step + 1};
}

void infer_stft(InferContext& c) {
    const DType t = require_type(c, {0, 2}, is_float, "a float type");
    require_rank(c, 0, 3, 3);
    const bool one_sided = c.integer("onesided") != 0;
    const auto frames = frames_of(c);
    Shape s{Dim(), Dim(), Dim(), 2};
    if (c.rank_known(0)) {
        const Dim& parts = c.shape(0)[2];
        if (parts.known() && parts.value != 1 && (parts.value != 2 || one_sided))
            c.refuse(cat("the last axis has ", parts.value, " entries; expected 1 (real)", one_sided ? "" : " or 2 (complex)"));
        s[0] = c.shape(0)[0];
    }
    if (frames) s[1] = frames->count, s[2] = one_sided ? frames->length / 2 + 1 : frames->length;
    c.set(0, t, s);
}
void run_stft(RefContext& c) {
    const Dims& out = c.out[0].dims();
    const int64_t length = c.given(3) ? c.in[3].at_int(0) : c.in[2].dim(0), step = c.in[1].at_int(0);
    const int64_t samples = c.in[0].dim(1), parts = c.in[0].dim(2);
    for (int64_t f = 0; f < out[0] * out[1]; ++f) {
        std::vector<Complex> v(static_cast<size_t>(length));
        for (int64_t i = 0; i < length; ++i) {
            const int64_t at = (f / out[1] * samples + f % out[1] * step + i) * parts;
            const double weight = c.given(2) ? c.in[2].at(i) : 1;
            v[static_cast<size_t>(i)] = weight * Complex(c.in[0].at(at), parts == 2 ? c.in[0].at(at + 1) : 0);
        }
        transform(v, -1);
        for (int64_t k = 0; k < out[2]; ++k) {
            c.out[0].set((f * out[2] + k) * 2, v[static_cast<size_t>(k)].real());
            c.out[0].set((f * out[2] + k) * 2 + 1, v[static_cast<size_t>(k)].imag());
        }
    }
}

OpDecl window(const char* name, void (*reference)(RefContext&)) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
            .attributes = {{"output_datatype", AttrKind::integer, int64_t{1}}, {"periodic", AttrKind::integer, int64_t{1}}},
            .infer = infer_window, .reference = reference, .since = 17};
}

}  // namespace

std::vector<OpDecl> signal() {
    std::vector<OpDecl> all = {
        window("HannWindow", run_window<kHann>), window("HammingWindow", run_window<kHamming>),
        window("BlackmanWindow", run_window<kBlackman>),
        {.name = "MelWeightMatrix", .min_inputs = 5, .max_inputs = 5, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"output_datatype", AttrKind::integer, int64_t{1}}},
         .infer = infer_mel, .reference = run_mel, .since = 17},
        {.name = "STFT", .min_inputs = 2, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"onesided", AttrKind::integer, int64_t{1}}}, .infer = infer_stft, .reference = run_stft, .since = 17},
        {.name = "DFT", .min_inputs = 1, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"inverse", AttrKind::integer, int64_t{0}}, {"onesided", AttrKind::integer, int64_t{0}}},
         .infer = infer_dft, .reference = run_dft, .upgrade = upgrade_dft, .downgrade = downgrade_dft, .since = 17},
    };
    attach_rules(all, signal_rules());
    return all;
}

}  // namespace hone::ops
