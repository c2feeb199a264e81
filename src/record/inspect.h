// SPDX-License-Identifier: Apache-2.0
// `hone inspect --json`: hone.inspect/1. Made by the verb `inspect`.
//
//   record::Inspect i;
//   i.layers.push_back({.name = "conv1", .op = "Conv", .macs = 118013952});
//   std::puts(record::to_table(i.layers).c_str());
#pragma once
#include "record/common.h"

namespace hone::record {

struct InspectLayer {
    std::string name{}, op{}, output{};  ///< output: shape as text
    int64_t parameters = 0, macs = 0;
    int64_t bytes = 0;                 ///< weights, inputs and outputs read and written once
    double intensity = 0;              ///< operations per byte
    std::string bound{};               ///< "compute", "memory" or "overhead" on this machine
    std::optional<double> floor_ms{};  ///< the roofline's time
    std::optional<double> time_ms{};   ///< measured
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("op", s.op);
        v("output", s.output);
        v("parameters", s.parameters);
        v("macs", s.macs);
        v("bytes", s.bytes);
        v("intensity", s.intensity);
        v("bound", s.bound);
        v("floor_ms", s.floor_ms);
        v("time_ms", s.time_ms);
    }
};

struct InspectTotals {
    int64_t parameters = 0, macs = 0, bytes = 0;
    std::optional<double> time_ms{};    ///< whole runs without timers
    std::optional<double> timed_ms{};   ///< whole runs with timers
    std::optional<double> layers_ms{};  ///< the sum over the layers
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("parameters", s.parameters);
        v("macs", s.macs);
        v("bytes", s.bytes);
        v("time_ms", s.time_ms);
        v("timed_ms", s.timed_ms);
        v("layers_ms", s.layers_ms);
    }
};

struct Inspect {
    static constexpr const char* schema = "hone.inspect/1";
    std::string model{}, precision{};
    int64_t opset = 0, threads = 0;
    Texts inputs{}, outputs{};  ///< name -> type and shape
    InspectTotals totals{};
    std::vector<InspectLayer> layers{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("precision", s.precision);
        v("opset", s.opset);
        v("threads", s.threads);
        v("inputs", s.inputs);
        v("outputs", s.outputs);
        v("totals", s.totals);
        v("layers", s.layers);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
