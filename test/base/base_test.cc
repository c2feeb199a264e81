// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/timing.h"

using namespace hone;

TEST(Rng, PhiloxKnownAnswers) {  // Random123's kat_vectors
    EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
              (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}
TEST(Rng, PermutationIsOne) {
    std::vector<int64_t> p = Rng(7).permutation(1000);
    std::vector<bool> seen(1000);
    for (int64_t i : p) seen[static_cast<size_t>(i)] = true;
    for (bool s : seen) EXPECT_TRUE(s);
}
TEST(DType, HalfRoundTripsEveryPattern) {
    for (uint32_t h = 0; h < 65536; ++h) {
        const float f = f16_to_f32(static_cast<uint16_t>(h));
        if (!std::isnan(f)) EXPECT_EQ(f32_to_f16(f), h);
        const float b = bf16_to_f32(static_cast<uint16_t>(h));
        if (!std::isnan(b)) EXPECT_EQ(f32_to_bf16(b), h);
    }
    EXPECT_EQ(f32_to_f16(65520.f), 0x7c00);
    EXPECT_EQ(f32_to_f16(65519.f), 0x7bff);
}
TEST(Shape, OverflowIsAnError) {
    EXPECT_THROW(count_of({int64_t{1} << 40, int64_t{1} << 40}), Error);
    EXPECT_EQ(count_of({int64_t{1} << 40, 0, int64_t{1} << 20}), 0);
}
TEST(File, AtomicWriteKeepsTheOldFileOnInterrupt) {
    const std::string path = testing::TempDir() + "/hone_atomic";
    write_file_atomic(path, "old");
    set_interrupted(true);
    EXPECT_THROW(write_file_atomic(path, "new"), Error);
    set_interrupted(false);
    EXPECT_EQ(read_file(path), "old");
    write_file_atomic(path, "new");
    EXPECT_EQ(read_file(path), "new");
    for (const std::string& n : list_directory(testing::TempDir())) EXPECT_FALSE(n.starts_with(".hone_atomic")) << n;
    EXPECT_THROW(write_file_atomic("/nonexistent/x", "y"), Error);
}
TEST(Error, NearestCandidates) {
    EXPECT_EQ(nearest("optimise", {"optimize", "inspect"}), std::vector<std::string>{"optimize"});
}
TEST(Timing, Quantiles) {
    EXPECT_DOUBLE_EQ(median({3, 1, 2}), 2);
    EXPECT_DOUBLE_EQ(quantile({0, 10}, 0.25), 2.5);
}
