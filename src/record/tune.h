// SPDX-License-Identifier: Apache-2.0
// `hone tune --json`: hone.tune/1. Made by the verb `tune`.
//
//   record::Tune t;
//   t.steps.push_back({.key = key, .count = 2, .ways = {{"onednn brgconv", "channels last", 1.2, true}}});
#pragma once
#include "record/common.h"

namespace hone::record {

struct TuneWay {
    std::string kernel{}, layout{};
    int64_t threads = 0;
    double ms = 0;  ///< NaN: not timed to the end
    bool wrong = false, chosen = false;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("kernel", s.kernel);
        v("layout", s.layout);
        v("threads", s.threads);
        v("ms", s.ms);
        v("wrong", s.wrong);
        v("chosen", s.chosen);
    }
};
struct TuneStep {
    std::string key{};
    int64_t count = 0;
    std::vector<std::string> origins{};
    std::vector<TuneWay> ways{};  ///< the fixed plan's first
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("key", s.key);
        v("count", s.count);
        v("origins", s.origins);
        v("ways", s.ways);
    }
};
struct Tune {
    static constexpr const char* schema = "hone.tune/1";
    std::string model{}, plan_file{}, journal{}, precision{};
    int64_t batch = 1;
    Machine machine{};
    bool tuned = false;                  ///< false: the fixed plan is as fast
    double fixed_ms = 0, tuned_ms = 0;   ///< whole runs by turns; 0: no step was chosen otherwise
    double seconds = 0;
    double start_ms = 0, start_from_file_ms = 0;  ///< to a session, from the model and from the plan file
    std::vector<TuneStep> steps{};
    std::vector<std::string> wrong{};    ///< kernels that the reference contradicts, dropped
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("plan_file", s.plan_file);
        v("journal", s.journal);
        v("precision", s.precision);
        v("batch", s.batch);
        v("machine", s.machine);
        v("tuned", s.tuned);
        v("fixed_ms", s.fixed_ms);
        v("tuned_ms", s.tuned_ms);
        v("seconds", s.seconds);
        v("start_ms", s.start_ms);
        v("start_from_file_ms", s.start_from_file_ms);
        v("steps", s.steps);
        v("wrong", s.wrong);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
