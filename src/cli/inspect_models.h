// SPDX-License-Identifier: Apache-2.0
// `inspect` of several models: FLOPs, time and accuracy side by side, with the rank correlation of the first two.
//
//   return inspect_models(arguments, call);
#pragma once
#include <string>
#include <vector>

#include "cli/common.h"

namespace hone::cli {

/// Data for the models whose file name matches a pattern.
struct DataFor {
    std::string pattern;  ///< as a shell's; the first that matches counts
    DataArgs data;
};
/// "fashion_*=fashion-mnist mean=0.286 std=0.353; glyphs*=glyphs.tar resize=32x32": what the options of `eval` take.
/// Throws usage errors.
std::vector<DataFor> data_for_from(const std::string& text);

struct ManyArgs {
    std::vector<std::string> models;
    std::string precision = "fp32";
    int64_t batch = 1;
    int64_t samples = 0;  ///< of the data, at most; 0: all
    std::vector<DataFor> data;
};
int inspect_models(const ManyArgs& a, Call& call);

}  // namespace hone::cli
