// SPDX-License-Identifier: Apache-2.0
// The attention kernel against the equation in double, at awkward sizes, strides and masks, for each instruction set.
#include "kernel/attention/attention.h"

#include <cmath>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "support.h"

namespace hone::attention {
namespace {

std::vector<float> random(int64_t n, uint64_t seed) {
    Rng rng(seed);
    std::vector<float> v(static_cast<size_t>(n));
    for (float& f : v) f = static_cast<float>(rng.normal());
    return v;
}
int64_t at(const View& v, int64_t b, int64_t h, int64_t r, int64_t c) { return v.offset + b * v.batch + h * v.head + r * v.row + c * v.column; }

struct Problem {
    Spec s;
    std::vector<float> q, k, v, mask;
    int64_t y_size;
};
/// One tensor [batch, rows, 3, heads, depth] holds q, k and v, as a fused projection writes them; keys == queries.
Problem joined(int64_t batch, int64_t heads, int64_t rows, int64_t depth, int mask) {
    Problem p;
    const int64_t row = 3 * heads * depth;
    p.s = {batch, heads, rows, rows, depth, depth, {0, rows * row, depth, row, 1}, {heads * depth, rows * row, depth, row, 1},
           {2 * heads * depth, rows * row, depth, row, 1}, {0, rows * heads * depth, depth, heads * depth, 1}, {}, 0.37f, mask != 0};
    p.q = p.k = p.v = random(batch * rows * row, 1);
    p.y_size = batch * rows * heads * depth;
    p.mask = random(batch * rows * rows, 2);
    if (mask == 1) p.s.mask = {0, rows, 0, 0, 1};                 // [batch, 1, 1, keys]
    if (mask == 2) p.s.mask = {0, rows * rows, 0, rows, 1};       // [batch, 1, queries, keys]
    if (mask == 3) p.s.mask = {0, rows * rows, 0, 1, rows};       // its transposition
    if (mask == 4) p.s.mask = {0, rows * rows, 0, rows, 0};       // one value a query
    return p;
}
/// Separate tensors, keys given transposed, fewer keys than queries.
Problem apart(int64_t batch, int64_t heads, int64_t queries, int64_t keys, int64_t depth, int64_t value_depth) {
    Problem p;
    const auto dense = [&](int64_t r, int64_t c) { return View{0, heads * r * c, r * c, c, 1}; };
    p.s = {batch, heads, queries, keys, depth, value_depth, dense(queries, depth), dense(depth, keys), dense(keys, value_depth), dense(queries, value_depth), {}, 1.25f, false};
    std::swap(p.s.k.row, p.s.k.column);
    p.q = random(batch * heads * queries * depth, 3);
    p.k = random(batch * heads * keys * depth, 4);
    p.v = random(batch * heads * keys * value_depth, 5);
    p.y_size = batch * heads * queries * value_depth;
    return p;
}

std::vector<double> reference(const Problem& p) {
    const Spec& s = p.s;
    std::vector<double> y(static_cast<size_t>(p.y_size)), e(static_cast<size_t>(s.keys));
    for (int64_t b = 0; b < s.batch; ++b)
        for (int64_t h = 0; h < s.heads; ++h)
            for (int64_t t = 0; t < s.queries; ++t) {
                double high = -INFINITY, sum = 0;
                for (int64_t j = 0; j < s.keys; ++j) {
                    double v = 0;
                    for (int64_t d = 0; d < s.depth; ++d) v += double{p.q[at(s.q, b, h, t, d)]} * p.k[at(s.k, b, h, j, d)];
                    e[j] = v * s.scale + (s.masked ? p.mask[at(s.mask, b, h, t, j)] : 0);
                    high = std::max(high, e[j]);
                }
                for (double& v : e) sum += v = std::exp(v - high);
                for (int64_t d = 0; d < s.value_depth; ++d) {
                    double v = 0;
                    for (int64_t j = 0; j < s.keys; ++j) v += e[j] * p.v[at(s.v, b, h, j, d)];
                    y[at(s.y, b, h, t, d)] = v / sum;
                }
            }
    return y;
}
std::vector<float> run(const Problem& p, int threads) {
    const Attention step(p.s, threads);
    ThreadPool pool(threads);
    const ThreadPool::Use use(&pool);
    const auto scratch = allocate_aligned(step.scratch_bytes());
    std::vector<float> y(static_cast<size_t>(p.y_size), NAN);
    step.run({p.q.data(), p.k.data(), p.v.data(), p.mask.data(), y.data(), scratch.get()});
    return y;
}

struct WithIsa {
    Isa before = usable_isa();
    explicit WithIsa(Isa isa) { set_isa_cap(isa); }
    ~WithIsa() { set_isa_cap(before); }
};

std::vector<Problem> problems() {
    std::vector<Problem> all;
    for (int mask = 0; mask <= 4; ++mask) all.push_back(joined(2, 3, 49, 16, mask));
    for (int64_t rows : {1, 2, 5, 6, 7, 16, 17, 33, 64, 100}) all.push_back(joined(1, 2, rows, 20, 0));
    all.push_back(apart(2, 2, 13, 7, 5, 3));
    all.push_back(apart(1, 1, 1, 31, 64, 65));
    all.push_back(apart(1, 3, 130, 47, 8, 33));
    return all;
}
}  // namespace

TEST(Attention, MatchesTheEquationInDouble) {
    for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        if (usable_isa() < isa) continue;
        const WithIsa cap(isa);
        for (const Problem& p : problems()) {
            const std::vector<double> want = reference(p);
            const std::vector<float> got = run(p, 1);
            double worst = 0;
            for (size_t i = 0; i < want.size(); ++i) {
                const double e = std::abs(want[i] - got[i]);
                worst = e <= 1e9 ? std::max(worst, e) : INFINITY;
            }
            EXPECT_LE(worst, 5e-6) << isa_name(isa) << " " << p.s.queries << "x" << p.s.keys << "x" << p.s.depth << " masked " << p.s.masked;
        }
    }
}

TEST(Attention, ThreadsDoNotChangeTheBits) {
    for (const Problem& p : problems()) {
        const std::vector<float> one = run(p, 1);
        for (int threads : {2, 3}) EXPECT_EQ(one, run(p, threads));
    }
}

}  // namespace hone::attention
