// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/rng.h"

namespace hone {

namespace {
using Counts = std::vector<int64_t>;

/// Whole shares of `counts` that sum to round(total * fraction), by largest remainder; ties in random order. No class
/// gives more than `room`.
Counts shares(const Counts& counts, const Counts& room, double fraction, Rng& rng) {
    int64_t total = 0, given = 0;
    Counts out;
    std::vector<double> rest;
    for (size_t c = 0; c < counts.size(); ++c) {
        const double exact = static_cast<double>(counts[c]) * fraction;
        out.push_back(std::min(static_cast<int64_t>(exact), room[c]));
        rest.push_back(exact - std::floor(exact));
        total += counts[c];
        given += out.back();
    }
    std::vector<int64_t> order = rng.permutation(static_cast<int64_t>(counts.size()));
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return rest[static_cast<size_t>(a)] > rest[static_cast<size_t>(b)]; });
    int64_t missing = std::llround(static_cast<double>(total) * fraction) - given;
    for (const int64_t k : order) {
        const auto c = static_cast<size_t>(k);
        if (missing <= 0) break;
        if (out[c] >= room[c] || rest[c] == 0) continue;
        ++out[c];
        --missing;
    }
    return out;
}

enum Stream : uint64_t { kTestShares = 1, kValidationShares = 2, kFirstClass = 16 };
}  // namespace

SplitShares parse_split(const std::string& text) {
    const auto wrong = [&](const std::string& why) {
        fail(ErrorKind::usage, "usage.split", cat("a split is three shares, of training, validation and test; got '", text, "'", why), "For example 70/10/20, or 80/20/0 for no test part.");
    };
    double shares[3], sum = 0;
    const char *at = text.data(), *const end = at + text.size();
    for (int i = 0; i < 3; ++i) {
        if (i > 0 && (at == end || *at++ != '/')) wrong("");
        const auto [next, code] = std::from_chars(at, end, shares[i]);
        if (code != std::errc() || !std::isfinite(shares[i])) wrong("");
        if (shares[i] < 0) wrong(": a share is negative");
        at = next;
        sum += shares[i];
    }
    if (at != end) wrong("");
    if (!(shares[0] > 0)) wrong(": training gets nothing");
    return {shares[0] / sum, shares[1] / sum, shares[2] / sum};
}

std::map<std::string, std::string> to_map(const MadeSplit& s) {
    char shares[96];
    std::snprintf(shares, sizeof shares, "%.17g/%.17g/%.17g", s.shares.training, s.shares.validation, s.shares.test);
    return {{"shares", shares}, {"seed", std::to_string(s.seed)}, {"of", s.of}};
}
MadeSplit made_split_from_map(const std::map<std::string, std::string>& map) {
    MadeSplit s;
    char more = 0;
    const auto text = [&](const char* key) {
        const auto found = map.find(key);
        return found == map.end() ? std::string() : found->second;
    };
    const std::string shares = text("shares"), seed = text("seed");
    const auto [end, code] = std::from_chars(seed.data(), seed.data() + seed.size(), s.seed);
    const bool read = std::sscanf(shares.c_str(), "%lf/%lf/%lf%c", &s.shares.training, &s.shares.validation, &s.shares.test, &more) == 3;
    s.of = text("of");
    if (!read || !(s.shares.training > 0 && s.shares.validation >= 0 && s.shares.test >= 0) || s.shares.training + s.shares.validation + s.shares.test > 1 + 1e-9 || code != std::errc() || end != seed.data() + seed.size())
        fail(ErrorKind::model, "data.split.stored", cat("the model's metadata says that its data was split '", shares, "' by seed '", seed, "'; expected three shares of 1 and a number"), "Write the model again with hone.");
    return s;
}

Split split_stratified(const std::vector<int>& labels, size_t classes, double validation, double test, uint64_t seed) {
    std::vector<std::vector<int64_t>> members(classes);
    for (size_t i = 0; i < labels.size(); ++i) {
        HONE_CHECK(labels[i] >= 0 && static_cast<size_t>(labels[i]) < classes);
        members[static_cast<size_t>(labels[i])].push_back(static_cast<int64_t>(i));
    }
    Counts counts, room;
    for (const auto& m : members) {
        counts.push_back(static_cast<int64_t>(m.size()));
        room.push_back(std::max<int64_t>(counts.back() - 1, 0));
    }
    Rng for_test(seed, kTestShares), for_validation(seed, kValidationShares);
    const Counts t = shares(counts, room, test, for_test);
    for (size_t c = 0; c < classes; ++c) room[c] -= t[c];
    const Counts v = shares(counts, room, validation, for_validation);
    Split out;
    for (size_t c = 0; c < classes; ++c) {
        Rng rng(seed, kFirstClass + c);
        const std::vector<int64_t> order = rng.permutation(counts[c]);
        for (int64_t k = 0; k < counts[c]; ++k) {
            auto& into = k < t[c] ? out.test : k < t[c] + v[c] ? out.validation : out.training;
            into.push_back(members[c][static_cast<size_t>(order[static_cast<size_t>(k)])]);
        }
    }
    for (auto* list : {&out.training, &out.validation, &out.test}) std::sort(list->begin(), list->end());
    return out;
}

}  // namespace hone
