// SPDX-License-Identifier: Apache-2.0
// Figures and outcomes of a run in words, the same in the page and on the terminal.
//
//   points_text(run, run.drop->estimate);   // "0.10 points"
//   headline(run);                          // "2.8× as fast and 74 % smaller"
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {
struct Run;
}

namespace hone::report {

/// Metrics that are shares of samples are shown in per cent and points.
bool is_share(std::string_view metric);
bool is_error(std::string_view metric);                          ///< less is better
std::string metric_name(std::string_view metric);                ///< "top1" -> "Top-1 accuracy"
/// Within a sentence: "top-1 accuracy", "macro F1".
std::string spoken_metric(std::string_view metric);
std::string metric_text(std::string_view metric, double value);  ///< "93.12 %"
/// A difference of two values of the metric: "0.10 points"; `bare` without the word.
std::string points_text(std::string_view metric, double value, bool bare = false);
std::string ms_text(double ms);        ///< "3.20 ms", "28.4 µs"; "–" for NaN
std::string times_text(double ratio);  ///< "2.83×"
std::string percent_text(double share, int digits = 1);
std::string bytes_text(double bytes);
std::string fixed(double value, int digits);
std::string trimmed(std::string text);   ///< "1.50 ms" -> "1.5 ms", "0.000 ms" -> "0"
std::string unbroken(std::string text);  ///< no line break between a number and "%"

/// "2.8× as fast and 74 % smaller", or what was kept.
std::string headline(const record::Run& run);
/// A sentence on the drop against the bound; empty where none was measured.
std::string drop_sentence(const record::Run& run);
std::string speed_sentence(const record::Run& run);
/// What the rows of corrupted pictures show; empty where there are none.
std::string robustness_sentence(const record::Run& run);
/// What to do next, one suggestion a line.
std::vector<std::string> next_steps(const record::Run& run);

}  // namespace hone::report
