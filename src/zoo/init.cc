// SPDX-License-Identifier: Apache-2.0
#include "zoo/init.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "base/thread_pool.h"

namespace hone::zoo {
namespace {

constexpr int64_t piece = 1 << 16;  // even, so that a piece of uniform numbers begins with a block

void draw_piece(const Init& init, float* to, int64_t begin, int64_t end, uint64_t seed, uint64_t stream) {
    const bool normal = init.kind == Init::Kind::normal;
    Rng rng(seed, stream, static_cast<uint64_t>(normal ? begin : begin / 2));
    for (int64_t i = begin; i < end; ++i)
        to[i] = static_cast<float>(init.value + (normal ? rng.normal() : 2 * rng.uniform() - 1) * init.spread);
}

double root(int64_t n) { return std::sqrt(static_cast<double>(n)); }

}  // namespace

Init constant(double value) { return {Init::Kind::constant, value, 0}; }
Init normal(double deviation, double mean) { return {Init::Kind::normal, mean, deviation}; }
Init uniform(double bound) { return {Init::Kind::uniform, 0, bound}; }

Tensor draw(const Init& init, const Dims& dims, uint64_t seed, uint64_t stream) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    float* to = t.data<float>();
    const int64_t n = t.count();
    if (init.kind == Init::Kind::constant) {
        if (init.value != 0) std::fill(to, to + n, static_cast<float>(init.value));
        return t;
    }
    const auto some = [&](int i) {
        const int64_t begin = i * piece;
        draw_piece(init, to, begin, std::min(n, begin + piece), seed, stream);
    };
    const int pieces = static_cast<int>((n + piece - 1) / piece);
    if (ThreadPool* pool = ThreadPool::current(); pool && pieces > 1) pool->run(pieces, some);
    else
        for (int i = 0; i < pieces; ++i) some(i);
    return t;
}

Init zeros(const Fan&) { return constant(0); }
Init torch_default(const Fan& fan) { return uniform(1 / root(fan.in)); }
Init he_fan_out(const Fan& fan) { return normal(std::sqrt(2.0 / static_cast<double>(fan.out))); }
Init he_fan_in(const Fan& fan) { return normal(fan.gain * std::sqrt(2.0 / static_cast<double>(fan.in))); }
Init lecun(const Fan& fan) { return normal(std::sqrt(1.0 / static_cast<double>(fan.in))); }
Init xavier(const Fan& fan) { return uniform(std::sqrt(6.0 / static_cast<double>(fan.in + fan.out))); }
Init normal_05(const Fan&) { return normal(0.05); }
Init normal_02(const Fan&) { return normal(0.02); }
Init normal_01(const Fan&) { return normal(0.01); }

}  // namespace hone::zoo
