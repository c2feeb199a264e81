// SPDX-License-Identifier: Apache-2.0
// One operator run or inferred by itself.
//
//   const Tensor y = run("Relu", {Tensor::of_f32({-1, 2})})[0];
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "op/op.h"
#include "support.h"

namespace hone {

inline Node node_of(const std::string& op, size_t inputs, Attributes attributes, size_t outputs, const std::set<size_t>& omitted = {}) {
    Node n;
    n.op = n.name = op;
    n.attributes = std::move(attributes);
    for (size_t i = 0; i < inputs; ++i) n.inputs.push_back(omitted.contains(i) ? kNone : static_cast<ValueId>(i));
    for (size_t i = 0; i < outputs; ++i) n.outputs.push_back(static_cast<ValueId>(100 + i));
    return n;
}

/// Undefined tensors are omitted inputs.
inline std::vector<Tensor> run(const std::string& op, const std::vector<Tensor>& in, Attributes attributes = {}, size_t outputs = 1) {
    std::set<size_t> omitted;
    for (size_t i = 0; i < in.size(); ++i)
        if (!in[i].defined()) omitted.insert(i);
    return interpret_node(*find_op("", op), node_of(op, in.size(), std::move(attributes), outputs, omitted), in);
}

inline std::string inferred(const std::string& op, const std::vector<TypeInfo>& in, Attributes attributes = {}) {
    const std::vector<const Tensor*> known(in.size(), nullptr);
    return to_text(infer_node(*find_op("", op), node_of(op, in.size(), std::move(attributes), 1), in, known)[0]);
}

inline TypeInfo f32(Shape s) { return TypeInfo::tensor(DType::f32, std::move(s)); }
using Ints = std::vector<int64_t>;

inline void expect_values(const Tensor& t, const Dims& dims, const std::vector<double>& want, double tolerance = 1e-6) {
    EXPECT_EQ(t.dims(), dims);
    ASSERT_EQ(t.count(), static_cast<int64_t>(want.size()));
    for (size_t i = 0; i < want.size(); ++i) {
        const double got = t.at(static_cast<int64_t>(i));
        if (std::isnan(want[i])) EXPECT_TRUE(std::isnan(got)) << i;
        else if (std::isinf(want[i])) EXPECT_EQ(got, want[i]) << i;
        else EXPECT_NEAR(got, want[i], tolerance * (1 + std::fabs(want[i]))) << i;
    }
}

inline Tensor iota(Dims dims, double first = 0) {
    Tensor t = Tensor::zeros(DType::f32, std::move(dims));
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, first + static_cast<double>(i));
    return t;
}
inline Tensor of(DType type, const std::vector<double>& v, Dims dims) {
    Tensor t = Tensor::zeros(type, std::move(dims));
    for (size_t i = 0; i < v.size(); ++i) t.set(static_cast<int64_t>(i), v[i]);
    return t;
}

}  // namespace hone
