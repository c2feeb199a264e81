// SPDX-License-Identifier: Apache-2.0
#include "train/runner.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace hone::train {

namespace {
std::map<std::string, Tensor> cloned(const std::map<std::string, Tensor>& values) {
    std::map<std::string, Tensor> out;
    for (const auto& [name, t] : values) out[name] = t.clone();
    return out;
}
}  // namespace

StepRunner::StepRunner(const TrainingStep& step, ThreadPool* pool, const PlanOptions& options)
    : StepRunner(step, cloned(step.initial), pool, options) {}
StepRunner::StepRunner(TrainingStep&& step, ThreadPool* pool, const PlanOptions& options)
    : StepRunner(step, std::exchange(step.initial, {}), pool, options) {}

StepRunner::StepRunner(const TrainingStep& step, std::map<std::string, Tensor> initial, ThreadPool* pool, const PlanOptions& options)
    : loss_(step.loss), norm_(step.norm) {
    const Graph& g = step.graph;
    inputs_.resize(g.inputs.size());
    std::set<size_t> special;
    for (const State& s : g.states) {
        const auto first = initial.find(s.name);
        HONE_CHECK(first != initial.end(), "state ", s.name, " has no first value");
        states_[s.name] = inputs_[s.input] = first->second;
        special.insert(s.input);
    }
    std::vector<Dims> dims;
    for (size_t i = 0; i < g.inputs.size(); ++i) {
        const Value& v = g.value(g.inputs[i]);
        HONE_CHECK(v.type.fixed(), v.name, " is ", to_text(v.type), ": its dims must be known");
        dims.push_back(dims_of(v.type.shape));
        if (v.name == step.rate) {
            rate_at_ = i;
            inputs_[i] = Tensor::zeros(v.type.dtype, {});
        } else if (std::find(step.targets.begin(), step.targets.end(), v.name) != step.targets.end()) {
            target_at_.push_back(i);
        } else if (!special.contains(i)) {
            model_at_.push_back(i);
        }
    }
    session_ = std::make_unique<Session>(make_plan(g, dims, options), pool);
}

double StepRunner::run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets, double rate) {
    const auto fill = [&](const std::vector<Tensor>& from, const std::vector<size_t>& at, const char* what) {
        if (from.size() != at.size())
            fail(ErrorKind::model, "input.count", cat("a step takes ", static_cast<unsigned long>(at.size()), " ", what, "; got ", static_cast<unsigned long>(from.size())));
        for (size_t i = 0; i < at.size(); ++i) inputs_[at[i]] = from[i];
    };
    fill(inputs, model_at_, "inputs");
    fill(targets, target_at_, "targets");
    inputs_[rate_at_].set(0, rate);
    session_->execute(inputs_);
    return session_->output(loss_).at(0);
}

void StepRunner::set_states(const std::map<std::string, Tensor>& values) {
    for (const auto& [name, t] : values) {
        const auto it = states_.find(name);
        if (it == states_.end()) fail(ErrorKind::model, "train.state", cat("the step has no state '", name, "'"));
        Tensor& to = it->second;
        if (to.dtype() != t.dtype() || to.dims() != t.dims())
            fail(ErrorKind::model, "train.state", cat("state '", name, "' is ", dtype_name(to.dtype()), to_text(to.dims()), "; got ", dtype_name(t.dtype()), to_text(t.dims())));
        if (t.bytes()) std::memcpy(to.raw_mut(), t.raw(), t.bytes());
    }
}

std::map<std::string, Tensor> trained_values(const Graph& model, const std::map<std::string, Tensor>& states) {
    std::map<std::string, Tensor> out;
    for (const auto& [name, value] : states) {
        if (const ValueId v = model.find_value(name); v == kNone || !model.value(v).is_constant()) continue;
        const auto average = states.find(name + kAverage);
        out[name] = (average == states.end() ? value : average->second).clone();
    }
    return out;
}

}  // namespace hone::train
