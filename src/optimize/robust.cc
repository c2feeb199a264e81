// SPDX-License-Identifier: Apache-2.0
// Both models on corrupted pictures of the validation part, for the report: what the verdict does not cover.
#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/robustness.h"
#include "optimize/search.h"

namespace hone {

namespace {
constexpr int64_t fewest_pictures = 100, looked_at = 64;

/// As many as can be answered in time, by a look at a few.
int64_t pictures_in_time(const DatasetPtr& some, const DataParts& parts, const eval::Answerer& before, const eval::Answerer& after, size_t rows, uint64_t seed) {
    std::vector<int64_t> first(static_cast<size_t>(std::min(looked_at, some->size())));
    std::iota(first.begin(), first.end(), int64_t{0});
    const DatasetPtr look = corrupted(subset(some, first, "a look"), parts.preprocess, {CorruptionKind::blur, 3}, seed);
    const double start = now_seconds();
    before(*look);
    after(*look);
    const double seconds = std::max(1e-6, now_seconds() - start) * static_cast<double>(rows);
    return std::min(some->size(), static_cast<int64_t>(std::min(1e9, robustness_seconds / seconds * static_cast<double>(first.size()))));
}

std::vector<double> flat(int64_t samples, const std::vector<record::RobustnessRow>& rows) {
    std::vector<double> v = {static_cast<double>(samples)};
    for (const record::RobustnessRow& r : rows) v.insert(v.end(), {r.before, r.after, r.drop.estimate, r.drop.low, r.drop.high});
    return v;
}
}  // namespace

std::vector<Corruption> corruptions_shown(bool all) { return parse_corruptions(all ? "all" : "all:3"); }

void measure_robustness(Search& s, const Trial& original, const Trial& answer) {
    if (s.parts.kind != DataKind::image || s.parts.validation->sample_dims().size() != 3) return;
    const bool asked = s.request.robustness;
    if (!asked && s.spent(1, "robustness")) return s.decide("robustness was not measured", "the time budget is spent; --robustness measures it whatever it costs");
    const std::vector<Corruption> corruptions = corruptions_shown(asked);
    const auto answers_of = [&](const Trial& t) -> eval::Answerer {
        return [&s, &t](const Dataset& d) { return s.runtime->answers({&t.graph, t.quantized ? "" : s.request.model, t.precision}, d); };
    };
    const std::vector<double> noted = s.journal.numbers(cat("robustness|", asked ? "all|" : "", answer.key), [&] {
        const eval::Answerer before = answers_of(original), after = answers_of(answer);
        DatasetPtr some = subset(s.parts.validation, s.some_validation(most_corrupted, 88), "validation, some");
        if (!asked) {
            const int64_t n = pictures_in_time(some, s.parts, before, after, corruptions.size() + 1, s.request.seed);
            if (n < std::min(fewest_pictures, some->size())) return std::vector<double>{0};
            if (n < some->size()) some = subset(s.parts.validation, s.some_validation(n, 88), "validation, some");
        }
        ThreadPool pool(s.request.threads);
        ThreadPool::Use use(&pool);
        return flat(some->size(), eval::robustness_beside(s.request.metric, before, after, some, s.parts.preprocess, corruptions, s.request.seed));
    });
    if (noted.size() != 5 * (corruptions.size() + 1) + 1)
        return s.decide("robustness was not measured", cat("fewer than ", fewest_pictures, " pictures could be answered in ", static_cast<int>(robustness_seconds), " s; --robustness measures it whatever it costs"));
    record::Robustness r{"validation", static_cast<int64_t>(noted[0]), {}};
    for (size_t i = 0; i <= corruptions.size(); ++i) {
        record::RobustnessRow row;
        if (i) {
            const Corruption& c = corruptions[i - 1];
            row.corruption = corruption_names()[static_cast<size_t>(c.kind)];
            row.severity = c.severity;
            row.amount = amount_of(c);
        }
        const double* v = &noted[5 * i + 1];
        row.before = v[0];
        row.after = v[1];
        row.drop = {v[2], v[3], v[4]};
        r.rows.push_back(std::move(row));
    }
    const auto worst = std::max_element(r.rows.begin() + 1, r.rows.end(), [](const auto& a, const auto& b) { return a.drop.estimate < b.drop.estimate; });
    s.decide("measured both on corrupted pictures", cat("the most is lost by ", worst->corruption, " of severity ", worst->severity, ": ", s.drop_text(worst->drop.estimate), " on ", r.samples, " validation pictures; no part of the verdict"));
    s.run.robustness = std::move(r);
}

}  // namespace hone
