// SPDX-License-Identifier: Apache-2.0
#include "eval/compare.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "eval/compare_match.h"
#include "eval/scores.h"
#include "eval/trace.h"
#include "run/session.h"

namespace hone::eval {

namespace {
std::vector<Dims> dims_of_all(const std::vector<Tensor>& tensors) {
    std::vector<Dims> out;
    for (const Tensor& t : tensors) out.push_back(t.dims());
    return out;
}

std::string type_text(const Tensor& t) { return to_text(TypeInfo::of(t)); }

std::optional<double> finite(double v) { return std::isfinite(v) ? std::optional<double>(v) : std::nullopt; }

/// Past the threshold, or where only one side has a NaN.
bool past(const std::optional<double>& error, double threshold) { return !error || *error > threshold; }

bool quantised(const Graph& g) {
    const std::vector<NodeId> order = g.order();
    return std::any_of(order.begin(), order.end(),
                       [&](NodeId n) { return g.node(n).op.find("Quantize") != std::string::npos ||
                                              g.node(n).op == "QLinearConv" || g.node(n).op == "QLinearMatMul"; });
}

std::shared_ptr<const Plan> plan_for(const Graph& g, const std::vector<Tensor>& inputs, const CompareOptions& o,
                                     bool fused) {
    PlanOptions p;
    p.threads = o.threads;
    if (fused) p.precision = o.precision;
    if (!fused) p.disabled_passes = runtime_passes();
    return make_plan(g, dims_of_all(inputs), p);
}

/// Share of samples whose greatest score is another class's.
std::optional<double> other_class(const Tensor& a, const Tensor& b) {
    if (!is_class_output(a) || a.dims() != b.dims()) return std::nullopt;
    const int64_t classes = a.dim(1);
    const auto best = [&](const Tensor& t, int64_t row) {
        int64_t at = 0;
        for (int64_t c = 1; c < classes; ++c)
            if (t.at(row * classes + c) > t.at(row * classes + at)) at = c;
        return at;
    };
    int64_t other = 0;
    for (int64_t r = 0; r < a.dim(0); ++r) other += best(a, r) != best(b, r);
    return static_cast<double>(other) / static_cast<double>(std::max<int64_t>(a.dim(0), 1));
}

void compare_outputs(const Graph& names, const std::vector<Tensor>& a, const std::vector<Tensor>& b,
                     record::Compare& c) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        record::ComparedOutput o;
        o.name = names.value(names.outputs[i]).name;
        o.type = type_text(a[i]);
        if (a[i].dtype() == DType::string || b[i].dtype() == DType::string) continue;
        if (a[i].count() == b[i].count()) {
            const Distance d = distance(a[i], b[i]);
            o.relative_error = finite(d.relative);
            o.greatest_error = finite(d.greatest);
            o.other_class = other_class(a[i], b[i]);
        }
        c.outputs.push_back(o);
    }
}

void check_inputs(const Graph& b, const std::vector<Tensor>& inputs) {
    bool fits = b.inputs.size() == inputs.size();
    for (size_t i = 0; fits && i < inputs.size(); ++i) {
        const TypeInfo& t = b.value(b.inputs[i]).type;
        fits = t.dtype == inputs[i].dtype() && (!t.rank_known || t.shape.size() == inputs[i].rank());
        for (size_t d = 0; fits && t.rank_known && d < t.shape.size(); ++d)
            fits = !t.shape[d].known() || t.shape[d].value == inputs[i].dim(d);
    }
    if (fits) return;
    std::vector<std::string> takes, gets;
    for (const ValueId v : b.inputs) takes.push_back(to_text(b.value(v).type));
    for (const Tensor& t : inputs) gets.push_back(type_text(t));
    fail(ErrorKind::model, "compare.inputs",
         cat("the second model takes ", join(takes, ", "), "; the first model's inputs are ", join(gets, ", ")),
         "Two models are compared on the same inputs: their number, types and dims must agree.");
}

ValueKey key_of(const Plan& plan, const Step& s, const std::string& name, ValueId v) {
    return {name, join(s.origins, " + "), s.op, to_text(plan.graph.value(v).type)};
}

/// Of each value in the order in which `trace` gives them.
std::vector<ValueKey> keys_of(const Plan& plan) {
    std::vector<ValueKey> keys;
    for (const Step& s : plan.steps) {
        if (s.node == kNone) continue;
        const Node& n = plan.graph.node(s.node);
        for (size_t i = 0; i < n.outputs.size(); ++i)
            if (n.outputs[i] != kNone && s.out[i] >= 0)
                keys.push_back(key_of(plan, s, plan.graph.value(n.outputs[i]).name, n.outputs[i]));
    }
    return keys;
}

record::ComparedValue row_of(const Traced& t) {
    record::ComparedValue row;
    row.name = t.name;
    row.node = join(t.from.origins, " + ");
    if (row.node.empty()) row.node = t.name;
    row.op = t.from.op;
    row.type = type_text(t.value);
    return row;
}

void set_errors(record::ComparedValue& row, const Distance& d) {
    row.relative_error = finite(d.relative);
    row.greatest_error = finite(d.greatest);
}

/// The first value past the threshold.
std::optional<record::Parting> first_parting(const std::vector<record::ComparedValue>& values, double threshold) {
    double before = 0;
    for (const record::ComparedValue& v : values) {
        if (past(v.relative_error, threshold))
            return record::Parting{"node", v.node, v.op, v.implementation, v.relative_error, before};
        before = std::max(before, *v.relative_error);
    }
    return std::nullopt;
}

std::optional<record::Parting> output_parting(const record::Compare& c) {
    for (const record::ComparedOutput& o : c.outputs)
        if (past(o.relative_error, c.threshold)) return record::Parting{"output", o.name, "", "", o.relative_error, {}};
    return std::nullopt;
}

record::Compare begin(const std::vector<Tensor>& inputs, const CompareOptions& o, double threshold) {
    record::Compare c;
    c.precision = o.precision == Precision::bf16 ? "bf16" : "fp32";
    c.threshold = threshold;
    c.samples = inputs.empty() || inputs[0].rank() == 0 ? 1 : inputs[0].dim(0);
    return c;
}
}  // namespace

double usual_threshold(const Graph& a, const Graph& b, Precision precision) {
    const bool qa = quantised(a), qb = quantised(b);
    if (qa != qb) return 0.2;
    return qa || precision == Precision::bf16 ? 5e-2 : 1e-3;
}

record::Compare compare_models(const Graph& a, const Graph& b, const std::vector<Tensor>& inputs,
                               const CompareOptions& o) {
    check_inputs(b, inputs);
    record::Compare c = begin(inputs, o, o.threshold.value_or(usual_threshold(a, b, o.precision)));
    ThreadPool pool(o.threads);
    const auto pa = plan_for(a, inputs, o, false), pb = plan_for(b, inputs, o, false);
    const std::vector<ValueKey> ka = keys_of(*pa), kb = keys_of(*pb);
    const std::vector<Match> matches = match_values(ka, kb);
    std::vector<bool> wanted(kb.size(), false);
    for (const Match& m : matches)
        if (m.other >= 0) wanted[static_cast<size_t>(m.other)] = true;
    std::vector<Tensor> values_b(kb.size());
    size_t at = 0;
    trace(pb, inputs, &pool, [&](const Traced& t) {
        if (wanted[at]) values_b[at] = t.value;
        ++at;
    });
    at = 0;
    trace(pa, inputs, &pool, [&](const Traced& t) {
        const Match m = matches[at++];
        if (m.other < 0 || t.value.dtype() == DType::string) return;
        record::ComparedValue row = row_of(t);
        row.matched = m.by;
        set_errors(row, distance(t.value, values_b[static_cast<size_t>(m.other)]));
        c.values.push_back(std::move(row));
    });
    const auto matched = static_cast<int64_t>(c.values.size());
    c.unmatched_first = static_cast<int64_t>(ka.size()) - matched;
    c.unmatched_second = static_cast<int64_t>(kb.size()) - matched;
    Session sa(plan_for(a, inputs, o, true), &pool), sb(plan_for(b, inputs, o, true), &pool);
    compare_outputs(a, sa.run(inputs), sb.run(inputs), c);
    c.parting = first_parting(c.values, c.threshold);
    if (!c.parting) c.parting = output_parting(c);
    if (a.outputs.size() != b.outputs.size())
        c.warnings.push_back(cat("the models have ", a.outputs.size(), " and ", b.outputs.size(), " outputs"));
    c.agree = !c.parting;
    return c;
}

}  // namespace hone::eval
