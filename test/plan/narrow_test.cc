// SPDX-License-Identifier: Apache-2.0
// Nodes of a mixed-precision step, stored in f16 and bf16: every one has a kernel, in either layout, that gives what the
// reference gives from the same operands, and sums over samples come in f32 where they are asked for.
#include <gtest/gtest.h>

#include <cmath>

#include "base/thread_pool.h"
#include "normal.h"
#include "op/builder.h"
#include "plan/lower.h"
#include "run/session.h"

using namespace hone;

namespace {

using Ints = std::vector<int64_t>;
constexpr DType kNarrow = DType::undefined;  ///< stands for f16 or bf16

struct Operand {
    Dims dims;
    DType type = kNarrow;
};
struct Case {
    std::string note, op, domain;
    std::vector<Operand> in;
    Attributes attributes = {};
    int outputs = 1;
    std::vector<DType> out = {kNarrow};
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.op << " " << c.note; }

class NarrowKernels : public testing::TestWithParam<Case> {};

TEST_P(NarrowKernels, AgreeWithTheReference) {
    const Case& c = GetParam();
    ThreadPool pool(2);
    for (DType type : {DType::bf16, DType::f16}) {
        const auto type_of = [&](DType t) { return t == kNarrow ? type : t; };
        Graph g;
        Rng rng(11);
        std::vector<ValueId> ids;
        std::vector<Tensor> in;
        for (size_t i = 0; i < c.in.size(); ++i) {
            const Operand& o = c.in[i];
            Tensor t = normal(rng, o.dims);
            for (int64_t k = 0; k < t.count(); ++k) t.set(k, o.type == DType::boolean ? t.at(k) > 0 : i == 4 ? 0.5 + std::fabs(t.at(k)) : t.at(k));
            in.push_back(t.cast(type_of(o.type)));
            ids.push_back(g.add_input(cat("x", static_cast<int>(i)), TypeInfo::tensor(type_of(o.type), shape_of(o.dims))));
        }
        Attributes attributes = c.attributes;
        g.outputs = g.node(g.add_node(c.domain, c.op, ids, c.outputs, attributes, "node")).outputs;
        infer_graph(g);
        for (size_t i = 0; i < c.out.size(); ++i) ASSERT_EQ(g.value(g.outputs[i]).type.dtype, type_of(c.out[i])) << i;
        const std::vector<Tensor> want = interpret_graph(g, in);
        std::vector<Dims> dims;
        for (const Operand& o : c.in) dims.push_back(o.dims);
        for (int threads : {1, 2}) {
            const auto plan = make_plan(g, dims, {.threads = threads});
            for (const Step& s : plan->steps) ASSERT_EQ(s.kind, StepKind::kernel) << to_text(*plan);
            Session session(plan, &pool);
            for (int round = 0; round < 2; ++round) {
                const std::vector<Tensor> got = session.run(in);
                for (size_t i = 0; i < want.size(); ++i) {
                    double worst = 0, size = 1e-3;
                    for (int64_t k = 0; k < want[i].count(); ++k) {
                        ASSERT_TRUE(std::isfinite(got[i].at(k))) << to_text(*plan);
                        worst = std::fmax(worst, std::fabs(want[i].at(k) - got[i].at(k)));
                        size = std::fmax(size, std::fabs(want[i].at(k)));
                    }
                    // One rounding of the result; sums that are f32 have none.
                    const double rounding = want[i].dtype() == DType::f32 ? 2e-4 : type == DType::bf16 ? 8e-3 : 1.5e-3;
                    EXPECT_LE(worst, rounding * size) << dtype_name(type) << " output " << i << "\n" << to_text(*plan);
                }
            }
        }
    }
}

std::vector<Case> cases() {
    const Ints same{1, 1, 1, 1};
    const Dims x{3, 16, 9, 7}, w{24, 16, 3, 3}, y{3, 24, 9, 7};
    const DType f32 = DType::f32;
    const auto to = static_cast<int64_t>(f32);
    const Attributes conv{{"pads", same}}, of_x{{"pads", same}, {"shape", x}}, of_w{{"pads", same}, {"shape", w}};
    Attributes wide_w = of_w;
    wide_w["to"] = to;
    const Attributes norm{{"epsilon", 1e-3f}, {"training_mode", int64_t{1}}, {"momentum", 0.8f}};
    const Attributes pool{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
    Attributes average = pool;
    average["shape"] = Dims{2, 19, 8, 6};
    const Dims c{16};
    std::vector<Case> all{
        {"", "Conv", "", {{x}, {w}}, conv},
        {"bias", "Conv", "", {{x}, {w}, {{24}}}, conv},
        {"grouped", "Conv", "", {{{2, 12, 6, 7}}, {{12, 1, 3, 3}}}, {{"pads", same}, {"group", int64_t{12}}}},
        {"", "ConvGradInput", "hone", {{y}, {w}}, of_x},
        {"", "ConvGradWeight", "hone", {{x}, {y}}, of_w},
        {"f32", "ConvGradWeight", "hone", {{x}, {y}}, wide_w, 1, {f32}},
        {"training", "BatchNormalization", "", {{x}, {c, f32}, {c, f32}, {c, f32}, {c, f32}}, norm, 3, {kNarrow, f32, f32}},
        {"", "BatchNormGrad", "hone", {{x}, {x}, {c, f32}}, {{"epsilon", 1e-3f}}, 3, {kNarrow, f32, f32}},
        {"", "MaxPool", "", {{{2, 19, 8, 6}}}, pool},
        {"", "MaxPoolGrad", "hone", {{{2, 19, 4, 3}}, {{2, 19, 8, 6}}}, pool},
        {"", "AveragePool", "", {{{2, 19, 8, 6}}}, pool},
        {"", "AveragePoolGrad", "hone", {{{2, 19, 4, 3}}}, average},
        {"", "GlobalAveragePool", "", {{x}}},
        {"", "LayerNormalization", "", {{{5, 33}}, {{33}}, {{33}}}, {{"axis", int64_t{-1}}}},
        {"f32", "LayerNormGrad", "hone", {{{5, 33}}, {{5, 33}}, {{33}}}, {{"to", to}}, 3, {kNarrow, f32, f32}},
        {"", "Gemm", "", {{{7, 13}}, {{19, 13}}, {{19}}}, {{"transB", int64_t{1}}}},
        {"turned", "Gemm", "", {{{13, 7}}, {{13, 19}}}, {{"transA", int64_t{1}}}},
        {"batched", "MatMul", "", {{{3, 2, 5, 7}}, {{3, 2, 7, 9}}}},
        {"f32", "Product", "hone", {{{13, 7}}, {{13, 19}}}, {{"transA", int64_t{1}}, {"to", to}}, 1, {f32}},
        {"batched_f32", "Product", "hone", {{{3, 5, 7}}, {{3, 7, 9}}}, {{"to", to}}, 1, {f32}},
        {"", "Relu", "", {{x}}},
        {"", "ReluGrad", "hone", {{x}, {x}}},
        {"", "Add", "", {{x}, {x}}},
        {"scalar", "Mul", "", {{x}, {{1}}}},
        {"channels", "Mul", "", {{x}, {{16, 1, 1}}}},
        {"", "Gelu", "", {{{7, 1531}}}},
        {"", "Where", "", {{x, DType::boolean}, {x}, {x}}},
        {"", "Greater", "", {{x}, {x}}, {}, 1, {DType::boolean}},
        {"", "Transpose", "", {{{5, 6, 7}}}, {{"perm", Ints{2, 0, 1}}}},
        {"", "ReduceSum", "", {{x}}, {{"keepdims", int64_t{0}}}},
    };
    const int64_t hidden = 6;
    for (const auto& [op, gates] : {std::pair{"LSTM", int64_t{4}}, {"GRU", int64_t{3}}})
        all.push_back({"", op, "", {{{5, 3, 4}}, {{1, gates * hidden, 4}}, {{1, gates * hidden, hidden}}, {{1, 2 * gates * hidden}}},
                       {{"hidden_size", hidden}, {"linear_before_reset", int64_t{1}}}});
    all[all.size() - 2].attributes.erase("linear_before_reset");
    return all;
}
INSTANTIATE_TEST_SUITE_P(All, NarrowKernels, testing::ValuesIn(cases()), [](const auto& info) {
    return info.param.op + (info.param.note.empty() ? "" : "_" + info.param.note);
});

/// What is inside a chain is not rounded: (x + 256) - 256 keeps the x that one rounding to bf16 of the sum would lose.
TEST(NarrowChain, ComputesInF32BetweenRoundings) {
    for (const Dims& dims : {Dims{3, 5, 7}, Dims{2, 1531}}) {
        Graph g;
        Builder b(g);
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::bf16, shape_of(dims)));
        g.outputs = {b.node("Relu", {b.shift(b.shift(x, 256), -256)})};
        Rng rng(3);
        const Tensor in = normal(rng, dims).cast(DType::bf16);
        const auto plan = make_plan(g, {dims}, {});
        ASSERT_EQ(plan->steps.size(), 1u) << to_text(*plan);
        EXPECT_EQ(plan->steps[0].op, "hone.Chain");
        const Tensor y = Session(plan, nullptr).run({in})[0];
        for (int64_t i = 0; i < y.count(); ++i) EXPECT_NEAR(y.at(i), std::fmax(0, in.at(i)), 4e-3 * std::fabs(in.at(i)) + 2e-5) << i;
    }
}

}  // namespace
