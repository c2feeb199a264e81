// SPDX-License-Identifier: Apache-2.0
// What the training tests share: PyTorch's answers (make_golden.py), the small network in double that they are of, and a
// training step run by the interpreter, whose states live here.
//
//   Golden golden("losses");
//   Stepper s(training_step(make_trainable(mlp(golden["w0"])), {.loss = {"mse"}}));
//   const double loss = s.step({{"x0", x}, {"targets", t}}, 0.1);
#pragma once
#include <cmath>
#include <map>

#include "npz.h"
#include "op/builder.h"
#include "support.h"
#include "train/step.h"

namespace hone::train {

class Golden {
  public:
    explicit Golden(const std::string& name) : arrays_(read_npz(source_path(cat("test/train/golden/", name, ".npz")))) {}
    bool has(const std::string& name) const { return arrays_.contains(name); }
    const Tensor& operator[](const std::string& name) const {
        HONE_CHECK(has(name), "no golden array ", name);
        return arrays_.at(name);
    }
    /// All names that end so, without the ending.
    std::vector<std::string> cases(const std::string& ending) const {
        std::vector<std::string> out;
        for (const auto& [name, t] : arrays_)
            if (name.ends_with(ending)) out.push_back(name.substr(0, name.size() - ending.size()));
        return out;
    }

  private:
    std::map<std::string, Tensor> arrays_;
};

inline Tensor part(const Tensor& flat, int64_t begin, const Dims& dims) { return flat.reshaped({flat.count()}).rows(begin, begin + count_of(dims)).reshaped(dims); }
/// Row i of the first axis, without that axis.
inline Tensor row(const Tensor& t, int64_t i) { return t.rows(i, i + 1).reshaped(Dims(t.dims().begin() + 1, t.dims().end())); }

/// 5-7-3 with tanh, batch 4: `towers` inputs "x0", ... through the same weights, an output each.
inline Graph mlp(const Tensor& w, int towers = 1) {
    Graph g;
    const ValueId w1 = g.add_constant("w1", part(w, 0, {5, 7})), b1 = g.add_constant("b1", part(w, 35, {7}));
    const ValueId w2 = g.add_constant("w2", part(w, 42, {7, 3})), b2 = g.add_constant("b2", part(w, 63, {3}));
    for (int i = 0; i < towers; ++i) {
        const ValueId x = g.add_input(cat("x", i), TypeInfo::tensor(DType::f64, {4, 5}));
        Builder b(g, cat("tower", i));
        const ValueId hidden = b.node("Tanh", {b.add(b.matmul(x, w1), b1)});
        g.outputs.push_back(b.add(b.matmul(hidden, w2), b2));
    }
    return g;
}

class Stepper {
  public:
    explicit Stepper(TrainingStep s) : s_(std::move(s)), states_(s_.initial) { s_.graph.check_structure(); }
    /// One run of the graph; `given` by input name. The loss.
    double step(const std::map<std::string, Tensor>& given, double rate) {
        const Graph& g = s_.graph;
        std::vector<Tensor> in;
        for (ValueId v : g.inputs) {
            const std::string& name = g.value(v).name;
            const auto at = given.find(name);
            const auto state = states_.find(name);
            if (name == s_.rate) {
                in.push_back(Tensor::zeros(DType::f64, {}));
                in.back().set(0, rate);
                continue;
            }
            HONE_CHECK((at == given.end()) != (state == states_.end()), name);
            in.push_back(at == given.end() ? state->second : at->second);
        }
        out_ = interpret_graph(g, in);
        for (const State& s : g.states) {
            HONE_CHECK(states_.contains(s.name) && g.value(g.inputs[s.input]).name == s.name, s.name);
            states_[s.name] = out_[s.output];
        }
        return out_[s_.loss].at(0);
    }
    const std::map<std::string, Tensor>& states() const { return states_; }
    const TrainingStep& plan() const { return s_; }

  private:
    TrainingStep s_;
    std::map<std::string, Tensor> states_;
    std::vector<Tensor> out_;
};

/// w1, b1, w2, b2 one after the other; `suffix` ".ema" for their averages.
inline std::vector<double> flat_weights(const Stepper& s, const std::string& suffix = "") {
    std::vector<double> out;
    for (const char* name : {"w1", "b1", "w2", "b2"}) {
        const std::vector<double> v = s.states().at(name + suffix).to_f64();
        out.insert(out.end(), v.begin(), v.end());
    }
    return out;
}

/// The largest difference over the largest value of `want`.
inline double distance(const std::vector<double>& got, const std::vector<double>& want) {
    HONE_CHECK(got.size() == want.size(), static_cast<unsigned long>(got.size()), " and ", static_cast<unsigned long>(want.size()));
    double worst = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        worst = std::isnan(got[i]) ? INFINITY : std::fmax(worst, std::fabs(got[i] - want[i]));
        size = std::fmax(size, std::fabs(want[i]));
    }
    return worst == 0 ? 0 : worst / size;
}

}  // namespace hone::train
