// SPDX-License-Identifier: Apache-2.0
#include "eval/trace.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/limits.h"
#include "kernel/vector/vector.h"
#include "plan/lower.h"
#include "run/session.h"

namespace hone::eval {

namespace {
/// A copy of a slot's value in the order of its dims.
Tensor plain_copy(const Session& session, int slot) {
    const Slot& s = session.plan().slots[static_cast<size_t>(slot)];
    const Tensor t = session.slot_tensor(slot);
    if (s.layout == Layout::plain || t.rank() < 3 || layout_free(t.dims())) return t.clone();
    Tensor out = Tensor::zeros(t.dtype(), t.dims());
    vec::permute(vec::make_permute(physical(t.dims(), s.layout), layout_permutation(t.rank(), Layout::plain)),
                 dtype_size(t.dtype()), t.raw(), out.raw_mut());
    return out;
}

/// The value of a node's input: a constant of the graph, or what was copied when it was made.
class Values {
  public:
    explicit Values(const Graph& g) : graph_(g), kept_(static_cast<size_t>(g.value_count())) {}
    void keep(ValueId v, Tensor t) {
        bytes_ += t.bytes();
        if (bytes_ > limits().memory_bytes)
            fail(ErrorKind::budget, "memory.limit",
                 cat("all values together need more than ", limits().memory_bytes, " bytes"),
                 "Fewer --samples, or a larger --max-memory.");
        kept_[static_cast<size_t>(v)] = std::move(t);
    }
    Tensor of(ValueId v) const {
        if (v == kNone) return {};
        return graph_.value(v).is_constant() ? graph_.value(v).constant : kept_[static_cast<size_t>(v)];
    }

  private:
    const Graph& graph_;
    std::vector<Tensor> kept_;
    size_t bytes_ = 0;
};
}  // namespace

void trace(const std::shared_ptr<const Plan>& plan, const std::vector<Tensor>& inputs, ThreadPool* pool,
           const std::function<void(const Traced&)>& sink) {
    Session session(plan, pool);
    const Graph& g = plan->graph;
    Values values(g);
    for (size_t i = 0; i < g.inputs.size(); ++i) values.keep(g.inputs[i], inputs[i]);
    session.observe([&](size_t k) {
        const Step& s = plan->steps[k];
        if (s.node == kNone) return;
        const Node& n = g.node(s.node);
        std::vector<Tensor> in;
        for (const ValueId v : n.inputs) in.push_back(values.of(v));
        for (size_t i = 0; i < n.outputs.size(); ++i) {
            if (n.outputs[i] == kNone || s.out[i] < 0) continue;
            values.keep(n.outputs[i], plain_copy(session, s.out[i]));
            sink({k, s, g.value(n.outputs[i]).name, values.of(n.outputs[i]), in});
        }
    });
    session.execute(inputs);
}

std::set<std::string> runtime_passes() {
    std::set<std::string> names;
    for (const PassDecl& p : all_passes())
        if (p.stage == Stage::runtime) names.insert(p.name);
    return names;
}

Distance distance(const Tensor& a, const Tensor& b) {
    constexpr double kInfinite = std::numeric_limits<double>::infinity();
    double square_a = 0, square_b = 0, square_d = 0;
    Distance d;
    for (int64_t i = 0; i < a.count(); ++i) {
        const double x = a.at(i), y = b.at(i);
        if (x == y || (std::isnan(x) && std::isnan(y))) {
            if (std::isfinite(x)) square_a += x * x, square_b += y * y;
            continue;
        }
        if (!std::isfinite(x) || !std::isfinite(y)) return {kInfinite, kInfinite};
        square_a += x * x;
        square_b += y * y;
        square_d += (x - y) * (x - y);
        d.greatest = std::max(d.greatest, std::fabs(x - y));
    }
    if (square_d > 0) d.relative = std::sqrt(square_d / (square_a > 0 ? square_a : square_b));
    return d;
}

}  // namespace hone::eval
