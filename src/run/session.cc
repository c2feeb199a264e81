// SPDX-License-Identifier: Apache-2.0
#include "run/session.h"

#include <cstring>

#include "base/timing.h"
#include "run/exchange.h"

namespace hone {

Session::Session(std::shared_ptr<const Plan> plan, ThreadPool* pool) : plan_(std::move(plan)), pool_(pool) {
    HONE_CHECK(plan_->threads == 1 || (pool_ && pool_->threads() >= plan_->threads), "the pool is smaller than the plan");
    arena_ = allocate_aligned(plan_->arena_bytes);
    scratch_ = allocate_aligned(plan_->scratch_bytes);
    dynamic_.resize(plan_->slots.size());
    pointers_.resize(plan_->slots.size(), nullptr);
    for (size_t i = 0; i < plan_->slots.size(); ++i) {
        const Slot& s = plan_->slots[i];
        if (s.kind == SlotKind::constant) pointers_[i] = const_cast<void*>(s.constant.raw());
        if (s.kind == SlotKind::arena) {
            const Slot& root = plan_->slots[static_cast<size_t>(plan_->root_of(static_cast<int>(i)))];
            if (root.kind == SlotKind::arena) pointers_[i] = static_cast<char*>(arena_.get()) + root.offset;
            else if (root.kind == SlotKind::constant) pointers_[i] = const_cast<void*>(root.constant.raw());
        }
    }
    step_in_.resize(plan_->steps.size());
    step_out_.resize(plan_->steps.size());
    for (size_t k = 0; k < plan_->steps.size(); ++k) {
        for (int i : plan_->steps[k].in) step_in_[k].push_back(i < 0 ? nullptr : pointers_[static_cast<size_t>(i)]);
        for (int i : plan_->steps[k].out) step_out_[k].push_back(i < 0 ? nullptr : pointers_[static_cast<size_t>(i)]);
    }
}

void Session::execute(const std::vector<Tensor>& inputs) {
    if (inputs.size() != plan_->inputs.size())
        fail(ErrorKind::model, "input.count", cat("the model takes ", static_cast<unsigned long>(plan_->inputs.size()), " inputs; got ", static_cast<unsigned long>(inputs.size())));
    bool moved = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const auto at = static_cast<size_t>(plan_->inputs[i]);
        if (inputs[i].dtype() != plan_->input_types[i] || inputs[i].dims() != plan_->input_dims[i])
            fail(ErrorKind::model, "input.shape", cat("input '", plan_->slots[at].name, "' takes ", dtype_name(plan_->input_types[i]), to_text(plan_->input_dims[i]), "; got ", dtype_name(inputs[i].dtype()), to_text(inputs[i].dims())));
        dynamic_[at] = inputs[i];
        moved |= pointers_[at] != inputs[i].raw();
        pointers_[at] = const_cast<void*>(inputs[i].raw());
    }
    if (moved) {  // views of an input move with it
        for (size_t i = 0; i < plan_->slots.size(); ++i) {
            const auto root = static_cast<size_t>(plan_->root_of(static_cast<int>(i)));
            if (plan_->slots[root].kind == SlotKind::input) pointers_[i] = pointers_[root];
        }
        for (size_t k = 0; k < plan_->steps.size(); ++k) {
            const Step& s = plan_->steps[k];
            for (size_t i = 0; i < s.in.size(); ++i)
                if (s.in[i] >= 0) step_in_[k][i] = pointers_[static_cast<size_t>(s.in[i])];
            for (size_t i = 0; i < s.out.size(); ++i)
                if (s.out[i] >= 0) step_out_[k][i] = pointers_[static_cast<size_t>(s.out[i])];
        }
    }
    ThreadPool::Use use(plan_->threads > 1 ? pool_ : nullptr);
    void* scratch = plan_->states.empty() ? scratch_.get() : arena_.get();
    if (profile_) marks_[0] = ticks();
    for (size_t k = 0; k < plan_->steps.size(); ++k) {
        const Step& s = plan_->steps[k];
        const bool exchanged = exchanger_ && exchanger_->run(k, step_in_[k].data(), step_out_[k].data());
        if (s.kind == StepKind::kernel && !exchanged) s.kernel->run({step_in_[k].data(), step_out_[k].data(), static_cast<char*>(scratch) + s.scratch_offset});
        else if (s.kind != StepKind::view && !exchanged) run_step(s);
        if (profile_) marks_[k + 1] = ticks();
        if (observer_) observer_(k);
    }
    if (profile_)
        for (size_t k = 0; k < seconds_.size(); ++k) seconds_[k] += seconds_between(marks_[k], marks_[k + 1]);
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

void Session::exchange_with(dist::Comm* comm) { exchanger_ = comm ? std::make_unique<Exchanger>(*plan_, *comm) : nullptr; }

void Session::profile(bool on) {
    profile_ = on;
    marks_.resize(plan_->steps.size() + 1);
    seconds_.resize(plan_->steps.size());
}

Tensor Session::slot_tensor(int slot) const {
    const Slot& s = plan_->slots[static_cast<size_t>(slot)];
    if (s.kind == SlotKind::constant) return s.constant;
    if (s.kind == SlotKind::dynamic || s.kind == SlotKind::input) return dynamic_[static_cast<size_t>(slot)];
    return Tensor::view(s.type.dtype, dims_of(s.type.shape), pointers_[static_cast<size_t>(slot)]);
}

/// Steps without a kernel: the operator's reference, with inference first where shapes were not known.
void Session::run_step(const Step& s) {
    const Node& n = plan_->graph.node(s.node);
    const OpDecl& op = *find_op(n.domain, n.op);
    std::vector<Tensor> in;
    for (int i : s.in) in.push_back(i < 0 ? Tensor() : slot_tensor(i));
    if (s.kind == StepKind::reference && op.reference) {
        RefContext c{{op, n}, in, {}};
        for (int o : s.out) {
            c.out.push_back(o < 0 ? Tensor() : slot_tensor(o));
            if (o >= 0 && c.out.back().bytes()) std::memset(c.out.back().raw_mut(), 0, c.out.back().bytes());
        }
        return op.reference(c);
    }
    const std::vector<Tensor> out = interpret_node(op, n, in);
    for (size_t i = 0; i < out.size(); ++i) {
        if (s.out[i] < 0) continue;
        const auto at = static_cast<size_t>(s.out[i]);
        if (plan_->slots[at].kind == SlotKind::arena) {
            HONE_CHECK(out[i].bytes() == plan_->slots[at].bytes);
            if (out[i].bytes()) std::memcpy(pointers_[at], out[i].raw(), out[i].bytes());
        } else {
            dynamic_[at] = out[i];
        }
    }
}

Tensor Session::output(size_t i) const { return slot_tensor(plan_->outputs[i]); }

std::vector<Tensor> Session::run(const std::vector<Tensor>& inputs) {
    execute(inputs);
    std::vector<Tensor> out;
    for (size_t i = 0; i < plan_->outputs.size(); ++i) out.push_back(output(i).clone());
    return out;
}

std::vector<double> Session::step_seconds() {
    std::vector<double> s = seconds_;
    profile(true);
    seconds_.assign(plan_->steps.size(), 0.0);
    return s;
}

}  // namespace hone
