// SPDX-License-Identifier: Apache-2.0
// One operator at one point, for the gradient checks: test/pass/gradient_test.cc holds each case against central differences
// in double. Families list their cases in gradient_*_cases.cc; every operator with a rule must have one (a test).
//
//   {.op = "Mul", .in = {points({3, 1, 5}), points({2, 5}, -2, 2, {}, 1)}}
#pragma once
#include <set>
#include <string>
#include <vector>

#include "op/op.h"

namespace hone {

struct GradientCase {
    std::string op;
    std::string domain{};
    std::vector<Tensor> in;       ///< undefined: omitted. Integers and bools are constants of the graph
    Attributes attributes{};
    int outputs = 1;
    std::set<size_t> fixed{};     ///< inputs of floats that are constants too
    std::set<size_t> unused{};    ///< outputs that the loss does not read
    std::string note{};           ///< in the case's name
    double tolerance = 1e-6;
};

/// f64, uniform in [low, high), at least 2e-3 from every kink. The same arguments give the same values.
Tensor points(const Dims& dims, double low = -2, double high = 2, const std::vector<double>& kinks = {}, uint64_t seed = 0);
/// f64, distinct values at least 2e-2 apart in random order: for maxima and sorting.
Tensor distinct(const Dims& dims, uint64_t seed = 0);

std::vector<GradientCase> elementwise_gradient_cases();
std::vector<GradientCase> recurrent_gradient_cases();
std::vector<GradientCase> attention_gradient_cases();
std::vector<GradientCase> norm_gradient_cases();
std::vector<GradientCase> conv_gradient_cases();
std::vector<GradientCase> move_gradient_cases();
/// All families.
std::vector<GradientCase> all_gradient_cases();

}  // namespace hone
