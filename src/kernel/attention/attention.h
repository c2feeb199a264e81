// SPDX-License-Identifier: Apache-2.0
// fp32 scaled dot-product attention, softmax(scale * q k^T + mask) v, for every (batch, head) over strided views. A block
// of query rows goes through scores, softmax and the product with v while it lies in the first cache; nothing of the size
// queries * keys is ever written.
//
//   attention::Attention step(spec, threads);
//   step.run({q, k, v, mask, y, scratch});       // takes ThreadPool::current(); bits do not depend on it
#pragma once
#include <cstddef>
#include <cstdint>

namespace hone::attention {

/// Element (b, h, row, column) of an operand, in elements from its pointer.
struct View {
    int64_t offset = 0, batch = 0, head = 0, row = 0, column = 0;
};
/// Rows of k and v (and columns of the mask) are keys. y's columns are dense.
struct Spec {
    int64_t batch = 1, heads = 1, queries = 1, keys = 1, depth = 1, value_depth = 1;
    View q, k, v, y, mask;
    float scale = 1;
    bool masked = false;
};
struct Arguments {
    const float *q, *k, *v, *mask;
    float* y;
    void* scratch;  ///< scratch_bytes(), 64-byte aligned
};
/// What an instruction set provides: packing of one head's keys and values, and a block of query rows.
struct HeadTable {
    int lanes;
    void (*pack)(const Spec& s, const float* k, const float* v, float* keys, float* values);
    void (*rows)(const Spec& s, const float* q, const float* keys, const float* values, const float* mask, float* y,
                 int64_t begin, int64_t end, float* scores);
};

class Attention {
  public:
    /// Sizes >= 1. `threads`: how many may share a run.
    Attention(const Spec& spec, int threads);
    size_t scratch_bytes() const { return static_cast<size_t>(chunks_ * chunk_floats_) * sizeof(float); }
    void run(const Arguments& a) const;

  private:
    Spec spec_;
    const HeadTable* table_;
    int64_t row_blocks_, chunks_, chunk_floats_, key_floats_, value_floats_;
};

/// Query rows that one register tile takes.
constexpr int kRows = 6;
const HeadTable& heads_scalar();
const HeadTable& heads_avx2();
const HeadTable& heads_avx512();

}  // namespace hone::attention
