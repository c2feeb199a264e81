// SPDX-License-Identifier: Apache-2.0
// hone.RNNGrad, hone.GRUGrad and hone.LSTMGrad: back-propagation through time (Werbos, "Backpropagation Through Time: What
// It Does and How to Do It", 1990), and the rules that make them.
//   inputs   those of the forward node (six; eight for LSTM), Y, then dY, dY_h and, for LSTM, dY_c: kNone where none
//            arrives. The reference runs the forward again; a kernel may read the states in Y instead
//   outputs  dX, dW, dR, dB, d initial_h and, for LSTM, d initial_c and dP: kNone where not wanted
// Attributes are the forward's, and `to`: the type of dW, dR, dB and dP where it is given. Behind a sequence's length Y does not depend on anything.
#include "op/list.h"
#include "op/matmul.h"
#include "op/numeric.h"
#include "op/rnn_step.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

constexpr const char* forward_of(int64_t gates) { return gates == 1 ? "RNN" : gates == 3 ? "GRU" : "LSTM"; }
constexpr const char* name_of(int64_t gates) { return gates == 1 ? "RNNGrad" : gates == 3 ? "GRUGrad" : "LSTMGrad"; }
/// Index of Y among the inputs: behind those of the forward node. Gradients of the outputs follow.
constexpr size_t y_at(int64_t gates) { return gates == 4 ? 8 : 6; }
constexpr size_t states(int64_t gates) { return gates == 4 ? 2 : 1; }
constexpr size_t results(int64_t gates) { return gates == 4 ? 7 : 5; }
/// The input whose gradient output o is: sequence_lens has none.
constexpr size_t input_of(size_t o) { return o < 4 ? o : o + 1; }
constexpr bool of_weights(size_t o) { return (o >= 1 && o <= 3) || o == 6; }

Node forward_node(const Node& n, int64_t gates) {
    Node plain = n;
    plain.domain = "";
    plain.op = forward_of(gates);
    plain.inputs.resize(std::min(plain.inputs.size(), y_at(gates)));
    while (!plain.inputs.empty() && plain.inputs.back() == kNone) plain.inputs.pop_back();
    plain.attributes.erase("to");
    plain.outputs.assign(1 + states(gates), 0);
    return plain;
}

template <int64_t gates>
void infer(InferContext& c) {
    const Node plain = forward_node(c.node, gates);
    const size_t n = plain.inputs.size();
    std::vector<TypeInfo> in(c.in.begin(), c.in.begin() + static_cast<long>(n));
    std::vector<const Tensor*> known;
    for (size_t i = 0; i < n; ++i) known.push_back(c.value(i));
    std::vector<TypeInfo> out = infer_node(*find_op("", plain.op), plain, in, known);
    out.insert(out.begin(), out[0]);  // Y and dY
    for (size_t i = 0; i < out.size(); ++i) {
        const size_t at = y_at(gates) + i;
        if (!c.given(at)) continue;
        if (c.dtype(at) != out[i].dtype) c.refuse(cat("input ", static_cast<unsigned long>(at), " is ", dtype_name(c.dtype(at)), "; expected ", dtype_name(out[i].dtype)));
        require_shape(c, at, out[i].shape, i == 0 ? "Y" : "the gradient of an output");
    }
    for (size_t o = 0; o < c.out.size(); ++o) {
        if (c.node.out(o) == kNone) continue;
        if (!c.given(input_of(o))) c.refuse(cat("output ", static_cast<unsigned long>(o), " is the gradient of an input that is omitted"));
        c.set_like(o, input_of(o));
        if (of_weights(o)) c.out[o].dtype = float_to(c, c.out[o].dtype);
    }
}

/// The sums over time and samples, as the outputs have them.
struct Sums {
    Vector x, w, r, b, h0, c0, p;
    explicit Sums(const Recurrent& s) {
        const auto count = [](int64_t n) { return static_cast<size_t>(n); };
        const auto d = static_cast<int64_t>(s.directions), rows = static_cast<int64_t>(s.gates) * s.hidden;
        x.resize(count(s.steps * s.batch * s.input));
        w.resize(count(d * rows * s.input));
        r.resize(count(d * rows * s.hidden));
        b.resize(count(d * 2 * rows));
        h0.resize(count(d * s.batch * s.hidden));
        c0.resize(h0.size());
        p.resize(count(d * 3 * s.hidden));
    }
    /// One step of one sample: `in` is its row of X, `at` where that lies.
    void add(const RecurrentCell& k, size_t direction, const double* in, int64_t at, const Trace& t, const GateGradients& g) {
        const size_t rows = g.input.size(), n = t.h.size(), columns = static_cast<size_t>(k.input), d = direction * rows;
        multiply(k.weights.w.data(), g.input.data(), x.data() + at, k.input, static_cast<int64_t>(rows), 1);
        for (size_t row = 0; row < rows; ++row) {
            const Vector& left = k.gates == 3 && !k.linear_reset && row >= 2 * n ? g.reset_h : t.h;
            for (size_t i = 0; i < columns; ++i) w[(d + row) * columns + i] += g.input[row] * in[i];
            for (size_t i = 0; i < n; ++i) r[(d + row) * n + i] += g.state[row] * left[i];
            b[2 * d + row] += g.input[row];
            b[2 * d + rows + row] += g.state[row];
        }
    }
};

Vector row_of(const RefContext& c, size_t input, int64_t at, int64_t n) {
    Vector v(static_cast<size_t>(n));
    for (int64_t i = 0; c.given(input) && i < n; ++i) v[static_cast<size_t>(i)] = c.in[input].at(at + i);
    return v;
}

template <int64_t gates>
void run(RefContext& c) {
    const Recurrent s(c, c.in[0].dims(), c.in[2].dims(), gates);
    const Cells cells(c, s);
    const Vector x = values<double>(c.in[0]);
    const size_t dy = y_at(gates) + 1;
    Sums sums(s);
    GateGradients g;
    for (size_t d = 0; d < s.directions; ++d) {
        const RecurrentCell& k = cells.of(d);
        Vector dp(static_cast<size_t>(3 * s.hidden));
        for (int64_t b = 0; b < s.batch; ++b) {
            const int64_t at = s.state_at(d, b), length = cells.length(c, b);
            std::vector<Trace> traces(static_cast<size_t>(length));
            Vector h(static_cast<size_t>(s.hidden)), cell = h;
            initial_state(c, s, d, b, h, cell);
            for (int64_t i = 0; i < length; ++i) step_cell(k, x.data() + s.x_at(cells.time(d, i, length), b), h, cell, traces[static_cast<size_t>(i)]);
            Vector dh = row_of(c, dy + 1, at, s.hidden), dcell = gates == 4 ? row_of(c, dy + 2, at, s.hidden) : Vector(dh.size());
            for (int64_t i = length; i-- > 0;) {
                const int64_t t = cells.time(d, i, length), from = s.x_at(t, b);
                const Vector here = row_of(c, dy, s.y_at(t, d, b), s.hidden);
                for (size_t e = 0; e < dh.size(); ++e) dh[e] += here[e];
                step_back(k, traces[static_cast<size_t>(i)], dh, dcell, g, dp);
                sums.add(k, d, x.data() + from, from, traces[static_cast<size_t>(i)], g);
            }
            std::copy(dh.begin(), dh.end(), sums.h0.begin() + at);
            std::copy(dcell.begin(), dcell.end(), sums.c0.begin() + at);
        }
        std::copy(dp.begin(), dp.end(), sums.p.begin() + static_cast<long>(d) * 3 * s.hidden);
    }
    const Vector* all[] = {&sums.x, &sums.w, &sums.r, &sums.b, &sums.h0, &sums.c0, &sums.p};
    for (size_t o = 0; o < c.out.size(); ++o)
        if (c.wanted(o)) assign(c.out[o], *all[o]);
}

/// The gates again, what goes back through the recurrence, and a product for each gradient that is wanted.
template <int64_t gates>
Cost cost(const CostContext& c) {
    if (!c.in[0].fixed() || !c.in[2].fixed()) return {};
    const Dims x = dims_of(c.in[0].shape), r = dims_of(c.in[2].shape);
    const auto wants = [&](size_t o) { return c.node.out(o) != kNone ? 1.0 : 0.0; };
    const double rows = static_cast<double>(x[0]) * static_cast<double>(x[1]) * static_cast<double>(r[0] * r[1]);
    const double input = static_cast<double>(x[2]), hidden = static_cast<double>(r[2]);
    return {rows * (input * (1 + wants(0) + wants(1)) + hidden * (2 + wants(2))), rows * 8};
}

template <int64_t gates>
void rule(GradientContext& c) {
    Graph& g = c.b.graph();
    std::vector<ValueId> in;
    for (size_t i = 0; i < y_at(gates); ++i) in.push_back(c.x(i));
    in.push_back(c.need_output(0));
    for (size_t k = 0; k <= states(gates); ++k) in.push_back(c.has_dy(k) ? c.dy(k) : kNone);
    while (in.back() == kNone) in.pop_back();
    const NodeId n = g.add_node("hone", name_of(gates), in, 0, c.node.attributes, cat(c.node.name, ".grad.", name_of(gates)), c.node.origins);
    for (size_t o = 0; o < results(gates); ++o)
        if (c.wants(input_of(o))) g.add_node_output(n, o);
    infer_outputs(g, n);
    for (size_t o = 0; o < results(gates); ++o)
        if (c.wants(input_of(o))) c.give(input_of(o), g.node(n).out(o));
}

template <int64_t gates>
OpDecl declaration() {
    std::vector<AttrSpec> attributes = recurrent_attributes(gates);
    attributes.push_back({"to", AttrKind::integer});
    return {.domain = "hone", .name = name_of(gates), .min_inputs = 3, .max_inputs = static_cast<int>(y_at(gates) + 2 + states(gates)),
            .min_outputs = 1, .max_outputs = static_cast<int>(results(gates)), .attributes = attributes,
            .infer = infer<gates>, .reference = run<gates>, .cost = cost<gates>, .tolerance = 1e-4};
}

}  // namespace

std::vector<OpDecl> rnn_gradient() { return {declaration<1>(), declaration<3>(), declaration<4>()}; }
std::vector<Rule> recurrent_rules() { return {{"RNN", rule<1>}, {"GRU", rule<3>}, {"LSTM", rule<4>}}; }

}  // namespace hone::ops
