// SPDX-License-Identifier: Apache-2.0
// Every gradient rule against central differences in double, on odd shapes, away from kinks.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "gradient_case.h"
#include "op/builder.h"
#include "pass/autodiff.h"

namespace hone {

Tensor points(const Dims& dims, double low, double high, const std::vector<double>& kinks, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f64, dims);
    Rng rng(seed + 1, 77);
    for (int64_t i = 0; i < t.count(); ++i) {
        double v = 0;
        bool near = true;
        while (near) {
            v = low + (high - low) * rng.uniform();
            near = false;
            for (double k : kinks) near = near || std::fabs(v - k) < 2e-3;
        }
        t.set(i, v);
    }
    return t;
}
Tensor distinct(const Dims& dims, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f64, dims);
    const std::vector<int64_t> order = Rng(seed + 1, 78).permutation(t.count());
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, 0.03 * static_cast<double>(order[static_cast<size_t>(i)] - t.count() / 2));
    return t;
}
std::vector<GradientCase> all_gradient_cases() {
    std::vector<GradientCase> all;
    for (auto* family : {elementwise_gradient_cases, move_gradient_cases, conv_gradient_cases, norm_gradient_cases, recurrent_gradient_cases,
                         attention_gradient_cases})
        for (GradientCase& c : family()) all.push_back(std::move(c));
    return all;
}

namespace {

std::string name_of(const GradientCase& c) { return cat(c.domain.empty() ? "" : c.domain + ".", c.op, c.note.empty() ? "" : "_" + c.note); }

struct Built {
    Graph graph;
    std::vector<Tensor> inputs;       ///< of the graph: first those differentiated, then the seeds
    std::vector<ValueId> variables;
    std::vector<Seed> seeds;
};
/// The node alone; its outputs are the graph's, and a random gradient arrives at each float one.
Built build(const GradientCase& c) {
    Built r;
    std::vector<ValueId> in;
    for (size_t i = 0; i < c.in.size(); ++i) {
        const Tensor& t = c.in[i];
        const std::string name = cat("x", static_cast<unsigned long>(i));
        if (!t.defined()) in.push_back(kNone);
        else if (!is_float(t.dtype()) || c.fixed.contains(i)) in.push_back(r.graph.add_constant(name, t));
        else {
            in.push_back(r.graph.add_input(name, TypeInfo::of(t)));
            r.variables.push_back(in.back());
            r.inputs.push_back(t);
        }
    }
    Builder b(r.graph);
    const std::vector<ValueId> out = b.nodes(c.op, in, c.outputs, c.attributes, c.domain);
    for (size_t i = 0; i < out.size(); ++i) {
        if (c.unused.contains(i) || !is_float(b.dtype(out[i]))) continue;
        const Tensor seed = points(b.dims(out[i]), 0.2, 1.5, {}, 100 + i);
        r.seeds.push_back({out[i], r.graph.add_input(cat("seed", static_cast<unsigned long>(i)), TypeInfo::of(seed))});
        r.inputs.push_back(seed);
        r.graph.outputs.push_back(out[i]);
    }
    return r;
}

double loss_of(const Built& r, const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> y = interpret_graph(r.graph, inputs);
    double sum = 0;
    for (size_t k = 0; k < y.size(); ++k)
        for (int64_t i = 0; i < y[k].count(); ++i) sum += y[k].at(i) * inputs[r.variables.size() + k].at(i);
    return sum;
}

/// The five-point central difference at a step of 4e-4, which stays within 1e-3 of the point.
double slope_at(const Built& r, size_t input, int64_t i) {
    constexpr double h = 4e-4;
    double total = 0;
    for (const auto& [step, weight] : {std::pair{1., 8.}, {-1., -8.}, {2., -1.}, {-2., 1.}}) {
        std::vector<Tensor> moved = r.inputs;
        moved[input] = moved[input].clone();
        moved[input].set(i, moved[input].at(i) + step * h);
        total += weight * loss_of(r, moved);
    }
    return total / (12 * h);
}

class Gradient : public testing::TestWithParam<GradientCase> {};

/// A case of many elements is probed at 60 of them, in each input.
TEST_P(Gradient, AgreesWithCentralDifferences) {
    const GradientCase& c = GetParam();
    Built forward = build(c), both = build(c);
    ASSERT_FALSE(forward.variables.empty());
    ASSERT_FALSE(forward.seeds.empty());
    const std::vector<ValueId> d = add_gradients(both.graph, both.seeds, both.variables);
    both.graph.outputs = d;
    both.graph.check_structure();
    const std::vector<Tensor> got = interpret_graph(both.graph, both.inputs);
    for (size_t k = 0; k < got.size(); ++k) {
        ASSERT_EQ(got[k].dims(), forward.inputs[k].dims());
        const int64_t n = got[k].count(), stride = std::max<int64_t>(1, n / 60);
        double worst = 0, size = 0;
        for (int64_t i = 0; i < n; i += stride) {
            const double want = slope_at(forward, k, i);
            worst = std::fmax(worst, std::fabs(got[k].at(i) - want));
            size = std::fmax(size, std::fabs(want));
            ASSERT_TRUE(std::isfinite(got[k].at(i)));
        }
        EXPECT_LE(worst, c.tolerance * std::fmax(size, 1e-3)) << "variable " << k << ", size " << size;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Gradient, testing::ValuesIn(all_gradient_cases()), [](const auto& info) {
    std::string s = cat(static_cast<unsigned long>(info.index), "_", name_of(info.param));
    for (char& ch : s)
        if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
    return s;
});

TEST(Gradients, EveryRuleHasACase) {
    std::set<std::string> cases;
    for (const GradientCase& c : all_gradient_cases()) cases.insert(c.domain + "." + c.op);
    std::string list;
    int rules = 0;
    for (const OpDecl* op : all_ops()) {
        if (!op->gradient) continue;
        ++rules;
        list += cat(" ", *op->domain ? cat(op->domain, ".") : "", op->name);
        EXPECT_TRUE(cases.contains(cat(op->domain, ".", op->name))) << op->name << " has a rule and no case";
    }
    std::cout << rules << " operators have a gradient:" << list << "\n";
}

}  // namespace
}  // namespace hone
