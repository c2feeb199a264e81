// SPDX-License-Identifier: Apache-2.0
// Event files: the check sums of RFC 3720, records as TFRecord frames them, histograms, and a disk that fills.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>

#include "record/event_file.h"
#include "support.h"

using namespace hone;
using namespace hone::record;

namespace {

std::string fresh_folder() {
    const std::string f = cat(testing::TempDir(), "/events_", testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(f);
    return f;
}

template <class T>
T number(std::string_view bytes, size_t at) {
    T v;
    std::memcpy(&v, bytes.data() + at, sizeof v);
    return v;
}

/// The events of a file; a frame that is torn or whose sums are wrong fails the test.
std::vector<std::string> events_of(const std::string& path) {
    const std::string bytes = read_file(path);
    std::vector<std::string> out;
    for (size_t at = 0; at < bytes.size();) {
        if (bytes.size() - at < 16) return ADD_FAILURE() << "torn", out;
        const auto n = static_cast<size_t>(number<uint64_t>(bytes, at));
        EXPECT_EQ(number<uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
        if (bytes.size() - at < 16 + n) return ADD_FAILURE() << "torn", out;
        out.push_back(bytes.substr(at + 12, n));
        EXPECT_EQ(number<uint32_t>(bytes, at + 12 + n), masked_crc32c(out.back()));
        at += 16 + n;
    }
    return out;
}

}  // namespace

TEST(Events, SumsAreThoseOfRfc3720) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
    EXPECT_EQ(crc32c(""), 0u);
    EXPECT_EQ(masked_crc32c(""), 0xA282EAD8u);
}

TEST(Events, AFileIsWholeAfterEachFlush) {
    EventFile f(fresh_folder() + "/deeper");
    ASSERT_EQ(events_of(f.path()).size(), 1u);
    EXPECT_NE(events_of(f.path())[0].find("brain.Event:2"), std::string::npos);
    f.scalar("loss", 1, 0.5);
    f.scalar("loss", 300, 0.25);
    f.flush();
    const std::vector<std::string> events = events_of(f.path());
    ASSERT_EQ(events.size(), 3u);
    // after the time: step 300 (varint), then summary { value { tag "loss", simple_value 0.25 } }
    const std::string after_time("\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x80\x3e", 18);
    EXPECT_EQ(events[2].substr(9), after_time);
    for (int i = 0; i < 3000; ++i) f.scalar("a rather long tag for a scalar", i, i);  // more than waits in memory
    EXPECT_GT(events_of(f.path()).size(), 1000u);
}

TEST(Events, TwoFilesInOneFolderAreTwo) {
    const std::string folder = fresh_folder();
    EventFile a(folder), b(folder);
    EXPECT_NE(a.path(), b.path());
    EXPECT_EQ(list_directory(folder).size(), 2u);
}

TEST(Events, HistogramsCountWhatIsFinite) {
    const std::vector<double> v = {-1, 0.5, std::numeric_limits<double>::quiet_NaN(), 1, std::numeric_limits<double>::infinity(), 1};
    const Histogram h = histogram_of(std::ssize(v), [&](int64_t i) { return v[static_cast<size_t>(i)]; });
    EXPECT_EQ(h.count, 4);
    EXPECT_EQ(h.min, -1);
    EXPECT_EQ(h.max, 1);
    EXPECT_EQ(h.sum, 1.5);
    EXPECT_EQ(h.squares, 3.25);
    ASSERT_EQ(h.limits.size(), static_cast<size_t>(kHistogramBuckets));
    ASSERT_EQ(h.buckets.size(), h.limits.size());
    EXPECT_EQ(h.limits.back(), 1);
    EXPECT_EQ(h.buckets.front(), 1);
    EXPECT_EQ(h.buckets.back(), 2);
    EXPECT_EQ(h.buckets[static_cast<size_t>(kHistogramBuckets) * 3 / 4], 1);  // 0.5 begins the last quarter
    const Histogram one = histogram_of(7, [](int64_t) { return 2.0; });
    EXPECT_EQ(one.limits, std::vector<double>{2});
    EXPECT_EQ(one.buckets, std::vector<double>{7});
    EXPECT_EQ(histogram_of(1, [&](int64_t) { return v[2]; }).count, 0);
}

TEST(Events, AFullDiskLeavesWholeRecords) {
    const std::string folder = fresh_folder();
    EventFile f(folder);
    f.scalar("kept", 1, 1);
    f.flush();
    struct rlimit before {};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small {200, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const std::string id = error_of([&] {
        for (int i = 0; i < 100; ++i) f.scalar("more", i, 0);
        f.flush();
    });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(id, "file.write");
    EXPECT_EQ(events_of(f.path()).size(), 2u);
    f.scalar("again", 2, 2);
    f.flush();
    EXPECT_EQ(events_of(f.path()).size(), 3u);
}
