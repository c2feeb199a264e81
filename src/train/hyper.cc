// SPDX-License-Identifier: Apache-2.0
#include "train/hyper.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hone::train {

HyperValues resolve(const std::vector<Hyper>& declared, const HyperValues& given, const std::string& what) {
    HyperValues out;
    std::vector<std::string> names;
    for (const Hyper& h : declared) {
        out[h.name] = h.fallback;
        names.push_back(h.name);
    }
    for (const auto& [name, v] : given) {
        const auto h = std::find_if(declared.begin(), declared.end(), [&](const Hyper& d) { return name == d.name; });
        if (h == declared.end()) {
            const std::vector<std::string> near = nearest(name, names, 1);
            fail(ErrorKind::usage, "train.hyper", cat(what, " has no '", name, "'; it has ", names.empty() ? "none" : join(names, ", ")),
                 near.empty() ? "" : cat("Did you mean '", near[0], "'?"));
        }
        const bool inside = v >= h->low && v < h->high && (!h->whole || v == std::floor(v));
        if (!inside && v != h->fallback)
            fail(ErrorKind::usage, "train.hyper",
                 cat("'", name, "' of ", what, " is ", v, "; expected ", h->whole ? "an integer, " : "", "at least ", h->low,
                     std::isinf(h->high) ? "" : cat(" and below ", h->high)));
        out[name] = v;
    }
    return out;
}

void fail_name(const std::string& kind, const std::string& got, const std::vector<std::string>& names) {
    const std::vector<std::string> near = nearest(got, names, 1);
    fail(ErrorKind::usage, "train.name", cat("there is no ", kind, " '", got, "'; there are ", join(names, ", ")),
         near.empty() ? "" : cat("Did you mean '", near[0], "'?"));
}

}  // namespace hone::train
