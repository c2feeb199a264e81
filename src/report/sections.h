// SPDX-License-Identifier: Apache-2.0
// The sections of the page in reading order; each writes nothing where the run holds nothing for it. Called by page.cc.
//
//   verdict_section(html, run);
//   accuracy_section(html, run);
//   ...
#pragma once
#include <string_view>

#include "record/run.h"
#include "report/html.h"

namespace hone::report {

void verdict_section(Html& html, const record::Run& run);      ///< headline, why, before and after
void findings_section(Html& html, const record::Run& run);     ///< faults of the model or the data path
void accuracy_section(Html& html, const record::Run& run);     ///< the drop against the bound
void robustness_section(Html& html, const record::Run& run);   ///< both on corrupted pictures
void speed_section(Html& html, const record::Run& run);        ///< the speed-up, all latencies
/// "What was done: 21 layers int8, 100 % of the work."; empty when the original was kept.
std::string done_sentence(const record::Run& run);
void layers_section(Html& html, const record::Run& run);       ///< what was done to each layer
void sensitivity_section(Html& html, const record::Run& run);  ///< which layers are delicate
void candidates_section(Html& html, const record::Run& run);   ///< what was tried
void decisions_section(Html& html, const record::Run& run);    ///< what was decided, and why
void machine_section(Html& html, const record::Run& run);      ///< where, with what, how again
void glossary_section(Html& html, const record::Run& run);

/// The page's style sheet.
std::string_view style();
/// What stands in <head>; for use within an open <html>.
void page_head(Html& html, const std::string& title);

}  // namespace hone::report
