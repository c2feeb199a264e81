// SPDX-License-Identifier: Apache-2.0
// Picking by index maps against element by element; resampling one axis against its definition.
#include <functional>

#include "base/rng.h"
#include "base/tensor.h"
#include "kernel/move/pick.h"
#include "kernel/move/resample.h"
#include "support.h"

using namespace hone;

namespace {

Dims random_map(Rng& rng, int64_t n) {
    Dims m;
    switch (rng.below(5)) {
        case 0:  // as it is
            for (int64_t i = 0; i < n; ++i) m.push_back(i);
            break;
        case 1:  // every so many, either way
            for (int64_t i = 0; i < n; i += 2) m.insert(rng.below(2) ? m.end() : m.begin(), i);
            break;
        case 2:  // padded
            for (int64_t i = -2; i < n + 1; ++i) m.push_back(i < 0 || i >= n ? -1 : i);
            break;
        case 3:  // repeated
            for (int64_t i = 0; i < 2 * n; ++i) m.push_back(i / 2);
            break;
        default:
            for (int64_t i = 0; i < 5; ++i) m.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(n) + 1)) - 1);
    }
    return m;
}

}  // namespace

TEST(Pick, EveryElementComesFromItsMaps) {
    Rng rng(5);
    for (int trial = 0; trial < 400; ++trial) {
        const DType types[] = {DType::f32, DType::u8, DType::i64, DType::bf16};
        const DType type = types[rng.below(4)];
        Dims x, y;
        std::vector<Dims> maps;
        for (uint64_t a = rng.below(5); a-- > 0;) {
            x.push_back(1 + static_cast<int64_t>(rng.below(5)));
            maps.push_back(random_map(rng, x.back()));
            y.push_back(static_cast<int64_t>(maps.back().size()));
        }
        Tensor from = Tensor::zeros(type, x), to = Tensor::zeros(type, y), fill = Tensor::zeros(type, {1});
        for (int64_t i = 0; i < from.count(); ++i) from.set(i, static_cast<double>(i % 100 + 1));
        const bool filled = rng.below(2) != 0;
        if (filled) fill.set(0, 101);
        const move::Pick p = move::make_pick(x, maps, dtype_size(type));
        const int64_t cut = static_cast<int64_t>(rng.below(static_cast<uint64_t>(p.rows) + 1));
        move::pick(p, from.raw(), filled ? fill.raw() : nullptr, to.raw_mut(), 0, cut);
        move::pick(p, from.raw(), filled ? fill.raw() : nullptr, to.raw_mut(), cut, p.rows);
        const Dims strides = strides_of(x);
        for (int64_t i = 0; i < to.count(); ++i) {
            int64_t rest = i, at = 0;
            for (size_t a = y.size(); a-- > 0; rest /= y[a]) {
                const int64_t source = maps[a][static_cast<size_t>(rest % y[a])];
                at = source < 0 || at < 0 ? -1 : at + source * strides[a];
            }
            ASSERT_EQ(to.at(i), at < 0 ? (filled ? 101 : 0) : from.at(at)) << "trial " << trial << ", element " << i;
        }
    }
}

TEST(Resample, IsTheWeightedSum) {
    Rng rng(6);
    const int64_t rows = 3, inner = 5;
    move::ResampleAxis a{4, 6, 3, {}, {}};
    for (int64_t i = 0; i < a.out * a.taps; ++i) {
        a.index.push_back(static_cast<int64_t>(rng.below(4)));
        a.weight.push_back(static_cast<float>(rng.normal()));
    }
    std::vector<float> x, y(static_cast<size_t>(rows * a.out * inner));
    for (int64_t i = 0; i < rows * a.in * inner; ++i) x.push_back(static_cast<float>(rng.normal()));
    move::resample(a, x.data(), y.data(), 0, 1, inner);
    move::resample(a, x.data(), y.data(), 1, rows, inner);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < a.out; ++o)
            for (int64_t i = 0; i < inner; ++i) {
                double want = 0;
                for (int64_t t = 0; t < a.taps; ++t) {
                    const auto k = static_cast<size_t>(o * a.taps + t);
                    want += static_cast<double>(a.weight[k]) * static_cast<double>(x[static_cast<size_t>((r * a.in + a.index[k]) * inner + i)]);
                }
                EXPECT_NEAR(y[static_cast<size_t>((r * a.out + o) * inner + i)], want, 1e-5);
            }
}
