// SPDX-License-Identifier: Apache-2.0
// Means over ranks (op/exchange.cc) as one rank has them: the values themselves, in their own memory. Where there are
// others, run/exchange.cc does these steps.
#include <cstring>

#include "plan/lower.h"

namespace hone::lower {

void exchange(const LowerContext& c, std::vector<Candidate>& list) {
    Candidate k;
    k.name = "one_rank";
    if (c.node.op == "AllReduceStart") {
        k.make = [](Layout) { return step_kernel("nothing to exchange", [](const StepArgs& a) { *out<int64_t>(a) = 0; }); };
        list.push_back(std::move(k));
        return;
    }
    const size_t skip = c.node.op == "AllReduceWait" ? 1 : 0;  // the token
    std::vector<size_t> bytes;
    for (size_t i = 0; i < c.node.outputs.size(); ++i) {
        if (c.node.out(i) == kNone) return;
        bytes.push_back(static_cast<size_t>(count_of(c.out(i))) * dtype_size(c.out_dtype(i)));
        k.in_place.push_back({static_cast<int>(i + skip), static_cast<int>(i)});
    }
    k.make = [=](Layout) {
        return step_kernel("nothing to exchange", [=](const StepArgs& a) {
            for (size_t i = 0; i < bytes.size(); ++i)
                if (bytes[i] && a.out[i] != a.in[i + skip]) std::memcpy(a.out[i], a.in[i + skip], bytes[i]);
        });
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
