// SPDX-License-Identifier: Apache-2.0
#include "eval/compare_match.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace hone::eval {

namespace {
constexpr size_t kMostPairs = 4'000'000;

bool alike(const ValueKey& a, const ValueKey& b) { return a.type == b.type; }

/// Pairs of the longest common subsequence of what is still unmatched, by operator and type.
void match_by_position(const std::vector<ValueKey>& a, const std::vector<ValueKey>& b, std::vector<Match>& m) {
    std::vector<bool> taken(b.size(), false);
    for (const Match& x : m)
        if (x.other >= 0) taken[static_cast<size_t>(x.other)] = true;
    std::vector<size_t> ia, ib;
    for (size_t i = 0; i < a.size(); ++i)
        if (m[i].other < 0) ia.push_back(i);
    for (size_t i = 0; i < b.size(); ++i)
        if (!taken[i]) ib.push_back(i);
    if (ia.empty() || ib.empty() || ia.size() > kMostPairs / ib.size()) return;
    const size_t columns = ib.size() + 1;
    std::vector<int> longest((ia.size() + 1) * columns, 0);
    const auto same = [&](size_t i, size_t k) { return a[ia[i]].op == b[ib[k]].op && alike(a[ia[i]], b[ib[k]]); };
    for (size_t i = ia.size(); i-- > 0;)
        for (size_t k = ib.size(); k-- > 0;)
            longest[i * columns + k] =
                same(i, k) ? longest[(i + 1) * columns + k + 1] + 1
                           : std::max(longest[(i + 1) * columns + k], longest[i * columns + k + 1]);
    for (size_t i = 0, k = 0; i < ia.size() && k < ib.size();) {
        if (same(i, k))
            m[ia[i++]] = {static_cast<int>(ib[k++]), "position"};
        else if (longest[(i + 1) * columns + k] >= longest[i * columns + k + 1])
            ++i;
        else
            ++k;
    }
}
}  // namespace

std::vector<Match> match_values(const std::vector<ValueKey>& a, const std::vector<ValueKey>& b) {
    std::vector<Match> m(a.size());
    std::vector<bool> taken(b.size(), false);
    size_t matched = 0;
    const auto pass = [&](const char* by, auto key) {
        std::map<std::string, size_t> where;
        for (size_t i = 0; i < b.size(); ++i)
            if (!taken[i] && !key(b[i]).empty()) where.insert_or_assign(key(b[i]), i);
        for (size_t i = 0; i < a.size(); ++i) {
            if (m[i].other >= 0) continue;
            const auto found = where.find(key(a[i]));
            if (found == where.end() || taken[found->second] || !alike(a[i], b[found->second])) continue;
            m[i] = {static_cast<int>(found->second), by};
            taken[found->second] = true;
            ++matched;
        }
    };
    pass("name", [](const ValueKey& k) { return k.name; });
    pass("node", [](const ValueKey& k) { return k.node; });
    if (matched * 2 < std::min(a.size(), b.size())) match_by_position(a, b, m);
    return m;
}

}  // namespace hone::eval
