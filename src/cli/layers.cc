// SPDX-License-Identifier: Apache-2.0
#include "cli/layers.h"

#include <cmath>
#include <set>

#include "base/error.h"
#include "eval/roofline.h"
#include "op/op.h"
#include "op/parameters.h"
#include "pass/pass.h"

namespace hone::cli {

namespace {
int64_t bytes_of(const Value& v) {
    if (v.is_constant()) return static_cast<int64_t>(v.constant.bytes());
    if (!v.type.fixed()) return 0;
    return checked_mul(count_of(dims_of(v.type.shape)), static_cast<int64_t>(dtype_size(v.type.dtype)));
}

/// The graph at these dims with shape arithmetic folded away, nothing else changed.
Graph with_known_shapes(const Graph& as_read, const std::vector<Dims>& input_dims) {
    Graph g = specialise(as_read, input_dims);
    PassOptions o;
    for (const PassDecl& p : all_passes())
        if (std::string(p.name) != "fold_constants") o.disabled.insert(p.name);
    run_passes(g, Stage::portable, o);
    return g;
}

/// The stored weight that `v` dequantises, or `v`.
ValueId stored(const Graph& g, ValueId v) {
    const Value& value = g.value(v);
    if (value.is_constant() || value.producer == kNone) return v;
    const Node& n = g.node(value.producer);
    return n.is("DequantizeLinear") && g.value(n.inputs[0]).is_constant() ? n.inputs[0] : v;
}
bool dequantises_weights(const Graph& g, const Node& n) { return n.out() != kNone && stored(g, n.out()) != n.out(); }

void add_to(int64_t& sum, int64_t more) {
    if (__builtin_add_overflow(sum, more, &sum)) fail(ErrorKind::model, "size.overflow", "the parameters overflow");
}

/// The floats that a ConstantOfShape makes where `v` is they, perhaps moved; else kNone.
ValueId made_of_shape(const Graph& g, ValueId v) {
    for (NodeId by = g.value(v).producer; by != kNone; by = g.value(v).producer) {
        const Node& n = g.node(by);
        if (n.is("ConstantOfShape")) return is_float(g.value(v).type.dtype) && g.value(v).type.fixed() ? v : kNone;
        if (!n.is("Unsqueeze") && !n.is("Squeeze") && !n.is("Reshape") && !n.is("Transpose") && !n.is("Identity")) return kNone;
        v = n.inputs[0];
    }
    return kNone;
}
/// Elements of the weights that nodes make for `n`, from their shapes alone. One number a channel that is spread over a
/// picture and multiplied or added is a weight too.
int64_t made_parameters_of(const Graph& g, const Node& n, std::set<ValueId>& counted) {
    int64_t sum = 0;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
        if (n.inputs[i] == kNone) continue;
        const ValueId v = made_of_shape(g, n.inputs[i]);
        if (v == kNone) continue;
        const Dims dims = dims_of(g.value(v).type.shape);
        const bool spread = (n.is("Mul") || n.is("Add")) && v != n.inputs[i] && dims.size() == 1;
        if (n.domain.empty() && (spread || takes_parameters(n.op, i)) && counted.insert(v).second) add_to(sum, count_of(dims));
    }
    return sum;
}

int64_t parameters_of(const Graph& g, const Node& n, std::set<ValueId>& counted) {
    int64_t sum = 0;
    if (dequantises_weights(g, n)) return 0;  // the layer that reads them has them
    for (size_t i = 0; i < n.inputs.size(); ++i) {
        if (n.inputs[i] == kNone) continue;
        const ValueId v = stored(g, n.inputs[i]);
        if (!g.value(v).is_constant()) continue;
        const Tensor& t = g.value(v).constant;
        const bool counts = v != n.inputs[i] || holds_parameters(n.op, i, t.dtype());
        if (counts && t.rank() > 0 && counted.insert(v).second) sum += t.count();
    }
    return sum;
}

void count_work(const Graph& g, NodeId id, record::InspectLayer& row) {
    const Node& n = g.node(id);
    if (n.out() != kNone) row.output = to_text(g.value(n.out()).type);
    if (dequantises_weights(g, n)) return;
    std::set<ValueId> seen;
    bool fixed = true;
    for (const auto* values : {&n.inputs, &n.outputs})
        for (const ValueId as_read : *values) {
            if (as_read == kNone) continue;
            const ValueId v = values == &n.inputs ? stored(g, as_read) : as_read;
            if (!seen.insert(v).second) continue;
            row.bytes += bytes_of(g.value(v));
            fixed &= g.value(v).is_constant() || g.value(v).type.fixed();
        }
    if (!fixed) return;
    const Cost c = cost_of(g, id);
    row.macs = static_cast<int64_t>(std::llround(c.macs));
    if (row.bytes > 0) row.intensity = (2 * c.macs + c.flops) / static_cast<double>(row.bytes);
}
}  // namespace

Layers::Layers(const Graph& as_read, const std::vector<Dims>& input_dims) {
    const Graph shaped = with_known_shapes(as_read, input_dims);
    std::map<std::string, NodeId> nodes;
    for (NodeId id = 0; id < shaped.node_count(); ++id)
        if (shaped.node(id).alive) nodes[shaped.node(id).name] = id;
    std::set<ValueId> counted;
    for (const NodeId id : as_read.order()) {
        const Node& n = as_read.node(id);
        record::InspectLayer row;
        row.name = n.name;
        row.op = n.domain.empty() ? n.op : n.domain + "." + n.op;
        const int64_t made_here = made_parameters_of(as_read, n, counted);
        row.parameters = parameters_of(as_read, n, counted);
        add_to(row.parameters, made_here);
        add_to(made, made_here);
        if (const auto found = nodes.find(n.name); found != nodes.end())
            count_work(shaped, found->second, row);
        else if (n.out() != kNone)
            row.output = to_text(as_read.value(n.out()).type);
        for (const std::string& origin : n.origins) by_origin_[origin].push_back(static_cast<int>(rows.size()));
        rows.push_back(std::move(row));
    }
}

int Layers::main_row(const Step& s) const {
    int best = -1;
    for (const std::string& origin : s.origins) {
        const auto found = by_origin_.find(origin);
        if (found == by_origin_.end()) continue;
        for (const int r : found->second) {
            auto weight = [&](int i) {
                const record::InspectLayer& row = rows[static_cast<size_t>(i)];
                return std::pair(row.macs, row.parameters);
            };
            if (best < 0 || weight(r) > weight(best)) best = r;
        }
    }
    return best;
}

std::vector<int> Layers::rows_of_steps(const Plan& plan) const {
    std::vector<int> of(plan.steps.size(), -1);
    for (size_t i = 0; i < of.size(); ++i) of[i] = main_row(plan.steps[i]);
    for (size_t i = 0; i < of.size(); ++i) {
        if (of[i] >= 0 || plan.steps[i].out.empty()) continue;
        const int made = plan.steps[i].out[0];
        for (size_t k = i + 1; k < of.size() && of[i] < 0; ++k)
            for (const int slot : plan.steps[k].in)
                if (slot == made) of[i] = of[k];
        if (of[i] < 0 && i > 0) of[i] = of[i - 1];
    }
    return of;
}

void Layers::measure(const Plan& plan, const std::vector<double>& step_ms, const eval::Probe& probe, int threads) {
    const std::vector<int> of = rows_of_steps(plan);
    std::vector<double> compute_ms(rows.size()), memory_ms(rows.size());
    std::vector<bool> touched(rows.size());
    for (size_t i = 0; i < of.size(); ++i) {
        if (of[i] < 0) continue;
        record::InspectLayer& row = rows[static_cast<size_t>(of[i])];
        const eval::Roofline line = eval::roofline(plan, plan.steps[i], probe, threads);
        (line.compute_ms > line.memory_ms ? compute_ms : memory_ms)[static_cast<size_t>(of[i])] += line.floor_ms();
        row.time_ms = row.time_ms.value_or(0) + step_ms[i];
        row.floor_ms = row.floor_ms.value_or(0) + line.floor_ms();
    }
    for (const Step& s : plan.steps)
        for (const std::string& origin : s.origins)
            if (const auto found = by_origin_.find(origin); found != by_origin_.end())
                for (const int r : found->second) touched[static_cast<size_t>(r)] = true;
    for (size_t r = 0; r < rows.size(); ++r) {
        if (!rows[r].time_ms)
            rows[r].bound = touched[r] ? "fused" : "folded";
        else if (*rows[r].floor_ms < eval::kCallMs)
            rows[r].bound = "overhead";
        else
            rows[r].bound = compute_ms[r] > memory_ms[r] ? "compute" : "memory";
    }
}

}  // namespace hone::cli
