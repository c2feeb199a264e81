// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "record/table.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

std::string name_of(const record::RobustnessRow& r) {
    return r.corruption.empty() ? "as they are" : cat(r.corruption, " of severity ", r.severity);
}

/// What the severity stands for (data/corrupt.h).
std::string amount_of(const record::RobustnessRow& r) {
    if (r.corruption == "noise") return cat("deviation of ", percent_text(r.amount, 0), " of the range of values");
    if (r.corruption == "blur") return cat("over ", percent_text(r.amount), " of the smaller side");
    if (r.corruption == "shift") return cat("by ", percent_text(r.amount, 0), " of the smaller side");
    if (r.corruption == "contrast") return cat(percent_text(r.amount, 0), " of the contrast left");
    return "";
}

}  // namespace

std::string robustness_sentence(const record::Run& run) {
    if (!run.robustness || run.robustness->rows.size() < 2) return "";
    const record::Robustness& r = *run.robustness;
    const auto& worst = *std::max_element(r.rows.begin() + 1, r.rows.end(), [](const auto& a, const auto& b) { return a.drop.estimate < b.drop.estimate; });
    const std::string most = worst.drop.estimate > 0 ? cat("the most that the change costs is ", points_text(run.metric, worst.drop.estimate), " (", worst.corruption, ")")
                                                     : std::string("the change costs nothing on any of them");
    return cat("Both networks on ", record::count_text(r.samples), " pictures of the ", r.part, " part, made worse in ", r.rows.size() - 1, r.rows.size() == 2 ? " way" : " ways", ": ", most,
               ". It shows whether the new network leans more on clean pictures than the original did; it is no part of the verdict.");
}

void robustness_section(Html& html, const record::Run& run) {
    if (!run.robustness || run.robustness->rows.empty()) return;
    const auto section = html.open("section");
    html.element("h2", "Does it stand worse pictures as well?");
    if (const std::string sentence = robustness_sentence(run); !sentence.empty()) html.element("p", sentence);
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto table = html.open("table", {{"class", "stack"}});
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "Pictures");
        html.element("th", "How much");
        for (const char* name : {"Before", "After"}) html.element("th", name, {{"class", "n"}});
        html.element("th", is_error(run.metric) ? "Growth" : "Drop", {{"class", "n"}});
        html.element("th", "95 % limits", {{"class", "n"}});
    }
    const auto body = html.open("tbody");
    for (const record::RobustnessRow& r : run.robustness->rows) {
        const auto row = html.open("tr");
        const auto figure = [&](const char* label, const std::string& text) { html.element("td", text, {{"class", "n"}, {"data-label", label}}); };
        html.element("td", name_of(r), {{"class", "layer"}});
        html.element("td", amount_of(r), {{"class", "wide"}, {"data-label", "how much"}});
        figure("before", metric_text(run.metric, r.before));
        figure("after", metric_text(run.metric, r.after));
        figure(is_error(run.metric) ? "growth" : "drop", points_text(run.metric, r.drop.estimate));
        figure("95 % limits", cat(points_text(run.metric, r.drop.low, true), " to ", points_text(run.metric, r.drop.high, true)));
    }
}

}  // namespace hone::report
