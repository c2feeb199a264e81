// SPDX-License-Identifier: Apache-2.0
// Corrupted data sets: what each does to a picture, that nothing but seed and index decides, what is refused.
#include "data/corrupt.h"

#include <cmath>
#include <numeric>

#include "base/thread_pool.h"
#include "data/open.h"
#include "helpers.h"

using namespace hone;

namespace {
/// 30 pictures of 20x20: a bright square in the middle of a dark ground.
DataParts squares(const TemporaryFolder& t, double scale = 1.0 / 255) {
    std::string pixels, labels;
    for (int i = 0; i < 30; ++i) {
        labels += static_cast<char>(i % 3);
        for (int y = 0; y < 20; ++y)
            for (int x = 0; x < 20; ++x) pixels += static_cast<char>(y >= 8 && y < 12 && x >= 8 && x < 12 ? 200 : 20);
    }
    t.write("images-idx3-ubyte", make_idx({30, 20, 20}, pixels));
    t.write("labels-idx1-ubyte", make_idx({30}, labels));
    DataOptions o;
    o.preprocess.mean = {0.25};
    o.preprocess.std = {0.5};
    o.preprocess.scale = scale;
    return open_data(t.path(), o);
}
/// As bytes again.
std::vector<double> pixels(const Dataset& d, const Preprocess& p, int64_t i) {
    std::vector<float> v(static_cast<size_t>(d.sample_count()));
    d.load(i, v.data());
    std::vector<double> out;
    for (const float x : v) out.push_back((x * p.std[0] + p.mean[0]) / p.scale);
    return out;
}
double mean(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size()); }
double deviation(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += (x - mean(v)) * (x - mean(v));
    return std::sqrt(sum / static_cast<double>(v.size()));
}
}  // namespace

TEST(Corrupt, ListsAreRead) {
    using K = CorruptionKind;
    EXPECT_EQ(parse_corruptions("noise"), (std::vector<Corruption>{{K::noise, 1}, {K::noise, 3}, {K::noise, 5}}));
    EXPECT_EQ(parse_corruptions("blur:3,shift:4-5"), (std::vector<Corruption>{{K::blur, 3}, {K::shift, 4}, {K::shift, 5}}));
    EXPECT_EQ(parse_corruptions("all:2,contrast:2").size(), 4u);
    EXPECT_EQ(parse_corruptions("all").size(), 12u);
    for (const char* bad : {"", "fog", "noise:", "noise:0", "noise:6", "noise:x", "noise:3-1", "noise,", "noise:1-", "noise:1-2-3"})
        EXPECT_EQ(id_of([&] { parse_corruptions(bad); }), "usage.corrupt") << bad;
    EXPECT_EQ(to_text(Corruption{K::shift, 4}), "shift:4");
}

TEST(Corrupt, EachDoesWhatItsNameSays) {
    TemporaryFolder t;
    const DataParts p = squares(t);
    const std::vector<double> clean = pixels(*p.whole, p.preprocess, 0);
    for (const CorruptionKind k : {CorruptionKind::noise, CorruptionKind::blur, CorruptionKind::shift, CorruptionKind::contrast}) {
        double before = 0;
        for (int severity = 1; severity <= 5; ++severity) {
            const DatasetPtr d = corrupted(p.whole, p.preprocess, {k, severity}, 1);
            ASSERT_EQ(d->size(), 30);
            EXPECT_EQ(d->labels(), p.whole->labels());
            double apart = 0;
            for (int64_t i = 0; i < 30; ++i) {
                const std::vector<double> now = pixels(*d, p.preprocess, i);
                for (size_t j = 0; j < now.size(); ++j) {
                    ASSERT_NEAR(now[j], std::round(now[j]), 1e-3);  // bytes, as a file would hold them
                    ASSERT_TRUE(now[j] > -0.01 && now[j] < 255.01);
                    apart += std::fabs(now[j] - clean[j]);
                }
            }
            EXPECT_GE(apart, before) << to_text(Corruption{k, severity});
            EXPECT_GT(apart, 0);
            before = apart;
        }
    }
    const auto first = [&](CorruptionKind k) { return pixels(*corrupted(p.whole, p.preprocess, {k, 3}, 1), p.preprocess, 0); };
    // Noise of 0.12 of the range (a little is cut at 0); a shift keeps the values, blur the sum, contrast 0.4 of the spread.
    std::vector<double> noise = first(CorruptionKind::noise);
    for (size_t j = 0; j < noise.size(); ++j) noise[j] -= clean[j];
    EXPECT_NEAR(deviation(noise), 0.12 * 255, 7);
    std::vector<double> moved = first(CorruptionKind::shift), sorted = clean;
    EXPECT_NE(moved, clean);
    std::sort(moved.begin(), moved.end());
    std::sort(sorted.begin(), sorted.end());
    for (size_t j = 0; j < moved.size(); ++j) ASSERT_NEAR(moved[j], sorted[j], 1e-3);
    EXPECT_NEAR(mean(first(CorruptionKind::blur)), mean(clean), 0.5);
    EXPECT_LT(deviation(first(CorruptionKind::blur)), 0.98 * deviation(clean));
    EXPECT_NEAR(deviation(first(CorruptionKind::contrast)), 0.4 * deviation(clean), 0.5);
    EXPECT_NEAR(mean(first(CorruptionKind::contrast)), mean(clean), 0.5);
}

TEST(Corrupt, OnlySeedAndIndexDecide) {
    TemporaryFolder t;
    const DataParts p = squares(t), raw = squares(t, 1.0);
    const Corruption c{CorruptionKind::noise, 2};
    const DatasetPtr d = corrupted(p.whole, p.preprocess, c, 7);
    std::vector<int64_t> all(30), backwards(30);
    std::iota(all.begin(), all.end(), int64_t{0});
    std::iota(backwards.rbegin(), backwards.rend(), int64_t{0});
    const Tensor alone = batch(*d, all), again = batch(*corrupted(p.whole, p.preprocess, c, 7), all);
    ThreadPool pool(3);
    ThreadPool::Use use(&pool);
    const Tensor many = batch(*d, backwards);
    EXPECT_TRUE(alone.same_bits(again));
    for (int64_t i = 0; i < 30; ++i) EXPECT_TRUE(alone.rows(i, i + 1).same_bits(many.rows(29 - i, 30 - i)));
    EXPECT_FALSE(alone.same_bits(batch(*corrupted(p.whole, p.preprocess, c, 8), all)));
    EXPECT_FALSE(alone.rows(0, 1).same_bits(alone.rows(3, 4)));  // the same picture, other noise
    // The same bytes whatever the normalising.
    const std::vector<double> a = pixels(*d, p.preprocess, 4), b = pixels(*corrupted(raw.whole, raw.preprocess, c, 7), raw.preprocess, 4);
    for (size_t j = 0; j < a.size(); ++j) ASSERT_NEAR(a[j], b[j], 1e-3);
}

TEST(Corrupt, RowsTakeNoiseOnly) {
    TemporaryFolder t;
    std::string table = "a,b,label\n";
    for (int i = 0; i < 200; ++i) table += cat(100 * (i % 2), ",", 100 * (i % 2), ",", i % 3, "\n");
    t.write("d.csv", table);
    const DataParts p = open_data(t / "d.csv", {});
    const DatasetPtr d = corrupted(p.whole, p.preprocess, {CorruptionKind::noise, 5}, 1);
    std::vector<double> moved;
    for (int64_t i = 0; i < 200; ++i) {
        float row[2];
        d->load(i, row);
        for (const float x : row) moved.push_back(x - 100.f * static_cast<float>(i % 2));
    }
    EXPECT_NEAR(deviation(moved), 0.26 * 50, 2);
    EXPECT_FALSE(applies({CorruptionKind::blur, 1}, *p.whole));
    EXPECT_EQ(id_of([&] { corrupted(p.whole, p.preprocess, {CorruptionKind::blur, 1}, 1); }), "usage.corrupt");
}
