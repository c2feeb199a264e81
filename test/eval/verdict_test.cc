// SPDX-License-Identifier: Apache-2.0
#include "eval/verdict.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/verdict_math.h"
#include "verdict_support.h"

using namespace hone;
using namespace hone::eval;

TEST(VerdictMath, KnownQuantiles) {
    EXPECT_NEAR(normal_quantile(0.95), 1.6448536269514722, 1e-12);
    EXPECT_NEAR(normal_quantile(0.5), 0, 1e-12);
    EXPECT_NEAR(student_quantile(0.975, 1), 12.706204736, 1e-6);
    EXPECT_NEAR(student_quantile(0.975, 4), 2.776445105, 1e-8);
    EXPECT_NEAR(student_quantile(0.05, 10), -1.812461123, 1e-8);
    EXPECT_NEAR(binomial_cdf(3, 10, 0.5), 176.0 / 1024, 1e-14);
    EXPECT_NEAR(binomial_cdf(4999, 10000, 0.5), 0.5 - 0.5 * 0.0079786461393821, 1e-12);
    EXPECT_NEAR(binomial_upper(3, 10, 0.05), 0.606624, 1e-6);
    EXPECT_NEAR(binomial_lower(3, 10, 0.05), 0.087264, 1e-6);
    EXPECT_EQ(binomial_lower(0, 10, 0.05), 0);
    EXPECT_EQ(binomial_upper(10, 10, 0.05), 1);
}
TEST(Verdict, CountsPairs) {
    const PairedCounts c = count_pairs({1, 1, 0, 0, 1}, {1, 0, 1, 0, 0});
    EXPECT_EQ(c.samples, 5);
    EXPECT_EQ(c.lost, 2);
    EXPECT_EQ(c.gained, 1);
}
TEST(Verdict, IdenticalAnswersStillHaveALimit) {
    for (int64_t n : {1, 10, 500, 10000, 1000000}) {
        const Verdict v = judge({n, 0, 0}, 0.005);
        EXPECT_EQ(v.estimate, 0);
        EXPECT_NEAR(v.high, 1 - std::pow(0.049, 1.0 / static_cast<double>(n)), 2e-5 * v.high + 1e-9);
        EXPECT_EQ(v.low, -v.high);
        EXPECT_EQ(v.accepted, n >= 602) << n;
        EXPECT_EQ(v.mcnemar_p, 1);
    }
}
TEST(Verdict, NothingSeenDecidesNothing) {
    const Verdict v = judge({0, 0, 0}, 1);
    EXPECT_EQ(v.low, -1);
    EXPECT_EQ(v.high, 1);
    EXPECT_FALSE(v.accepted);
}
TEST(Verdict, OneSample) {
    EXPECT_EQ(judge({1, 1, 0}, 0.5).high, 1);
    EXPECT_EQ(judge({1, 0, 1}, 0.5).low, -1);
    EXPECT_LT(judge({1, 0, 1}, 0.5).high, 1);
}
TEST(Verdict, AgreesWithTheNormalLimitAtManySamples) {
    const Verdict v = judge({1000000, 21000, 20000}, 0.005);
    const double error = std::sqrt((0.041 - 1e-6) / 1e6);
    EXPECT_NEAR(v.high, 0.001 + 1.645 * error, 0.02 * error);
    EXPECT_NEAR(v.low, 0.001 - 1.645 * error, 0.02 * error);
    EXPECT_TRUE(v.accepted);
}
TEST(Verdict, HugeCountsTakeNoMemory) {
    const double exact = drop_upper_limit({1000000, 101000, 99000}), score = drop_upper_limit({1000000, 101001, 99000});
    EXPECT_NEAR(score - 0.002001, exact - 0.002, 0.02 * (exact - 0.002));
    EXPECT_NEAR(drop_upper_limit({1000000000, 400000000, 300000000}), 0.1 + 1.645 * std::sqrt(0.69e-9), 1e-7);
    EXPECT_LT(drop_upper_limit({1000000000, 0, 1000000000}), -0.999);
    EXPECT_EQ(drop_upper_limit({1000000000, 1000000000, 0}), 1);
}
TEST(Verdict, LimitsAreOrderedAndMonotone) {
    for (int64_t n : {7, 60, 500}) {
        for (int64_t gained : {0, 1, 3, 7}) {
            double before = -1;
            for (int64_t lost = 0; lost + gained <= std::min<int64_t>(n, 12); ++lost) {
                const Verdict v = judge({n, lost, gained}, 0.01);
                EXPECT_LE(v.low, v.estimate);
                EXPECT_GE(v.high, v.estimate);
                EXPECT_GE(v.high, before);
                EXPECT_EQ(v.accepted, v.high <= 0.01);
                before = v.high;
            }
        }
    }
}
TEST(Verdict, LimitIsWhereRefutationBegins) {
    const PairedCounts c{2000, 17, 9};
    const double high = drop_upper_limit(c);
    EXPECT_TRUE(drop_refuted(c, high * 1.001));
    EXPECT_FALSE(drop_refuted(c, high * 0.999));
    EXPECT_GT(drop_upper_limit(c, 0.99), high);
    EXPECT_LT(drop_upper_limit(c, 0.8), high);
}
TEST(Verdict, EverythingWrong) {
    const Verdict v = judge({300, 300, 0}, 0.01);
    EXPECT_EQ(v.high, 1);
    EXPECT_GT(v.low, 0.98);
    EXPECT_FALSE(v.accepted);
}
TEST(Verdict, McNemarKnownValues) {
    EXPECT_NEAR(mcnemar_exact_p(1, 9), 0.021484375, 1e-12);
    EXPECT_NEAR(mcnemar_mid_p(1, 9), 0.01171875, 1e-12);
    EXPECT_EQ(mcnemar_exact_p(5, 5), 1);
    EXPECT_NEAR(mcnemar_mid_p(5, 5), 1 - 0.5 * 252.0 / 1024, 1e-12);
    EXPECT_EQ(mcnemar_exact_p(0, 0), 1);
}
TEST(Verdict, SamplesNeededAreEnough) {
    EXPECT_FALSE(samples_needed(0.005, 0.01, 0.005).has_value());
    EXPECT_EQ(*samples_needed(0.005, 0, 0), 602);
    EXPECT_GT(*samples_needed(0, 0.01, -0.002), 0);
    for (double discordance : {0.005, 0.02}) {
        const int64_t n = *samples_needed(0.005, discordance, 0.001);
        const PairedSampler sampler(n, discordance, 0.001);
        Rng rng(5);
        int accepted = 0;
        for (int i = 0; i < 300; ++i) accepted += drop_refuted(sampler.draw(rng), 0.005);
        EXPECT_NEAR(accepted / 300.0, 0.9, 0.06) << n;
    }
}
TEST(Verdict, LimitsErrRarely) {
    for (const auto& [n, discordance, share] :
         {std::tuple{500, 0.005, -0.9}, {500, 0.02, 0.5}, {2000, 0.01, 1.0}, {5000, 0.05, 0.0}, {10000, 0.01, 0.5}}) {
        const ErrorRates rates = simulate(n, discordance, share * discordance, 2000, 1);
        EXPECT_LE(rates.upper, 0.065) << n << " " << discordance << " " << share;
        EXPECT_LE(rates.lower, 0.065) << n << " " << discordance << " " << share;
    }
}
TEST(Verdict, PowerWhereThereIsNoDrop) {
    const PairedSampler sampler(10000, 0.01, 0);
    Rng rng(2);
    int accepted = 0;
    for (int i = 0; i < 1000; ++i) accepted += drop_refuted(sampler.draw(rng), 0.005);
    EXPECT_GE(accepted, 900);
}
TEST(Verdict, LimitsErrRarelyInEverySettingSLOW) {
    double worst = 0;
    uint64_t seed = 100;
    for (int64_t n : {500, 700, 1000, 2000, 5000, 10000})
        for (double discordance : {0.005, 0.01, 0.02, 0.05})
            for (double share : {-1.0, -0.9, -0.5, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0}) {
                const ErrorRates rates = simulate(n, discordance, share * discordance, 10000, seed++);
                EXPECT_LE(rates.upper, 0.056) << n << " " << discordance << " " << share;
                EXPECT_LE(rates.lower, 0.056) << n << " " << discordance << " " << share;
                worst = std::max({worst, rates.upper, rates.lower});
            }
    std::printf("worst error rate of a limit: %.4f\n", worst);
}
TEST(Verdict, FalseAcceptsAreRareSLOW) {
    uint64_t seed = 1000;
    for (int64_t n : {500, 1000, 2000, 5000, 10000})
        for (double discordance : {0.005, 0.01, 0.02, 0.05})
            for (double bound : {0.0025, 0.005, 0.01}) {
                if (bound > discordance) continue;
                EXPECT_LE(simulate(n, discordance, bound, 10000, seed++).upper, 0.056)
                    << n << " " << discordance << " " << bound;
            }
}
