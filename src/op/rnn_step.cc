// SPDX-License-Identifier: Apache-2.0
#include "op/rnn_step.h"

#include "op/matmul.h"
#include "op/numeric.h"

namespace hone {
namespace {

RecurrentWeights weights_of(const RefContext& c, const Recurrent& s, size_t direction) {
    const auto d = static_cast<int64_t>(direction), rows = static_cast<int64_t>(s.gates) * s.hidden;
    RecurrentWeights out;
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

/// x*W + Wb for all gates.
Vector from_input(const RecurrentCell& k, const double* x) {
    Vector g = k.weights.wb;
    multiply(x, k.weights.w.data(), g.data(), 1, k.input, static_cast<int64_t>(g.size()));
    return g;
}
/// h*R + Rb for all gates.
Vector from_state(const RecurrentCell& k, const Vector& h) {
    Vector g = k.weights.rb;
    multiply(h.data(), k.weights.r.data(), g.data(), 1, k.hidden, static_cast<int64_t>(g.size()));
    return g;
}
/// Adds what gates [first, last) give back to the state: their rows of R times their gradients.
void back_to_state(const RecurrentCell& k, const Vector& gates, size_t first, size_t last, Vector& dh) {
    const size_t n = dh.size(), row = k.gates * n;
    for (size_t i = 0; i < n; ++i)
        for (size_t g = first * n; g < last * n; ++g) dh[i] += k.weights.r[i * row + g] * gates[g];
}

void step_rnn(const RecurrentCell& k, const double* x, Vector& h, Trace& t) {
    const Vector b = from_state(k, h);
    t.gates = from_input(k, x);
    for (size_t i = 0; i < h.size(); ++i) h[i] = k.act(0, t.gates[i] += b[i]);
}
void back_rnn(const RecurrentCell& k, const Trace& t, Vector& dh, GateGradients& g) {
    for (size_t i = 0; i < dh.size(); ++i) {
        g.input[i] = dh[i] * k.slope(0, t.gates[i]);
        dh[i] = 0;
    }
    g.state = g.input;
    back_to_state(k, g.state, 0, 1, dh);
}

/// Gates in the order z, r, h.
void step_gru(const RecurrentCell& k, const double* x, Vector& h, Trace& t) {
    const size_t n = h.size();
    Vector& g = t.gates;
    g = from_input(k, x);
    Vector b = from_state(k, h), gated(n);
    for (size_t i = 0; i < 2 * n; ++i) g[i] += b[i];
    t.candidate = k.linear_reset ? Vector(b.begin() + static_cast<long>(2 * n), b.end()) : h;
    for (size_t i = 0; i < n; ++i) gated[i] = k.act(0, g[n + i]) * t.candidate[i];
    if (!k.linear_reset) b = from_state(k, gated);
    for (size_t i = 0; i < n; ++i) {
        const double z = k.act(0, g[i]);
        g[2 * n + i] += k.linear_reset ? gated[i] : b[2 * n + i];
        h[i] = (1 - z) * k.act(1, g[2 * n + i]) + z * h[i];
    }
}
void back_gru(const RecurrentCell& k, const Trace& t, Vector& dh, GateGradients& g) {
    const size_t n = dh.size();
    Vector dgated(n);
    for (size_t i = 0; i < n; ++i) {
        const double z = k.act(0, t.gates[i]);
        g.input[i] = dh[i] * (t.h[i] - k.act(1, t.gates[2 * n + i])) * k.slope(0, t.gates[i]);
        g.input[2 * n + i] = dh[i] * (1 - z) * k.slope(1, t.gates[2 * n + i]);
        dh[i] *= z;
    }
    if (k.linear_reset) std::copy_n(g.input.begin() + static_cast<long>(2 * n), n, dgated.begin());
    else back_to_state(k, g.input, 2, 3, dgated);
    g.reset_h.resize(n);
    for (size_t i = 0; i < n; ++i) g.input[n + i] = dgated[i] * t.candidate[i] * k.slope(0, t.gates[n + i]);
    g.state = g.input;
    for (size_t i = 0; i < n; ++i) {
        const double r = k.act(0, t.gates[n + i]);
        g.reset_h[i] = r * t.h[i];
        if (k.linear_reset) g.state[2 * n + i] *= r;
        else dh[i] += dgated[i] * r;
    }
    back_to_state(k, g.state, 0, k.linear_reset ? 3 : 2, dh);
}

/// Gates in the order i, o, f, c; peepholes in the order i, o, f.
void step_lstm(const RecurrentCell& k, const double* x, Vector& h, Vector& cell, Trace& t) {
    const size_t n = h.size();
    Vector& g = t.gates;
    g = from_input(k, x);
    const Vector b = from_state(k, h), &p = k.weights.p;
    for (size_t i = 0; i < g.size(); ++i) g[i] += b[i];
    for (size_t i = 0; i < n; ++i) {
        const double in = k.act(0, g[i] += p[i] * cell[i]);
        const double forget = k.coupled ? 1 - in : k.act(0, g[2 * n + i] += p[2 * n + i] * cell[i]);
        cell[i] = forget * cell[i] + in * k.act(1, g[3 * n + i]);
        h[i] = k.act(0, g[n + i] += p[n + i] * cell[i]) * k.f[2](cell[i]);
    }
    t.cell_next = cell;
}
void back_lstm(const RecurrentCell& k, const Trace& t, Vector& dh, Vector& dcell, GateGradients& g, Vector& dp) {
    const size_t n = dh.size();
    const Vector& p = k.weights.p;
    for (size_t i = 0; i < n; ++i) {
        const double pi = t.gates[i], po = t.gates[n + i], pf = t.gates[2 * n + i], pc = t.gates[3 * n + i], next = t.cell_next[i];
        const double in = k.act(0, pi), forget = k.coupled ? 1 - in : k.act(0, pf), new_cell = k.act(1, pc);
        const double out = dh[i] * k.f[2](next) * k.slope(0, po);
        const double dc = dcell[i] + dh[i] * k.act(0, po) * k.f[2].slope(next) + out * p[n + i];
        const double dforget = dc * t.cell[i];
        g.input[i] = (dc * new_cell - (k.coupled ? dforget : 0)) * k.slope(0, pi);
        g.input[n + i] = out;
        g.input[2 * n + i] = k.coupled ? 0 : dforget * k.slope(0, pf);
        g.input[3 * n + i] = dc * in * k.slope(1, pc);
        dcell[i] = dc * forget + g.input[i] * p[i] + g.input[2 * n + i] * p[2 * n + i];
        dp[i] += g.input[i] * t.cell[i];
        dp[n + i] += out * next;
        dp[2 * n + i] += g.input[2 * n + i] * t.cell[i];
        dh[i] = 0;
    }
    g.state = g.input;
    back_to_state(k, g.state, 0, 4, dh);
}

}  // namespace

Cells::Cells(const RefContext& c, const Recurrent& s) : steps_(s.steps), reverse_(c.text("direction") == "reverse") {
    const std::vector<std::string> names = default_activations(static_cast<int64_t>(s.gates));
    const std::vector<Activation> f = recurrent_activations(c, names, s.directions);
    const double clip = c.has("clip") ? static_cast<double>(c.real("clip")) : 0;
    for (size_t d = 0; d < s.directions; ++d) {
        const auto first = f.begin() + static_cast<long>(d * names.size());
        cells_.push_back({s.gates, s.input, s.hidden, weights_of(c, s, d), {first, first + static_cast<long>(names.size())}, clip,
                          s.gates == 4 && c.integer("input_forget") != 0, s.gates == 3 && c.integer("linear_before_reset") != 0});
    }
}

void initial_state(const RefContext& c, const Recurrent& s, size_t direction, int64_t b, Vector& h, Vector& cell) {
    const int64_t at = s.state_at(direction, b);
    for (int64_t i = 0; i < s.hidden; ++i) {
        if (c.given(5)) h[static_cast<size_t>(i)] = c.in[5].at(at + i);
        if (s.gates == 4 && c.given(6)) cell[static_cast<size_t>(i)] = c.in[6].at(at + i);
    }
}

void step_cell(const RecurrentCell& k, const double* x, Vector& h, Vector& cell, Trace& t) {
    t.h = h;
    t.cell = cell;
    if (k.gates == 1) step_rnn(k, x, h, t);
    else if (k.gates == 3) step_gru(k, x, h, t);
    else step_lstm(k, x, h, cell, t);
}

void step_back(const RecurrentCell& k, const Trace& t, Vector& dh, Vector& dcell, GateGradients& g, Vector& dp) {
    g.input.resize(k.gates * dh.size());
    if (k.gates == 1) back_rnn(k, t, dh, g);
    else if (k.gates == 3) back_gru(k, t, dh, g);
    else back_lstm(k, t, dh, dcell, g, dp);
}

}  // namespace hone
