// SPDX-License-Identifier: Apache-2.0
#include "eval/speedup.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

using namespace hone;
using namespace hone::eval;

namespace {

struct Noise {
    double process = 0, run = 0, outliers = 0, drift = 0, session = 0;  ///< session: of a whole measurement
};

std::vector<TimedBlock> measure(Rng& rng, const Noise& noise, double ratio, int processes, int pairs = 40) {
    std::vector<TimedBlock> blocks;
    ratio *= std::exp(noise.session * rng.normal());
    for (int p = 0; p < processes; ++p) {
        TimedBlock& block = blocks.emplace_back();
        const double shift = std::exp(noise.process * rng.normal());
        double level = 0;
        const auto once = [&](double base) {
            level += noise.drift * rng.normal();
            const double burst = rng.uniform() < noise.outliers ? 1 + 4 * rng.uniform() : 1;
            return base * burst * std::exp(level + noise.run * std::fabs(rng.normal()));
        };
        for (int i = 0; i < pairs; ++i) {
            block.before.push_back(once(ratio * shift));
            block.after.push_back(once(1));
        }
    }
    return blocks;
}

// Shares of repetitions whose estimate lies in the interval of the one before, and of intervals above 1.
std::pair<double, double> held(const Noise& noise, double ratio, int processes, int draws) {
    Rng rng(4);
    int within = 0, faster = 0;
    Speedup last = paired_speedup(measure(rng, noise, ratio, processes));
    for (int i = 0; i < draws; ++i) {
        const Speedup s = paired_speedup(measure(rng, noise, ratio, processes));
        within += last.estimate >= s.low && last.estimate <= s.high;
        faster += s.faster();
        last = s;
    }
    return {double(within) / draws, double(faster) / draws};
}

}  // namespace

TEST(Speedup, WhereThereIsNoNoiseWhatNoneSeesRemains) {
    const Speedup s = paired_speedup({{{3, 3}, {2, 2}}, {{6, 6}, {4, 4}}, {{1.5, 1.5}, {1, 1}}});
    EXPECT_DOUBLE_EQ(s.estimate, 1.5);
    EXPECT_NEAR(std::log(s.high / s.low), 2 * 1.96 * 0.01 * std::sqrt(2.0), 1e-4);
    EXPECT_NEAR(s.low * s.high, 2.25, 1e-12);
    EXPECT_TRUE(s.faster());
    EXPECT_EQ(s.processes, 3);
}
TEST(Speedup, ExchangingTheSidesInverts) {
    Rng rng(1);
    std::vector<TimedBlock> blocks = measure(rng, {0.01, 0.02, 0.05, 0}, 1.7, 5, 41);
    const Speedup s = paired_speedup(blocks);
    EXPECT_GT(s.low, 1.6);
    EXPECT_LT(s.width(), 0.1);
    for (TimedBlock& b : blocks) std::swap(b.before, b.after);
    EXPECT_NEAR(paired_speedup(blocks).estimate * s.estimate, 1, 0.01);
}
TEST(Speedup, OneProcessIsNeverSureWithinTwoPerCent) {
    std::vector<double> a(40, 1.02), b(40, 1);
    const Speedup s = paired_speedup({{a, b}});
    EXPECT_FALSE(s.faster());
    EXPECT_LT(s.high, 1.06);
    EXPECT_FALSE(paired_speedup({{{1.9}, {1}}}).faster());
}
TEST(Speedup, BurstsAndDriftDoNotMoveIt) {
    Rng rng(9);
    const Speedup s = paired_speedup(measure(rng, {0.002, 0.02, 0.2, 0.05}, 2, 8));
    EXPECT_NEAR(s.estimate, 2, 0.04);
}
TEST(Speedup, ARepetitionFallsWithin) {
    for (const Noise& noise : {Noise{0.003, 0.01, 0.01, 0}, Noise{0.01, 0.03, 0.1, 0}, Noise{0.01, 0.02, 0.05, 0.02}, Noise{0.003, 0.01, 0.01, 0, 0.01}})
        for (int processes : {3, 5, 8}) {
            const auto [within, faster] = held(noise, 1.0, processes, 1000);
            EXPECT_GE(within, 0.93);
            EXPECT_LE(faster, 0.025);
        }
}
TEST(Speedup, ARepetitionFallsWithinSLOW) {
    for (const Noise& noise : {Noise{0.003, 0.01, 0.01, 0}, Noise{0.01, 0.03, 0.1, 0}, Noise{0.01, 0.02, 0.05, 0.02}, Noise{0.003, 0.01, 0.01, 0, 0.01}})
        for (int processes : {3, 5, 8}) {
            const auto [within, faster] = held(noise, 1.0, processes, 10000);
            EXPECT_GE(within, 0.94);
            EXPECT_LE(faster, 0.015);
            std::printf("%d processes: repetition within %.3f, falsely faster %.4f\n", processes, within, faster);
        }
}
