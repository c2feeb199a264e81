// SPDX-License-Identifier: Apache-2.0
// `hone profile --json`: hone.profile/1, and its trace in the Trace Event Format that Chrome's and Perfetto's viewers
// open (JSON object form, complete events). Made by the verb `profile`.
//
//   record::Trace t;
//   t.events.push_back({.name = "conv1", .category = "Conv", .start_us = 0, .length_us = 12.5});
//   write_file_atomic("trace.json", record::to_json(t));
#pragma once
#include "record/common.h"

namespace hone::record {

/// One kernel call of the plan.
struct ProfileStep {
    std::string name{}, op{};             ///< the layer of the file that it is, or the costliest of those fused into it
    std::vector<std::string> fused{};     ///< the other layers that it does
    std::string kernel{}, layout{}, output{};
    double time_ms = 0;                   ///< mean over the middle half of the runs; these add up
    double median_ms = 0;
    double share = 0;                     ///< of the sum of all time_ms
    std::optional<double> gops{};         ///< 1e9 operations a second; a multiply-accumulate is two
    std::string bound{};                  ///< "compute", "memory" or "overhead"
    double floor_ms = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("op", s.op);
        v("fused", s.fused);
        v("kernel", s.kernel);
        v("layout", s.layout);
        v("output", s.output);
        v("time_ms", s.time_ms);
        v("median_ms", s.median_ms);
        v("share", s.share);
        v("gops", s.gops);
        v("bound", s.bound);
        v("floor_ms", s.floor_ms);
    }
};

struct Profile {
    static constexpr const char* schema = "hone.profile/1";
    std::string model{}, precision{};
    int64_t batch = 1, threads = 0, runs = 0;
    double whole_ms = 0;  ///< whole runs without timers
    double timed_ms = 0;  ///< whole runs with timers
    double steps_ms = 0;  ///< the sum of the steps
    Machine machine{};
    std::vector<ProfileStep> steps{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("precision", s.precision);
        v("batch", s.batch);
        v("threads", s.threads);
        v("runs", s.runs);
        v("whole_ms", s.whole_ms);
        v("timed_ms", s.timed_ms);
        v("steps_ms", s.steps_ms);
        v("machine", s.machine);
        v("steps", s.steps);
        v("warnings", s.warnings);
    }
};

struct TraceEvent {
    std::string name{}, category{};
    double start_us = 0, length_us = 0;
    Texts details{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        const std::string phase = "X";
        const int64_t process = 1, thread = 1;
        v("name", s.name);
        v("cat", s.category);
        v("ph", phase);
        v("ts", s.start_us);
        v("dur", s.length_us);
        v("pid", process);
        v("tid", thread);
        v("args", s.details);
    }
};

struct Trace {
    std::vector<TraceEvent> events{};
    Texts about{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        const std::string unit = "ns";
        v("traceEvents", s.events);
        v("displayTimeUnit", unit);
        v("otherData", s.about);
    }
};

}  // namespace hone::record
