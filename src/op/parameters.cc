// SPDX-License-Identifier: Apache-2.0
#include "op/parameters.h"

#include <map>
#include <set>

namespace hone {

bool holds_parameters(const std::string& op, size_t input, DType type) {
    static const std::map<std::string, std::set<size_t>> quantised = {
        {"DequantizeLinear", {0}}, {"QuantizeLinear", {0}}, {"QLinearConv", {0, 3, 8}}, {"QLinearMatMul", {0, 3}},
        {"ConvInteger", {0, 1}},   {"MatMulInteger", {0, 1}}};
    const auto found = quantised.find(op);
    return found == quantised.end() ? is_float(type) : found->second.contains(input);
}

}  // namespace hone
