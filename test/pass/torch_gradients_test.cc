// SPDX-License-Identifier: Apache-2.0
// Gradients of networks that PyTorch exported, in double, against PyTorch's own (make_torch_gradients.py wrote them): of
// every input and every parameter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "npz.h"
#include "onnx/reader.h"
#include "pass/autodiff.h"
#include "pass/list.h"
#include "support.h"

using namespace hone;

namespace {

using Arrays = std::map<std::string, Tensor>;
const Arrays& golden() {
    static const Arrays all = read_npz(source_path("test/pass/torch_gradients.npz"));
    return all;
}
std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& [key, t] : golden())
        if (key.ends_with(".model")) names.push_back(key.substr(0, key.size() - 6));
    return names;
}
std::vector<Tensor> numbered(const std::string& prefix) {
    std::vector<Tensor> out;
    for (;;) {
        const auto it = golden().find(cat(prefix, static_cast<unsigned long>(out.size())));
        if (it == golden().end()) return out;
        out.push_back(it->second);
    }
}

/// |a - b| / |b| in L2; absolutely where b is nothing (a bias before batch normalisation).
double apart(const Tensor& a, const Tensor& b) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < b.count(); ++i) {
        difference += (a.at(i) - b.at(i)) * (a.at(i) - b.at(i));
        size += b.at(i) * b.at(i);
    }
    return std::sqrt(difference) / (size > 1e-24 ? std::sqrt(size) : 1);
}

/// Attributes of a file are floats where PyTorch computes with doubles: its own constants, factors, epsilons.
double tolerance_of(const std::string& name) { return name == "selu" || name == "celu" || name == "addmm" || name.find("norm") != std::string::npos || name == "residual_block" || name == "attention_block" ? 1e-7 : 1e-9; }

class TorchGradient : public testing::TestWithParam<std::string> {};

TEST_P(TorchGradient, IsTheSame) {
    const std::string& name = GetParam();
    const Tensor& bytes = golden().at(name + ".model");
    Graph g = read_model_bytes({static_cast<const char*>(bytes.raw()), bytes.bytes()}, name);
    std::vector<Tensor> inputs = numbered(name + ".x");
    ASSERT_EQ(inputs.size(), g.inputs.size());
    std::vector<Dims> dims;
    for (const Tensor& t : inputs) dims.push_back(t.dims());
    g = specialise(g, dims);
    std::vector<Tensor> parameters;
    std::vector<ValueId> parameter_values;
    std::vector<std::string> parameter_keys;
    for (ValueId v = 0, n = g.value_count(); v < n; ++v) {  // as inputs: what computes shapes folds, they do not
        const Value value = g.value(v);
        if (!value.is_constant() || !golden().contains(cat(name, ".p.", value.name))) continue;
        parameters.push_back(value.constant);
        parameter_keys.push_back(cat(name, ".p.", value.name));
        parameter_values.push_back(g.add_input(value.name + ".trained", TypeInfo::of(value.constant)));
        g.replace_uses(v, parameter_values.back());
    }
    passes::fold_constants(g, {});
    infer_graph(g);
    std::vector<Seed> seeds;
    const std::vector<Tensor> arriving = numbered(name + ".s");
    ASSERT_EQ(arriving.size(), g.outputs.size());
    for (size_t i = 0; i < arriving.size(); ++i) seeds.push_back({g.outputs[i], g.add_constant(cat("seed", static_cast<unsigned long>(i)), arriving[i])});
    std::vector<ValueId> variables;
    std::vector<const Tensor*> wanted;
    std::vector<std::string> names;
    const auto differentiate = [&](ValueId v, const std::string& key) {
        const auto it = golden().find(key);
        if (it == golden().end()) return;
        variables.push_back(v);
        wanted.push_back(&it->second);
        names.push_back(key);
    };
    for (size_t i = 0; i < dims.size(); ++i) differentiate(g.inputs[i], cat(name, ".g", static_cast<unsigned long>(i)));
    for (size_t i = 0; i < parameters.size(); ++i) differentiate(parameter_values[i], parameter_keys[i]);
    const auto of_case = [&](const auto& entry) { return entry.first.starts_with(name + ".g") || entry.first.starts_with(name + ".p."); };
    ASSERT_EQ(static_cast<long>(variables.size()), std::count_if(golden().begin(), golden().end(), of_case)) << "a parameter is not a constant of the graph";
    g.outputs = add_gradients(g, seeds, variables);
    inputs.insert(inputs.end(), parameters.begin(), parameters.end());
    const std::vector<Tensor> got = interpret_graph(g, inputs);
    for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i].dims(), wanted[i]->dims()) << names[i];
        EXPECT_LE(apart(got[i], *wanted[i]), tolerance_of(name)) << names[i];
    }
}

INSTANTIATE_TEST_SUITE_P(All, TorchGradient, testing::ValuesIn(case_names()), [](const auto& info) { return info.param; });

}  // namespace
