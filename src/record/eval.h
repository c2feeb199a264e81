// SPDX-License-Identifier: Apache-2.0
// `hone eval --json`: hone.eval/1. Made by the verb `eval`.
//
//   record::Eval e;
//   e.metrics = {{"top1", 0.93}};
//   std::puts(record::to_json(e).c_str());
#pragma once
#include "record/common.h"

namespace hone::record {

struct ClassRow {
    std::string name{};
    double precision = 0, recall = 0, f1 = 0;
    int64_t support = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("precision", s.precision);
        v("recall", s.recall);
        v("f1", s.f1);
        v("support", s.support);
    }
};

struct Eval {
    static constexpr const char* schema = "hone.eval/1";
    std::string model{}, data{}, part{}, precision{}, runtime{}, corruption{};
    int64_t samples = 0;
    Numbers metrics{};  ///< accuracies are fractions
    double seconds = 0;
    std::vector<ClassRow> classes{};
    std::vector<std::vector<int64_t>> confusion{};  ///< [true class][answer]
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("data", s.data);
        v("part", s.part);
        v("precision", s.precision);
        v("runtime", s.runtime);
        v("corruption", s.corruption);
        v("samples", s.samples);
        v("metrics", s.metrics);
        v("seconds", s.seconds);
        v("classes", s.classes);
        v("confusion", s.confusion);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
