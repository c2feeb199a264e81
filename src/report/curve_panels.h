// SPDX-License-Identifier: Apache-2.0
// Curves over steps as a picture of its own (SVG), for documents: panels side by side, a logarithmic axis, one legend.
//
//   write_file_atomic("loss.svg", curves_svg({{.title = "LeNet-5", .curves = {{"sgd", losses}}, .level = 0.5}}, "step", "loss"));
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "report/plots.h"

namespace hone::report {

struct CurvePanel {
    std::string title;
    std::vector<Curve> curves;      ///< value i is that of step i + 1 (not finite or not above 0: left out); the same names in the same order in every panel; at most 8
    std::optional<double> level{};  ///< a dashed line
};

std::string curves_svg(const std::vector<CurvePanel>& panels, const std::string& x_label, const std::string& y_label);

}  // namespace hone::report
