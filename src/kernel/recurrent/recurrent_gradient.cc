// SPDX-License-Identifier: Apache-2.0
#include "kernel/recurrent/recurrent_gradient.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/cpu.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/thread_pool.h"
#include "kernel/onednn/onednn.h"
#include "kernel/recurrent/back.h"

namespace hone::recurrent {

namespace {
const BackTable& back() {
    const Isa isa = usable_isa();
    if (isa >= Isa::avx512) return back_avx512();
    return isa == Isa::avx2 ? back_avx2() : back_scalar();
}

/// Samples that sweep together: enough rows for a product, few enough for several threads.
constexpr int64_t kSamples = 32;
/// Elements below which threads cost more than they bring.
constexpr int64_t kWorthSharing = 16384;

/// f(begin, end) over parts of [0, n) that depend on n and `grain` alone, shared by the threads of the current pool.
void in_parts(int64_t n, int64_t grain, bool worth, const std::function<void(int64_t, int64_t)>& f) {
    const int64_t parts = std::min<int64_t>((n + grain - 1) / grain, 64);
    const auto one = [&](int i) { f(n * i / parts, n * (i + 1) / parts); };
    ThreadPool* pool = ThreadPool::current();
    if (worth && parts > 1 && pool && !ThreadPool::inside()) return pool->run(static_cast<int>(parts), one);
    for (int i = 0; i < parts; ++i) one(i);
}

/// A right-hand side [inner, columns] in panels of four vectors: what CellTable::project takes for four gates.
void pack_panels(const float* from, int64_t inner, int64_t columns, int64_t width, float* to) {
    for (int64_t first = 0; first < columns; first += width) {
        const int64_t n = std::min(width, columns - first);
        for (int64_t k = 0; k < inner; ++k, to += width) {
            std::memcpy(to, from + k * columns + first, static_cast<size_t>(n) * sizeof(float));
            std::memset(to + n, 0, static_cast<size_t>(width - n) * sizeof(float));
        }
    }
}
}  // namespace

struct RecurrentGradient::Parts {
    float *g, *h;                    ///< [steps, batch, gates * hidden]; the state before each step, by time
    float *s, *reset_h;              ///< GRU: with linear_before_reset [steps, batch, 3 * hidden]; without [steps, batch, hidden]
    float* c;                        ///< LSTM: [steps + 1, batch, hidden], in the order of the steps
    float *dc, *direct;              ///< [batch, hidden]
    float *product, *reset_product;  ///< [batch, padded]
    float *panels, *zeros;           ///< R; [padded]
};

RecurrentGradient::RecurrentGradient(const Spec& spec, int64_t steps, int64_t batch)
    : spec_(spec), steps_(steps), batch_(batch), rows_(checked_mul(steps, batch)), gates_(gates_of(spec.cell)),
      dirs_(spec.direction == Direction::bidirectional ? 2 : 1) {
    const int64_t width = 4 * cells_f32().lanes;
    padded_ = (spec.hidden + width - 1) / width * width;
    HONE_CHECK(steps >= 1 && batch >= 1 && spec.input >= 1 && spec.hidden >= 1);
}

RecurrentGradient::Parts RecurrentGradient::parts(void* scratch, size_t* bytes) const {
    int64_t used = 0;
    const auto take = [&](int64_t n, int64_t of) {
        float* at = scratch ? static_cast<float*>(scratch) + used : nullptr;
        used += (checked_mul(n, of) + 15) / 16 * 16;
        return at;
    };
    const int64_t n = spec_.hidden;
    Parts p{};
    p.g = take(rows_, gates_ * n);
    p.h = take(rows_, n);
    if (linear()) p.s = take(rows_, 3 * n);
    else if (two_phases()) p.reset_h = take(rows_, n);
    if (lstm()) p.c = take(rows_ + batch_, n);
    if (lstm()) p.dc = take(batch_, n);
    else if (spec_.cell == Cell::gru) p.direct = take(batch_, n);
    p.product = take(batch_, padded_);
    if (two_phases()) p.reset_product = take(batch_, padded_);
    p.panels = take(gates_ * n, padded_);
    p.zeros = take(1, std::max(padded_, gates_ * n));
    if (bytes) *bytes = static_cast<size_t>(used) * sizeof(float);
    return p;
}
size_t RecurrentGradient::scratch_bytes() const {
    size_t bytes = 0;
    parts(nullptr, &bytes);
    return bytes;
}

int64_t RecurrentGradient::time(int64_t direction, int64_t step) const {
    return direction == 1 || spec_.direction == Direction::reverse ? steps_ - 1 - step : step;
}

void RecurrentGradient::states(const GradientArguments& a, const Parts& p, int64_t d) const {
    const int64_t state = batch_ * spec_.hidden;
    const auto copy = [&](float* to, const float* from) {
        if (from) std::memcpy(to, from, static_cast<size_t>(state) * sizeof(float));
        else std::memset(to, 0, static_cast<size_t>(state) * sizeof(float));
    };
    for (int64_t i = 0; i < steps_; ++i)
        copy(p.h + time(d, i) * state, i ? a.y + (time(d, i - 1) * dirs_ + d) * state : a.h0 ? a.h0 + d * state : nullptr);
    if (!lstm()) return;
    copy(p.c, a.c0 ? a.c0 + d * state : nullptr);
    copy(p.dc, a.dy_c ? a.dy_c + d * state : nullptr);
}

/// What enters the gates, for all steps at once.
void RecurrentGradient::gates(const GradientArguments& a, const Parts& p, int64_t d) const {
    const int64_t n = spec_.hidden, all = gates_ * n;
    const float *w = a.w + d * all * spec_.input, *r = a.r + d * all * n, *b = a.b ? a.b + d * 2 * all : nullptr;
    // What is multiplied by the reset gate has its bias apart.
    const int64_t together = !b ? 0 : linear() ? 2 * n : all;
    in_parts(rows_, 64, rows_ * all >= kWorthSharing, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            float* g = p.g + row * all;
            for (int64_t i = 0; i < all; ++i) g[i] = !b ? 0 : b[i] + (i < together ? b[all + i] : 0);
            if (!linear()) continue;
            float* s = p.s + row * all;
            for (int64_t i = 0; i < all; ++i) s[i] = b && i >= together ? b[all + i] : 0;
        }
    });
    using onednn::sgemm;
    sgemm({.m = rows_, .n = all, .k = spec_.input, .a = a.x, .a_stride = spec_.input, .b = w, .b_stride = spec_.input, .c = p.g, .c_stride = all, .transpose_b = true, .accumulate = true});
    const int64_t from_h = two_phases() ? 2 * n : all;
    sgemm({.m = rows_, .n = from_h, .k = n, .a = p.h, .a_stride = n, .b = r, .b_stride = n, .c = linear() ? p.s : p.g, .c_stride = all, .transpose_b = true, .accumulate = true});
    if (!two_phases()) return;
    in_parts(rows_, 64, rows_ * n >= kWorthSharing, [&](int64_t begin, int64_t end) {
        BackStep s{};
        s.g = p.g + begin * all, s.h = p.h + begin * n, s.reset_h = p.reset_h + begin * n, s.rows = end - begin, s.hidden = n;
        back().gru_reset(s);
    });
    sgemm({.m = rows_, .n = n, .k = n, .a = p.reset_h, .a_stride = n, .b = r + 2 * n * n, .b_stride = n, .c = p.g + 2 * n, .c_stride = all, .transpose_b = true, .accumulate = true});
}

/// Samples [begin, end) of one direction: for LSTM forth over the cell states, then back.
void RecurrentGradient::sweep(const GradientArguments& a, const Parts& p, int64_t d, int64_t begin, int64_t end) const {
    const int64_t n = spec_.hidden, all = gates_ * n, state = batch_ * n, row = begin * n;
    const CellTable& cell = cells_f32();
    const BackTable& table = back();
    const auto at = [&](int64_t i) {
        const int64_t t = time(d, i), first = t * batch_ + begin;
        BackStep s{};
        s.g = p.g + first * all;
        s.s = p.s ? p.s + first * all : nullptr;
        s.h = p.h + first * n;
        s.h_next = a.y + (t * dirs_ + d) * state + row;
        s.reset_h = p.reset_h ? p.reset_h + first * n : nullptr;
        s.c = p.c ? p.c + i * state + row : nullptr;
        s.c_next = p.c ? p.c + (i + 1) * state + row : nullptr;
        s.dc = p.dc ? p.dc + row : nullptr;
        s.dy = a.dy ? a.dy + (t * dirs_ + d) * state + row : nullptr;
        s.direct = p.direct ? p.direct + row : nullptr;
        s.product = p.product + begin * padded_;
        s.product_stride = padded_;
        s.rows = end - begin;
        s.hidden = n;
        return s;
    };
    /// out = rows of `left` times gates [first, first + inner / hidden) of R.
    const auto multiply = [&](const float* left, int64_t first, int64_t inner, float* out) {
        cell.project({{left, nullptr, nullptr, all}, {p.panels + first * n * padded_, nullptr, nullptr, inner}, end - begin, 4, p.zeros,
                      out + begin * padded_, padded_, 0, padded_ / (4 * cell.lanes)});
    };
    for (int64_t m = begin; m < end; ++m) {
        if (a.dy_h) std::memcpy(p.product + m * padded_, a.dy_h + d * state + m * n, static_cast<size_t>(n) * sizeof(float));
        else std::memset(p.product + m * padded_, 0, static_cast<size_t>(n) * sizeof(float));
        if (p.direct) std::memset(p.direct + m * n, 0, static_cast<size_t>(n) * sizeof(float));
    }
    if (lstm())
        for (int64_t i = 0; i < steps_; ++i) table.lstm_gates(at(i));
    for (int64_t i = steps_; i-- > 0;) {
        BackStep s = at(i);
        if (gates_ != 3) {
            (lstm() ? table.lstm : spec_.cell == Cell::rnn ? table.rnn_tanh : table.rnn_relu)(s);
            multiply(s.g, 0, all, p.product);
        } else if (linear()) {
            table.gru_linear(s);
            multiply(s.s, 0, all, p.product);
        } else {
            table.gru_candidate(s);
            multiply(s.g + 2 * n, 2, n, p.reset_product);
            s.product = p.reset_product + begin * padded_;
            table.gru_back_reset(s);
            multiply(s.g, 0, 2 * n, p.product);
        }
    }
    for (int64_t m = begin; a.dh0 && m < end; ++m)
        for (int64_t i = 0; i < n; ++i) a.dh0[d * state + m * n + i] = p.product[m * padded_ + i] + (p.direct ? p.direct[m * n + i] : 0);
    if (a.dc0) std::memcpy(a.dc0 + d * state + row, p.dc + row, static_cast<size_t>((end - begin) * n) * sizeof(float));
}

void RecurrentGradient::results(const GradientArguments& a, const Parts& p, int64_t d) const {
    const int64_t n = spec_.hidden, all = gates_ * n, in = spec_.input;
    const float* state = linear() ? p.s : p.g;
    using onednn::sgemm;
    if (a.dx) sgemm({.m = rows_, .n = in, .k = all, .a = p.g, .a_stride = all, .b = a.w + d * all * in, .b_stride = in, .c = a.dx, .c_stride = in, .accumulate = d > 0});
    if (a.dw) sgemm({.m = all, .n = in, .k = rows_, .a = p.g, .a_stride = all, .b = a.x, .b_stride = in, .c = a.dw + d * all * in, .c_stride = in, .transpose_a = true});
    if (a.dr) {
        float* dr = a.dr + d * all * n;
        const int64_t from_h = two_phases() ? 2 * n : all;
        sgemm({.m = from_h, .n = n, .k = rows_, .a = state, .a_stride = all, .b = p.h, .b_stride = n, .c = dr, .c_stride = n, .transpose_a = true});
        if (from_h < all)
            sgemm({.m = n, .n = n, .k = rows_, .a = state + from_h, .a_stride = all, .b = p.reset_h, .b_stride = n, .c = dr + from_h * n, .c_stride = n, .transpose_a = true});
    }
    if (!a.db) return;
    float *wb = a.db + d * 2 * all, *rb = wb + all;
    const auto sums = [&](const float* g, float* out) {
        in_parts(all, 64, rows_ * all >= kWorthSharing, [&](int64_t begin, int64_t end) {
            std::memset(out + begin, 0, static_cast<size_t>(end - begin) * sizeof(float));
            back().column_sums(g + begin, rows_, all, end - begin, out + begin);
        });
    };
    sums(p.g, wb);
    if (linear()) sums(p.s, rb);
    else std::memcpy(rb, wb, static_cast<size_t>(all) * sizeof(float));
}

void RecurrentGradient::run(const GradientArguments& a) const {
    HONE_CHECK(a.x && a.w && a.r && a.y);
    const Parts p = parts(a.scratch, nullptr);
    const int64_t n = spec_.hidden, width = 4 * cells_f32().lanes;
    std::memset(p.zeros, 0, static_cast<size_t>(padded_) * sizeof(float));
    for (int64_t d = 0; d < dirs_; ++d) {
        states(a, p, d);
        if (gates_ > 1) gates(a, p, d);
        // The candidate of a GRU without linear_before_reset is multiplied alone: its rows stand apart.
        const float* r = a.r + d * gates_ * n * n;
        const int64_t first = two_phases() ? 2 * n : gates_ * n;
        pack_panels(r, first, n, width, p.panels);
        pack_panels(r + first * n, gates_ * n - first, n, width, p.panels + first * padded_);
        in_parts(batch_, kSamples, true, [&](int64_t begin, int64_t end) { sweep(a, p, d, begin, end); });
        results(a, p, d);
    }
}

}  // namespace hone::recurrent
