// SPDX-License-Identifier: Apache-2.0
// One model against the references of its operators: which pass or which kernel changes its answers?
#include <algorithm>
#include <cmath>
#include <map>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "eval/compare.h"
#include "eval/trace.h"
#include "run/session.h"

namespace hone::eval {

namespace {
constexpr double kBf16Step = 1.0 / 128;  // a rounding that fell the other way, of one element among many

std::optional<double> finite(double v) { return std::isfinite(v) ? std::optional<double>(v) : std::nullopt; }
bool past(const std::optional<double>& error, double threshold) { return !error || *error > threshold; }

std::vector<Dims> dims_of_all(const std::vector<Tensor>& tensors) {
    std::vector<Dims> out;
    for (const Tensor& t : tensors) out.push_back(t.dims());
    return out;
}

class WithReferences {
  public:
    WithReferences(const Graph& g, const std::vector<Tensor>& inputs, const CompareOptions& o)
        : graph_(specialise(g, dims_of_all(inputs))), inputs_(inputs), options_(o) {}

    record::Compare run() {
        record::Compare c;
        c.precision = options_.precision == Precision::bf16 ? "bf16" : "fp32";
        c.threshold = options_.threshold.value_or(usual_threshold(graph_, graph_, options_.precision));
        c.samples = inputs_.empty() || inputs_[0].rank() == 0 ? 1 : inputs_[0].dim(0);
        for (const NodeId n : graph_.order())
            for (const std::string& origin : graph_.node(n).origins) by_name_[origin] = n;
        truth_ = interpret_values(graph_, inputs_);
        check_interrupt();
        steps(c);
        passes(c);
        decide(c);
        return c;
    }

  private:
    std::vector<Tensor> outputs_of(const Graph& g, const std::vector<Tensor>& values) const {
        std::vector<Tensor> out;
        for (const ValueId v : g.outputs)
            out.push_back(g.value(v).is_constant() ? g.value(v).constant : values[static_cast<size_t>(v)]);
        return out;
    }

    /// The plan as it is executed, step by step.
    void steps(record::Compare& c) {
        Graph portable = graph_;
        run_passes(portable, Stage::portable);
        PlanOptions p;
        p.threads = options_.threads;
        p.precision = options_.precision;
        const auto plan = make_plan(portable, dims_of_all(inputs_), p);
        for (size_t k = 0; k < plan->steps.size(); ++k)
            if (plan->steps[k].node != kNone) last_of_[plan->steps[k].origins] = k;
        ThreadPool pool(options_.threads);
        trace(plan, inputs_, &pool, [&](const Traced& t) { c.values.push_back(step_row(*plan, t)); });
        Session session(plan, &pool);
        const std::vector<Tensor> ours = session.run(inputs_), theirs = outputs_of(graph_, truth_);
        for (size_t i = 0; i < ours.size(); ++i) {
            if (ours[i].dtype() == DType::string) continue;
            record::ComparedOutput o;
            o.name = graph_.value(graph_.outputs[i]).name;
            o.type = to_text(TypeInfo::of(ours[i]));
            const Distance d = distance(theirs[i], ours[i]);
            o.relative_error = finite(d.relative);
            o.greatest_error = finite(d.greatest);
            c.outputs.push_back(o);
        }
    }

    record::ComparedValue step_row(const Plan& plan, const Traced& t) const {
        check_interrupt();
        record::ComparedValue row;
        row.name = t.name;
        row.node = t.from.origins.empty() ? t.name : join(t.from.origins, " + ");
        row.op = t.from.op;
        row.type = to_text(TypeInfo::of(t.value));
        if (t.value.dtype() == DType::string) return row;
        if (t.from.kind == StepKind::kernel) {
            row.implementation = t.from.kernel->implementation();
            const Node& n = plan.graph.node(t.from.node);
            const std::vector<Tensor> reference = interpret_node(*find_op(n.domain, n.op), n, t.inputs);
            for (size_t i = 0; i < n.outputs.size(); ++i)
                if (n.outputs[i] != kNone && plan.graph.value(n.outputs[i]).name == t.name)
                    row.own_error = distance(reference[i], t.value).relative;
        }
        const ValueId same = counterpart(t);
        if (same == kNone || graph_.value(same).is_constant()) return row;
        const Tensor& truth = truth_[static_cast<size_t>(same)];
        if (truth.dims() != t.value.dims() || is_float(truth.dtype()) != is_float(t.value.dtype())) return row;
        row.matched = "references";
        const Distance d = distance(truth, t.value);
        row.relative_error = finite(d.relative);
        row.greatest_error = finite(d.greatest);
        return row;
    }

    /// The value of the graph as read: of the same name, or what those nodes that a fused step came from give together.
    ValueId counterpart(const Traced& t) const {
        if (const ValueId same = graph_.find_value(t.name); same != kNone) return same;
        if (last_of_.at(t.from.origins) != t.step) return kNone;  // casts and copies before it have its origins
        std::set<NodeId> group;
        for (const std::string& origin : t.from.origins)
            if (const auto found = by_name_.find(origin); found != by_name_.end()) group.insert(found->second);
        ValueId result = kNone;
        for (const NodeId n : group)
            for (const ValueId v : graph_.node(n).outputs) {
                if (v == kNone) continue;
                const std::vector<NodeId>& users = graph_.value(v).users;
                if (std::any_of(users.begin(), users.end(), [&](NodeId u) { return group.contains(u); })) continue;
                if (result != kNone) return kNone;  // several: which is meant is open
                result = v;
            }
        return result;
    }

    /// The greatest relative error of an output when these passes are off, by references; -1 for NaN.
    std::optional<double> error_without(const std::set<std::string>& disabled, std::set<std::string>* changed) const {
        check_interrupt();
        Graph g = graph_;
        PassOptions p;
        p.disabled = disabled;
        p.precision = options_.precision;
        p.after = options_.after_pass;
        for (const Stage stage : {Stage::portable, Stage::runtime})
            for (const PassRecord& r : run_passes(g, stage, p))
                if (r.changed && changed) changed->insert(r.name);
        const std::vector<Tensor> ours = outputs_of(g, interpret_values(g, inputs_)), theirs = outputs_of(graph_, truth_);
        double worst = 0;
        for (size_t i = 0; i < ours.size(); ++i)
            if (ours[i].dtype() != DType::string) worst = std::max(worst, distance(theirs[i], ours[i]).relative);
        return finite(worst);
    }

    /// All passes; where that departs, or the table is asked for, each alone and each prefix of those that did something.
    void passes(record::Compare& c) {
        std::set<std::string> changed;
        all_passes_error_ = error_without({}, &changed);
        if (!past(all_passes_error_, c.threshold) && !options_.passes) return;
        std::vector<std::string> names;
        for (const PassDecl& p : all_passes())
            if (std::find(names.begin(), names.end(), p.name) == names.end()) names.push_back(p.name);
        std::optional<double> prefix = 0;
        for (size_t i = 0; i < names.size(); ++i) {
            record::ComparedPass row;
            row.name = names[i];
            row.changed = changed.contains(names[i]);
            if (row.changed) {
                prefix = error_without({names.begin() + static_cast<long>(i) + 1, names.end()}, nullptr);
                row.without = error_without({names[i]}, nullptr);
            }
            row.up_to_here = prefix;
            c.passes.push_back(row);
        }
    }

    /// A pass before a kernel before an accumulation of small differences.
    void decide(record::Compare& c) const {
        if (past(all_passes_error_, c.threshold)) {
            std::optional<double> before = 0;
            for (const record::ComparedPass& p : c.passes) {
                if (p.changed && past(p.up_to_here, c.threshold)) {
                    c.parting = record::Parting{"pass", p.name, "", "", p.up_to_here, before};
                    break;
                }
                before = p.up_to_here;
            }
        }
        double before = 0;
        for (const record::ComparedValue& v : c.values) {
            if (c.parting || !v.own_error) continue;
            const bool bf16 = v.type.starts_with("bf16");
            const double threshold = bf16 ? std::max(c.threshold, kBf16Step) : c.threshold;
            if (!(*v.own_error <= threshold))
                c.parting = record::Parting{"kernel", v.node, v.op, v.implementation, finite(*v.own_error), before};
            before = std::max(before, *v.own_error);
        }
        before = 0;
        for (const record::ComparedValue& v : c.values) {
            if (c.parting || v.matched.empty()) continue;
            if (past(v.relative_error, c.threshold))
                c.parting = record::Parting{"node", v.node, v.op, v.implementation, v.relative_error, before};
            before = std::max(before, v.relative_error.value_or(0));
        }
        for (const record::ComparedOutput& o : c.outputs)
            if (!c.parting && past(o.relative_error, c.threshold))
                c.parting = record::Parting{"output", o.name, "", "", o.relative_error, {}};
        c.agree = !c.parting;
    }

    Graph graph_;
    const std::vector<Tensor>& inputs_;
    const CompareOptions& options_;
    std::vector<Tensor> truth_;
    std::map<std::string, NodeId> by_name_;
    std::map<std::vector<std::string>, size_t> last_of_;  ///< step of the plan
    std::optional<double> all_passes_error_;
};
}  // namespace

record::Compare compare_with_references(const Graph& as_read, const std::vector<Tensor>& inputs,
                                        const CompareOptions& options) {
    return WithReferences(as_read, inputs, options).run();
}

}  // namespace hone::eval
