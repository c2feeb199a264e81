// SPDX-License-Identifier: Apache-2.0
// `hone compare --json`: hone.compare/1: where the answers of two models part, or of one model as it runs and as its
// operators' references have it. Made by src/eval/compare.h.
//
//   record::Compare c = eval::compare_models(a, b, inputs, options);
//   if (c.parting) std::puts(c.parting->name.c_str());
#pragma once
#include "record/common.h"

namespace hone::record {

/// One value that both sides have. Errors are null where one side has NaN or infinity and the other has not.
struct ComparedValue {
    std::string name{}, node{};    ///< in the first model; of the node the original names, joined by " + "
    std::string op{}, type{};      ///< "Conv", "f32[8,64,28,28]"
    std::string matched{};         ///< by "name", "node" or "position" in the second model; "references"
    std::optional<double> relative_error{};  ///< |a - b| / |a|
    std::optional<double> greatest_error{};  ///< of an element
    std::optional<double> own_error{};  ///< of this step alone: its kernel against its reference on the same inputs
    std::string implementation{};  ///< of the kernel; empty between two models
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("node", s.node);
        v("op", s.op);
        v("type", s.type);
        v("matched", s.matched);
        v("relative_error", s.relative_error);
        v("greatest_error", s.greatest_error);
        v("own_error", s.own_error);
        v("implementation", s.implementation);
    }
};

/// Relative errors of the outputs by references alone, so that no kernel plays a part.
struct ComparedPass {
    std::string name{};
    bool changed = false;                       ///< the pass did something to this model
    std::optional<double> up_to_here{};         ///< passes to this one on, later ones off
    std::optional<double> without{};            ///< all passes but this one
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("changed", s.changed);
        v("up_to_here", s.up_to_here);
        v("without", s.without);
    }
};

/// An output as both are executed.
struct ComparedOutput {
    std::string name{}, type{};
    std::optional<double> relative_error{}, greatest_error{};
    std::optional<double> other_class{};  ///< of a classifier: share of samples whose greatest score is another's
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("type", s.type);
        v("relative_error", s.relative_error);
        v("greatest_error", s.greatest_error);
        v("other_class", s.other_class);
    }
};

struct Parting {
    std::string kind{};  ///< "node", "kernel", "pass", "output"
    std::string name{};  ///< of the pass, or original names of the node
    std::string op{}, implementation{};
    std::optional<double> relative_error{};
    std::optional<double> before{};  ///< the greatest relative error of what came before
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("kind", s.kind);
        v("name", s.name);
        v("op", s.op);
        v("implementation", s.implementation);
        v("relative_error", s.relative_error);
        v("before", s.before);
    }
};

struct Compare {
    static constexpr const char* schema = "hone.compare/1";
    std::vector<std::string> models{};
    std::string inputs{};  ///< "synthetic, seed 1", or the data and its part
    std::string precision{};
    int64_t samples = 0;
    double threshold = 0;
    bool agree = false;  ///< nothing past the threshold
    std::optional<Parting> parting{};
    std::vector<ComparedOutput> outputs{};
    std::vector<ComparedValue> values{};
    std::vector<ComparedPass> passes{};
    int64_t unmatched_first = 0, unmatched_second = 0;  ///< values that only one side has
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("models", s.models);
        v("inputs", s.inputs);
        v("samples", s.samples);
        v("precision", s.precision);
        v("threshold", s.threshold);
        v("agree", s.agree);
        v("parting", s.parting);
        v("outputs", s.outputs);
        v("values", s.values);
        v("passes", s.passes);
        v("unmatched_first", s.unmatched_first);
        v("unmatched_second", s.unmatched_second);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
