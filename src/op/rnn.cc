// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM: all directions and layouts, sequence lengths, peepholes, any activation.
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rnn_step.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

template <size_t gates>
void run_recurrent(RefContext& c) {
    const Recurrent s(c, c.in[0].dims(), c.in[2].dims(), gates);
    const Cells cells(c, s);
    const Vector x = values<double>(c.in[0]);
    const auto n = static_cast<size_t>(s.hidden);
    Trace trace;
    for (size_t d = 0; d < s.directions; ++d)
        for (int64_t b = 0; b < s.batch; ++b) {
            Vector h(n), cell(n);
            const int64_t at = s.state_at(d, b), length = cells.length(c, b);
            initial_state(c, s, d, b, h, cell);
            for (int64_t i = 0; i < length; ++i) {
                const int64_t t = cells.time(d, i, length);
                step_cell(cells.of(d), x.data() + s.x_at(t, b), h, cell, trace);
                if (c.wanted(0))
                    for (int64_t e = 0; e < s.hidden; ++e) c.out[0].set(s.y_at(t, d, b) + e, h[static_cast<size_t>(e)]);
            }
            for (int64_t i = 0; i < s.hidden; ++i) {
                if (c.wanted(1)) c.out[1].set(at + i, h[static_cast<size_t>(i)]);
                if (gates == 4 && c.wanted(2)) c.out[2].set(at + i, cell[static_cast<size_t>(i)]);
            }
        }
}

template <int64_t gates>
void infer(InferContext& c) {
    recurrent_activations(c, default_activations(gates), recurrent_directions(c));
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

}  // namespace

std::vector<OpDecl> rnn() {
    std::vector<OpDecl> family = {
        {.name = "RNN", .min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2,
         .attributes = recurrent_attributes(1), .infer = infer<1>, .reference = run_recurrent<1>, .cost = cost<1>,
         .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
        {.name = "GRU", .min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2,
         .attributes = recurrent_attributes(3), .infer = infer<3>,
         .reference = run_recurrent<3>, .cost = cost<3>, .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
        {.name = "LSTM", .min_inputs = 3, .max_inputs = 8, .min_outputs = 0, .max_outputs = 3,
         .attributes = recurrent_attributes(4), .infer = infer<4>,
         .reference = run_recurrent<4>, .cost = cost<4>, .tolerance = 1e-4, .upgrade = upgrade, .downgrade = downgrade},
    };
    attach_rules(family, recurrent_rules());
    return family;
}

}  // namespace hone::ops
