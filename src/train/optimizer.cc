// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include <cmath>
#include <limits>

#include "op/builder.h"
#include "train/trainable.h"

namespace hone::train {
namespace {

constexpr double kMost = std::numeric_limits<double>::infinity();
constexpr Hyper kDecay{"weight_decay", 0, 0, kMost}, kMomentum{"momentum", 0, 0, 1};
constexpr Hyper kBeta1{"beta1", 0.9, 0, 1}, kBeta2{"beta2", 0.999, 0, 1}, kEpsilon{"epsilon", 1e-8, 0, kMost};

}  // namespace

const std::vector<OptimizerDecl>& optimizers() {
    static const std::vector<OptimizerDecl> all = {
        {"sgd", "stochastic gradient descent; momentum, Nesterov's too", "Sgd", {{"momentum", "momentum"}},
         {kMomentum, {"nesterov", 0, 0, 2, true}, kDecay}},
        {"adagrad", "rates fall with the sum of squared gradients", "Adagrad", {{"sum", nullptr}},
         {{"lr_decay", 0, 0, kMost}, {"epsilon", 1e-10, 0, kMost}, kDecay}},
        {"rmsprop", "gradients over the root of their mean square", "RmsProp",
         {{"square", nullptr}, {"mean", "centred"}, {"momentum", "momentum"}},
         {{"alpha", 0.99, 0, 1}, kEpsilon, kMomentum, {"centred", 0, 0, 2, true}, kDecay}},
        {"adam", "first over root of second moment; decay enters the gradient", "Adam", {{"first", nullptr}, {"second", nullptr}},
         {kBeta1, kBeta2, kEpsilon, kDecay}},
        {"adamw", "Adam with decoupled weight decay", "Adam", {{"first", nullptr}, {"second", nullptr}},
         {kBeta1, kBeta2, kEpsilon, {"weight_decay", 0.01, 0, kMost}}, {{"decoupled", 1}}},
    };
    return all;
}
const OptimizerDecl& find_optimizer(const std::string& name) { return find_declared(optimizers(), name, "optimiser"); }

namespace {

/// Each attribute as the operator takes it: whole ones as integers, the others as f64 scalars.
Attributes attributes_of(const OptimizerDecl& d, const HyperValues& hyper) {
    Attributes out;
    for (const Hyper& h : d.hyper) {
        if (h.whole) {
            out[h.name] = static_cast<int64_t>(hyper.at(h.name));
            continue;
        }
        Tensor t = Tensor::zeros(DType::f64, {});
        t.set(0, hyper.at(h.name));
        out[h.name] = t;
    }
    for (const auto& [name, v] : d.fixed) out[name] = v;
    return out;
}

void check_options(const UpdateOptions& o) {
    const HyperValues given = {{"clip_value", o.clip_value}, {"clip_norm", o.clip_norm},
                               {"accumulate", static_cast<double>(o.accumulate)}, {"ema", o.ema}};
    resolve({{"clip_value", 0, 0, kMost}, {"clip_norm", 0, 0, kMost}, {"accumulate", 1, 1, 9e15, true}, {"ema", 0, 0, 1}}, given, "the update");
}

class Updater {
  public:
    Updater(Graph& g, std::vector<Parameter> parameters, std::vector<ValueId> gradients, const UpdateOptions& o, const std::map<std::string, Tensor>& statistics)
        : g_(g), b_(g, "update"), parameters_(std::move(parameters)), d_(std::move(gradients)), o_(o), statistics_(statistics), decl_(find_optimizer(o.optimizer)),
          hyper_(resolve(decl_.hyper, o.hyper, cat("optimiser '", o.optimizer, "'"))) {
        check_options(o);
        if (hyper_.contains("nesterov") && hyper_["nesterov"] != 0 && hyper_["momentum"] == 0)
            fail(ErrorKind::usage, "train.hyper", "'nesterov' is given and 'momentum' is 0", "Nesterov's step needs a momentum, such as 0.9.");
        HONE_CHECK(d_.size() == parameters_.size());
    }

    Update run() {
        out_.rate = g_.add_input("lr", TypeInfo::tensor(DType::f64, Shape{}));
        if (o_.unscale != kNone)
            for (ValueId& d : d_) d = b_.mul(d, b_.cast(o_.unscale, b_.dtype(d)));
        if (o_.accumulate > 1) accumulate();
        ValueId squares = o_.skip_nonfinite ? sum_of_squares() : kNone;
        if (o_.skip_nonfinite) guard(squares);
        if (o_.clip_value > 0) {
            for (ValueId& d : d_) d = b_.node("Clip", {d, b_.like(d, -o_.clip_value), b_.like(d, o_.clip_value)});
            squares = kNone;
        }
        if (o_.clip_norm > 0 || o_.measure_norm) out_.norm = b_.sqrt(squares == kNone ? sum_of_squares() : squares);
        if (o_.clip_norm > 0) clip_norm();
        const std::vector<State> others = o_.ema > 0 ? g_.states : std::vector<State>();
        const ValueId step = state("train.step", Tensor::scalar_i64(0));
        if (o_.ema > 0) decay_of_averages(step);
        for (size_t i = 0; i < parameters_.size(); ++i) update(parameters_[i], d_[i], step);
        for (const State& s : others) average_statistics(s);
        bind(step, b_.add(step, apply_ == kNone ? b_.constant(Tensor::scalar_i64(1)) : b_.cast(apply_, DType::i64)));
        return std::move(out_);
    }

  private:
    ValueId state(const std::string& name, Tensor initial) {
        const ValueId v = g_.add_input(name, TypeInfo::of(initial));
        out_.initial[g_.value(v).name] = std::move(initial);
        return v;
    }
    void bind(ValueId state, ValueId next) { bind_state(g_, std::string(g_.value(state).name), state, next); }
    void only_when(ValueId condition) { apply_ = apply_ == kNone ? condition : b_.node("And", {apply_, condition}); }

    /// Sums a k-th of each gradient; the update comes with the k-th and the sums begin anew.
    void accumulate() {
        const ValueId done = state("train.micro", Tensor::scalar_i64(0));
        const ValueId now = b_.add(done, b_.constant(Tensor::scalar_i64(1)));
        const ValueId full = b_.equal(now, b_.constant(Tensor::scalar_i64(o_.accumulate)));
        bind(done, b_.where(full, b_.constant(Tensor::scalar_i64(0)), now));
        for (size_t i = 0; i < d_.size(); ++i) {
            const ValueId before = state(parameters_[i].name + ".accumulated", Tensor::zeros(b_.dtype(d_[i]), b_.dims(d_[i])));
            d_[i] = b_.add(before, b_.scale(d_[i], 1 / static_cast<double>(o_.accumulate)));
            bind(before, b_.where(full, b_.like(d_[i], 0), d_[i]));
        }
        out_.full = full;
        only_when(full);
    }
    ValueId sum_of_squares() {
        DType t = DType::f32;
        for (ValueId d : d_)
            if (b_.dtype(d) == DType::f64) t = DType::f64;
        ValueId total = kNone;
        for (ValueId d : d_) {
            const ValueId part = b_.sum(b_.square(b_.cast(d, t)), {}, false);
            total = total == kNone ? part : b_.add(total, part);
        }
        return total;
    }
    /// The sum is finite when every gradient is (or it overflows, which is no step to take either).
    void guard(ValueId squares) {
        const double most = b_.dtype(squares) == DType::f64 ? std::numeric_limits<double>::max()
                                                            : static_cast<double>(std::numeric_limits<float>::max());
        out_.finite = b_.node("LessOrEqual", {squares, b_.like(squares, most)});
        only_when(out_.finite);
    }
    /// torch.nn.utils.clip_grad_norm_: by min(1, most / (length + 1e-6)).
    void clip_norm() {
        const ValueId length = b_.shift(out_.norm, 1e-6);
        const ValueId factor = b_.node("Min", {b_.div(b_.like(length, o_.clip_norm), length), b_.like(length, 1)});
        for (ValueId& d : d_) d = b_.mul(d, b_.cast(factor, b_.dtype(d)));
    }

    void update(Parameter& p, ValueId gradient, ValueId step) {
        HyperValues hyper = hyper_;
        if (o_.decay_weights_only && p.kind != ParameterKind::weight) hyper["weight_decay"] = 0;
        std::vector<ValueId> in{p.value, gradient, out_.rate, step, apply_};
        std::vector<ValueId> states{p.value};
        out_.initial[p.name] = p.initial.clone();
        p.initial = {};  // the memory of one need not wait for all
        for (const MomentDecl& m : decl_.moments) {
            if (m.when && hyper.at(m.when) == 0) continue;
            states.push_back(state(cat(p.name, ".", m.name), Tensor::zeros(b_.dtype(p.value), b_.dims(p.value))));
            in.push_back(states.back());
        }
        Builder b(g_, p.name + ".update");
        const std::vector<ValueId> next = b.nodes(decl_.op, in, static_cast<int>(states.size()), attributes_of(decl_, hyper), "hone");
        for (size_t i = 0; i < states.size(); ++i) bind(states[i], next[i]);
        if (o_.ema > 0) average(p.name, out_.initial.at(p.name), next[0]);
    }
    void decay_of_averages(ValueId step) {
        const ValueId n = b_.cast(step, DType::f64);
        const ValueId early = b_.div(b_.shift(n, 1), b_.shift(n, 10));
        decay_ = b_.node("Min", {early, b_.like(early, o_.ema)});
        rest_ = b_.sub(b_.like(decay_, 1), decay_);
    }
    void average(const std::string& name, const Tensor& initial, ValueId now) {
        const ValueId before = state(name + kAverage, initial.clone());
        const DType t = b_.dtype(now);
        ValueId next = b_.add(b_.mul(before, b_.cast(decay_, t)), b_.mul(now, b_.cast(rest_, t)));
        if (apply_ != kNone) next = b_.where(apply_, next, before);
        bind(before, next);
    }
    /// Those of normalisations belong to the weights that they came from: averaged alike.
    void average_statistics(const State& s) {
        if (const auto initial = statistics_.find(s.name); initial != statistics_.end() && is_float(initial->second.dtype())) average(s.name, initial->second, g_.outputs[s.output]);
    }

    Graph& g_;
    Builder b_;
    std::vector<Parameter> parameters_;
    std::vector<ValueId> d_;
    const UpdateOptions& o_;
    const std::map<std::string, Tensor>& statistics_;
    const OptimizerDecl& decl_;
    HyperValues hyper_;
    ValueId apply_ = kNone;  ///< whether this run updates; kNone: always
    ValueId decay_ = kNone, rest_ = kNone;  ///< of averages: f64 scalars, their sum is 1
    Update out_;
};

}  // namespace

Update add_update(Graph& g, std::vector<Parameter> parameters, const std::vector<ValueId>& gradients, const UpdateOptions& options, const std::map<std::string, Tensor>& statistics) {
    return Updater(g, std::move(parameters), gradients, options, statistics).run();
}

}  // namespace hone::train
