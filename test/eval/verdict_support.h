// SPDX-License-Identifier: Apache-2.0
// Drawing paired answers, for the tests of the verdict.
//
//   PairedSampler sampler(1000, 0.01, 0.002);
//   PairedCounts counts = sampler.draw(rng);
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/rng.h"
#include "eval/verdict.h"

namespace hone::eval {

class PairedSampler {
  public:
    PairedSampler(int64_t n, double discordance, double drop) : n_(n), share_((discordance + drop) / 2 / discordance) {
        double mass = std::pow(1 - discordance, static_cast<double>(n)), sum = mass;
        cumulative_.push_back(sum);
        for (int64_t m = 0; m < n && sum < 1 - 1e-13; ++m) {
            mass *= static_cast<double>(n - m) / static_cast<double>(m + 1) * discordance / (1 - discordance);
            cumulative_.push_back(sum += mass);
        }
    }
    PairedCounts draw(Rng& rng) const {
        const auto at = std::lower_bound(cumulative_.begin(), cumulative_.end() - 1, rng.uniform());
        const auto different = static_cast<int64_t>(at - cumulative_.begin());
        PairedCounts counts{.samples = n_};
        for (int64_t i = 0; i < different; ++i) counts.lost += rng.uniform() < share_;
        counts.gained = different - counts.lost;
        return counts;
    }

  private:
    int64_t n_;
    double share_;
    std::vector<double> cumulative_;
};

struct ErrorRates {
    double upper = 0, lower = 0;  ///< share of draws whose limit excludes the true drop
};

/// Both limits are tested at the true drop; equal counts are judged once.
inline ErrorRates simulate(int64_t n, double discordance, double drop, int draws, uint64_t seed) {
    const PairedSampler sampler(n, discordance, drop);
    std::map<std::pair<int64_t, int64_t>, std::pair<bool, bool>> known;
    Rng rng(seed);
    ErrorRates rates;
    for (int i = 0; i < draws; ++i) {
        const PairedCounts c = sampler.draw(rng);
        auto [at, fresh] = known.try_emplace({c.lost, c.gained});
        if (fresh) at->second = {drop_refuted(c, drop), drop_refuted({c.samples, c.gained, c.lost}, -drop)};
        rates.upper += at->second.first;
        rates.lower += at->second.second;
    }
    return {rates.upper / draws, rates.lower / draws};
}

}  // namespace hone::eval
