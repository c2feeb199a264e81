// SPDX-License-Identifier: Apache-2.0
// Several models side by side: a page with plots (FLOPs against time, time against accuracy) and a table. Called by the
// verb `inspect`.
//
//   write_file_atomic(out + "/models.html", report::models_page(all));
#pragma once
#include <string>

namespace hone::record {
struct InspectModels;
}

namespace hone::report {

/// One self-contained file: no script, nothing loaded. Models are numbered in the order of `all.models`.
std::string models_page(const record::InspectModels& all);
/// What the correlation says, in a sentence; empty for fewer than 3 models.
std::string correlation_sentence(const record::InspectModels& all);

}  // namespace hone::report
