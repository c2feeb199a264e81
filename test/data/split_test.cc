// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>

#include "base/rng.h"
#include "support.h"

using namespace hone;

namespace {
std::vector<int> labels_of(const std::vector<int>& counts, uint64_t seed) {
    std::vector<int> v;
    for (size_t c = 0; c < counts.size(); ++c) v.insert(v.end(), static_cast<size_t>(counts[c]), static_cast<int>(c));
    std::vector<int> out;
    for (const int64_t i : Rng(seed).permutation(static_cast<int64_t>(v.size())))
        out.push_back(v[static_cast<size_t>(i)]);
    return out;
}
}  // namespace

TEST(Split, PartitionsAndIsStratified) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
        Rng rng(seed, 7);
        std::vector<int> counts;
        for (uint64_t c = 0, n = 1 + rng.below(12); c < n; ++c) counts.push_back(static_cast<int>(rng.below(60)));
        const std::vector<int> labels = labels_of(counts, seed);
        const Split s = split_stratified(labels, counts.size(), 0.1, 0.2, seed);
        std::vector<int64_t> all;
        for (const auto* list : {&s.training, &s.validation, &s.test}) {
            EXPECT_TRUE(std::is_sorted(list->begin(), list->end()));
            all.insert(all.end(), list->begin(), list->end());
        }
        std::sort(all.begin(), all.end());
        ASSERT_EQ(all.size(), labels.size());
        for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<int64_t>(i));
        for (size_t c = 0; c < counts.size(); ++c) {
            const auto in = [&](const std::vector<int64_t>& list) {
                return std::count_if(list.begin(), list.end(),
                                     [&](int64_t i) { return labels[static_cast<size_t>(i)] == static_cast<int>(c); });
            };
            EXPECT_LE(std::abs(static_cast<double>(in(s.validation)) - 0.1 * counts[c]), 1.0);
            EXPECT_LE(std::abs(static_cast<double>(in(s.test)) - 0.2 * counts[c]), 1.0);
            if (counts[c]) EXPECT_GE(in(s.training), 1);
        }
    }
}

TEST(Split, TotalsAreTheRoundedShares) {
    const std::vector<int> labels = labels_of({55, 55, 55, 55, 30}, 3);
    const Split s = split_stratified(labels, 5, 0.1, 0.2, 1);
    EXPECT_EQ(s.validation.size(), 25u);
    EXPECT_EQ(s.test.size(), 50u);
    EXPECT_EQ(s.training.size(), 175u);
}

TEST(Split, SeedDecides) {
    const std::vector<int> labels = labels_of({100, 100}, 3);
    const Split a = split_stratified(labels, 2, 0.1, 0.2, 1), b = split_stratified(labels, 2, 0.1, 0.2, 1);
    const Split c = split_stratified(labels, 2, 0.1, 0.2, 2);
    EXPECT_EQ(a.test, b.test);
    EXPECT_EQ(a.validation, b.validation);
    EXPECT_NE(a.test, c.test);
}

TEST(Split, SharesAreReadAndChecked) {
    for (const char* text : {"70/10/20", "0.7/0.1/0.2", "7/1/2"}) {
        const SplitShares s = parse_split(text);
        EXPECT_DOUBLE_EQ(s.training, 0.7) << text;
        EXPECT_DOUBLE_EQ(s.validation, 0.1) << text;
        EXPECT_DOUBLE_EQ(s.test, 0.2) << text;
    }
    EXPECT_EQ(parse_split("80/20/0").test, 0);
    for (const char* text : {"", "70", "70/30", "70/10/20/0", "0/50/50", "70/-10/40", "a/b/c", "70/10/20%", "inf/1/1", "nan/1/1"})
        EXPECT_EQ(error_of([&] { parse_split(text); }), "usage.split") << text;
}
