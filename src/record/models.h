// SPDX-License-Identifier: Apache-2.0
// `hone inspect A B C ... --json`: hone.inspect-models/1, FLOPs, time and accuracy side by side. Made by the verb
// `inspect`.
//
//   record::InspectModels all;
//   all.models.push_back({.model = path, .macs = 1814073344, .time_ms = 17.1});
#pragma once
#include "record/common.h"

namespace hone::record {

struct ModelRow {
    std::string model{}, precision{};
    int64_t parameters = 0, macs = 0;
    double flops = 0;       ///< operations a sample: two a multiply-accumulate, and what else there is
    int64_t bytes = 0;      ///< of the file
    double time_ms = 0;     ///< a whole run
    double layers_ms = 0;   ///< the sum of its layers, timed inside whole runs
    double floor_ms = 0;    ///< the roofline's
    double gops = 0;        ///< flops over time, 1e9 a second
    std::optional<double> top1{};
    std::string data{}, part{};
    int64_t samples = 0;  ///< that top1 is of
    std::string note{};   ///< why there is no accuracy
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("precision", s.precision);
        v("parameters", s.parameters);
        v("macs", s.macs);
        v("flops", s.flops);
        v("bytes", s.bytes);
        v("time_ms", s.time_ms);
        v("layers_ms", s.layers_ms);
        v("floor_ms", s.floor_ms);
        v("gops", s.gops);
        v("top1", s.top1);
        v("data", s.data);
        v("part", s.part);
        v("samples", s.samples);
        v("note", s.note);
    }
};

struct InspectModels {
    static constexpr const char* schema = "hone.inspect-models/1";
    int64_t batch = 1, threads = 0;
    Machine machine{};
    std::vector<ModelRow> models{};
    std::optional<double> flops_time{};      ///< Spearman's rank correlation over the models
    std::optional<double> parameters_time{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("batch", s.batch);
        v("threads", s.threads);
        v("machine", s.machine);
        v("models", s.models);
        v("flops_time", s.flops_time);
        v("parameters_time", s.parameters_time);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
