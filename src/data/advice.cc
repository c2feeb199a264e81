// SPDX-License-Identifier: Apache-2.0
#include "data/advice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unordered_set>

#include "base/error.h"
#include "base/interrupt.h"

namespace hone {

namespace {
constexpr int64_t kFewToLearn = 20;    // a class with fewer training samples is hardly learnt from scratch
constexpr int64_t kFewToMeasure = 5;   // a class with fewer samples says nothing about itself
constexpr double kUneven = 10;
constexpr double kUncertainPoints = 3;
constexpr const char* kParts[] = {"training", "validation", "test"};

std::string number(double v, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, v);
    return text;
}
/// "3 classes (a, b, c)", the first five by name.
std::string named(const std::vector<std::string>& names) {
    std::vector<std::string> first(names.begin(), names.begin() + std::min<std::ptrdiff_t>(5, std::ssize(names)));
    return cat(names.size(), names.size() == 1 ? " class (" : " classes (", join(first, ", "), names.size() > 5 ? ", ..." : "", ")");
}

int64_t repeats(const Dataset& part, const std::unordered_set<uint64_t>& training) {
    int64_t n = 0;
    for (int64_t i = 0; i < part.size(); ++i) {
        check_interrupt();
        n += training.contains(part.content(i));
    }
    return n;
}

void count_classes(SplitAdvice& a, const DatasetPtr (&parts)[3]) {
    for (const DatasetPtr& p : parts) {
        if (!p) continue;
        for (const std::string& name : p->class_names()) a.classes.push_back({name});
        break;
    }
    for (size_t r = 0; r < 3; ++r) {
        if (!parts[r]) continue;
        const std::vector<int64_t> counts = class_counts(*parts[r]);
        for (size_t c = 0; c < counts.size(); ++c) a.classes[c].samples[r] = counts[c];
    }
    const SplitAdvice::Class *least = nullptr, *most = nullptr;
    for (const SplitAdvice::Class& c : a.classes) {
        if (c.samples[0] == 0) continue;
        if (!least || c.samples[0] < least->samples[0]) least = &c;
        if (!most || c.samples[0] > most->samples[0]) most = &c;
    }
    if (!least) return;
    a.smallest = least->name;
    a.largest = most->name;
    a.imbalance = static_cast<double>(most->samples[0]) / static_cast<double>(least->samples[0]);
    const size_t measured = a.samples[2] ? 2 : 1;
    if (a.samples[measured]) a.majority_accuracy = static_cast<double>(most->samples[measured]) / static_cast<double>(a.samples[measured]);
}

void warn_of_classes(SplitAdvice& a) {
    std::vector<std::string> absent, few, unmeasured;
    for (const SplitAdvice::Class& c : a.classes) {
        if (a.samples[0] && c.samples[0] == 0) absent.push_back(c.name);
        if (c.samples[0] > 0 && c.samples[0] < kFewToLearn) few.push_back(c.name);
        if (a.samples[2] && c.total() > 0 && c.samples[2] < kFewToMeasure) unmeasured.push_back(c.name);
    }
    if (!absent.empty()) a.warnings.push_back(cat("training has no sample of ", named(absent), ": they cannot be learnt"));
    if (!few.empty())
        a.warnings.push_back(cat("fewer than ", kFewToLearn, " training samples of ", named(few), ": augment them, gather more, or start from a trained model"));
    if (!unmeasured.empty())
        a.warnings.push_back(cat("fewer than ", kFewToMeasure, " test samples of ", named(unmeasured), ": their own accuracy says nothing"));
    if (a.imbalance >= kUneven)
        a.warnings.push_back(cat("`", a.largest, "` has ", number(a.imbalance, 1), " times the training samples of `", a.smallest,
                                 "`: weigh the classes in the loss, and look at balanced accuracy or F1"));
}

void warn_of_parts(SplitAdvice& a) {
    for (size_t r = 0; r < 3; ++r)
        if (a.samples[r] == 0) a.warnings.push_back(cat("there is no ", kParts[r], " part", r == 0 ? ": nothing to train on" : ""));
    if (a.samples[2] && a.test_uncertainty > kUncertainPoints && !a.regression)
        a.warnings.push_back(cat("the test part is small: an accuracy measured on ", a.samples[2], " samples is uncertain by up to ",
                                 number(a.test_uncertainty, 1), " points either way"));
    const auto leak = [&](int64_t n, size_t r) {
        if (n) a.warnings.push_back(cat(n, " of ", a.samples[r], " ", kParts[r], " samples are in training too, bit by bit: figures on them are too good"));
    };
    leak(a.repeated_validation, 1);
    leak(a.repeated_test, 2);
}

std::string row(const SplitAdvice::Class& c, size_t width) {
    std::string out = cat("  ", c.name, std::string(width - std::min(width, c.name.size()), ' '));
    for (const int64_t n : c.samples) {
        const std::string text = cat(n);
        out += std::string(12 - std::min<size_t>(12, text.size()), ' ') + text;
    }
    return out + "\n";
}
}  // namespace

SplitAdvice advise_on_split(const DataParts& data) {
    const DatasetPtr parts[3] = {data.training, data.validation, data.test};
    SplitAdvice a;
    a.name = data.name;
    a.given[0] = data.gave_training;
    a.given[1] = data.gave_validation;
    a.given[2] = data.gave_test;
    for (size_t r = 0; r < 3; ++r) {
        if (!parts[r]) continue;
        a.samples[r] = parts[r]->size();
        a.regression |= parts[r]->regression();
    }
    if (!a.regression) count_classes(a, parts);
    if (a.samples[2]) a.test_uncertainty = 100 * 1.96 * std::sqrt(0.25 / static_cast<double>(a.samples[2]));
    if (data.training) {
        std::unordered_set<uint64_t> training;
        for (int64_t i = 0; i < data.training->size(); ++i) {
            check_interrupt();
            training.insert(data.training->content(i));
        }
        if (data.validation) a.repeated_validation = repeats(*data.validation, training);
        if (data.test) a.repeated_test = repeats(*data.test, training);
    }
    warn_of_parts(a);
    warn_of_classes(a);
    return a;
}

std::string to_text(const SplitAdvice& a) {
    constexpr size_t kShown = 20;
    std::string out = cat(a.name, ": ");
    const int64_t all = a.samples[0] + a.samples[1] + a.samples[2];
    std::vector<std::string> parts;
    for (size_t r = 0; r < 3; ++r)
        if (a.samples[r])
            parts.push_back(cat(kParts[r], " ", a.samples[r], " (", number(100.0 * static_cast<double>(a.samples[r]) / static_cast<double>(all), 1),
                                " %, ", a.given[r] ? "the data's own" : "split off", ")"));
    out += join(parts, ", ") + "\n";
    if (!a.classes.empty()) {
        std::vector<SplitAdvice::Class> shown = a.classes;
        if (shown.size() > kShown) {
            std::stable_sort(shown.begin(), shown.end(), [](const auto& x, const auto& y) { return x.samples[0] < y.samples[0]; });
            shown.erase(shown.begin() + kShown / 2, shown.end() - kShown / 2);
            out += cat("  of ", a.classes.size(), " classes the ", kShown / 2, " smallest and largest:\n");
        }
        size_t width = 5;
        for (const SplitAdvice::Class& c : shown) width = std::max(width, std::min<size_t>(c.name.size(), 40));
        out += cat("  class", std::string(width - 5, ' '), "    training  validation        test\n");
        for (const SplitAdvice::Class& c : shown) out += row(c, width);
        if (!a.smallest.empty())
            out += cat("  imbalance ", number(a.imbalance, 1), " (largest `", a.largest, "`, smallest `", a.smallest, "`)",
                       a.samples[1] || a.samples[2] ? cat("; always answering `", a.largest, "` is right in ", number(100 * a.majority_accuracy, 1), " %") : "", "\n");
    }
    for (const std::string& w : a.warnings) out += cat("  warning: ", w, "\n");
    return out;
}

}  // namespace hone
