// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM: directions, layouts, sequence lengths, initial states, peepholes, every attribute and activation, and
// losses that read some of the outputs.
#include "gradient_case.h"

namespace hone {
namespace {

using Names = std::vector<std::string>;
using Reals = std::vector<float>;

struct Cell {
    std::string note;
    std::string op = "LSTM";
    Attributes attributes = {};
    std::set<size_t> unused = {};
    std::vector<int32_t> lengths = {};     ///< none: omitted
    bool bias = true, h0 = true, c0 = true, peepholes = true;
    int outputs = 0;                       ///< 0: all
    std::set<size_t> fixed = {};
    Dims sizes = {4, 3, 5, 2};             ///< steps, batch, input, hidden
    uint64_t seed = 0;
};

GradientCase of(const Cell& c) {
    const int64_t gates = c.op == "RNN" ? 1 : c.op == "GRU" ? 3 : 4, steps = c.sizes[0], batch = c.sizes[1], input = c.sizes[2], hidden = c.sizes[3];
    const auto direction = c.attributes.find("direction");
    const int64_t d = direction != c.attributes.end() && std::get<std::string>(direction->second) == "bidirectional" ? 2 : 1;
    const bool first = c.attributes.contains("layout") && std::get<int64_t>(c.attributes.at("layout")) == 1;
    const Dims state = first ? Dims{batch, d, hidden} : Dims{d, batch, hidden};
    const auto weights = [&](const Dims& dims, uint64_t seed) { return points(dims, -0.9, 0.9, {}, c.seed + seed); };
    GradientCase r{.op = c.op, .in = {}, .attributes = c.attributes, .outputs = c.outputs, .fixed = c.fixed, .unused = c.unused, .note = c.note};
    if (!r.outputs) r.outputs = gates == 4 ? 3 : 2;
    Tensor lengths;
    if (!c.lengths.empty()) {
        lengths = Tensor::zeros(DType::i32, {batch});
        for (int64_t i = 0; i < batch; ++i) lengths.set_int(i, c.lengths[static_cast<size_t>(i)]);
    }
    r.in = {weights(first ? Dims{batch, steps, input} : Dims{steps, batch, input}, 0), weights({d, gates * hidden, input}, 1),
            weights({d, gates * hidden, hidden}, 2), c.bias ? weights({d, 2 * gates * hidden}, 3) : Tensor(), lengths,
            c.h0 ? weights(state, 4) : Tensor()};
    if (gates == 4) {
        r.in.push_back(c.c0 ? weights(state, 5) : Tensor());
        r.in.push_back(c.peepholes ? weights({d, 3 * hidden}, 6) : Tensor());
    }
    while (!r.in.back().defined()) r.in.pop_back();
    return r;
}

Attribute text(const char* s) { return std::string(s); }
Attribute one() { return int64_t{1}; }
/// Few values where there are kinks, so that all lie away from them.
const Dims kSmall = {2, 2, 3, 1};

Cell activation(const char* name, float alpha, float beta, uint64_t seed = 0) {
    Attributes a{{"activations", Names{name}}};
    if (alpha != 0) a["activation_alpha"] = Reals{alpha};
    if (beta != 0) a["activation_beta"] = Reals{beta};
    return {.note = name, .op = "RNN", .attributes = a, .sizes = {3, 2, 4, 2}, .seed = seed};
}

}  // namespace

std::vector<GradientCase> recurrent_gradient_cases() {
    std::vector<Cell> cells = {
        activation("Relu", 0, 0), activation("Tanh", 0, 0), activation("Sigmoid", 0, 0), activation("Affine", 0.7f, 0.2f), activation("LeakyRelu", 0.3f, 0),
        activation("LeakyRelu", 0, 0), activation("ThresholdedRelu", 0.2f, 0), activation("ScaledTanh", 1.3f, 0.6f), activation("HardSigmoid", 0.4f, 0.45f),
        activation("Elu", 1.4f, 0), activation("Softsign", 0, 0), activation("Softplus", 0, 0),
        {.note = "activations", .attributes = {{"direction", text("bidirectional")}, {"activations", Names{"HardSigmoid", "Softsign", "Elu", "Sigmoid", "ScaledTanh", "Softplus"}},
                                               {"activation_alpha", Reals{0.3f, 1.2f, 0.8f}}, {"activation_beta", Reals{0.5f, 1.1f}}}},
        {.note = "activations", .op = "GRU", .attributes = {{"direction", text("bidirectional")}, {"activations", Names{"Softplus", "Affine", "HardSigmoid", "Elu"}},
                                                            {"activation_alpha", Reals{0.6f, 0.3f, 1.2f}}, {"activation_beta", Reals{0.1f, 0.5f}}}},
        {.note = "clip", .op = "RNN", .attributes = {{"clip", 0.7f}}, .sizes = kSmall},
        {.note = "clip", .op = "GRU", .attributes = {{"clip", 0.7f}}, .sizes = kSmall},
        {.note = "clip_linear", .op = "GRU", .attributes = {{"clip", 0.5f}, {"linear_before_reset", one()}}, .sizes = kSmall},
        {.note = "clip", .attributes = {{"clip", 0.7f}}, .sizes = kSmall},
        {.note = "coupled", .attributes = {{"input_forget", one()}}},
        {.note = "coupled_plain", .attributes = {{"input_forget", one()}, {"direction", text("reverse")}}, .peepholes = false},
        {.note = "no_peepholes", .peepholes = false},
        {.note = "reads_Y_c", .unused = {0, 1}},
        {.note = "reads_Y_h_and_Y_c", .unused = {0}},
        {.note = "weights_fixed", .fixed = {1, 2, 3, 5, 6, 7}},
        {.note = "only_recurrence", .fixed = {0, 1, 3, 5, 6}},
    };
    for (const char* op : {"RNN", "GRU", "LSTM"}) {
        const std::vector<Attributes> kinds = std::string(op) == "GRU" ? std::vector<Attributes>{{}, {{"linear_before_reset", one()}}} : std::vector<Attributes>{{}};
        for (const Attributes& kind : kinds) {
            const std::string linear = kind.empty() ? "" : "linear_";
            const auto with = [&](Attributes a) {
                a.insert(kind.begin(), kind.end());
                return a;
            };
            for (const char* direction : {"forward", "reverse", "bidirectional"})
                for (int64_t layout : {0, 1})
                    cells.push_back({.note = cat(linear, direction, "_layout", layout), .op = op, .attributes = with({{"direction", text(direction)}, {"layout", layout}})});
            cells.push_back({.note = linear + "lengths", .op = op, .attributes = with({{"direction", text("bidirectional")}}), .lengths = {4, 1, 3}});
            cells.push_back({.note = linear + "lengths_and_none", .op = op, .attributes = with({{"direction", text("reverse")}, {"layout", one()}}), .lengths = {2, 0, 4}});
            cells.push_back({.note = linear + "bare", .op = op, .attributes = with({}), .bias = false, .h0 = false, .c0 = false, .peepholes = false});
            cells.push_back({.note = linear + "reads_Y", .op = op, .attributes = with({{"direction", text("bidirectional")}}), .outputs = 1});
            cells.push_back({.note = linear + "reads_Y_h", .op = op, .attributes = with({}), .unused = {0, 2}});
            cells.push_back({.note = linear + "one_step", .op = op, .attributes = with({}), .sizes = {1, 1, 1, 3}});
        }
    }
    std::vector<GradientCase> all;
    for (const Cell& c : cells) all.push_back(of(c));
    return all;
}

}  // namespace hone
