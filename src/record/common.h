// SPDX-License-Identifier: Apache-2.0
// Pieces that several schemas share. A struct's `visit` is the one list of its fields: their order in JSON and tables.
// Used by the other headers of this folder.
//
//   struct Point { double x = 0; template <class S, class V> static void visit(S& s, V& v) { v("x", s.x); } };
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/timing.h"

namespace hone::record {

/// Ordered name -> number; an object in JSON.
using Numbers = std::vector<std::pair<std::string, double>>;
/// Ordered name -> text; an object in JSON.
using Texts = std::vector<std::pair<std::string, std::string>>;

struct Interval {
    double estimate = 0, low = 0, high = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("estimate", s.estimate);
        v("low", s.low);
        v("high", s.high);
    }
};

/// The machine and its state beside every measurement.
struct Machine {
    std::string cpu{}, isa{};
    int64_t threads = 0, cores = 0;
    std::vector<double> load{};  ///< 1-minute load average, at the start and at the end
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("cpu", s.cpu);
        v("isa", s.isa);
        v("cores", s.cores);
        v("threads", s.threads);
        v("load", s.load);
    }
};

}  // namespace hone::record
