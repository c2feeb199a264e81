// SPDX-License-Identifier: Apache-2.0
// Something that looks wrong with a model or the way it is fed, with its evidence and what to do. Part of hone.run/1 and
// hone.eval/1; made by eval/diagnose.h and compress/diagnose.h, shown first by the report.
//
//   run.findings.push_back({.fault = "scale", .title = "the pixels are not scaled", .evidence = "...", .advice = "..."});
#pragma once
#include <string>

namespace hone::record {

struct Finding {
    std::string fault{};  ///< "channel_order", "scale", "mean", "normalisation", "outlier_channel", "signed_activations"
    std::string title{}, evidence{}, advice{};
    double weight = 0;    ///< accuracy at stake, as a fraction: findings are sorted by it
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("fault", s.fault);
        v("title", s.title);
        v("evidence", s.evidence);
        v("advice", s.advice);
        v("weight", s.weight);
    }
};

}  // namespace hone::record
