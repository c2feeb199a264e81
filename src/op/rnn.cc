// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM: all directions and layouts, sequence lengths, peepholes, any activation.
#include <algorithm>
#include <cmath>

#include "op/history.h"
#include "op/list.h"
#include "op/matmul.h"
#include "op/numeric.h"
#include "op/rnn_cell.h"

namespace hone::ops {
namespace {

using Vector = std::vector<double>;

/// One direction's weights, transposed so that a row vector times them is a plain product.
struct Weights {
    Vector w, r, wb, rb, p;  ///< [input,gates*hidden], [hidden,gates*hidden], [gates*hidden] twice, [3*hidden]
};
Weights weights_of(const RefContext& c, const Recurrent& s, size_t direction) {
    const auto d = static_cast<int64_t>(direction), rows = static_cast<int64_t>(s.gates) * s.hidden;
    Weights out;
    out.w = transposed(values<double>(c.in[1].rows(d, d + 1)), rows, s.input);
    out.r = transposed(values<double>(c.in[2].rows(d, d + 1)), rows, s.hidden);
    out.wb.assign(static_cast<size_t>(rows), 0);
    out.rb = out.wb;
    if (c.given(3)) {
        const Vector b = values<double>(c.in[3].rows(d, d + 1));
        std::copy_n(b.begin(), rows, out.wb.begin());
        std::copy_n(b.begin() + rows, rows, out.rb.begin());
    }
    out.p.assign(static_cast<size_t>(3 * s.hidden), 0);
    if (s.gates == 4 && c.given(7)) out.p = values<double>(c.in[7].rows(d, d + 1));
    return out;
}

struct Cell {
    const RefContext& c;
    const Recurrent& s;
    const Weights& w;
    const Activation* f;  ///< this direction's activations
    double clip;
    double act(size_t which, double x) const { return f[which](clip > 0 ? std::clamp(x, -clip, clip) : x); }
};

/// x*W + Wb for all gates.
Vector from_input(const Cell& k, const double* x) {
    Vector g = k.w.wb;
    multiply(x, k.w.w.data(), g.data(), 1, k.s.input, static_cast<int64_t>(g.size()));
    return g;
}
/// h*R + Rb for all gates.
Vector from_state(const Cell& k, const Vector& h) {
    Vector g = k.w.rb;
    multiply(h.data(), k.w.r.data(), g.data(), 1, k.s.hidden, static_cast<int64_t>(g.size()));
    return g;
}

void step_rnn(const Cell& k, const double* x, Vector& h, Vector&) {
    const Vector a = from_input(k, x), b = from_state(k, h);
    for (size_t i = 0; i < h.size(); ++i) h[i] = k.act(0, a[i] + b[i]);
}

void step_gru(const Cell& k, const double* x, Vector& h, Vector&) {
    const size_t n = h.size();
    const Vector a = from_input(k, x);
    Vector b = from_state(k, h), z(n), r(n);
    for (size_t i = 0; i < n; ++i) {
        z[i] = k.act(0, a[i] + b[i]);
        r[i] = k.act(0, a[n + i] + b[n + i]);
    }
    if (k.c.integer("linear_before_reset") != 0) {
        for (size_t i = 0; i < n; ++i) b[2 * n + i] *= r[i];
    } else {
        Vector gated(n);
        for (size_t i = 0; i < n; ++i) gated[i] = r[i] * h[i];
        b = from_state(k, gated);
    }
    for (size_t i = 0; i < n; ++i) h[i] = (1 - z[i]) * k.act(1, a[2 * n + i] + b[2 * n + i]) + z[i] * h[i];
}

/// Gates in the order i, o, f, c; peepholes in the order i, o, f.
void step_lstm(const Cell& k, const double* x, Vector& h, Vector& cell) {
    const size_t n = h.size();
    Vector g = from_input(k, x);
    const Vector b = from_state(k, h), &p = k.w.p;
    for (size_t i = 0; i < g.size(); ++i) g[i] += b[i];
    const bool coupled = k.c.integer("input_forget") != 0;
    for (size_t i = 0; i < n; ++i) {
        const double in = k.act(0, g[i] + p[i] * cell[i]);
        const double forget = coupled ? 1 - in : k.act(0, g[2 * n + i] + p[2 * n + i] * cell[i]);
        cell[i] = forget * cell[i] + in * k.act(1, g[3 * n + i]);
        h[i] = k.act(0, g[n + i] + p[n + i] * cell[i]) * k.f[2](cell[i]);
    }
}

template <size_t gates, void (*step)(const Cell&, const double*, Vector&, Vector&)>
void run_recurrent(RefContext& c) {
    const Recurrent s(c, c.in[0].dims(), c.in[2].dims(), gates);
    const std::vector<std::string> names = gates == 1   ? std::vector<std::string>{"Tanh"}
                                           : gates == 3 ? std::vector<std::string>{"Sigmoid", "Tanh"}
                                                        : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
    const std::vector<Activation> f = recurrent_activations(c, names, s.directions);
    const double clip = c.has("clip") ? static_cast<double>(c.real("clip")) : 0;
    const Vector x = values<double>(c.in[0]);
    const auto n = static_cast<size_t>(s.hidden);
    for (size_t d = 0; d < s.directions; ++d) {
        const Weights w = weights_of(c, s, d);
        const Cell k{c, s, w, f.data() + d * names.size(), clip};
        const bool backwards = d == 1 || c.text("direction") == "reverse";
        for (int64_t b = 0; b < s.batch; ++b) {
            Vector h(n), cell(n);
            const int64_t at = s.state_at(d, b);
            for (int64_t i = 0; i < s.hidden; ++i) {
                if (c.given(5)) h[static_cast<size_t>(i)] = c.in[5].at(at + i);
                if (gates == 4 && c.given(6)) cell[static_cast<size_t>(i)] = c.in[6].at(at + i);
            }
            const int64_t length = c.given(4) ? c.in[4].at_int(b) : s.steps;
            for (int64_t i = 0; i < length; ++i) {
                const int64_t t = backwards ? length - 1 - i : i;
                step(k, x.data() + s.x_at(t, b), h, cell);
                if (c.wanted(0))
                    for (int64_t e = 0; e < s.hidden; ++e) c.out[0].set(s.y_at(t, d, b) + e, h[static_cast<size_t>(e)]);
            }
            for (int64_t i = 0; i < s.hidden; ++i) {
                if (c.wanted(1)) c.out[1].set(at + i, h[static_cast<size_t>(i)]);
                if (gates == 4 && c.wanted(2)) c.out[2].set(at + i, cell[static_cast<size_t>(i)]);
            }
        }
    }
}

template <int64_t gates>
void infer(InferContext& c) {
    recurrent_activations(c, std::vector<std::string>(gates == 1 ? 1 : gates == 3 ? 2 : 3, "Tanh"), recurrent_directions(c));
    infer_recurrent(c, gates);
}
template <int64_t gates>
Cost cost(const CostContext& c) { return cost_recurrent(c, gates); }

/// `output_sequence` went at 7: since then a wanted output is one that has a name.
void upgrade(Graph& g, NodeId id, int from) {
    if (from < 7) drop_attribute(g, id, "output_sequence");
}
/// `layout` came at 14.
int downgrade(Graph& g, NodeId id, int to) {
    if (integer_or(g.node(id), "layout", 0) != 0) return 14;
    if (to < 14) drop_attribute(g, id, "layout");
    return 7;
}

std::vector<AttrSpec> attributes(std::vector<AttrSpec> more) {
    std::vector<AttrSpec> a{{"activation_alpha", AttrKind::reals},
                            {"activation_beta", AttrKind::reals},
                            {"activations", AttrKind::texts},
                            {"clip", AttrKind::real},
                            {"direction", AttrKind::text, std::string("forward")},
                            {"hidden_size", AttrKind::integer},
                            {"layout", AttrKind::integer, int64_t{0}}};
    a.insert(a.end(), more.begin(), more.end());
    return a;
}

}  // namespace

std::vector<OpDecl> rnn() {
    return {
        {.name = "RNN", .min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2,
         .attributes = attributes({}), .infer = infer<1>, .reference = run_recurrent<1, step_rnn>, .cost = cost<1>,
         .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
        {.name = "GRU", .min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2,
         .attributes = attributes({{"linear_before_reset", AttrKind::integer, int64_t{0}}}), .infer = infer<3>,
         .reference = run_recurrent<3, step_gru>, .cost = cost<3>, .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
        {.name = "LSTM", .min_inputs = 3, .max_inputs = 8, .min_outputs = 0, .max_outputs = 3,
         .attributes = attributes({{"input_forget", AttrKind::integer, int64_t{0}}}), .infer = infer<4>,
         .reference = run_recurrent<4, step_lstm>, .cost = cost<4>, .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
    };
}

}  // namespace hone::ops
