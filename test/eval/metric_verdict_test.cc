// SPDX-License-Identifier: Apache-2.0
// Verdicts on the error of a regression as a share, on NaN and what is not defined, numbers of samples, and two models
// on corrupted pictures.
#include "eval/metric_verdict.h"

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "eval/robustness.h"
#include "eval/two_classes.h"
#include "support.h"

using namespace hone;
using namespace hone::eval;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// `samples` of a regression with targets of 0, or pictures of two classes: dark and bright, in turn or all dark.
class Samples final : public Dataset {
  public:
    Samples(int64_t samples, bool regression, bool dark = false) {
        name_ = "samples";
        set_sample_dims({1, 8, 8});
        class_names_ = regression ? std::vector<std::string>() : std::vector<std::string>{"dark", "bright"};
        for (int64_t i = 0; i < samples; ++i) labels_.push_back(regression || dark ? 0 : static_cast<int>(i % 2));
        if (regression) targets_ = Tensor::zeros(DType::f32, {samples, 1});
    }
    void load(int64_t i, float* out) const override {
        for (int k = 0; k < 64; ++k) out[k] = (label(i) ? 0.8f : 0.2f) + (k % 2 ? 0.15f : -0.15f);
    }
    std::string origin(int64_t i) const override { return std::to_string(i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }
};

/// Answers of a regression: normal errors of this deviation, the second model's those of the first and a little.
Answers with_errors(int64_t n, double deviation, double more, uint64_t seed) {
    Answers a;
    a.classes = 1;
    a.logits = Tensor::zeros(DType::f32, {n, 1});
    Rng common(seed, 1), own(seed, 2);
    for (int64_t i = 0; i < n; ++i) a.logits.set(i, deviation * common.normal() + more * own.normal());
    return a;
}

/// Answers by these scores [N, C].
Answers with_scores(const Dataset& data, const Tensor& scores) {
    Answers a = answers_for(data.size());
    a.classes = scores.dim(1);
    a.logits = Tensor::zeros(DType::f32, scores.dims());
    add_scores(a, scores, data, 0, data.size());
    return a;
}

void expect_undefined(const MetricVerdict& v) {
    EXPECT_FALSE(v.accepted);
    for (const double d : {v.estimate, v.low, v.high}) EXPECT_TRUE(std::isnan(d)) << d;
    EXPECT_FALSE(samples_needed(v, 0.1).has_value());
}

/// Answers by a threshold on a statistic of the picture.
Answers by(const Dataset& d, bool contrast) {
    Answers a = answers_for(d.size());
    a.classes = 2;
    std::vector<float> x(64);
    for (int64_t i = 0; i < d.size(); ++i) {
        d.load(i, x.data());
        double mean = 0, least = 9, most = -9;
        for (const float v : x) mean += v / 64.0, least = std::min<double>(least, v), most = std::max<double>(most, v);
        // The second one needs the contrast of clean pictures to answer "bright".
        const auto at = static_cast<size_t>(i);
        a.predicted[at] = mean > 0.5 && (!contrast || most - least > 0.25);
        a.right[at] = a.predicted[at] == d.label(i);
    }
    return a;
}

}  // namespace

TEST(MetricVerdict, AnErrorMayGrowByAShare) {
    const Samples data(2000, true);
    const Answers before = with_errors(2000, 1, 0, 1), same = before, worse = with_errors(2000, 1, 0.2, 1), far = with_errors(2000, 1, 0.6, 1);
    const MetricVerdict a = judge_growth(Metric::mse, before, same, data, 0.01);
    EXPECT_EQ(a.estimate, 0);
    EXPECT_TRUE(a.accepted);
    const MetricVerdict b = judge_growth(Metric::mse, before, worse, data, 0.1);
    EXPECT_NEAR(b.estimate, metric_value(Metric::mse, worse, data) - metric_value(Metric::mse, before, data), 1e-9);
    EXPECT_LT(b.low, b.estimate);
    EXPECT_GT(b.high, b.estimate);
    EXPECT_LE(b.high, 0.1 * b.before);
    EXPECT_TRUE(b.accepted);  // 4 % more
    EXPECT_FALSE(judge_growth(Metric::mse, before, far, data, 0.1).accepted);  // 36 % more
    EXPECT_FALSE(judge_growth(Metric::mse, before, worse, data, 0.02).accepted);
}

TEST(MetricVerdict, NanAmongTheScoresIsAWrongAnswer) {
    const Samples data(4, false);
    const Answers all = with_scores(data, Tensor::of_f32({2, 1, 0, 1, 2, 1, 0, 1}, {4, 2}));
    const Answers half = with_scores(data, Tensor::of_f32({2, 1, 0, 1, kNaN, 1, 0, kNaN}, {4, 2}));
    EXPECT_EQ(all.undefined(), 0);
    EXPECT_EQ(all.top1(), 1);
    EXPECT_EQ(half.undefined(), 2);
    EXPECT_EQ(half.predicted, (std::vector<int>{0, 1, -1, -1}));
    EXPECT_EQ(half.right, (std::vector<uint8_t>{1, 1, 0, 0}));
    EXPECT_EQ(half.right5, half.right);
    EXPECT_EQ(half.ahead, (std::vector<int32_t>{0, 0, 2, 2}));
    for (const int k : {1, 2, 5}) EXPECT_EQ(half.top(k), 0.5) << k;
    EXPECT_EQ(metric_value(Metric::recall_macro, half, data), 0.5);
    EXPECT_EQ(metric_value(Metric::precision_macro, half, data), 1);
    for (const Metric m : {Metric::top1, Metric::top5}) {
        EXPECT_EQ(judge_metric(m, all, half, data, 0.1).counts.lost, 2);
        EXPECT_EQ(judge_metric(m, half, all, data, 0.1).counts.gained, 2);
    }
    const MetricVerdict lost = judge_metric(Metric::f1_macro, all, half, data, 0.1), won = judge_metric(Metric::f1_macro, half, all, data, 1);
    EXPECT_DOUBLE_EQ(lost.estimate, 1.0 / 3);
    EXPECT_FALSE(lost.accepted);
    EXPECT_DOUBLE_EQ(won.estimate, -1.0 / 3);
    EXPECT_TRUE(won.accepted);
    // Of one score a sample.
    const Answers single = with_scores(data, two_columns(Tensor::of_f32({-1, 1, kNaN, kNaN}, {4, 1}), false, data));
    EXPECT_EQ(single.predicted, half.predicted);
}

TEST(MetricVerdict, WhatIsNotDefinedIsNotAccepted) {
    Tensor scores = Tensor::zeros(DType::f32, {60, 2});
    for (int64_t i = 0; i < 60; ++i) scores.set(2 * i + 1, static_cast<double>(i % 7) / 7 + static_cast<double>(i % 2));
    const Samples one_class(60, false, true), pictures(60, false), numbers(60, true);
    const Answers no_auc = with_scores(one_class, scores), fine = with_scores(pictures, scores);
    expect_undefined(judge_metric(Metric::auc, no_auc, no_auc, one_class, kInfinity));
    for (int64_t i = 0; i < 120; i += 3) scores.set(i, kNaN);
    const Answers some = with_scores(pictures, scores);
    EXPECT_TRUE(judge_metric(Metric::auc, fine, fine, pictures, kInfinity).accepted);
    expect_undefined(judge_metric(Metric::auc, fine, some, pictures, kInfinity));
    expect_undefined(judge_metric(Metric::auc, some, fine, pictures, kInfinity));
    const Answers before = with_errors(60, 1, 0, 1);
    for (const double bad : {static_cast<double>(kNaN), kInfinity}) {
        Answers after = with_errors(60, 1, 0.1, 1);
        after.logits.set(7, bad);
        EXPECT_EQ(after.undefined(), std::isnan(bad) ? 1 : 0);
        for (const Metric m : {Metric::mse, Metric::mae}) {
            expect_undefined(judge_metric(m, before, after, numbers, kInfinity));
            expect_undefined(judge_metric(m, after, before, numbers, kInfinity));
            expect_undefined(judge_growth(m, before, after, numbers, 10));
            expect_undefined(judge_growth(m, after, before, numbers, 10));
        }
    }
}

TEST(MetricVerdict, SaysHowManySamplesWouldDecide) {
    const Samples few(300, true);
    const Answers before = with_errors(300, 1, 0, 3), after = with_errors(300, 1, 0.3, 3);
    const MetricVerdict v = judge_growth(Metric::mse, before, after, few, 0.12);
    const double bound = 0.12 * v.before;
    ASSERT_LT(v.estimate, bound);
    ASSERT_FALSE(v.accepted);
    const auto need = samples_needed(v, bound);
    ASSERT_TRUE(need.has_value());
    EXPECT_GT(*need, 300);
    EXPECT_LT(*need, 1000000);
    EXPECT_FALSE(samples_needed(v, v.estimate).has_value());  // no number helps
    MetricVerdict exact{.metric = Metric::top1, .estimate = 0.001, .high = 0.02, .samples = 500, .exact = true, .counts = {500, 3, 2}};
    ASSERT_TRUE(samples_needed(exact, 0.01).has_value());
    EXPECT_EQ(*samples_needed(exact, 0.01), *samples_needed(0.01, 0.01, 0.001));
    exact.accepted = true;
    EXPECT_FALSE(samples_needed(exact, 0.01).has_value());
}

TEST(Robustness, TwoModelsBesideEachOtherShowWhichLeansOnCleanPictures) {
    const auto data = std::make_shared<Samples>(200, false);
    Preprocess p;
    p.channels = 1;
    const Answerer before = [](const Dataset& d) { return by(d, false); }, after = [](const Dataset& d) { return by(d, true); };
    const auto rows = robustness_beside(Metric::top1, before, after, data, p, parse_corruptions("shift:1,contrast:5"), 7);
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].corruption, "");
    EXPECT_EQ(rows[0].severity, 0);
    EXPECT_EQ(rows[0].before, 1);
    EXPECT_EQ(rows[0].after, 1);  // alike on clean pictures
    EXPECT_EQ(rows[0].drop.estimate, 0);
    EXPECT_EQ(rows[1].corruption, "shift");
    EXPECT_EQ(rows[1].after, 1);
    EXPECT_EQ(rows[2].corruption, "contrast");
    EXPECT_EQ(rows[2].severity, 5);
    EXPECT_EQ(rows[2].before, 1);
    EXPECT_EQ(rows[2].after, 0.5);  // dark for all
    EXPECT_EQ(rows[2].drop.estimate, 0.5);
    EXPECT_GT(rows[2].drop.low, 0.4);
}
