// SPDX-License-Identifier: Apache-2.0
// Which value of one model is which of another. Called by compare.cc.
//
//   const std::vector<Match> m = match_values(keys_of(plan_a), keys_of(plan_b));
//   if (m[0].other >= 0) use(m[0].by);
#pragma once
#include <string>
#include <vector>

namespace hone::eval {

struct ValueKey {
    std::string name;  ///< of the value
    std::string node;  ///< original names of the node that makes it, joined
    std::string op;
    std::string type;  ///< "f32[1,10]"; only values of one type are matched
};
struct Match {
    int other = -1;         ///< index into the second list; -1: none
    const char* by = "";    ///< "name", "node", "position"
};
/// One a value of `a`, each of `b` used once. Where names match less than half of the shorter list, what is left is
/// matched by operator and type in order (longest common subsequence).
std::vector<Match> match_values(const std::vector<ValueKey>& a, const std::vector<ValueKey>& b);

}  // namespace hone::eval
