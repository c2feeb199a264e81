// SPDX-License-Identifier: Apache-2.0
#include "kernel/attention/attention.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/thread_pool.h"

namespace hone::attention {

namespace {
const HeadTable& heads() {
    const Isa isa = usable_isa();
    if (isa >= Isa::avx512) return heads_avx512();
    return isa == Isa::avx2 ? heads_avx2() : heads_scalar();
}
/// Multiply-adds below which threads cost more than they bring.
constexpr int64_t kWorthSharing = 50000;
/// Rows of queries that one item of work takes: keys are packed again for each, so many.
constexpr int64_t kItemRows = 16 * kRows;
}  // namespace

Attention::Attention(const Spec& s, int threads) : spec_(s), table_(&heads()) {
    HONE_CHECK(s.batch >= 1 && s.heads >= 1 && s.queries >= 1 && s.keys >= 1 && s.depth >= 1 && s.value_depth >= 1);
    const int64_t lanes = table_->lanes;
    const auto up = [&](int64_t n) { return (n + lanes - 1) / lanes * lanes; };
    row_blocks_ = (s.queries + kItemRows - 1) / kItemRows;
    const int64_t items = checked_mul(checked_mul(s.batch, s.heads), row_blocks_);
    const int64_t work = checked_mul(checked_mul(s.batch * s.heads * s.queries, s.keys), s.depth + s.value_depth);
    chunks_ = threads == 1 || work < kWorthSharing ? 1 : std::min<int64_t>(items, 4 * threads);
    key_floats_ = checked_mul(s.depth, up(s.keys));
    value_floats_ = checked_mul(s.keys, up(s.value_depth));
    chunk_floats_ = (key_floats_ + value_floats_ + kRows * (up(s.keys) + up(s.value_depth)) + 15) / 16 * 16;
}

void Attention::run(const Arguments& a) const {
    const int64_t items = spec_.batch * spec_.heads * row_blocks_;
    const auto at = [](const float* p, const View& v, int64_t b, int64_t h) { return p + v.offset + b * v.batch + h * v.head; };
    const auto work = [&](int chunk) {
        float* keys = static_cast<float*>(a.scratch) + chunk * chunk_floats_;
        float *values = keys + key_floats_, *scores = values + value_floats_;
        int64_t packed = -1;
        for (int64_t i = items * chunk / chunks_; i < items * (chunk + 1) / chunks_; ++i) {
            const int64_t unit = i / row_blocks_, b = unit / spec_.heads, h = unit % spec_.heads, first = i % row_blocks_ * kItemRows;
            if (packed != unit) table_->pack(spec_, at(a.k, spec_.k, b, h), at(a.v, spec_.v, b, h), keys, values);
            packed = unit;
            table_->rows(spec_, at(a.q, spec_.q, b, h), keys, values, spec_.masked ? at(a.mask, spec_.mask, b, h) : nullptr,
                         const_cast<float*>(at(a.y, spec_.y, b, h)), first, std::min(spec_.queries, first + kItemRows), scores);
        }
    };
    ThreadPool* pool = ThreadPool::current();
    if (pool && chunks_ > 1) pool->run(static_cast<int>(chunks_), work);
    else
        for (int c = 0; c < chunks_; ++c) work(c);
}

}  // namespace hone::attention
