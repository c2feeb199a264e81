// SPDX-License-Identifier: Apache-2.0
#include "record/run.h"

namespace hone::record {

std::vector<double> thinned(const std::vector<double>& samples, size_t limit) {
    if (samples.size() <= limit || limit < 2) return samples;
    std::vector<double> kept(limit);
    for (size_t i = 0; i < limit; ++i) kept[i] = samples[i * (samples.size() - 1) / (limit - 1)];
    return kept;
}

}  // namespace hone::record
