// SPDX-License-Identifier: Apache-2.0
// How two models stand corrupted samples, side by side: the part `robustness` of run.json. Made by src/optimize.
//
//   run.robustness = record::Robustness{"validation", 2000, rows};
#pragma once
#include "record/common.h"

namespace hone::record {

struct RobustnessRow {
    std::string corruption{};  ///< data/corrupt.h's; empty: the samples as they are
    int64_t severity = 0;      ///< 1..5; 0: as they are
    double amount = 0;         ///< what the severity stands for
    double before = 0, after = 0;  ///< by the run's metric
    Interval drop{};           ///< how much worse `after` is on these samples; limits of 95 % each
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("corruption", s.corruption);
        v("severity", s.severity);
        v("amount", s.amount);
        v("before", s.before);
        v("after", s.after);
        v("drop", s.drop);
    }
};

struct Robustness {
    std::string part{};  ///< whose samples
    int64_t samples = 0;
    std::vector<RobustnessRow> rows{};  ///< the first is of the samples as they are
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("part", s.part);
        v("samples", s.samples);
        v("rows", s.rows);
    }
};

}  // namespace hone::record
