// SPDX-License-Identifier: Apache-2.0
// `hone run --json`: hone.infer/1: a model's answers to single inputs. Made by the verb `run`.
//
//   record::Infer r;
//   r.results.push_back({.input = "photo.png", .scores = {{.index = 3, .name = "Dress", .score = 0.97}}});
#pragma once
#include "record/common.h"

namespace hone::record {

struct ClassScore {
    int64_t index = 0;
    std::string name{};
    double score = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("index", s.index);
        v("name", s.name);
        v("score", s.score);
    }
};

/// Of a model that is no classifier: each output, summed up.
struct OutputSummary {
    std::string name{}, type{};  ///< "f32[1,10]"
    double min = 0, max = 0, mean = 0, std = 0;
    int64_t not_finite = 0;        ///< NaNs and infinities; left out of the others
    std::vector<double> values{};  ///< the first sixteen
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("type", s.type);
        v("min", s.min);
        v("max", s.max);
        v("mean", s.mean);
        v("std", s.std);
        v("not_finite", s.not_finite);
        v("values", s.values);
    }
};

struct Answer {
    std::string input{};           ///< as given, with the row of a table
    std::optional<int64_t> row{};
    std::string label{};           ///< what a table's column `label` says
    std::vector<ClassScore> scores{};  ///< greatest first
    std::vector<OutputSummary> outputs{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("input", s.input);
        v("row", s.row);
        v("label", s.label);
        v("scores", s.scores);
        v("outputs", s.outputs);
    }
};

struct Infer {
    static constexpr const char* schema = "hone.infer/1";
    std::string model{}, precision{}, runtime{};
    std::string plan_file{};  ///< that was taken instead of planning; empty: none
    std::string score{};  ///< what the scores are: "softmax" (of the output), "probabilities", "sigmoid"; empty: none
    Texts preprocess{};   ///< as used for the last input
    int64_t threads = 0;
    double seconds = 0;  ///< all inputs, with reading them and making the plan
    std::vector<Answer> results{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("precision", s.precision);
        v("runtime", s.runtime);
        v("plan_file", s.plan_file);
        v("threads", s.threads);
        v("score", s.score);
        v("preprocess", s.preprocess);
        v("seconds", s.seconds);
        v("results", s.results);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
