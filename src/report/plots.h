// SPDX-License-Identifier: Apache-2.0
// The plots of the page: shapes in SVG that stretch with the page, labels in HTML over them so that text never shrinks.
//
//   interval_plot(html, {.low = -0.05, .high = 0.24, .estimate = 0.1, .limit = 0.5, .limit_label = "bound"}, label);
//   distribution_plot(html, run.latency_samples);
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "record/run.h"
#include "report/html.h"

namespace hone::report {

using Label = std::function<std::string(double)>;

struct IntervalPlot {
    double low = 0, high = 0, estimate = 0;
    double origin = 0;  ///< where a line marks "no difference"
    std::string origin_label{};
    std::optional<double> limit{};  ///< beyond it is forbidden
    std::string limit_label{};
    bool good = true;
};
void interval_plot(Html& html, const IntervalPlot& plot, const Label& label);
/// Two histograms over one axis from 0.
void distribution_plot(Html& html, const record::LatencySamples& samples, const Label& label);
/// Latency against drop, one dot a candidate, the bound as a line.
void candidate_plot(Html& html, const record::Run& run);
struct Curve {
    std::string name;
    std::vector<double> values;  ///< one an epoch, from epoch 1 on
};
/// Up to two curves over epochs on one axis, the last value of each beside its name; what is not finite is left out.
void curve_plot(Html& html, const std::vector<Curve>& curves, const Label& label);
/// A bar of `share` (0 to 1) of its cell.
void bar(Html& html, double share, const std::string& kind);

/// 3 to 6 round numbers that lie in [low, high].
std::vector<double> ticks(double low, double high);

}  // namespace hone::report
