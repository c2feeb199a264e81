// SPDX-License-Identifier: Apache-2.0
// The kernels of a training step, every way to do each of them, against the references: convolutions with computed weights
// and their gradients, gradients of pools, batch normalisation in training, products of computed matrices.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/thread_pool.h"
#include "normal.h"
#include "op/builder.h"
#include "pass/autodiff.h"
#include "plan/lower.h"
#include "run/session.h"

using namespace hone;

namespace {

using Ints = std::vector<int64_t>;

struct Case {
    std::string note, op, domain;
    std::vector<Dims> in;
    Attributes attributes = {};
    int outputs = 1;
    std::set<size_t> positive = {};  ///< inputs that must be above 0
    double tolerance = 1e-4;
    DType type = DType::f32;
    std::set<size_t> omitted = {}, small = {};  ///< inputs that the node is not given; those that stay f32
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.op << " " << c.note; }

/// The node alone, its inputs the graph's. `last`: those of rank 3 and more pass a pool of one tap first, whose result lies
/// channels last; a wide one, so that most of the bytes do.
Graph graph_of(const Case& c, bool last) {
    Graph g;
    std::vector<ValueId> in;
    for (size_t i = 0; i < c.in.size(); ++i) {
        const ValueId x = g.add_input(cat("x", static_cast<int>(i)), TypeInfo::tensor(c.small.contains(i) ? DType::f32 : c.type, shape_of(c.in[i])));
        const bool pass = last && c.in[i].size() >= 3;
        in.push_back(c.omitted.contains(i) ? kNone : pass ? g.node(g.add_node("", "MaxPool", {x}, 1, {{"kernel_shape", Ints(c.in[i].size() - 2, 1)}}, "last")).out() : x);
    }
    g.outputs = g.node(g.add_node(c.domain, c.op, in, c.outputs, c.attributes, "node")).outputs;
    infer_graph(g);
    return g;
}
std::vector<Tensor> inputs_of(const Case& c) {
    Rng rng(7);
    std::vector<Tensor> in;
    for (size_t i = 0; i < c.in.size(); ++i) {
        in.push_back(normal(rng, c.in[i]));
        for (int64_t k = 0; k < in.back().count(); ++k)
            in.back().set(k, c.positive.contains(i) ? std::fabs(in.back().at(k)) + 0.5 : 1.0 + 2 * in.back().at(k));
        if (!c.small.contains(i)) in.back() = in.back().cast(c.type);
    }
    return in;
}
void expect_near(const std::vector<Tensor>& want, const std::vector<Tensor>& got, double tolerance, const std::string& how) {
    ASSERT_EQ(want.size(), got.size());
    for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_EQ(want[i].dims(), got[i].dims());
        double worst = 0, size = 1e-3;
        for (int64_t k = 0; k < want[i].count(); ++k) {
            worst = std::fmax(worst, std::fabs(want[i].at(k) - got[i].at(k)));
            size = std::fmax(size, std::fabs(want[i].at(k)));
            ASSERT_TRUE(std::isfinite(got[i].at(k))) << how;
        }
        ASSERT_LE(worst, tolerance * size) << "output " << i << " by " << how;
    }
}
const Step& step_of(const Plan& p, const Case& c) {
    for (const Step& s : p.steps)
        if (s.op == (c.domain.empty() ? "" : c.domain + ".") + c.op && s.node != kNone && !p.graph.node(s.node).name.starts_with("last")) return s;
    HONE_CHECK(false, c.op, " is not in the plan");
}

class TrainingKernels : public testing::TestWithParam<Case> {};

TEST_P(TrainingKernels, AgreeWithTheReference) {
    const Case& c = GetParam();
    const std::vector<Tensor> in = inputs_of(c);
    ThreadPool pool(2);
    std::set<std::string> seen;
    for (bool last : {false, true}) {
        const Graph g = graph_of(c, last);
        const std::vector<Tensor> want = interpret_graph(g, in);
        for (int threads : {1, 2}) {
            PlanOptions o;
            o.threads = threads;
            const auto run = [&](const std::string& how) {
                const auto plan = make_plan(g, c.in, o);
                const Step& s = step_of(*plan, c);
                if (s.kernel) seen.insert(cat(s.candidate, " ", s.kernel->implementation(), s.layout == Layout::plain ? " plain" : " last"));
                Session session(plan, &pool);
                for (int round = 0; round < 2; ++round) ASSERT_NO_FATAL_FAILURE(expect_near(want, session.run(in), c.tolerance, how + "\n" + to_text(*plan)));
                if (usable_isa() >= (c.type == DType::f32 ? Isa::avx2 : Isa::avx512)) ASSERT_EQ(s.kind, StepKind::kernel) << "no kernel\n" << to_text(*plan);
            };
            ASSERT_NO_FATAL_FAILURE(run("the fixed plan"));
            const auto fixed = make_plan(g, c.in, o);
            const NodeId id = step_of(*fixed, c).node;
            for (const Candidate& k : candidates_for({fixed->graph, id, fixed->graph.node(id), threads}))
                for (int v = 0; v < k.variants; ++v) {
                    const Choice choice{k.name, v, k.layout == LayoutRule::plain ? Layout::plain : Layout::channels_last, threads};
                    o.choose = [&](const Graph&, NodeId n) { return n == id ? std::optional(choice) : std::nullopt; };
                    ASSERT_NO_FATAL_FAILURE(run(cat(k.name, " ", v)));
                    o.choose = {};
                }
        }
    }
    for (const std::string& s : seen) std::cout << "  " << s << "\n";
}

std::vector<Case> conv_cases() {
    const Ints same{1, 1, 1, 1};
    struct Conv {
        std::string note;
        Dims x, w, y;
        Attributes a;
    };
    std::vector<Case> all;
    for (const Conv& c : std::vector<Conv>{
             {"3x3", {3, 16, 9, 7}, {24, 16, 3, 3}, {3, 24, 9, 7}, {{"pads", same}}},
             {"odd_channels", {2, 3, 11, 13}, {5, 3, 3, 3}, {2, 5, 11, 13}, {{"pads", same}}},
             {"stride_2_with_rest", {2, 16, 10, 9}, {32, 16, 3, 3}, {2, 32, 5, 5}, {{"pads", same}, {"strides", Ints{2, 2}}}},
             {"7x7_stride_2", {2, 3, 21, 20}, {16, 3, 7, 7}, {2, 16, 11, 10}, {{"pads", Ints{3, 3, 3, 3}}, {"strides", Ints{2, 2}}}},
             {"1x1", {2, 32, 5, 7}, {16, 32, 1, 1}, {2, 16, 5, 7}, {}},
             {"1x1_stride_2", {2, 17, 7, 6}, {9, 17, 1, 1}, {2, 9, 4, 3}, {{"strides", Ints{2, 2}}}},
             {"groups", {2, 12, 6, 7}, {8, 6, 3, 3}, {2, 8, 6, 7}, {{"pads", same}, {"group", int64_t{2}}}},
             {"depthwise", {2, 19, 8, 7}, {19, 1, 3, 3}, {2, 19, 8, 7}, {{"pads", same}, {"group", int64_t{19}}}},
             {"depthwise_stride_2", {2, 16, 9, 9}, {16, 1, 5, 5}, {2, 16, 5, 5}, {{"pads", Ints{2, 2, 2, 2}}, {"group", int64_t{16}}, {"strides", Ints{2, 2}}}},
             {"uneven_pads", {1, 8, 6, 6}, {8, 8, 2, 3}, {1, 8, 6, 7}, {{"pads", Ints{1, 2, 0, 1}}}},
             {"dilated", {1, 8, 9, 9}, {8, 8, 3, 3}, {1, 8, 9, 9}, {{"pads", Ints{2, 2, 2, 2}}, {"dilations", Ints{2, 2}}}},
             {"one_axis", {3, 6, 15}, {10, 6, 3}, {3, 10, 7}, {{"strides", Ints{2}}}},
             {"three_axes", {1, 4, 5, 6, 5}, {6, 4, 3, 3, 3}, {1, 6, 5, 6, 5}, {{"pads", Ints(6, 1)}}},
             {"one_pixel", {5, 16, 1, 1}, {8, 16, 3, 3}, {5, 8, 1, 1}, {{"pads", same}}},
         }) {
        all.push_back({c.note, "Conv", "", {c.x, c.w}, c.a});
        all.push_back({c.note + "_bias", "Conv", "", {c.x, c.w, {c.w[0]}}, c.a});
        Attributes x = c.a, w = c.a;
        x["shape"] = c.x, w["shape"] = c.w;
        all.push_back({c.note, "ConvGradInput", "hone", {c.y, c.w}, x});
        all.push_back({c.note, "ConvGradWeight", "hone", {c.x, c.y}, w});
        all.push_back({c.note, "ConvTranspose", "", {c.y, c.w}, c.a});
    }
    all.push_back({"output_padding", "ConvTranspose", "", {{2, 6, 5, 4}, {6, 5, 3, 3}},
                   {{"strides", Ints{2, 2}}, {"pads", same}, {"output_padding", Ints{1, 0}}}});
    all.push_back({"output_shape", "ConvTranspose", "", {{2, 6, 5, 4}, {6, 5, 4, 4}}, {{"strides", Ints{2, 2}}, {"output_shape", Ints{10, 9}}}});
    for (size_t i = 0, n = all.size(); i < n; ++i) {
        all.push_back(all[i]);
        all.back().note += "_bf16", all.back().type = DType::bf16, all.back().tolerance = 1e-2;
    }
    return all;
}
std::vector<Case> pool_cases() {
    const Attributes padded{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
    const Attributes plain{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
    const Attributes dilated{{"kernel_shape", Ints{2, 3}}, {"dilations", Ints{2, 1}}};
    const Attributes ceil{{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}};
    std::vector<Case> all{
        {"padded", "MaxPoolGrad", "hone", {{2, 19, 5, 4}, {2, 19, 9, 8}}, padded},
        {"wide", "MaxPoolGrad", "hone", {{2, 67, 5, 4}, {2, 67, 9, 8}}, padded},
        {"rest", "MaxPoolGrad", "hone", {{3, 6, 4, 3}, {3, 6, 9, 7}}, plain},
        {"dilated", "MaxPoolGrad", "hone", {{1, 5, 5, 4}, {1, 5, 7, 6}}, dilated},
        {"ceil", "MaxPoolGrad", "hone", {{1, 5, 4, 4}, {1, 5, 8, 7}}, ceil},
        {"one_axis", "MaxPoolGrad", "hone", {{2, 7, 5}, {2, 7, 11}}, {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}}},
        {"three_axes", "MaxPoolGrad", "hone", {{1, 9, 2, 3, 2}, {1, 9, 4, 6, 5}}, {{"kernel_shape", Ints{2, 2, 2}}, {"strides", Ints{2, 2, 2}}}},
    };
    for (int64_t with : {0, 1})
        for (const auto& [note, a, y, x] : {std::tuple{"padded", padded, Dims{2, 19, 5, 4}, Dims{2, 19, 9, 8}}, {"rest", plain, {3, 16, 4, 3}, {3, 16, 9, 7}}}) {
            Attributes b = a;
            b["shape"] = x, b["count_include_pad"] = with;
            all.push_back({cat(note, with ? "_include_pad" : ""), "AveragePoolGrad", "hone", {y}, b});
        }
    return all;
}
std::vector<Case> batch_norm_cases() {
    std::vector<Case> all;
    const Attributes training{{"training_mode", int64_t{1}}, {"epsilon", 1e-3f}, {"momentum", 0.8f}};
    for (const Dims& x : {Dims{3, 19, 5, 7}, {2, 64, 4, 4}, {9, 3, 31, 29}, {70, 21}, {4, 5, 33}, {2, 3, 4, 5, 6}, {1, 1, 6, 6}}) {
        const Dims c{x[1]};
        all.push_back({cat("rank_", static_cast<int>(x.size()), "_of_", x[1]), "BatchNormalization", "", {x, c, c, c, c}, training, 3, {4}});
        all.push_back({cat("alone_of_", x[1]), "BatchNormalization", "", {x, c, c, c, c}, training, 1, {4}});
        all.push_back({cat("rank_", static_cast<int>(x.size()), "_of_", x[1]), "BatchNormGrad", "hone", {x, x, c}, {{"epsilon", 1e-3f}}, 3});
    }
    return all;
}
std::vector<Case> fused_batch_norm_cases() {
    std::vector<Case> all;
    for (const Dims& x : {Dims{3, 19, 5, 7}, {2, 64, 4, 4}, {9, 3, 31, 29}, {70, 21}, {4, 5, 33}, {2, 3, 4, 5, 6}, {3, 1, 6, 6}, {5, 83, 17, 9}})
        for (int64_t relu : {0, 1})
            for (DType type : {DType::f32, DType::bf16}) {
                const Dims c{x[1]};
                const double tolerance = type == DType::f32 ? 1e-4 : 1e-2;
                const Attributes a{{"epsilon", 1e-3f}, {"relu", relu}};
                Attributes running = a;
                running["momentum"] = 0.8f;
                const std::string note = cat(relu ? "relu_" : "", dtype_name(type), "_rank_", static_cast<int>(x.size()), "_of_", x[1]);
                all.push_back({note, "BatchNormAct", "hone", {x, c, c, c, c}, running, 5, {4}, tolerance, type, {}, {1, 2, 3, 4}});
                all.push_back({note + "_residual", "BatchNormAct", "hone", {x, c, c, c, c, x}, running, 5, {4}, tolerance, type, {}, {1, 2, 3, 4}});
                all.push_back({note, "BatchNormApply", "hone", {x, c, c}, {{"relu", relu}}, 1, {}, tolerance, type, {}, {1, 2}});
                all.push_back({note + "_y", "BatchNormActGrad", "hone", {x, x, c, x, x}, a, 4, {}, tolerance, type, {3}, {2}});
                all.push_back({note + "_sum_y", "BatchNormActGrad", "hone", {x, x, c, x, x}, a, 3, {}, tolerance, type, {}, {2}});
                all.push_back({note + "_again", "BatchNormActGrad", "hone", {x, x, c, x, x, c, c}, a, 3, {}, tolerance, type, {4}, {2, 5, 6}});
                all.push_back({note + "_again_kept", "BatchNormActGrad", "hone", {x, x, c, x, x, c, c}, a, 4, {}, tolerance, type, {3, 4}, {2, 5, 6}});
            }
    return all;
}
std::vector<Case> product_cases() {
    std::vector<Case> all;
    for (int64_t ta : {0, 1})
        for (int64_t tb : {0, 1}) {
            const Dims a = ta ? Dims{13, 7} : Dims{7, 13}, b = tb ? Dims{19, 13} : Dims{13, 19};
            const Attributes t{{"transA", ta}, {"transB", tb}};
            const std::string note = cat("a", ta, "b", tb);
            Attributes scaled = t;
            scaled["alpha"] = 0.5f, scaled["beta"] = 2.f;
            all.push_back({note, "Gemm", "", {a, b}, t});
            all.push_back({note + "_row", "Gemm", "", {a, b, {19}}, t});
            all.push_back({note + "_row_of_a_matrix", "Gemm", "", {a, b, {1, 19}}, t});
            all.push_back({note + "_residual", "Gemm", "", {a, b, {7, 19}}, scaled});
            all.push_back({note + "_alpha", "Gemm", "", {a, b}, {{"transA", ta}, {"transB", tb}, {"alpha", 0.25f}}});
        }
    all.push_back({"", "ReluGrad", "hone", {{2, 19, 5, 7}, {2, 19, 5, 7}}});
    all.push_back({"batched", "MatMul", "", {{3, 2, 5, 7}, {3, 2, 7, 9}}});
    all.push_back({"shared", "MatMul", "", {{3, 5, 7}, {7, 9}}});
    return all;
}
std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (auto* family : {conv_cases, pool_cases, batch_norm_cases, fused_batch_norm_cases, product_cases})
        for (Case& c : family()) all.push_back(std::move(c));
    return all;
}
INSTANTIATE_TEST_SUITE_P(All, TrainingKernels, testing::ValuesIn(all_cases()), [](const auto& info) {
    std::string s = cat(static_cast<int>(info.index), "_", info.param.op, "_", info.param.note);
    for (char& ch : s)
        if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
    return s;
});

/// The gradient of a convolution's bias: over all axes but the channels, in either layout.
TEST(ChannelReduce, AgreesWithTheReference) {
    Rng rng(3);
    ThreadPool pool(2);
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax"})
        for (const Dims& d : {Dims{3, 19, 5, 7}, {2, 1, 40, 50}, {2, 64, 20, 30}, {4, 5, 33}})
            for (bool last : {false, true})
                for (int64_t keepdims : {0, 1}) {
                    Graph g;
                    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of(d)));
                    if (last) x = g.node(g.add_node("", "MaxPool", {x}, 1, {{"kernel_shape", Ints(d.size() - 2, 1)}}, "last")).out();
                    Ints axes{0};
                    for (size_t a = 2; a < d.size(); ++a) axes.push_back(static_cast<int64_t>(a));
                    const ValueId list = g.add_constant("axes", Tensor::of_i64(axes));
                    g.outputs = g.node(g.add_node("", op, {x, list}, 1, {{"keepdims", keepdims}}, "reduce")).outputs;
                    infer_graph(g);
                    const std::vector<Tensor> in{normal(rng, d)};
                    PlanOptions o;
                    o.threads = 2;
                    const auto plan = make_plan(g, {d}, o);
                    EXPECT_EQ(plan->steps.back().candidate, "channel_reduce") << to_text(*plan);
                    expect_near(interpret_graph(g, in), Session(plan, &pool).run(in), 1e-4, to_text(*plan));
                }
}

/// Sums far from 0 do not cancel: the statistics of a channel whose mean is a thousand deviations.
TEST(BatchNorm, MeanFarFromZero) {
    Rng rng(3);
    for (const Dims& d : {Dims{4, 17, 9, 9}, {300, 17}}) {
        const Case c{"", "BatchNormalization", "", {d, {17}, {17}, {17}, {17}}, {{"training_mode", int64_t{1}}}, 3};
        std::vector<Tensor> in = inputs_of(c);
        for (int64_t i = 0; i < in[0].count(); ++i) in[0].set(i, 300 + 0.3 * rng.normal());
        const Graph g = graph_of(c, false);
        Session s(make_plan(g, c.in, {}), nullptr);
        expect_near(interpret_graph(g, in), s.run(in), 1e-3, "far");
    }
}

/// Masks: comparisons, logic and Where, broadcast both ways, in either layout.
TEST(Masks, AgreeWithTheReference) {
    Rng rng(5);
    ThreadPool pool(2);
    const Dims d{2, 19, 5, 7};
    for (bool last : {false, true})
        for (const Dims& other : {Dims{2, 19, 5, 7}, {19, 1, 1}, {1, 19, 1, 1}, {}, {5, 1}, {7}}) {
            Graph g;
            ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of(d)));
            const ValueId y = g.add_input("y", TypeInfo::tensor(DType::f32, shape_of(other)));
            if (last) x = g.node(g.add_node("", "MaxPool", {x}, 1, {{"kernel_shape", Ints{1, 1}}}, "last")).out();
            const auto op = [&](const char* name, std::vector<ValueId> in) { return g.node(g.add_node("", name, std::move(in), 1)).out(); };
            const ValueId more = op("Or", {op("Greater", {x, y}), op("Equal", {y, x})});
            const ValueId between = op("And", {op("LessOrEqual", {y, x}), op("Not", {op("GreaterOrEqual", {x, op("Exp", {y})})})});
            g.outputs = {op("Where", {more, x, y}), op("Where", {op("Less", {x, y}), y, x}), between, op("Where", {op("Equal", {more, between}), x, op("Neg", {x})})};
            infer_graph(g);
            const std::vector<Tensor> in{normal(rng, d), normal(rng, other)};
            PlanOptions o;
            o.threads = 2;
            const auto plan = make_plan(g, {d, other}, o);
            for (const Step& s : plan->steps) EXPECT_TRUE(s.kind == StepKind::kernel || s.op == "MaxPool") << to_text(*plan);
            expect_near(interpret_graph(g, in), Session(plan, &pool).run(in), 1e-5, to_text(*plan));
        }
}

/// Frozen weights are constants, while a bias may still be trained.
TEST(TrainingStep, FrozenWeights) {
    Rng rng(2);
    ThreadPool pool(2);
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {2, 8, 9, 7})), bias = g.add_input("b", TypeInfo::tensor(DType::f32, {12}));
    const ValueId y = b.node("Conv", {x, b.constant(normal(rng, {12, 8, 3, 3})), bias}, {{"pads", Ints{1, 1, 1, 1}}});
    const std::vector<ValueId> d = add_gradients(g, {{b.square(y), kNone}}, {x, bias});
    g.outputs = {y, d[0], d[1]};
    const std::vector<Tensor> in{normal(rng, {2, 8, 9, 7}), normal(rng, {12})};
    PlanOptions o;
    o.threads = 2;
    const auto plan = make_plan(g, {in[0].dims(), in[1].dims()}, o);
    if (usable_isa() >= Isa::avx2)
        for (const Step& s : plan->steps) EXPECT_NE(s.kind, StepKind::reference) << s.op << "\n" << to_text(*plan);
    expect_near(interpret_graph(g, in), Session(plan, &pool).run(in), 1e-4, to_text(*plan));
}

/// Forward and backward of a small residual network, weights as inputs: no step is left to a reference.
TEST(TrainingStep, ResidualNetworkRunsOnKernels) {
    Graph g;
    Builder b(g);
    std::vector<Tensor> in;
    std::vector<ValueId> weights;
    Rng rng(11);
    const auto input = [&](const Dims& d, bool weight = true, double shift = 0, double scale = 1) {
        Tensor t = normal(rng, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, shift + scale * t.at(i));
        in.push_back(t);
        const ValueId v = g.add_input(cat("w", static_cast<int>(in.size())), TypeInfo::tensor(DType::f32, shape_of(d)));
        if (weight) weights.push_back(v);
        return v;
    };
    const auto conv = [&](ValueId x, int64_t to, int64_t kernel, int64_t stride, int64_t group = 1, bool bias = false) {
        std::vector<ValueId> operands{x, input({to, b.dims(x)[1] / group, kernel, kernel})};
        if (bias) operands.push_back(input({to}));
        return b.node("Conv", operands, {{"pads", Ints(4, kernel / 2)}, {"strides", Ints{stride, stride}}, {"group", group}});
    };
    const auto norm = [&](ValueId x) {
        const Dims c{b.dims(x)[1]};
        const ValueId scale = input(c, true, 1), bias = input(c);
        const std::vector<ValueId> y = b.nodes("BatchNormalization", {x, scale, bias, input(c, false), input(c, false, 2)}, 3, {{"training_mode", int64_t{1}}});
        g.outputs.push_back(y[1]);
        g.outputs.push_back(y[2]);
        return y[0];
    };
    ValueId x = b.node("Relu", {norm(conv(input({4, 3, 18, 18}, false), 16, 3, 1))});
    x = b.node("MaxPool", {x}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
    for (int64_t stride : {1, 2}) {
        const int64_t c = stride * b.dims(x)[1];
        ValueId y = norm(conv(b.node("Relu", {norm(conv(x, c, 3, stride))}), c, 3, 1));
        y = b.add(y, stride == 1 ? x : norm(conv(x, c, 1, stride)));
        x = b.node("Relu", {y});
    }
    x = b.node("LeakyRelu", {conv(x, 32, 3, 1, 32, true)}, {{"alpha", 0.1f}});
    x = b.node("Clip", {x, b.like(x, -0.5), b.like(x, 2)});
    x = b.node("AveragePool", {x}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
    x = b.node("GlobalAveragePool", {x});
    const ValueId seed = input(b.dims(x), false);
    g.outputs.push_back(x);
    for (ValueId d : add_gradients(g, {{x, seed}}, weights)) g.outputs.push_back(d);
    std::vector<Dims> dims;
    for (const Tensor& t : in) dims.push_back(t.dims());
    const std::vector<Tensor> want = interpret_graph(g, in);
    ThreadPool pool(2);
    for (int threads : {1, 2}) {
        PlanOptions o;
        o.threads = threads;
        const auto plan = make_plan(g, dims, o);
        if (usable_isa() >= Isa::avx2)
            for (const Step& s : plan->steps) EXPECT_TRUE(s.kind == StepKind::kernel || s.kind == StepKind::view) << s.op << "\n" << to_text(*plan);
        Session session(plan, &pool);
        const std::vector<Tensor> got = session.run(in);
        // The weights before a normalisation have gradients that all but vanish: beside the greatest of all.
        double size = 0;
        for (const Tensor& t : want)
            for (int64_t i = 0; i < t.count(); ++i) size = std::fmax(size, std::fabs(t.at(i)));
        for (size_t k = 0; k < want.size(); ++k)
            for (int64_t i = 0; i < want[k].count(); ++i) ASSERT_NEAR(got[k].at(i), want[k].at(i), 1e-5 * size) << "output " << k;
        if (threads == 1) std::cout << to_text(*plan);
        // What is fused, or computed again, gives the same bits.
        std::map<std::string, int> steps;
        for (const Step& s : plan->steps) ++steps[s.op];
        EXPECT_EQ(steps["hone.BatchNormActGrad"], steps["hone.BatchNormAct"]);
        EXPECT_GT(steps["hone.BatchNormAct"], 3);
        EXPECT_GT(steps["hone.BatchNormApply"], 0);
        EXPECT_EQ(steps["hone.ReluGrad"], 0);
        o.disabled_passes = {"fuse_batch_norm"};
        const std::vector<Tensor> apart = Session(make_plan(g, dims, o), &pool).run(in);
        for (size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(apart[k].same_bits(got[k])) << "output " << k;
    }
}

}  // namespace
