// SPDX-License-Identifier: Apache-2.0
// A small mobile network with seeded weights of very unequal channels, and seeded samples for it.
#pragma once
#include <string>
#include <vector>

#include "base/rng.h"
#include "compress/recipe.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "op/op.h"

namespace hone {

class RandomSamples : public Dataset {
  public:
    RandomSamples(Dims dims, int64_t n, uint64_t seed) : seed_(seed) {
        set_sample_dims(std::move(dims));
        name_ = "random";
        class_names_ = {"0", "1", "2", "3"};
        for (int64_t i = 0; i < n; ++i) labels_.push_back(static_cast<int>(i % 4));
    }
    void load(int64_t i, float* out) const override {
        Rng r(seed_, static_cast<uint64_t>(i));
        for (int64_t k = 0; k < sample_count(); ++k) out[k] = static_cast<float>(r.normal());
    }
    std::string origin(int64_t i) const override { return cat("sample ", i); }
    uint64_t content(int64_t i) const override { return seed_ * 1000003 + static_cast<uint64_t>(i); }

  private:
    uint64_t seed_;
};

/// Normal values; each channel of axis 0 has its own size, from 1 down to 1/`spread`.
inline Tensor uneven(Dims dims, double size, double spread, Rng& r) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    const int64_t inner = t.count() / dims[0];
    for (int64_t c = 0; c < dims[0]; ++c) {
        const double own = size * std::pow(spread, -r.uniform());
        for (int64_t i = 0; i < inner; ++i) t.set(c * inner + i, own * r.normal());
    }
    return t;
}

/// [N,3,12,12]: conv 8 -> `activation` -> depthwise -> `activation` -> conv 12, residual of two convs, SE and SiLU, head.
inline Graph small_network(const std::string& activation = "Clip", uint64_t seed = 1) {
    Rng r(seed);
    Graph g;
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3, 12, 12}));
    const auto conv = [&](ValueId in, int64_t ic, int64_t oc, int64_t k, int64_t group, double spread, const std::string& name) {
        const double size = std::sqrt(2.0 / static_cast<double>(ic / group * k * k));
        const ValueId w = g.add_constant(name + ".w", uneven({oc, ic / group, k, k}, size, spread, r));
        const ValueId b = g.add_constant(name + ".b", uneven({oc}, 0.3, 1, r));
        return g.node(g.add_node("", "Conv", {in, w, b}, 1, {{"pads", std::vector<int64_t>{k / 2, k / 2, k / 2, k / 2}}, {"group", group}}, name, {name})).out();
    };
    const auto act = [&](ValueId in) {
        if (activation != "Clip") return g.node(g.add_node("", activation, {in}, 1)).out();
        return g.node(g.add_node("", "Clip", {in, g.add_constant("zero", Tensor::scalar_f32(0)), g.add_constant("six", Tensor::scalar_f32(6))}, 1)).out();
    };
    const auto silu = [&](ValueId in) {
        const ValueId s = g.node(g.add_node("", "Sigmoid", {in}, 1)).out();
        return g.node(g.add_node("", "Mul", {in, s}, 1)).out();
    };
    ValueId v = act(conv(x, 3, 8, 3, 1, 40, "stem"));
    v = act(conv(v, 8, 8, 3, 8, 40, "depthwise"));
    v = conv(v, 8, 12, 1, 1, 2, "project");
    ValueId u = act(conv(v, 12, 16, 1, 1, 40, "expand"));
    u = conv(u, 16, 12, 1, 1, 2, "reduce");
    v = g.node(g.add_node("", "Add", {v, u}, 1)).out();
    v = silu(conv(v, 12, 12, 3, 1, 2, "swish"));
    ValueId gate = g.node(g.add_node("", "GlobalAveragePool", {v}, 1)).out();
    gate = silu(conv(gate, 12, 4, 1, 1, 2, "squeeze"));
    gate = g.node(g.add_node("", "Sigmoid", {conv(gate, 4, 12, 1, 1, 2, "excite")}, 1)).out();
    v = g.node(g.add_node("", "Mul", {v, gate}, 1)).out();
    v = conv(v, 12, 12, 1, 1, 2, "last");
    v = g.node(g.add_node("", "GlobalAveragePool", {g.node(g.add_node("", "Relu", {v}, 1)).out()}, 1)).out();
    v = g.node(g.add_node("", "Flatten", {v}, 1)).out();
    v = g.node(g.add_node("", "Gemm", {v, g.add_constant("head.w", uneven({12, 4}, 0.4, 2, r)), g.add_constant("head.b", uneven({4}, 0.1, 1, r))}, 1, {}, "head", {"head"})).out();
    g.outputs = {v};
    g.opsets = {{"", 13}};
    infer_graph(g);
    return g;
}

/// [N,6,5]: LSTM of 8 over the second axis, its last state, a dense head.
inline Graph small_lstm() {
    Rng r(9);
    Graph g;
    ValueId v = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 6, 5}));
    v = g.node(g.add_node("", "Transpose", {v}, 1, {{"perm", std::vector<int64_t>{1, 0, 2}}})).out();
    const ValueId w = g.add_constant("lstm.w", uneven({1, 32, 5}, 0.4, 1, r)), rw = g.add_constant("lstm.r", uneven({1, 32, 8}, 0.3, 1, r)), b = g.add_constant("lstm.b", uneven({1, 64}, 0.1, 1, r));
    const NodeId lstm = g.add_node("", "LSTM", {v, w, rw, b}, 2, {{"hidden_size", int64_t{8}}}, "lstm", {"lstm"});
    Tensor axes = Tensor::zeros(DType::i64, {1});
    v = g.node(g.add_node("", "Squeeze", {g.node(lstm).out(1), g.add_constant("axes", axes)}, 1)).out();
    v = g.node(g.add_node("", "Gemm", {v, g.add_constant("head.w", uneven({8, 4}, 0.4, 2, r)), g.add_constant("head.b", uneven({4}, 0.1, 1, r))}, 1, {}, "head", {"head"})).out();
    g.outputs = {v};
    g.opsets = {{"", 13}};
    infer_graph(g);
    return g;
}

inline std::vector<int64_t> first_samples(int64_t n) {
    std::vector<int64_t> out;
    for (int64_t i = 0; i < n; ++i) out.push_back(i);
    return out;
}

}  // namespace hone
