// SPDX-License-Identifier: Apache-2.0
// The kernels of loss and normalisation gradients against their references, on every instruction set that there is; the
// number of threads changes no bit.
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "kernel/isa_cap.h"
#include "run/session.h"
#include "support.h"

using namespace hone;

namespace {

Tensor uniform(const Dims& dims, double low, double high, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, low + (high - low) * rng.uniform());
    return t;
}
/// Every ninth is -1.
Tensor labels(const Dims& dims, int64_t classes, DType type) {
    Tensor t = Tensor::zeros(type, dims);
    Rng rng(3);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, i % 9 == 4 ? -1 : static_cast<int64_t>(rng.below(static_cast<uint64_t>(classes))));
    return t;
}

std::vector<Tensor> planned(const Graph& g, const std::vector<Tensor>& in, int threads) {
    std::vector<Dims> dims;
    for (const Tensor& t : in) dims.push_back(t.dims());
    const auto plan = make_plan(g, dims, {.threads = threads});
    for (const Step& s : plan->steps) EXPECT_EQ(s.kind, StepKind::kernel) << s.op;
    ThreadPool pool(threads);
    return Session(plan, &pool).run(in);
}
/// The node; input `computed` is computed in the graph, so that its memory may be taken. The tolerance is of the largest
/// element, or `least` of terms that cancel.
void check(const std::string& domain, const std::string& op, const std::vector<Tensor>& in, const Attributes& attributes, int outputs,
           double tolerance, size_t computed = 0, double least = 0) {
    Graph g;
    std::vector<ValueId> values;
    for (size_t i = 0; i < in.size(); ++i) values.push_back(in[i].defined() ? g.add_input("x" + std::to_string(i), TypeInfo::of(in[i])) : kNone);
    values[computed] = g.node(g.add_node("", "Neg", {values[computed]}, 1, {}, "neg", {"neg"})).out();
    const NodeId id = g.add_node(domain, op, values, outputs, attributes, "node", {"node"});
    g.outputs = g.node(id).outputs;
    infer_graph(g);
    std::vector<Tensor> given;
    for (const Tensor& t : in)
        if (t.defined()) given.push_back(t);
    const std::vector<Tensor> want = interpret_graph(g, given);
    for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        if (isa > machine_isa()) continue;
        SCOPED_TRACE(cat(op, " ", isa_name(isa), " ", to_text(in[0].dims())));
        const Cap cap(isa);
        const std::vector<Tensor> got = planned(g, given, 1), more = planned(g, given, 3);
        for (size_t k = 0; k < want.size(); ++k) {
            ASSERT_EQ(want[k].dims(), got[k].dims());
            double size = least;
            for (int64_t i = 0; i < want[k].count(); ++i) size = std::fmax(size, std::fabs(want[k].at(i)));
            for (int64_t i = 0; i < want[k].count(); ++i) {
                ASSERT_NEAR(got[k].at(i), want[k].at(i), tolerance * size) << "output " << k << ", " << i;
                ASSERT_EQ(got[k].at(i), more[k].at(i));
            }
        }
    }
}

}  // namespace

TEST(GradientKernels, LayerNormGrad) {
    for (const Dims& d : {Dims{1, 1, 3}, Dims{7, 5, 17}, Dims{4, 33, 64}, Dims{300, 2, 129}})
        for (int64_t axis : {1, 2}) {
            const Dims row(d.begin() + axis, d.end());
            const Tensor dy = uniform(d, -1, 1, 1), x = uniform(d, -2, 5, 2), scale = uniform(row, 0.5, 2, 3);
            for (int64_t centred : {0, 1}) {
                const Attributes a{{"axis", axis}, {"epsilon", 1e-3f}, {"centred", centred}};
                check("hone", "LayerNormGrad", {dy, x, scale}, a, 3, 5e-6, 0, 0.1);
                check("hone", "LayerNormGrad", {dy, x}, a, 1, 5e-6, 1, 0.1);
                check("hone", "LayerNormGrad", {dy, x, scale}, a, 2, 5e-6, 1, 0.1);
            }
        }
}

TEST(GradientKernels, SoftmaxGrad) {
    for (const Dims& d : {Dims{1, 2}, Dims{33, 10}, Dims{9, 1000}, Dims{3, 5, 7, 3}, Dims{2, 21, 64}})
        for (int64_t axis : {-1, 1, 0})
            for (int64_t log : {0, 1}) {
                const Tensor dy = uniform(d, -1, 1, 1), y = log ? uniform(d, -9, -0.1, 2) : uniform(d, 0, 0.3, 2);
                for (size_t computed : {0u, 1u}) {
                    const Tensor given = computed ? uniform(d, log ? 0.1 : -0.3, log ? 9 : 0, 2) : y;
                    check("hone", "SoftmaxGrad", {dy, given}, {{"axis", axis}, {"log", log}}, 1, 3e-6, computed);
                }
            }
}

TEST(GradientKernels, CrossEntropy) {
    for (const Dims& d : {Dims{1, 2}, Dims{33, 10}, Dims{9, 1000}, Dims{3, 5, 7, 3}, Dims{2, 21, 64}}) {
        Dims places{d[0]};
        places.insert(places.end(), d.begin() + 2, d.end());
        const Tensor x = uniform(d, -9, 9, 1), weights = uniform({d[1]}, 0.3, 2, 2);
        for (DType type : {DType::i64, DType::i32})
            for (const char* reduction : {"none", "sum", "mean"}) {
                if (type == DType::i32 && *reduction != 'm') continue;
                const Tensor y = labels(places, d[1], type);
                const Attributes a{{"reduction", std::string(reduction)}, {"ignore_index", int64_t{-1}}};
                const Tensor dy = uniform(*reduction == 'n' ? places : Dims{}, 0.5, 2, 4);
                for (const Tensor& w : {Tensor(), weights}) {
                    for (const char* op : {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"}) check("", op, {x, y, w}, a, 1, 3e-6);
                    check("", "SoftmaxCrossEntropyLoss", {x, y, w}, a, 2, 3e-6);
                    for (int64_t logits : {0, 1}) {
                        Attributes with = a;
                        with["logits"] = logits;
                        check("hone", "CrossEntropyGrad", {dy, x, y, w}, with, 1, 3e-6, 1);
                    }
                }
            }
    }
}

/// Where nothing counts the mean is not a number, as the standard has it, and the gradient is 0.
TEST(GradientKernels, AllLabelsIgnored) {
    Graph g;
    const Tensor x = uniform({2, 3}, -1, 1, 1), dy = uniform({}, 1, 2, 2);
    Tensor y = Tensor::zeros(DType::i64, {2});
    const ValueId v = g.add_input("x", TypeInfo::of(x)), l = g.add_input("y", TypeInfo::of(y)), s = g.add_input("dy", TypeInfo::of(dy));
    const Attributes a{{"ignore_index", int64_t{0}}};
    g.outputs = {g.node(g.add_node("", "SoftmaxCrossEntropyLoss", {v, l}, 1, a, "loss", {"loss"})).out(),
                 g.node(g.add_node("hone", "CrossEntropyGrad", {s, v, l}, 1, a, "grad", {"grad"})).out()};
    infer_graph(g);
    const std::vector<Tensor> got = planned(g, {x, y, dy}, 1), want = interpret_graph(g, {x, y, dy});
    EXPECT_TRUE(std::isnan(got[0].at(0)) && std::isnan(want[0].at(0)));
    for (int64_t i = 0; i < 6; ++i) EXPECT_TRUE(got[1].at(i) == 0 && want[1].at(i) == 0);
    y.set_int(1, 3);
    EXPECT_THROW(planned(g, {x, y, dy}, 1), Error);
    EXPECT_THROW(interpret_graph(g, {x, y, dy}), Error);
}
