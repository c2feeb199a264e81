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

/// A kind of corrupted samples (data/corrupt.h).
struct CorruptionRow {
    std::string corruption{};
    int64_t severity = 0;  ///< 1..5
    double amount = 0;     ///< what the severity stands for
    Numbers metrics{};
    Interval worse{};  ///< than on the clean samples, by the first metric; limits of 95 % each
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("corruption", s.corruption);
        v("severity", s.severity);
        v("amount", s.amount);
        v("metrics", s.metrics);
        v("worse", s.worse);
    }
};

/// A metric of this model and of another one on the same samples.
struct DifferenceRow {
    std::string metric{};
    double other = 0, model = 0;
    Interval worse{};      ///< how much worse this model is; limits of 95 % each
    std::string method{};  ///< "exact" or "bootstrap"
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("metric", s.metric);
        v("other", s.other);
        v("model", s.model);
        v("worse", s.worse);
        v("method", s.method);
    }
};

struct Eval {
    static constexpr const char* schema = "hone.eval/1";
    std::string model{}, data{}, part{}, precision{}, runtime{}, against{};  ///< `against`: the other model
    int64_t samples = 0;
    Numbers metrics{};  ///< accuracies are fractions
    double seconds = 0;
    std::vector<ClassRow> classes{};
    std::vector<std::vector<int64_t>> confusion{};  ///< [true class][answer]
    std::vector<CorruptionRow> corruptions{};
    std::vector<DifferenceRow> differences{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("data", s.data);
        v("part", s.part);
        v("precision", s.precision);
        v("runtime", s.runtime);
        v("samples", s.samples);
        v("metrics", s.metrics);
        v("seconds", s.seconds);
        v("classes", s.classes);
        v("confusion", s.confusion);
        v("corruptions", s.corruptions);
        v("against", s.against);
        v("differences", s.differences);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
