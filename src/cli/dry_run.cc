// SPDX-License-Identifier: Apache-2.0
#include "cli/dry_run.h"

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "record/forecast.h"
#include "record/table.h"

namespace hone::cli {

namespace {
std::string span(double low, double high) { return cat(human_seconds(low), " to ", human_seconds(high)); }
}  // namespace

std::string dry_run_text(const record::Forecast& f) {
    std::string s = cat("Would optimize ", record::printable(base_name(f.model)), " and write to ",
                        record::printable(f.out), "/. About ", span(f.seconds_low, f.seconds_high),
                        " here.\nWanted: ",
                        record::printable(f.wanted), ".\n\n");
    record::Table parts({"part", "samples", "for"});
    for (const record::Part& p : f.parts) parts.add({p.name, record::count_text(p.samples), p.used_for});
    s += parts.text() + "\n";
    record::Table layers({"layers that may change", "number", "parameters"});
    for (const record::LayerCount& l : f.layers)
        layers.add({record::printable(l.op), record::count_text(l.layers), record::count_text(l.parameters)});
    if (!layers.empty()) s += layers.text() + "\n";
    record::Table candidates({"candidate", "tried", "why"});
    for (const record::PlannedCandidate& c : f.candidates) candidates.add({c.name, c.tried ? "yes" : "no", c.why});
    s += candidates.text(72) + "\n";
    record::Table steps({"step", "samples", "takes"});
    for (const record::PlannedStep& p : f.steps)
        if (p.seconds_high > 0)
            steps.add({p.what, p.samples ? record::count_text(p.samples) : "", span(p.seconds_low, p.seconds_high)});
    s += steps.text();
    return s + cat("\nThe original takes ", record::number_text(f.latency_ms), " ms in ", f.runtime, " here, evaluation ",
                   record::number_text(f.samples_per_second), " samples a second.\n");
}

}  // namespace hone::cli
