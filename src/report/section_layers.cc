// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "record/table.h"
#include "report/plots.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

constexpr size_t shown_rows = 24, shown_bars = 16;

bool kept(const record::LayerRow& row) { return row.decision.empty() || row.decision.rfind("kept", 0) == 0; }

std::string small_percent(double share) { return share < 0.0005 ? "< 0.1 %" : percent_text(share, 1); }

std::string price_text(double price) {
    if (price > 0 && price < 5e-6) return "< 0.001 %";
    return percent_text(price, price < 0.001 ? 3 : 2);
}

// One unit a table, so that its times compare at a glance.
struct TimeUnit {
    const char* name = "ms";
    double scale = 1;
    int digits = 3;
    explicit TimeUnit(const record::Run& run) {
        double most = 0;
        for (const auto& row : run.layers) most = std::max(most, row.time_before_ms.value_or(0));
        if (most < 1) name = "µs", scale = 1000, digits = 1;
    }
    std::string text(const std::optional<double>& ms) const { return ms && *ms > 0 ? fixed(*ms * scale, digits) : "–"; }
};

std::string work_text(double share) {
    return share == 0 ? "no multiply-adds" : (share < 0.01 ? "less than 1 %" : percent_text(share, 0)) + " of the work";
}

struct Share {
    std::string decision;
    int64_t layers = 0;
    double macs = 0;  // a sum of a stranger's numbers
};
/// What was done to how much of the network, the most work first.
std::vector<Share> shares_of(const record::Run& run, double* all) {
    std::map<std::string, Share> shares;
    for (const auto& row : run.layers) {
        Share& s = shares[row.decision.empty() ? "kept" : row.decision];
        ++s.layers;
        s.macs += static_cast<double>(row.macs);
        *all += static_cast<double>(row.macs);
    }
    std::vector<Share> order;
    for (auto& [decision, s] : shares) order.push_back({decision, s.layers, s.macs});
    std::stable_sort(order.begin(), order.end(), [](const Share& a, const Share& b) { return a.macs > b.macs; });
    return order;
}
std::string layers_text(int64_t n) { return cat(n, n == 1 ? " layer" : " layers"); }
std::string share_text(const Share& s, double all) { return cat(s.decision, all > 0 ? ", " + work_text(s.macs / all) : ""); }

void summary(Html& html, const record::Run& run) {
    double all = 0;
    const std::vector<Share> order = shares_of(run, &all);
    const auto list = html.open("div", {{"class", "facts"}});
    for (size_t i = 0; i < order.size() && i < 6; ++i) {
        const auto box = html.open("div");
        html.element("b", layers_text(order[i].layers));
        html.element("span", share_text(order[i], all));
    }
}

void layer_row(Html& html, const record::Run& run, const record::LayerRow& row, double work) {
    const TimeUnit unit(run);
    const std::string before = cat("before, ", unit.name), after = cat("after, ", unit.name);
    const auto line = html.open("tr");
    {
        const auto cell = html.open("td", {{"class", "layer"}});
        {
            const auto name = html.open("b");
            html.name(row.name.empty() ? row.op : row.name);
        }
        html.element("span", row.op, {{"class", "small"}});
    }
    {
        const auto cell = html.open("td", {{"data-label", "done"}});
        html.element("span", row.decision.empty() ? "kept" : row.decision, {{"class", kept(row) ? "chip" : "chip on"}});
    }
    const auto figure = [&](const char* label, const std::string& text) {
        html.element("td", text, {{"class", "n"}, {"data-label", label}});
    };
    figure("work", work > 0 && row.macs > 0 ? small_percent(double(row.macs) / work) : "–");
    figure("price", row.sensitivity ? price_text(*row.sensitivity) : "–");
    figure(before.c_str(), unit.text(row.time_before_ms));
    figure(after.c_str(), unit.text(row.time_after_ms));
    const bool both = row.time_before_ms && row.time_after_ms && *row.time_before_ms > 0 && *row.time_after_ms > 0;
    figure("gain", both ? times_text(*row.time_before_ms / *row.time_after_ms) : "–");
    const auto cell = html.open("td", {{"class", "why"}, {"data-label", "why"}});
    html.text(cat(row.reason, row.reason.empty() || row.seen.empty() ? "" : ". "));
    if (!row.seen.empty()) html.element("span", "In 8 bits: " + row.seen, {{"class", "small"}});
}

void layer_table(Html& html, const record::Run& run, size_t first, size_t last, double work) {
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto table = html.open("table", {{"class", "stack"}});
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "Layer");
        html.element("th", "Done");
        const std::string unit = TimeUnit(run).name;
        for (const std::string& name :
             {std::string("Work"), std::string("Price"), "Before, " + unit, "After, " + unit, std::string("Gain")})
            html.element("th", name, {{"class", "n"}});
        html.element("th", "Why, and why not more");
    }
    const auto body = html.open("tbody");
    for (size_t i = first; i < last; ++i) layer_row(html, run, run.layers[i], work);
}

}  // namespace

std::string done_sentence(const record::Run& run) {
    if (!run.accepted || run.layers.empty()) return "";
    double all = 0;
    std::vector<std::string> parts;
    for (const Share& s : shares_of(run, &all))
        if (parts.size() < 3) parts.push_back(cat(layers_text(s.layers), " ", share_text(s, all)));
    return "What was done: " + join(parts, "; ") + ".";
}

void layers_section(Html& html, const record::Run& run) {
    if (run.layers.empty()) return;
    double work = 0;
    for (const auto& row : run.layers) work += static_cast<double>(row.macs);
    const auto section = html.open("section");
    html.element("h2", "What was done to each layer");
    summary(html, run);
    const size_t first = run.layers.size() > shown_rows + 4 ? shown_rows : run.layers.size();
    html.element("p",
                 "Work: the share of all multiply-adds. Price: the noise that this layer alone, changed, puts into the "
                 "network's scores on the validation part, as a share of their variance. A layer's time is taken within "
                 "runs of the whole network; where there is none, the layer is done within another one's. Fewer than 8 bits are not among the methods yet.");
    layer_table(html, run, 0, first, work);
    if (first == run.layers.size()) return;
    const auto fold = html.open("details");
    html.element("summary", cat("The other ", run.layers.size() - first, " layers"));
    layer_table(html, run, first, run.layers.size(), work);
}

void sensitivity_section(Html& html, const record::Run& run) {
    std::vector<const record::LayerRow*> rows;
    for (const auto& row : run.layers)
        if (row.sensitivity && std::isfinite(*row.sensitivity)) rows.push_back(&row);
    if (rows.size() < 2) return;
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto* a, const auto* b) { return *a->sensitivity > *b->sensitivity; });
    double most = 0;
    for (const auto* row : rows) most = std::max(most, std::fabs(*row->sensitivity));
    const auto section = html.open("section");
    html.element("h2", "Which layers are delicate");
    html.element(
        "p",
        "Each layer was changed alone and the network judged on the validation part: a long bar is a layer whose change "
        "puts much noise into the scores.");
    {
        const auto list = html.open("div", {{"class", "rows"}});
        for (size_t i = 0; i < rows.size() && i < shown_bars; ++i) {
            const auto& row = *rows[i];
            {
                const auto label = html.open("span", {{"class", "label"}});
                html.name(row.name);
            }
            bar(html, most > 0 ? std::max(0.0, *row.sensitivity / most) : 0, kept(row) ? "before" : "after");
            html.element("span", price_text(*row.sensitivity), {{"class", "n"}});
        }
    }
    {
        const auto key = html.open("div", {{"class", "key"}});
        html.element("span", "changed", {{"class", "kept"}});
        html.element("span", "kept as it was", {{"class", "original"}});
    }
    if (rows.size() > shown_bars)
        html.element("p",
                     cat("The other ", rows.size() - shown_bars, " layers cost at most ",
                         price_text(*rows[shown_bars]->sensitivity), " each."),
                     {{"class", "caption"}});
}

}  // namespace hone::report
