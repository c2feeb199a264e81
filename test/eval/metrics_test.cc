// SPDX-License-Identifier: Apache-2.0
// Metrics against values worked out by hand, and against scikit-learn in the peers' virtual environment.
#include "eval/metrics.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "support.h"

using namespace hone;
using namespace hone::eval;

namespace {
Tensor matrix(int64_t rows, const std::vector<double>& v) {
    Tensor t = Tensor::zeros(DType::f64, {rows, static_cast<int64_t>(v.size()) / rows});
    std::copy(v.begin(), v.end(), t.data<double>());
    return t;
}
double quadratic_auc(const std::vector<double>& s, const std::vector<uint8_t>& positive) {
    double pairs = 0, n = 0;
    for (size_t i = 0; i < s.size(); ++i)
        for (size_t k = 0; k < s.size(); ++k)
            if (positive[i] && !positive[k]) {
                pairs += s[i] > s[k] ? 1 : s[i] == s[k] ? 0.5 : 0;
                ++n;
            }
    return pairs / n;
}
}  // namespace

TEST(Metrics, OfClassesByHand) {
    // Class 2 has no samples but one answer; class 3 has neither and does not count.
    const std::vector<int> labels{0, 0, 0, 1, 1, 0}, answers{0, 0, 1, 1, 2, 0};
    const ClassMetrics m = class_metrics(labels, answers, 4);
    EXPECT_EQ(m.confusion[0], (std::vector<int64_t>{3, 1, 0, 0}));
    EXPECT_EQ(m.confusion[1], (std::vector<int64_t>{0, 1, 1, 0}));
    EXPECT_DOUBLE_EQ(m.classes[0].precision, 1);
    EXPECT_DOUBLE_EQ(m.classes[0].recall, 0.75);
    EXPECT_DOUBLE_EQ(m.classes[1].f1, 0.5);
    EXPECT_DOUBLE_EQ(m.classes[2].precision, 0);
    EXPECT_EQ(m.classes[2].answered, 1);
    EXPECT_DOUBLE_EQ(m.precision_macro, 1.5 / 3);
    EXPECT_DOUBLE_EQ(m.recall_macro, 1.25 / 3);
    EXPECT_DOUBLE_EQ(m.f1_macro, (6.0 / 7 + 0.5) / 3);
    EXPECT_EQ(class_metrics({}, {}, 2).f1_macro, 0);
    // No answer is a wrong one of no class.
    const ClassMetrics none = class_metrics(std::vector<int>{0, 0, 1}, std::vector<int>{0, -1, -1}, 2);
    EXPECT_EQ(none.confusion, (std::vector<std::vector<int64_t>>{{1, 0}, {0, 0}}));
    EXPECT_EQ(none.classes[0].precision, 1);
    EXPECT_EQ(none.classes[0].recall, 0.5);
    EXPECT_EQ(none.classes[1].support, 1);
    EXPECT_EQ(none.classes[1].answered, 0);
    EXPECT_DOUBLE_EQ(none.f1_macro, (2.0 / 3 + 0) / 2);
}

TEST(Metrics, AreaIsTheShareOfPairs) {
    Rng rng(1);
    for (int round = 0; round < 20; ++round) {
        std::vector<double> s;
        std::vector<uint8_t> positive;
        for (int i = 0; i < 60; ++i) {
            s.push_back(std::floor(rng.normal() * 3));  // many ties
            positive.push_back(rng.below(4) == 0);
        }
        positive[0] = 1;
        positive[1] = 0;
        EXPECT_NEAR(roc_auc(s, positive), quadratic_auc(s, positive), 1e-12);
    }
    EXPECT_TRUE(std::isnan(roc_auc(std::vector<double>{1, 2}, std::vector<uint8_t>{1, 1})));
    EXPECT_TRUE(std::isnan(roc_auc(std::vector<double>{1, std::nan("")}, std::vector<uint8_t>{1, 0})));
    std::vector<double> some(1000, std::nan(""));
    std::vector<uint8_t> odd(some.size());
    for (size_t i = 0; i < some.size(); ++i) {
        if (i % 3) some[i] = rng.normal();
        odd[i] = i % 2;
    }
    EXPECT_TRUE(std::isnan(roc_auc(some, odd)));
    // Of two classes the second's scores count; logits are ranked by their difference.
    EXPECT_EQ(mean_auc(probabilities(matrix(4, {9, 9.5, 1, 0, 0, 0.1, 5, 4})), std::vector<int>{1, 0, 1, 0}), 1);
    EXPECT_EQ(mean_auc(probabilities(matrix(2, {-3, 4})), std::vector<int>{0, 1}), 1);
    EXPECT_TRUE(std::isnan(mean_auc(probabilities(matrix(2, {1, 0, 0, 0, 1, 0})), std::vector<int>{3, 3})));
}

TEST(Metrics, EqualErrorRateIsWhereBothErrorsMeet) {
    using S = std::vector<double>;
    using P = std::vector<uint8_t>;
    EXPECT_EQ(equal_error_rate(S{4, 3, 2, 1}, P{1, 1, 0, 0}), 0);
    EXPECT_EQ(equal_error_rate(S{4, 3, 2, 1}, P{0, 0, 1, 1}), 1);
    EXPECT_EQ(equal_error_rate(S{4, 3, 2, 1}, P{1, 0, 1, 0}), 0.5);
    EXPECT_EQ(equal_error_rate(S{7, 7, 7, 7}, P{1, 0, 1, 0}), 0.5);  // all alike: the middle of the line
    EXPECT_DOUBLE_EQ(equal_error_rate(S{9, 8, 7, 6, 5, 4}, P{1, 1, 0, 1, 0, 0}), 1.0 / 3);
    // Two Gaussians whose means are 2 apart: Phi(-1).
    Rng rng(3);
    S s;
    P p;
    for (int i = 0; i < 40000; ++i) {
        p.push_back(i % 4 == 0);
        s.push_back(rng.normal() + (p.back() ? 2 : 0));
    }
    EXPECT_NEAR(equal_error_rate(s, p), 0.158655, 0.008);
    EXPECT_TRUE(std::isnan(equal_error_rate(S{1, 2}, P{1, 1})));
    EXPECT_TRUE(std::isnan(equal_error_rate(S{1, std::nan("")}, P{1, 0})));
}

TEST(Metrics, ProbabilitiesStayAndLogitsAreTurned) {
    const Tensor p = matrix(2, {0.25, 0.75, 1, 0});
    EXPECT_TRUE(probabilities(p).same_bits(p));
    const Tensor q = probabilities(matrix(2, {0.25, 0.75, 1, 0.5}));
    EXPECT_NEAR(q.at(0), 1 / (1 + std::exp(0.5)), 1e-15);
    EXPECT_NEAR(probabilities(matrix(2, {1000, 0, -1000, 0})).at(3), 1, 1e-15);
    EXPECT_NEAR(probabilities(matrix(2, {0.5, 2})).at(1), 1 / (1 + std::exp(-2.0)), 1e-15);
}

TEST(Metrics, OfNumbersByHand) {
    const RegressionMetrics m = regression_metrics(matrix(2, {1, 10, 3, 10}), matrix(2, {0, 10, 4, 14}));
    EXPECT_DOUBLE_EQ(m.mse, (1 + 1 + 0 + 16) / 4.0);
    EXPECT_DOUBLE_EQ(m.mae, (1 + 1 + 0 + 4) / 4.0);
    EXPECT_DOUBLE_EQ(m.r2, (1 - 2.0 / 8 + 1 - 16.0 / 8) / 2);
    EXPECT_TRUE(std::isnan(regression_metrics(matrix(2, {1, 2}), matrix(2, {1, 1})).r2));
}

TEST(Metrics, AsScikitLearnPEER) {
    const char* given = std::getenv("HONE_PEERS");
    std::string python = given ? given : source_path(".venv/peers");
    if (is_directory(python)) python += "/bin/python";
    HONE_REQUIRE(file_exists(python), "the peers' virtual environment");
    const std::string folder = testing::TempDir() + cat("hone_metrics_", static_cast<long>(::getpid()));
    std::filesystem::create_directories(folder);
    const auto write = [&](const std::string& name, const void* p, size_t n) {
        std::ofstream(folder + "/" + name, std::ios::binary).write(static_cast<const char*>(p), static_cast<long>(n));
    };
    Rng rng(3);
    for (const int64_t classes : {2, 7}) {
        // The first class holds two thirds, the last one 2 %.
        constexpr int64_t n = 3000;
        std::vector<int> labels, answers;
        Tensor scores = Tensor::zeros(DType::f32, {n, classes}), values = Tensor::zeros(DType::f32, {n, 2}), targets = values.clone();
        for (int64_t i = 0; i < n; ++i) {
            const double u = rng.uniform();
            labels.push_back(u < 0.66 ? 0 : u > 0.98 ? static_cast<int>(classes - 1) : static_cast<int>(rng.below(static_cast<uint64_t>(classes))));
            float* s = scores.data<float>() + i * classes;
            for (int64_t c = 0; c < classes; ++c) s[c] = static_cast<float>(std::round(20 * rng.normal()) / 20 + (c == labels.back()) - (c == classes - 1));
            answers.push_back(static_cast<int>(std::max_element(s, s + classes) - s));
            for (int64_t k = 0; k < 2; ++k) {
                targets.data<float>()[2 * i + k] = static_cast<float>(rng.normal() * 3 + static_cast<double>(k));
                values.data<float>()[2 * i + k] = targets.data<float>()[2 * i + k] + static_cast<float>(rng.normal());
            }
        }
        write("labels.bin", labels.data(), labels.size() * 4);
        write("answers.bin", answers.data(), answers.size() * 4);
        write("scores.bin", scores.raw(), scores.bytes());
        write("values.bin", values.raw(), values.bytes());
        write("targets.bin", targets.raw(), targets.bytes());
        const std::string command = cat("'", python, "' '", source_path("test/eval/sklearn_metrics.py"), "' '", folder, "' ", classes);
        ASSERT_EQ(std::system(command.c_str()), 0);
        const std::string bytes = read_file(folder + "/out.bin");
        std::vector<double> theirs(bytes.size() / 8);
        std::memcpy(theirs.data(), bytes.data(), bytes.size());
        const ClassMetrics m = class_metrics(labels, answers, classes);
        std::vector<double> mine{m.precision_macro, m.recall_macro, m.f1_macro};
        for (const ClassScore& c : m.classes) mine.insert(mine.end(), {c.precision, c.recall, c.f1, static_cast<double>(c.support)});
        for (const auto& row : m.confusion)
            for (const int64_t k : row) mine.push_back(static_cast<double>(k));
        mine.push_back(mean_auc(probabilities(scores), labels));
        const RegressionMetrics r = regression_metrics(values, targets);
        mine.insert(mine.end(), {r.mse, r.mae, r.r2});
        ASSERT_EQ(mine.size(), theirs.size());
        double worst = 0;
        for (size_t i = 0; i < mine.size(); ++i) {
            EXPECT_NEAR(mine[i], theirs[i], 1e-12 * (1 + std::fabs(theirs[i]))) << i << " of " << classes << " classes";
            worst = std::max(worst, std::fabs(mine[i] - theirs[i]));
        }
        std::printf("%ld classes: %zu values, at most %.2g from scikit-learn's\n", static_cast<long>(classes), mine.size(), worst);
    }
    std::filesystem::remove_all(folder);
}
