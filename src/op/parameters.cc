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

bool takes_parameters(const std::string& op, size_t input) {
    static const std::map<std::string, std::set<size_t>> trained = {
        {"Conv", {1, 2}},  {"ConvTranspose", {1, 2}}, {"Gemm", {1, 2}},   {"MatMul", {1}},  {"BatchNormalization", {1, 2, 3, 4}},
        {"PRelu", {1}},    {"LayerNormalization", {1, 2}}, {"InstanceNormalization", {1, 2}}, {"GroupNormalization", {1, 2}},
        {"LSTM", {1, 2, 3}}, {"GRU", {1, 2, 3}},      {"RNN", {1, 2, 3}}};
    const auto found = trained.find(op);
    return found != trained.end() && found->second.contains(input);
}

}  // namespace hone
