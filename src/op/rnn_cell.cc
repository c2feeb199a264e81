// SPDX-License-Identifier: Apache-2.0
#include "op/rnn_cell.h"

#include <cctype>
#include <cmath>

#include "op/numeric.h"

namespace hone {
namespace {

struct ActivationName {
    const char* name;
    Activation::Kind kind;
    bool has_alpha, has_beta;
    double alpha, beta;
};
constexpr ActivationName kActivations[] = {
    {"relu", Activation::Kind::relu, false, false, 0, 0},
    {"tanh", Activation::Kind::tanh, false, false, 0, 0},
    {"sigmoid", Activation::Kind::sigmoid, false, false, 0, 0},
    {"affine", Activation::Kind::affine, true, true, 1, 0},
    {"leakyrelu", Activation::Kind::leaky_relu, true, false, 0.01, 0},
    {"thresholdedrelu", Activation::Kind::thresholded_relu, true, false, 1, 0},
    {"scaledtanh", Activation::Kind::scaled_tanh, true, true, 1, 1},
    {"hardsigmoid", Activation::Kind::hard_sigmoid, true, true, 0.2, 0.5},
    {"elu", Activation::Kind::elu, true, false, 1, 0},
    {"softsign", Activation::Kind::softsign, false, false, 0, 0},
    {"softplus", Activation::Kind::softplus, false, false, 0, 0},
};

const ActivationName& named(const OpContext& c, const std::string& name) {
    std::string lower;
    for (char ch : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    for (const ActivationName& a : kActivations)
        if (lower == a.name) return a;
    c.refuse(cat("unknown activation '", name, "'; expected Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, "
                 "ScaledTanh, HardSigmoid, Elu, Softsign or Softplus"));
}

}  // namespace

double Activation::operator()(double x) const {
    switch (kind) {
        case Kind::relu: return x > 0 ? x : 0;
        case Kind::tanh: return std::tanh(x);
        case Kind::sigmoid: return 1 / (1 + std::exp(-x));
        case Kind::affine: return alpha * x + beta;
        case Kind::leaky_relu: return x >= 0 ? x : alpha * x;
        case Kind::thresholded_relu: return x > alpha ? x : 0;
        case Kind::scaled_tanh: return alpha * std::tanh(beta * x);
        case Kind::hard_sigmoid: return std::fmin(std::fmax(alpha * x + beta, 0), 1);
        case Kind::elu: return x >= 0 ? x : alpha * (std::exp(x) - 1);
        case Kind::softsign: return x / (1 + std::fabs(x));
        case Kind::softplus: return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    }
    return x;
}

double Activation::slope(double x) const {
    const double y = (*this)(x);
    switch (kind) {
        case Kind::relu: return x > 0 ? 1 : 0;
        case Kind::tanh: return 1 - y * y;
        case Kind::sigmoid: return y * (1 - y);
        case Kind::affine: return alpha;
        case Kind::leaky_relu: return x > 0 ? 1 : alpha;
        case Kind::thresholded_relu: return x > alpha ? 1 : 0;
        case Kind::scaled_tanh: return alpha * beta * (1 - std::pow(std::tanh(beta * x), 2));
        case Kind::hard_sigmoid: return y > 0 && y < 1 ? alpha : 0;
        case Kind::elu: return x > 0 ? 1 : y + alpha;
        case Kind::softsign: return 1 / std::pow(1 + std::fabs(x), 2);
        case Kind::softplus: return 1 / (1 + std::exp(-x));
    }
    return 1;
}

std::vector<AttrSpec> recurrent_attributes(int64_t gates) {
    std::vector<AttrSpec> a{{"activation_alpha", AttrKind::reals},
                            {"activation_beta", AttrKind::reals},
                            {"activations", AttrKind::texts},
                            {"clip", AttrKind::real},
                            {"direction", AttrKind::text, std::string("forward")},
                            {"hidden_size", AttrKind::integer},
                            {"layout", AttrKind::integer, int64_t{0}}};
    if (gates == 3) a.push_back({"linear_before_reset", AttrKind::integer, int64_t{0}});
    if (gates == 4) a.push_back({"input_forget", AttrKind::integer, int64_t{0}});
    return a;
}
std::vector<std::string> default_activations(int64_t gates) {
    if (gates == 1) return {"Tanh"};
    return gates == 3 ? std::vector<std::string>{"Sigmoid", "Tanh"} : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
}

size_t recurrent_directions(const OpContext& c) {
    const std::string& d = c.text("direction");
    if (d == "bidirectional") return 2;
    if (d != "forward" && d != "reverse")
        c.refuse(cat("attribute 'direction' is '", d, "'; expected forward, reverse or bidirectional"));
    return 1;
}

std::vector<Activation> recurrent_activations(const OpContext& c, const std::vector<std::string>& defaults, size_t directions) {
    std::vector<std::string> names = c.texts("activations");
    if (names.empty())
        for (size_t d = 0; d < directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
    if (names.size() != defaults.size() * directions)
        c.refuse(cat("has ", static_cast<unsigned long>(names.size()), " activations; expected ",
                     static_cast<unsigned long>(defaults.size() * directions)));
    const std::vector<float>&alphas = c.reals("activation_alpha"), &betas = c.reals("activation_beta");
    std::vector<Activation> out;
    size_t next_alpha = 0, next_beta = 0;
    for (const std::string& name : names) {
        const ActivationName& a = named(c, name);
        Activation f{a.kind, a.alpha, a.beta};
        if (a.has_alpha && next_alpha < alphas.size()) f.alpha = static_cast<double>(alphas[next_alpha++]);
        if (a.has_beta && next_beta < betas.size()) f.beta = static_cast<double>(betas[next_beta++]);
        out.push_back(f);
    }
    return out;
}

Recurrent::Recurrent(const OpContext& c, const Dims& x, const Dims& r, size_t gate_count)
    : hidden(r[2]), directions(recurrent_directions(c)), gates(gate_count), batch_first(c.integer("layout") != 0) {
    steps = x[batch_first ? 1 : 0];
    batch = x[batch_first ? 0 : 1];
    input = x[2];
}

void infer_recurrent(InferContext& c, int64_t gates) {
    const bool lstm = gates == 4;
    const DType t = lstm ? require_type(c, {0, 1, 2, 3, 5, 6, 7}, is_float, "a float type")
                         : require_type(c, {0, 1, 2, 3, 5}, is_float, "a float type");
    require_type(c, {4}, [](DType d) { return d == DType::i32; }, "i32");
    const auto directions = static_cast<int64_t>(recurrent_directions(c));
    const int64_t layout = c.integer("layout");
    if (layout != 0 && layout != 1) c.refuse(cat("layout is ", layout, "; expected 0 or 1"));
    for (size_t i = 0; i < 3; ++i) require_rank(c, i, 3, 3);
    Dim hidden, steps, batch, input;
    if (c.has("hidden_size")) {
        if (c.integer("hidden_size") < 1) c.refuse(cat("hidden_size is ", c.integer("hidden_size"), "; expected 1 or more"));
        hidden = c.integer("hidden_size");
    }
    if (c.rank_known(2)) hidden = agree(c, hidden, c.shape(2)[2], "hidden_size and the recurrence weights");
    if (c.rank_known(0)) {
        steps = c.shape(0)[layout ? 1 : 0];
        batch = c.shape(0)[layout ? 0 : 1];
        input = c.shape(0)[2];
    }
    if (hidden == Dim(0) || input == Dim(0)) c.refuse("the input or the hidden state is empty");
    const auto times = [&](int64_t k) { return hidden.known() ? Dim(checked_mul(k, hidden.value)) : Dim(); };
    require_shape(c, 1, {directions, times(gates), input}, "W");
    require_shape(c, 2, {directions, times(gates), hidden}, "R");
    require_shape(c, 3, {directions, times(2 * gates)}, "B");
    require_shape(c, 4, {batch}, "sequence_lens");
    const Shape state = layout ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
    require_shape(c, 5, state, "initial_h");
    if (lstm) {
        require_shape(c, 6, state, "initial_c");
        require_shape(c, 7, {directions, times(3)}, "P");
    }
    if (c.given(4))
        if (const Tensor* lengths = c.value(4); lengths && steps.known())
            for (int64_t n : lengths->to_i64())
                if (n < 0 || n > steps.value) c.refuse(cat("a sequence length is ", n, "; expected 0 to ", steps.value));
    c.set(0, t, layout ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden});
    c.set(1, t, state);
    if (lstm) c.set(2, t, state);
}

Cost cost_recurrent(const CostContext& c, int64_t gates) {
    Cost cost;
    if (!c.in[0].fixed() || !c.in[2].fixed()) return cost;
    const Dims x = dims_of(c.in[0].shape), r = dims_of(c.in[2].shape);
    const auto number = [](int64_t v) { return static_cast<double>(v); };
    cost.macs = number(x[0]) * number(x[1]) * number(r[0]) * number(gates) * number(r[2]) * (number(x[2]) + number(r[2]));
    cost.flops = number(x[0]) * number(x[1]) * number(r[0]) * number(gates + 3) * number(r[2]);
    return cost;
}

}  // namespace hone
