// SPDX-License-Identifier: Apache-2.0
// The paired bootstrap: repeatable, symmetric, and honest in simulation, where the true difference is known.
#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "eval/metric_verdict.h"
#include "eval/paired_statistics.h"
#include "support.h"

using namespace hone;
using namespace hone::eval;

namespace {
struct Rates {
    double upper = 0, lower = 0;
    double width = 0;
};
using Draw = std::function<std::unique_ptr<PairedStatistic>(Rng&)>;

/// Shares of draws whose limit misses the truth.
Rates simulate(const Draw& draw, double truth, int draws, int replicates) {
    ThreadPool pool(available_cores());
    std::vector<uint8_t> above(static_cast<size_t>(draws)), below(static_cast<size_t>(draws));
    std::vector<double> width(static_cast<size_t>(draws));
    pool.run(draws, [&](int d) {
        Rng rng(11, static_cast<uint64_t>(d));
        const auto s = draw(rng);
        const BootstrapLimits l = bootstrap_limits(*s, {.confidence = 0.95, .replicates = replicates, .seed = static_cast<uint64_t>(d)});
        const auto at = static_cast<size_t>(d);
        above[at] = l.high < truth;
        below[at] = l.low > truth;
        width[at] = l.high - l.low;
    });
    Rates r;
    for (size_t d = 0; d < above.size(); ++d) {
        r.upper += above[d] / static_cast<double>(draws);
        r.lower += below[d] / static_cast<double>(draws);
        r.width += width[d] / static_cast<double>(draws);
    }
    return r;
}

/// Squared errors of two models whose errors have this correlation; heavy-tailed where asked.
Draw mse_draw(int n, double deviation, double correlation, bool heavy) {
    return [=](Rng& rng) {
        std::vector<double> a, b;
        for (int i = 0; i < n; ++i) {
            const double scale = heavy ? std::exp(0.5 * rng.normal()) : 1;
            const double x = rng.normal(), y = correlation * x + std::sqrt(1 - correlation * correlation) * rng.normal();
            a.push_back(std::pow(scale * x, 2));
            b.push_back(std::pow(scale * deviation * y, 2));
        }
        return mean_statistic(a, b);
    };
}
double mse_truth(double deviation, bool heavy) { return (deviation * deviation - 1) * (heavy ? std::exp(0.5) : 1); }

/// A few classes, the last of them rare; the models disagree on a share of the samples.
struct Confusing {
    int classes = 3;
    std::vector<double> share{0.75, 0.2, 0.05};
    double right = 0.9;          ///< of both
    double lost = 0, gained = 0;  ///< share of a class that only the first, only the second answers rightly
    bool rare_only = false;       ///< of the last class alone
    /// Joint probabilities by label, before, after.
    template <class F>
    void each(F f) const {
        for (int l = 0; l < classes; ++l) {
            const double p = share[static_cast<size_t>(l)];
            const int other = (l + 1) % classes;
            const bool here = !rare_only || l == classes - 1;
            const double down = here ? lost : 0, up = here ? gained : 0;
            f(l, l, l, p * (right - down - up));
            f(l, l, other, p * down);
            f(l, other, l, p * up);
            f(l, other, other, p * (1 - right));
        }
    }
    double truth(Macro which) const {
        const auto n = static_cast<size_t>(classes);
        MacroCounts a{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)}, b = a;
        each([&](int l, int x, int y, double p) {
            a.labels[static_cast<size_t>(l)] += p;
            b.labels[static_cast<size_t>(l)] += p;
            a.answers[static_cast<size_t>(x)] += p;
            b.answers[static_cast<size_t>(y)] += p;
            if (x == l) a.right[static_cast<size_t>(l)] += p;
            if (y == l) b.right[static_cast<size_t>(l)] += p;
        });
        return macro_mean(a, which) - macro_mean(b, which);
    }
    Draw draw(int n, Macro which) const {
        return [=, *this](Rng& rng) {
            std::vector<int> labels, before, after;
            for (int i = 0; i < n; ++i) {
                double u = rng.uniform();
                bool done = false;
                each([&](int l, int x, int y, double p) {
                    if (!done && u < p) {
                        labels.push_back(l);
                        before.push_back(x);
                        after.push_back(y);
                        done = true;
                    }
                    u -= p;
                });
                if (!done) --i;
            }
            return macro_statistic(labels, before, after, classes, which);
        };
    }
};

/// Scores of positives are normal around `a` and `b`, of negatives around 0.
Draw auc_draw(int n, double share, double a, double b, double correlation) {
    return [=](Rng& rng) {
        std::vector<int> labels;
        Tensor before = Tensor::zeros(DType::f64, {n, 1}), after = before.clone();
        for (int i = 0; i < n; ++i) {
            labels.push_back(i < 2 ? i : rng.uniform() < share);
            const double x = rng.normal(), y = correlation * x + std::sqrt(1 - correlation * correlation) * rng.normal();
            before.data<double>()[i] = 1 / (1 + std::exp(-(x + a * labels.back())));
            after.data<double>()[i] = 1 / (1 + std::exp(-(y + b * labels.back())));
        }
        return auc_statistic(labels, before, after);
    };
}
double auc_truth(double a, double b) { return 0.5 * (std::erfc(-a / 2) - std::erfc(-b / 2)); }
}  // namespace

TEST(Bootstrap, TheSameAtEveryThreadCountAndOtherwiseWithAnotherSeed) {
    Rng rng(1);
    const auto s = mse_draw(400, 1.1, 0.9, false)(rng);
    const BootstrapLimits alone = bootstrap_limits(*s, {.seed = 5});
    ThreadPool pool(3);
    ThreadPool::Use use(&pool);
    const BootstrapLimits many = bootstrap_limits(*s, {.seed = 5}), other = bootstrap_limits(*s, {.seed = 6});
    EXPECT_EQ(alone.low, many.low);
    EXPECT_EQ(alone.high, many.high);
    EXPECT_NE(alone.high, other.high);
    EXPECT_NEAR(alone.high, other.high, 0.1 * (alone.high - alone.low));
    EXPECT_LT(alone.low, alone.estimate);
    EXPECT_GT(alone.high, alone.estimate);
}

TEST(Bootstrap, OfAMeanIsNearlyStudents) {
    Rng rng(2);
    std::vector<double> a, b;
    double sum = 0, squares = 0;
    for (int i = 0; i < 2000; ++i) {
        a.push_back(rng.normal());
        b.push_back(a.back() + 0.1 + rng.normal());
        sum += b.back() - a.back();
        squares += std::pow(b.back() - a.back(), 2);
    }
    const double mean = sum / 2000, error = std::sqrt((squares / 2000 - mean * mean) / 1999);
    const BootstrapLimits l = bootstrap_limits(*mean_statistic(a, b), {.replicates = 4000});
    EXPECT_NEAR(l.estimate, mean, 1e-12);
    EXPECT_NEAR(l.high, mean + 1.645 * error, 0.2 * error);
    EXPECT_NEAR(l.low, mean - 1.645 * error, 0.2 * error);
}

TEST(Bootstrap, SameAnswersAreNotTakenForCertainty) {
    // 500 samples, all alike right: the rule of three, a drop of 3 / n cannot be refuted.
    std::vector<int> labels(500);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 2);
    const BootstrapLimits l = bootstrap_limits(*macro_statistic(labels, labels, labels, 2, Macro::f1), {});
    EXPECT_EQ(l.estimate, 0);
    EXPECT_NEAR(l.high, 3.0 / 500, 1.1 / 500);
    EXPECT_NEAR(l.low, -3.0 / 500, 1.1 / 500);
}

TEST(Bootstrap, ExchangedModelsExchangeTheLimits) {
    Rng rng(3);
    const Confusing c{.lost = 0.02, .gained = 0.01};
    std::vector<int> labels, before, after;
    for (int i = 0; i < 3000; ++i) {
        labels.push_back(static_cast<int>(rng.below(3)));
        before.push_back(rng.below(10) ? labels.back() : 0);
        after.push_back(rng.below(20) ? before.back() : static_cast<int>(rng.below(3)));
    }
    const BootstrapLimits l = bootstrap_limits(*macro_statistic(labels, before, after, 3, Macro::recall), {});
    const BootstrapLimits r = bootstrap_limits(*macro_statistic(labels, after, before, 3, Macro::recall), {});
    EXPECT_DOUBLE_EQ(l.estimate, -r.estimate);
    EXPECT_NEAR(l.high, -r.low, 0.1 * (l.high - l.low));
    EXPECT_NEAR(l.low, -r.high, 0.1 * (l.high - l.low));
}

TEST(Bootstrap, InfluenceIsTheSlope) {
    // Against the statistic with one sample counted twice.
    Rng rng(4);
    const Confusing c{.lost = 0.05, .gained = 0.03};
    const std::unique_ptr<PairedStatistic> all[] = {c.draw(300, Macro::f1)(rng), auc_draw(300, 0.3, 1, 0.8, 0.9)(rng),
                                                    mse_draw(300, 1.2, 0.5, false)(rng)};
    for (const auto& s : all) {
        std::vector<int32_t> w(300, 1000);
        const double here = s->worse(w);
        const std::vector<double> u = s->influence();
        double mean = 0, dot = 0, mine = 0, theirs = 0;
        std::vector<double> slopes;
        for (size_t i = 0; i < 300; ++i) {
            w[i] += 1;
            slopes.push_back(s->worse(w) - here);
            w[i] -= 1;
            mean += u[i] / 300;
        }
        for (size_t i = 0; i < 300; ++i) {
            dot += (u[i] - mean) * slopes[i];
            mine += (u[i] - mean) * (u[i] - mean);
            theirs += slopes[i] * slopes[i];
        }
        EXPECT_GT(dot / std::sqrt(mine * theirs), 0.999);
    }
}

TEST(Bootstrap, LimitsErrRarely) {
    const Rates m = simulate(mse_draw(300, 1.05, 0.9, false), mse_truth(1.05, false), 400, 300);
    EXPECT_LE(m.upper, 0.085);  // 0.05 and three deviations
    EXPECT_LE(m.lower, 0.085);
    const Confusing c{.lost = 0.02, .gained = 0.01};
    const Rates f = simulate(c.draw(500, Macro::f1), c.truth(Macro::f1), 400, 300);
    EXPECT_LE(f.upper, 0.085);
    EXPECT_LE(f.lower, 0.085);
}

TEST(Bootstrap, LimitsErrRarelyInEverySettingSLOW) {
    // With 1000 draws the greatest rate seen was 0.043, of mse. A rare class makes the limits of macro means wide: its few samples cannot
    // show that nothing is lost there, as the last settings need it.
    constexpr int draws = 600, n = 500;
    double worst = 0;
    const auto check = [&](const std::string& name, const Draw& draw, double truth) {
        const Rates r = simulate(draw, truth, draws, 300);
        std::printf("%-40s upper %.4f lower %.4f width %.5f\n", name.c_str(), r.upper, r.lower, r.width);
        std::fflush(stdout);
        EXPECT_LE(r.upper, 0.056 + 2.5 * std::sqrt(0.05 * 0.95 / draws)) << name;
        EXPECT_LE(r.lower, 0.056 + 2.5 * std::sqrt(0.05 * 0.95 / draws)) << name;
        worst = std::max({worst, r.upper, r.lower});
    };
    for (const bool heavy : {false, true})
        for (const double deviation : {1.0, 1.05})
            check(cat("mse", heavy ? ", heavy tails, " : ", ", deviation), mse_draw(n, deviation, 0.95, heavy),
                  mse_truth(deviation, heavy));
    for (const auto& [lost, gained] : {std::pair{0.004, 0.001}, {0.01, 0.01}, {0.03, 0.02}, {0.0, 0.02}})
        for (const Macro which : {Macro::f1, Macro::recall}) {
            const Confusing c{.lost = lost, .gained = gained};
            check(cat(which == Macro::f1 ? "f1_macro, " : "recall_macro, ", lost, ", ", gained), c.draw(n, which),
                  c.truth(which));
        }
    for (const double lost : {0.04, 0.1, 0.3})
        for (const Macro which : {Macro::f1, Macro::recall}) {
            const Confusing c{.lost = lost, .rare_only = true};
            check(cat(which == Macro::f1 ? "f1_macro, " : "recall_macro, ", lost, " of the rare class"), c.draw(n, which),
                  c.truth(which));
        }
    for (const double share : {0.1, 0.5})
        for (const double b : {1.5, 1.4})
            check(cat("auc, share ", share, ", ", b), auc_draw(n, share, 1.5, b, 0.97), auc_truth(1.5, b));
    std::printf("worst error rate of a limit: %.4f\n", worst);
}
