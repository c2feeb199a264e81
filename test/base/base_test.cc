// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/timing.h"
#include "base/usage.h"

using namespace hone;

TEST(Rng, PhiloxKnownAnswers) {  // Random123's kat_vectors
    EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
              (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}
TEST(Rng, BlocksAreWhereTheyAre) {
    Rng all(7, 3);
    for (int i = 0; i < 10; ++i) all.normal();
    EXPECT_EQ(Rng(7, 3, 10).normal(), all.normal());
    Rng words(7, 3);
    for (int i = 0; i < 8; ++i) words.next_u32();
    EXPECT_EQ(Rng(7, 3, 2).next_u32(), words.next_u32());
}
TEST(Rng, DerivedSeedsDifferByEachArgument) {
    EXPECT_EQ(derive_seed(0, 0, 0), 0xe169c58d6627e8d5u);
    EXPECT_EQ(derive_seed(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}), 0x41c83b0e408f276du);
    std::set<uint64_t> all;
    for (uint64_t seed = 0; seed < 4; ++seed)
        for (uint64_t a = 0; a < 8; ++a)
            for (const uint64_t b : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) all.insert(derive_seed(seed, a, b));
    EXPECT_EQ(all.size(), 4u * 8 * 3);
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
size_t resident_pages(const void* data, size_t bytes) {
    const int map = open("/proc/self/pagemap", O_RDONLY);
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_t n = 0;
    for (size_t at = 0; at < bytes; at += page) {
        uint64_t entry = 0;
        const auto where = static_cast<off_t>((reinterpret_cast<uintptr_t>(data) + at) / page * sizeof entry);
        EXPECT_EQ(pread(map, &entry, sizeof entry, where), static_cast<ssize_t>(sizeof entry));
        n += entry >> 63;
    }
    close(map);
    return n;
}

TEST(File, PagesOfAMappedFileAreGivenBackAndComeAgain) {
    const std::string path = testing::TempDir() + "/hone_pages";
    std::string bytes(1 << 20, 0);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + (i >> 12));
    write_file_atomic(path, bytes);
    const MappedFile m = map_file(path);
    EXPECT_EQ(m.text(), bytes);
    const size_t pages = resident_pages(m.data, m.size);
    EXPECT_EQ(pages, 256u);
    release_pages(m.owner, m.data + 100, 10 * 4096);  // whole pages only
    EXPECT_EQ(resident_pages(m.data, m.size), pages - 9);
    release_pages(m.owner, m.data, m.size);
    EXPECT_EQ(resident_pages(m.data, m.size), 0u);
    EXPECT_EQ(m.text(), bytes);

    const Tensor t = Tensor::of_f32(std::vector<float>(100000, 3.f));  // no file: nothing happens
    release_pages(t.owner(), t.raw(), t.bytes());
    for (int64_t i = 0; i < t.count(); i += 1000) EXPECT_EQ(t.at(i), 3);
    unlink(path.c_str());
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
TEST(Timing, WhatWasDoneBeforeSaysNothingOfTheTimeLeft) {
    EXPECT_DOUBLE_EQ(seconds_left(10, 25, 0, 100), 30);
    EXPECT_DOUBLE_EQ(seconds_left(10, 60, 50, 100), 40);
    EXPECT_DOUBLE_EQ(seconds_left(10, 101, 50, 100), 0);
    EXPECT_TRUE(std::isnan(seconds_left(10, 50, 50, 100)));
}
TEST(Tensor, LargeOnesAreZeroAlignedAndGivenBack) {
    for (const int64_t n : {int64_t{1}, int64_t{1000}, int64_t{3} << 20}) {
        Tensor t = Tensor::zeros(DType::f32, {n});
        EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 64, 0u) << n;
        for (int64_t i = 0; i < n; i += 997) ASSERT_EQ(t.at(i), 0) << n;
        t.set(n - 1, 2);
        EXPECT_EQ(t.clone().at(n - 1), 2) << n;
    }
#ifndef __SANITIZE_ADDRESS__
    const int64_t before = resident_bytes(), most = int64_t{64} << 20;
    Tensor t = Tensor::zeros(DType::u8, {most});
    EXPECT_LT(resident_bytes(), before + most / 2);
    std::memset(t.raw_mut(), 1, static_cast<size_t>(most));
    EXPECT_GT(resident_bytes(), before + most / 2);
    t = {};
    EXPECT_LT(resident_bytes(), before + most / 2);
#endif
}
