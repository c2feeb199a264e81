// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax, Hardmax along one axis (since opset 13; before it they flatten the input at `axis`).
#include <algorithm>
#include <cmath>
#include <utility>

#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void infer_softmax(InferContext& c) {
    require_type(c, {0}, is_float, "a float type");
    if (c.rank_known(0) && !c.shape(0).empty()) normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.shape(0).size()));
    else if (c.rank_known(0)) c.refuse("the input is a scalar; expected rank 1 or more");
    c.set_like(0, 0);
}

enum class Kind { softmax, log_softmax, hardmax };
template <Kind kind>
void run_softmax(RefContext& c) {
    const Dims& d = c.in[0].dims();
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    if (!c.in[0].count()) return;
    const int64_t n = d[axis], inner = count_between(d, axis + 1, d.size()), outer = count_between(d, 0, axis);
    const std::vector<double> x = values<double>(c.in[0]);
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
            const int64_t base = o * n * inner + i;
            const auto at = [&](int64_t k) { return x[static_cast<size_t>(base + k * inner)]; };
            int64_t top = 0;
            for (int64_t k = 1; k < n; ++k)
                if (at(k) > at(top) || std::isnan(at(k))) top = k;
            if (kind == Kind::hardmax) {
                c.out[0].set(base + top * inner, 1);
                continue;
            }
            double sum = 0;
            for (int64_t k = 0; k < n; ++k) sum += std::exp(at(k) - at(top));
            for (int64_t k = 0; k < n; ++k) {
                const double shifted = at(k) - at(top);
                c.out[0].set(base + k * inner, kind == Kind::log_softmax ? shifted - std::log(sum) : std::exp(shifted) / sum);
            }
        }
}

Cost cost_softmax(const CostContext& c) {
    Cost cost;
    if (c.out[0].fixed()) cost.flops = 3 * static_cast<double>(count_of(dims_of(c.out[0].shape)));
    return cost;
}

/// Below 13 the default axis is 1 and the axes from it on are one: Flatten -> op(-1) -> Reshape unless it is the last.
void upgrade_softmax(Graph& g, NodeId id, int from) {
    if (from >= 13) return;
    const int64_t axis = integer_or(g.node(id), "axis", 1);
    const ValueId x = g.node(id).inputs[0];
    const TypeInfo type = g.value(x).type;
    const auto rank = static_cast<int64_t>(type.shape.size());
    g.node(id).attributes["axis"] = int64_t{-1};
    if (axis == -1 || (type.rank_known && axis == rank - 1)) return;
    const std::string name = g.node(id).name;
    const std::vector<std::string> origins = g.node(id).origins;
    const NodeId flat = g.add_node("", "Flatten", {x}, 1, {{"axis", axis}}, name + ".flatten", origins);
    const NodeId shape = g.add_node("", "Shape", {x}, 1, {}, name + ".shape", origins);
    g.set_input(id, 0, g.node(flat).outputs[0]);
    const ValueId y = g.node(id).outputs[0];
    const TypeInfo declared = std::exchange(g.value(y).type, {});
    const NodeId back = g.add_node("", "Reshape", {y, g.node(shape).outputs[0]}, 1, {}, name + ".reshape", origins);
    g.value(g.node(back).outputs[0]).type = declared;
    put_after(g, y, g.node(back).outputs[0], back);
}

/// The last axis means the same before 13.
int downgrade_softmax(Graph& g, NodeId id, int to) {
    if (to >= 13) return 7;
    const TypeInfo& type = g.value(g.node(id).inputs[0]).type;
    if (!type.rank_known) return 13;
    const auto rank = static_cast<int64_t>(type.shape.size());
    const int64_t axis = integer_or(g.node(id), "axis", -1);
    if (axis != -1 && axis != rank - 1) return 13;
    g.node(id).attributes["axis"] = rank - 1;
    return 7;
}

/// dx = y (dy - sum(dy y)).
void gradient_softmax(GradientContext& c) {
    const ValueId sum = c.b.sum(c.b.mul(c.dy(), c.y()), {c.integer("axis")}, true);
    c.give(0, c.b.mul(c.y(), c.b.sub(c.dy(), sum)));
}
/// dx = dy - exp(y) sum(dy).
void gradient_log_softmax(GradientContext& c) {
    const ValueId sum = c.b.sum(c.dy(), {c.integer("axis")}, true);
    c.give(0, c.b.sub(c.dy(), c.b.mul(c.b.exp(c.y()), sum)));
}

OpDecl declare(const char* name, void (*reference)(RefContext&), void (*gradient)(GradientContext&)) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
            .attributes = {{"axis", AttrKind::integer, int64_t{-1}}}, .infer = infer_softmax, .reference = reference,
            .cost = cost_softmax, .gradient = gradient, .flat = !gradient, .upgrade = upgrade_softmax, .downgrade = downgrade_softmax};
}

}  // namespace

std::vector<OpDecl> softmax() {
    return {declare("Softmax", run_softmax<Kind::softmax>, gradient_softmax), declare("LogSoftmax", run_softmax<Kind::log_softmax>, gradient_log_softmax),
            declare("Hardmax", run_softmax<Kind::hardmax>, nullptr)};
}

}  // namespace hone::ops
