// SPDX-License-Identifier: Apache-2.0
// A run told to people: an HTML page for someone who knows nothing of it, and the few lines that `hone optimize` prints
// at its end. Called by the verbs `optimize` and `report`.
//
//   write_file_atomic(out + "/report.html", report::html_report(run));
//   std::fputs(report::terminal_report(run).c_str(), stdout);
#pragma once
#include <map>
#include <string>

namespace hone::record {
struct Run;
struct Runs;
struct Train;
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

/// A training: curves of loss and metrics, every epoch, and the samples of a generator; `pictures` holds the PNG of each file
/// that `train.samples` names (one that is missing is left out). Likewise self-contained and escaped.
std::string train_page(const record::Train& train, const std::map<std::string, std::string>& pictures);

}  // namespace hone::report
