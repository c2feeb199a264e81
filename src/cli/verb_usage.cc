// SPDX-License-Identifier: Apache-2.0
// Hidden: the body of a measuring process; eval::measure_usage starts and reads it.
#include <cstdio>
#include <memory>

#include "cli/common.h"
#include "eval/usage.h"
#include "optimize/start.h"

namespace hone::cli {

Verb usage_verb() {
    struct Args {
        std::string model, precision = "fp32", plan;
        eval::TimingOptions timing;
    };
    auto a = std::make_shared<Args>();
    Verb v;
    v.name = "usage";
    v.summary = "memory, processor time and throughput of a model in this process; started by `bench`";
    v.hidden = true;
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the model").required();
        o.add("precision", "P", a->precision, "of its float parts");
        o.add("plan", "FILE", a->plan, "its plan file");
        o.add("batch", "N", a->timing.batch, "samples a run").at_least(1);
        o.add("runs", "N", a->timing.runs, "runs, at least").at_least(1);
        o.add("seconds", "S", a->timing.min_seconds, "goes on for at least this long").at_least(0);
    };
    v.run = [a](Call& call) {
        a->timing.threads = call.common.threads;
        const std::string text =
            eval::usage_process(start_model, {a->model, eval::precision_from_name(a->precision), a->plan}, a->timing);
        std::fwrite(text.data(), 1, text.size(), stdout);
        return 0;
    };
    return v;
}

}  // namespace hone::cli
