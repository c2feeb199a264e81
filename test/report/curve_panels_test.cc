// SPDX-License-Identifier: Apache-2.0
// Curves as a picture: points where the values are, nothing that is not finite, names escaped.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/curve_panels.h"

using namespace hone::report;

namespace {

size_t count(const std::string& s, const std::string& what) {
    size_t n = 0;
    for (size_t at = s.find(what); at != std::string::npos; at = s.find(what, at + 1)) ++n;
    return n;
}
/// The points of polyline `i`: x,y pairs.
std::string points(const std::string& svg, size_t i) {
    size_t at = 0;
    for (size_t k = 0; k <= i; ++k) at = svg.find("points=\"", at) + 8;
    return svg.substr(at, svg.find('"', at) - at);
}

}  // namespace

TEST(Curves, PointsLieWhereTheValuesAre) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::string svg = curves_svg({{"A <net>", {{"falls", {1, 0.5, 0.25, 0.125}}, {"grows", {nan, 1, 100, std::numeric_limits<double>::infinity()}}}, 0.3}}, "step", "loss");
    EXPECT_TRUE(svg.starts_with("<svg "));
    EXPECT_NE(svg.find("A &lt;net&gt;"), std::string::npos);
    EXPECT_EQ(count(svg, "<polyline"), 2u);
    EXPECT_EQ(count(svg, "5 4"), 1u);  // the level
    double x[4], y[4];
    ASSERT_EQ(std::sscanf(points(svg, 0).c_str(), "%lf,%lf %lf,%lf %lf,%lf %lf,%lf", &x[0], &y[0], &x[1], &y[1], &x[2], &y[2], &x[3], &y[3]), 8) << svg;
    EXPECT_NEAR(x[3] - x[2], x[1] - x[0], 0.2);
    for (int i = 1; i < 4; ++i) EXPECT_NEAR(y[i] - y[i - 1], y[1] - y[0], 0.2) << "halving is the same way down";
    EXPECT_GT(y[1], y[0]);
    EXPECT_EQ(count(points(svg, 1), ","), 2u);  // what is not finite is left out; what leaves the frame stays at its edge
    EXPECT_EQ(svg.find(">-0<"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Curves, EmptyOnesAreStillAPicture) {
    EXPECT_EQ(count(curves_svg({{"none", {{"a", {}}}, {}}, {"none", {{"a", {}}}, 0.5}}, "step", "loss"), "</svg>"), 1u);
}
