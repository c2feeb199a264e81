// SPDX-License-Identifier: Apache-2.0
// Hidden: the body of a timing process; eval::time_pair starts and reads it.
#include <cstdio>
#include <memory>

#include "cli/common.h"
#include "optimize/start.h"

namespace hone::cli {

Verb time_pair_verb() {
    struct Args {
        std::string first, second, precision_a = "fp32", precision_b = "fp32", plan_a, plan_b;
        eval::TimingOptions timing;
    };
    auto a = std::make_shared<Args>();
    Verb v;
    v.name = "time-pair";
    v.summary = "times one or two models in this process; started by `bench` and `optimize`";
    v.hidden = true;
    v.declare = [a](Options& o) {
        o.positional("A", a->first, "the first model").required();
        o.add("second", "B", a->second, "the second model");
        o.add("precision-a", "P", a->precision_a, "of the first");
        o.add("precision-b", "P", a->precision_b, "of the second");
        o.add("plan-a", "FILE", a->plan_a, "the first one's plan file");
        o.add("plan-b", "FILE", a->plan_b, "the second one's");
        o.add("batch", "N", a->timing.batch, "samples a run").at_least(1);
        o.add("runs", "N", a->timing.runs, "runs of a model, at least").at_least(1);
    };
    v.run = [a](Call& call) {
        a->timing.threads = call.common.threads;
        const eval::TimedModel first{a->first, eval::precision_from_name(a->precision_a), a->plan_a};
        const eval::TimedModel second{a->second, eval::precision_from_name(a->precision_b), a->plan_b};
        const std::string text =
            eval::timing_process(start_model, first, a->second.empty() ? nullptr : &second, a->timing);
        std::fwrite(text.data(), 1, text.size(), stdout);
        return 0;
    };
    return v;
}

}  // namespace hone::cli
