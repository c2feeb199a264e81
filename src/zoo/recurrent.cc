// SPDX-License-Identifier: Apache-2.0
// Sequence classifiers: rows of a picture, steps of a series or the tokens of a text, through RNN, LSTM (Hochreiter and Schmidhuber, 1997) or GRU
// (Cho et al., 2014) cells. RNN and LSTM answer from the state after the last step, the GRU, which reads both ways, from the
// mean over the steps. RNN and LSTM read a text from its end, so that what fills it up comes first (the order of Sutskever et
// al., "Sequence to sequence learning with neural networks", NeurIPS 2014).
#include "zoo/recurrent.h"

#include <cmath>
#include <cstring>

#include "zoo/build.h"

namespace hone::zoo {
namespace {

int64_t gates_of(const char* op) { return std::strcmp(op, "LSTM") == 0 ? 4 : std::strcmp(op, "GRU") == 0 ? 3 : 1; }

bool reads_text(const Request& r) { return r.input.size() == 1; }

/// The input as [T,N,F]: the rows of [C,H,W] are steps of C * W numbers, tokens become their embeddings.
ValueId steps_first(Builder& b, const Request& r) {
    if (reads_text(r)) {
        const ValueId tokens = b.input("input", DType::i64, {Dim::named("N"), r.input[0]});
        const ValueId table = b.parameter("token.weight", {r.vocabulary, r.embedding}, normal(1));  // torch.nn.Embedding
        const ValueId x = b.add("Gather", "token", {table, tokens}, {{"axis", int64_t{0}}});
        return b.add("Transpose", "steps", {x}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
    }
    Shape shape{Dim::named("N")};
    shape.insert(shape.end(), r.input.begin(), r.input.end());
    const ValueId x = b.input("input", DType::f32, shape);
    if (r.input.size() == 2) return b.add("Transpose", "steps", {x}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
    const ValueId rows = b.add("Transpose", "rows", {x}, {{"perm", std::vector<int64_t>{2, 0, 1, 3}}});
    return b.reshape("steps", rows, {r.input[1], -1, r.input[0] * r.input[2]});
}

std::vector<Network> last_step(const char* name, const char* op, const Request& r) {
    Builder b(name, r.seed, torch_rules);
    const Sequence s = recurrent(b, name, steps_first(b, r), {op, scaled(128, r.width), r.depth, false, reads_text(r), dropout_of(r, 0)});
    return classifies(b, b.linear("fc", s.last, r.classes));
}

}  // namespace

Sequence recurrent(Builder& b, const std::string& name, ValueId x, const Cells& c) {
    const int64_t directions = c.both_ways ? 2 : 1, rows = gates_of(c.op) * c.hidden;
    const Init init = uniform(1 / std::sqrt(static_cast<double>(c.hidden)));
    Attributes a{{"hidden_size", c.hidden}};
    if (c.both_ways) a["direction"] = std::string("bidirectional");
    else if (c.backwards) a["direction"] = std::string("reverse");
    if (std::strcmp(c.op, "GRU") == 0) a["linear_before_reset"] = int64_t{1};
    Sequence s{x};
    for (int64_t i = 0; i < c.layers; ++i) {
        const std::string layer = cat(name, ".", i);
        const ValueId w = b.parameter(layer + ".input.weight", {directions, rows, b.dim(s.steps, 2)}, init);
        const ValueId hidden = b.parameter(layer + ".recurrent.weight", {directions, rows, c.hidden}, init);
        const ValueId bias = b.parameter(layer + ".bias", {directions, 2 * rows}, init);
        const bool ends = i + 1 == c.layers && !c.both_ways;
        const std::vector<ValueId> y = b.add_some(c.op, layer, {s.steps, w, hidden, bias}, ends ? 2 : 1, a);
        if (ends) return {kNone, b.add("Squeeze", layer + ".last", {y[1], b.fixed(name + ".state", Tensor::of_i64({0}))})};
        if (c.both_ways) {
            const ValueId t = b.add("Transpose", layer + ".transpose", {y[0]}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
            s.steps = b.reshape(layer + ".join", t, {0, 0, directions * c.hidden});
        } else {
            s.steps = b.add("Squeeze", layer + ".steps", {y[0], b.fixed(name + ".direction", Tensor::of_i64({1}))});
        }
        if (i + 1 < c.layers) s.steps = b.dropout(layer + ".dropout", s.steps, c.dropout);
    }
    return s;
}

std::vector<Network> rnn(const Request& r) { return last_step("rnn", "RNN", r); }
std::vector<Network> lstm(const Request& r) { return last_step("lstm", "LSTM", r); }

std::vector<Network> gru(const Request& r) {
    Builder b("gru", r.seed, torch_rules);
    const Sequence s = recurrent(b, "gru", steps_first(b, r), {"GRU", scaled(128, r.width), r.depth, true, false, dropout_of(r, 0)});
    return classifies(b, b.linear("fc", b.mean_over("mean", s.steps, 0), r.classes));
}

}  // namespace hone::zoo
