// SPDX-License-Identifier: Apache-2.0
// A run told to people: an HTML page for someone who knows nothing of it, and the few lines that `hone optimize` prints
// at its end. Called by the verbs `optimize` and `report`.
//
//   write_file_atomic(out + "/report.html", report::html_report(run));
//   std::fputs(report::terminal_report(run).c_str(), stdout);
#pragma once
#include <string>

namespace hone::record {
struct Run;
struct Runs;
}

namespace hone::report {

/// One self-contained file: no script, nothing loaded, light and dark, readable from 390 px on. All text of the run is
/// escaped.
std::string html_report(const record::Run& run);
/// Plain text, lines that end in '\n', control characters of the run's text replaced.
std::string terminal_report(const record::Run& run);

/// Several runs side by side, likewise self-contained and escaped.
std::string runs_page(const record::Runs& runs);
std::string runs_table(const record::Runs& runs);

}  // namespace hone::report
