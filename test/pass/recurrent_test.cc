// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU whose weights are s8 behind DequantizeLinear, or rounded to bf16: they stay so in the plan, and the
// answers are those of the weights' real values.
#include <cmath>

#include "base/rng.h"
#include "run/session.h"
#include "support.h"

using namespace hone;

namespace {

Tensor random(DType type, const Dims& dims, uint64_t seed, double scale) {
    Tensor t = Tensor::zeros(type, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, type == DType::i8 ? std::floor(rng.uniform() * 255) - 127 : scale * (rng.uniform() * 2 - 1));
    return t;
}

/// x [5, 2, 6] -> cell of 11 units. `quantised`: W and R are s8 with a scale a row (or one).
Graph cell(bool lstm, bool both, bool quantised, bool per_row) {
    Graph g;
    const int64_t gates = lstm ? 4 : 3, dirs = both ? 2 : 1, hidden = 11;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {5, 2, 6}));
    const auto weights = [&](const char* name, int64_t inner, uint64_t seed) {
        const Dims dims = {dirs, gates * hidden, inner};
        if (!quantised) return g.add_constant(name, random(DType::f32, dims, seed, 0.4));
        const ValueId q = g.add_constant(name, random(DType::i8, dims, seed, 1));
        Tensor scale = Tensor::zeros(DType::f32, per_row ? Dims{gates * hidden} : Dims{});
        for (int64_t i = 0; i < scale.count(); ++i) scale.set(i, 0.002 + 0.0001 * static_cast<double>(i));
        Attributes a;
        if (per_row) a["axis"] = int64_t{1};
        return g.node(g.add_node("", "DequantizeLinear", {q, g.add_constant("scale", scale)}, 1, a, cat(name, "_dq"))).out();
    };
    const ValueId w = weights("w", 6, 1), r = weights("r", hidden, 2);
    const ValueId b = g.add_constant("b", random(DType::f32, {dirs, 2 * gates * hidden}, 3, 0.3));
    Attributes a = {{"hidden_size", hidden}, {"direction", std::string(both ? "bidirectional" : "forward")}};
    if (!lstm) a["linear_before_reset"] = int64_t{1};
    const ValueId h0 = g.add_constant("h0", random(DType::f32, {dirs, 2, hidden}, 5, 0.9));
    const NodeId n = g.add_node("", lstm ? "LSTM" : "GRU", {x, w, r, b, kNone, h0}, 2, a, "cell", {"cell"});
    g.outputs = {g.node(n).out(0), g.node(n).out(1)};
    infer_graph(g);
    return g;
}
double largest_error(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < a.size(); ++i)
        for (int64_t k = 0; k < a[i].count(); ++k) worst = std::max(worst, std::abs(a[i].at(k) - b[i].at(k)));
    return worst;
}
}  // namespace

TEST(RecurrentWeights, Int8StaysInt8) {
    for (bool lstm : {true, false})
        for (bool both : {true, false})
            for (bool per_row : {true, false}) {
                const Graph g = cell(lstm, both, true, per_row);
                const std::vector<Tensor> in = {random(DType::f32, {5, 2, 6}, 4, 3)};
                const std::vector<Tensor> want = interpret_graph(g, in);
                const auto plan = make_plan(g, {{5, 2, 6}}, {});
                ASSERT_EQ(plan->steps.size(), 1u);
                EXPECT_EQ(plan->steps[0].op, lstm ? "hone.LSTM" : "hone.GRU");
                ASSERT_EQ(plan->steps[0].kind, StepKind::kernel);
                if (usable_isa() >= Isa::avx512_vnni) EXPECT_NE(plan->steps[0].kernel->implementation().find("s8"), std::string::npos);
                EXPECT_LE(largest_error(want, Session(plan, nullptr).run(in)), 2e-4);
                EXPECT_LE(largest_error(want, interpret_graph(plan->graph, in)), 1e-5);
            }
}

TEST(RecurrentWeights, Bf16OnRequest) {
    for (bool lstm : {true, false})
        for (bool both : {true, false}) {
            const Graph g = cell(lstm, both, false, false);
            const std::vector<Tensor> in = {random(DType::f32, {5, 2, 6}, 4, 2)};
            const std::vector<Tensor> want = interpret_graph(g, in);
            const auto plan = make_plan(g, {{5, 2, 6}}, {.precision = Precision::bf16});
            EXPECT_EQ(plan->steps.back().op, lstm ? "hone.LSTM" : "hone.GRU");
            const double error = largest_error(want, Session(plan, nullptr).run(in));
            EXPECT_LE(error, 0.02);
            EXPECT_GT(error, 1e-6) << "nothing was rounded";
        }
}
