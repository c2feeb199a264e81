// SPDX-License-Identifier: Apache-2.0
// Memory, processor time and energy counters; rank correlation.
#include "base/usage.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/timing.h"
#include "support.h"

using namespace hone;

namespace {

void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file) << text;
}

TEST(Usage, PeakFollowsWhatWasTouched) {
    const int64_t before = peak_resident_bytes();
    ASSERT_GT(before, 0);
    {
        std::vector<char> block(size_t{96} << 20, 1);
        EXPECT_GE(resident_bytes(), 90 << 20);
        EXPECT_EQ(block[block.size() / 2], 1);
    }
    EXPECT_GE(peak_resident_bytes(), std::max<int64_t>(before, 90 << 20));
}

TEST(Usage, ProcessorTimeGrows) {
    const double before = cpu_seconds();
    double x = 1;
    while (cpu_seconds() - before < 1e-3) x = std::sqrt(x + 1);
    EXPECT_GT(x, 1);
}

TEST(Energy, PackagesAreSummedAndPartsAreNot) {
    const std::string root = testing::TempDir() + "/powercap";
    std::filesystem::remove_all(root);
    EXPECT_FALSE(EnergyMeter(root).joules());
    write(root + "/intel-rapl:0/energy_uj", "1000000\n");
    write(root + "/intel-rapl:0/max_energy_range_uj", "5000000\n");
    write(root + "/intel-rapl:1/energy_uj", "4000000\n");
    write(root + "/intel-rapl:1/max_energy_range_uj", "5000000\n");
    write(root + "/intel-rapl:0:0/energy_uj", "7\n");
    write(root + "/dtpm/energy_uj", "7\n");
    const EnergyMeter meter(root);
    EXPECT_EQ(meter.joules(), 0.0);
    write(root + "/intel-rapl:0/energy_uj", "1500000\n");
    write(root + "/intel-rapl:1/energy_uj", "500000\n");  // wrapped
    write(root + "/intel-rapl:0:0/energy_uj", "900000\n");
    ASSERT_TRUE(meter.joules());
    EXPECT_NEAR(*meter.joules(), 0.5 + 1.5, 1e-9);
}

TEST(RankCorrelation, KnownCases) {
    EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3}, {10, 100, 1000}), 1);
    EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3}, {3, 2, 1}), -1);
    EXPECT_NEAR(rank_correlation({86, 97, 99, 100, 101, 103, 106, 110, 112, 113}, {2, 20, 28, 27, 50, 29, 7, 17, 6, 12}),
                -29.0 / 165, 1e-12);
    EXPECT_NEAR(rank_correlation({1, 2, 2, 3}, {1, 2, 3, 4}), 0.9486832980505138, 1e-12);  // scipy's
    EXPECT_TRUE(std::isnan(rank_correlation({1, 1}, {1, 2})));
    EXPECT_TRUE(std::isnan(rank_correlation({1}, {1})));
}

TEST(Ticks, AgreeWithTheClock) {
    const double before = now_seconds();
    const uint64_t from = ticks();
    const double first = now_seconds();
    double last = first;
    while (last - first < 2e-3) last = now_seconds();
    const double seconds = seconds_between(from, ticks());
    EXPECT_GE(seconds, (last - first) * 0.999);
    EXPECT_LE(seconds, (now_seconds() - before) * 1.001);
}

}  // namespace
