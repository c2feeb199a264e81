// SPDX-License-Identifier: Apache-2.0
#include "kernel/move/resample.h"

namespace hone::move {

void resample(const ResampleAxis& a, const float* x, float* y, int64_t begin, int64_t end, int64_t inner) {
    for (int64_t r = begin; r < end; ++r) {
        const float* from = x + r * a.in * inner;
        for (int64_t o = 0; o < a.out; ++o) {
            float* to = y + (r * a.out + o) * inner;
            const int64_t* index = a.index.data() + o * a.taps;
            const float* weight = a.weight.data() + o * a.taps;
            for (int64_t i = 0; i < inner; ++i) to[i] = weight[0] * from[index[0] * inner + i];
            for (int64_t t = 1; t < a.taps; ++t) {
                const float* source = from + index[t] * inner;
                for (int64_t i = 0; i < inner; ++i) to[i] += weight[t] * source[i];
            }
        }
    }
}

}  // namespace hone::move
