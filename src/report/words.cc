// SPDX-License-Identifier: Apache-2.0
#include "report/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/timing.h"
#include "record/run.h"
#include "record/table.h"

namespace hone::report {

bool is_share(std::string_view metric) {
    constexpr std::array shares = {"top1", "top5", "accuracy", "precision", "recall", "f1", "auc", "eer", "confidence", "least_share", "map", "precision_macro", "recall_macro", "f1_macro"};
    return std::any_of(shares.begin(), shares.end(), [&](const char* s) { return metric == s; });
}

bool is_error(std::string_view metric) { return metric == "mse" || metric == "mae"; }

std::string spoken_metric(std::string_view metric) {
    constexpr std::array<std::pair<const char*, const char*>, 13> spoken = {{{"top1", "top-1 accuracy"},
                                                                            {"top5", "top-5 accuracy"},
                                                                            {"f1", "F1 score"},
                                                                            {"precision_macro", "macro precision"},
                                                                            {"recall_macro", "macro recall"},
                                                                            {"f1_macro", "macro F1"},
                                                                            {"auc", "AUC"},
                                                                            {"eer", "equal error rate"},
                                                                            {"confidence", "mean confidence"},
                                                                            {"classes_found", "classes found"},
                                                                            {"least_share", "share of the rarest class"},
                                                                            {"mse", "mean squared error"},
                                                                            {"mae", "mean absolute error"}}};
    for (const auto& [name, words] : spoken)
        if (metric == name) return words;
    return std::string(metric);
}

std::string metric_name(std::string_view metric) {
    std::string name = spoken_metric(metric);
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

std::string fixed(double value, int digits) {
    if (!std::isfinite(value)) return "–";
    char text[400];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    std::string out = text;
    const bool zero = out.find_first_not_of("-0.") == std::string::npos;
    if (out[0] == '-') out.replace(0, 1, zero ? "" : "−");
    return out;
}

std::string trimmed(std::string text) {
    const size_t end = std::min(text.find_first_not_of("-−0123456789."), text.size()), point = text.find('.');
    if (point < end) {
        const size_t last = text.find_last_not_of('0', end - 1), keep = last > point ? last + 1 : point;
        text.erase(keep, end - keep);
    }
    return text.starts_with("0") && !text.starts_with("0.") ? "0" : text;
}

std::string unbroken(std::string text) {
    for (size_t at = text.find(" %"); at != std::string::npos; at = text.find(" %", at + 1))
        text.replace(at, 1, "\u00a0");
    return text;
}

std::string percent_text(double share, int digits) {
    return std::isfinite(share) ? fixed(100 * share, digits) + " %" : "–";
}

std::string metric_text(std::string_view metric, double value) {
    return is_share(metric) ? percent_text(value, 2) : std::isfinite(value) ? record::number_text(value) : "–";
}

std::string points_text(std::string_view metric, double value, bool bare) {
    if (!std::isfinite(value)) return "–";
    if (!is_share(metric)) return record::number_text(value);
    const bool fine = std::fabs(value) >= 5e-6 && std::fabs(value) < 0.0001;
    return fixed(100 * value, fine ? 3 : 2) + (bare ? "" : " points");
}

std::string ms_text(double ms) {
    if (!std::isfinite(ms)) return "–";
    if (ms > 0 && ms < 0.1) return fixed(1000 * ms, 1) + " µs";
    return fixed(ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0) + " ms";
}

std::string times_text(double ratio) { return fixed(ratio, ratio < 10 ? 2 : 1) + (std::isfinite(ratio) ? "×" : ""); }

std::string bytes_text(double bytes) {
    constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (std::fabs(bytes) >= 1000 && unit < 4) {
        bytes /= 1000;
        ++unit;
    }
    return fixed(bytes, unit == 0 ? 0 : bytes < 10 ? 2 : bytes < 100 ? 1 : 0) + " " + units[unit];
}

std::string headline(const record::Run& run) {
    if (!run.accepted || !run.after) return "The original was kept";
    const double size = run.before.bytes > 0 ? double(run.after->bytes) / double(run.before.bytes) : 1;
    const bool smaller = size < 0.995;
    std::string text;
    if (run.speedup && run.speedup->low > 1)
        text = fixed(run.speedup->estimate, run.speedup->estimate < 10 ? 1 : 0) + "× as fast";
    if (smaller) text += (text.empty() ? "" : " and ") + fixed(100 * (1 - size), 0) + " % smaller";
    return text.empty() ? "The goal was met" : text;
}

std::string drop_sentence(const record::Run& run) {
    if (!run.drop) return "";
    const record::Drop& d = *run.drop;
    const auto points = [&](double v) { return points_text(run.metric, v); };
    const std::string sure = percent_text(d.confidence, 0);
    const bool error = is_error(run.metric);
    const std::string of = run.metric == "top1" || error ? "" : cat(" of ", spoken_metric(run.metric));
    std::string change = d.estimate > 0   ? cat(error ? "grew by " : "lost ", points(d.estimate), of)
                         : d.estimate < 0 ? cat(error ? "shrank by " : "gained ", points(-d.estimate), of)
                                          : cat(error ? "stayed" : "lost nothing", of);
    change = error ? cat(run.after ? "Its " : "The best candidate's ", spoken_metric(run.metric), " ", change) : cat(run.after ? "It " : "The best candidate ", change);
    std::string text = cat(change, " on ", record::count_text(d.samples), " test samples; with ", sure, " confidence the true ", error ? "growth" : "drop", " is at most ", points(d.high));
    if (!run.goal.max_drop) return text + ".";
    const double bound = *run.goal.max_drop;
    if (d.high <= bound) return text + cat(", within the bound of ", points(bound), ".");
    if (d.low > bound) return text + cat(" and more than the bound of ", points(bound), ".");
    text += cat(". That does not show that it stays within the bound of ", points(bound), ".");
    if (d.samples_needed)
        text += cat(" About ", record::count_text(*d.samples_needed), " samples would be needed to decide.");
    return text;
}

std::string speed_sentence(const record::Run& run) {
    if (!run.speedup) return "";
    const record::Interval& s = *run.speedup;
    const std::string range = cat(times_text(s.low), " to ", times_text(s.high));
    if (s.low > 1)
        return cat("Measured ", times_text(s.estimate), " as fast (", range,
                   ") in interleaved runs of both models on this machine.");
    if (s.high < 1)
        return cat("Measured slower: ", times_text(s.estimate), " (", range, ") the speed of the original.");
    return cat("Not measurably faster: ", times_text(s.estimate), " (", range, ") includes 1.");
}

std::vector<std::string> next_steps(const record::Run& run) {
    if (run.accepted)
        return {cat("hone bench ", run.original.empty() ? "ORIGINAL" : run.original, " ", run.model,
                    "   times both again")};
    std::vector<std::string> steps;
    if (run.drop && run.drop->samples_needed)
        steps.push_back(cat("give about ", record::count_text(*run.drop->samples_needed),
                            " test samples, so that the bound can be decided"));
    if (run.best_rejected && run.goal.max_drop && run.best_rejected->drop > *run.goal.max_drop)
        steps.push_back(cat("allow more, if you can: the best rejected model lost ",
                            points_text(run.metric, run.best_rejected->drop), " at ",
                            times_text(run.best_rejected->speedup)));
    if (run.best_rejected && !run.best_rejected->file.empty())
        steps.push_back(cat("hone compare ", run.original.empty() ? run.model : run.original, " ",
                            run.best_rejected->file, "   shows where the answers part"));
    return steps;
}

}  // namespace hone::report
