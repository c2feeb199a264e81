// SPDX-License-Identifier: Apache-2.0
// Where do answers part? Two models node by node, or one model between what its passes and kernels make of it and what
// the references of its operators say. Called by the verb `compare` and by tests.
//
//   record::Compare c = compare_models(a, b, inputs, {.threads = 2});
//   record::Compare d = compare_with_references(read_model(path), inputs, {});
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "record/compare.h"

namespace hone::eval {

struct CompareOptions {
    int threads = 1;
    Precision precision = Precision::fp32;
    std::optional<double> threshold;  ///< relative error past which answers part; unless given `usual_threshold`
    bool passes = false;              ///< the table of passes even where they agree
    std::function<void(const std::string&, Graph&)> after_pass = {};  ///< see PassOptions::after
};

/// 1e-3; 5e-2 where a model is quantised or runs in bf16, whose roundings differ where values lie on an edge; 0.2
/// between a quantised model and one that is not.
double usual_threshold(const Graph& a, const Graph& b, Precision precision);

/// Both after the portable passes, unfused, in fp32, so that every value of the files is seen; outputs as executed.
/// Values are matched by name, else by the names of their nodes, else by operator and dims in order. Throws model
/// "compare.inputs" where the second does not take the first's inputs.
record::Compare compare_models(const Graph& a, const Graph& b, const std::vector<Tensor>& inputs,
                               const CompareOptions& options);

/// `as_read`: nothing run on it. Each pass by references, each step of the plan against its reference on its own inputs
/// and against the same value of the graph as read.
record::Compare compare_with_references(const Graph& as_read, const std::vector<Tensor>& inputs,
                                        const CompareOptions& options);

}  // namespace hone::eval
