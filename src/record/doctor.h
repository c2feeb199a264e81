// SPDX-License-Identifier: Apache-2.0
// `hone doctor --json`: hone.doctor/1: what this machine can do and how noisy it is. Made by the verb `doctor`.
//
//   record::Doctor d;
//   d.rates.push_back({.type = "fp32", .core_gops = 117, .all_gops = 230});
//   std::puts(record::to_json(d).c_str());
#pragma once
#include "record/common.h"

namespace hone::record {

struct RateRow {
    std::string type{};  ///< "fp32", "bf16", "int8"
    double core_gops = 0, all_gops = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("type", s.type);
        v("core_gops", s.core_gops);
        v("all_gops", s.all_gops);
    }
};

struct MemoryRow {
    std::string level{};  ///< "L1", "L2", "L3", "memory"
    int64_t bytes = 0;    ///< size; 0 where unknown
    double core_gbs = 0, all_gbs = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("level", s.level);
        v("bytes", s.bytes);
        v("core_gbs", s.core_gbs);
        v("all_gbs", s.all_gbs);
    }
};

/// Identical work timed again and again.
struct Noise {
    int64_t runs = 0;
    double median_ms = 0;
    double spread = 0;      ///< (p90 - p10) / median
    double worst = 0;       ///< maximum / median
    std::string verdict{};  ///< "quiet", "usable", "noisy"
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("runs", s.runs);
        v("median_ms", s.median_ms);
        v("spread", s.spread);
        v("worst", s.worst);
        v("verdict", s.verdict);
    }
};

struct Doctor {
    static constexpr const char* schema = "hone.doctor/1";
    std::string version{};
    Machine machine{};
    std::vector<RateRow> rates{};
    std::vector<MemoryRow> memory{};
    Noise noise{};
    Texts libraries{};  ///< "oneDNN" -> version
    std::vector<std::string> devices{};
    std::vector<std::string> dropped{};  ///< kernels that gave a wrong answer here
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("version", s.version);
        v("machine", s.machine);
        v("rates", s.rates);
        v("memory", s.memory);
        v("noise", s.noise);
        v("libraries", s.libraries);
        v("devices", s.devices);
        v("dropped", s.dropped);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
