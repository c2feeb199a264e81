// SPDX-License-Identifier: Apache-2.0
#include "data/raw_part.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"

namespace hone {

namespace {
constexpr size_t kMostClasses = 65536;

/// All numbers, and not all whole: no names of classes.
bool real_numbers(const std::vector<std::string>& labels) {
    bool fraction = false;
    for (const std::string& l : labels) {
        const auto v = number_of(l);
        if (!v) return false;
        fraction |= *v != std::floor(*v);
    }
    return fraction;
}
}  // namespace

std::optional<double> number_of(const std::string& s) {
    double v = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (s.empty() || code != std::errc() || end != s.data() + s.size() || !std::isfinite(v)) return std::nullopt;
    return v;
}

void sort_class_names(std::vector<std::string>& names) {
    const bool numbers =
        std::all_of(names.begin(), names.end(), [](const std::string& n) { return number_of(n).has_value(); });
    std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        if (numbers && *number_of(a) != *number_of(b)) return *number_of(a) < *number_of(b);
        return a < b;
    });
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

void set_labels(RawPart& part, const std::vector<std::string>& label_of_sample) {
    const std::unordered_set<std::string> distinct(label_of_sample.begin(), label_of_sample.end());
    if (distinct.size() > kMostClasses)
        fail(ErrorKind::data, "data.classes",
             cat(distinct.size(), " distinct labels; at most ", kMostClasses, " classes"),
             "Is the column `label` a class? Call it `target` where a number is to be predicted.", part.where);
    for (size_t i = 0; i < label_of_sample.size(); ++i)
        if (!is_utf8(label_of_sample[i]))
            fail(ErrorKind::data, "data.classes.utf8", cat("the class '", label_of_sample[i], "' of sample ", i, " is not UTF-8"),
                 "Convert the file first (iconv -t UTF-8), or the names of the folders (convmv -t utf8).", part.where);
    part.names.assign(distinct.begin(), distinct.end());
    sort_class_names(part.names);
    std::unordered_map<std::string, int> number;
    for (size_t i = 0; i < part.names.size(); ++i) number[part.names[i]] = static_cast<int>(i);
    part.labels.clear();
    for (const std::string& name : label_of_sample) part.labels.push_back(number[name]);
}

void set_targets(RawPart& part, Tensor targets) {
    HONE_CHECK(targets.rank() == 2 && targets.dtype() == DType::f32);
    part.labels.assign(static_cast<size_t>(targets.dim(0)), 0);
    part.names = {kTargetName};
    part.numbered = false;
    part.targets = std::move(targets);
}

void set_answers(RawPart& part, const std::vector<std::string>& labels, bool target) {
    if (!target && !real_numbers(labels)) return set_labels(part, labels);
    Tensor targets = Tensor::zeros(DType::f32, {static_cast<int64_t>(labels.size()), 1});
    for (size_t i = 0; i < labels.size(); ++i) {
        const auto v = number_of(labels[i]);
        HONE_CHECK(v, part.where, ": the target '", labels[i], "' is no number");
        targets.data<float>()[i] = static_cast<float>(*v);
    }
    if (!target) part.notes.push_back(cat(part.where, ": the labels are real numbers, taken as targets of a regression"));
    set_targets(part, std::move(targets));
}

bool classes_to_targets(RawPart& part) {
    std::vector<float> values;
    for (const std::string& n : part.names) {
        const auto v = number_of(n);
        if (!v) return false;
        values.push_back(static_cast<float>(*v));
    }
    Tensor targets = Tensor::zeros(DType::f32, {static_cast<int64_t>(part.labels.size()), 1});
    for (size_t i = 0; i < part.labels.size(); ++i)
        targets.data<float>()[i] = values[static_cast<size_t>(part.labels[i])];
    set_targets(part, std::move(targets));
    return true;
}

}  // namespace hone
