// SPDX-License-Identifier: Apache-2.0
// MaxPool, AveragePool, LpPool over 1 to 3 spatial axes, and their global forms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/pool_loop.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

Shape pooled_shape(const InferContext& c) {
    const Dims& kernel = c.integers("kernel_shape");
    if (kernel.empty()) c.refuse("attribute 'kernel_shape' is empty; expected one entry a spatial axis");
    if (kernel.size() > 3) c.unsupported("has more than 3 spatial axes");
    Shape s(kernel.size() + 2);
    if (!c.rank_known(0)) return s;
    const Shape& x = c.shape(0);
    require_rank(c, 0, kernel.size() + 2, kernel.size() + 2);
    std::copy(x.begin(), x.begin() + 2, s.begin());
    const Shape spatial = window_shape(c, WindowKind::pool, Shape(x.begin() + 2, x.end()), shape_of(kernel));
    std::copy(spatial.begin(), spatial.end(), s.begin() + 2);
    return s;
}

bool is_max_type(DType t) { return is_float(t) || t == DType::i8 || t == DType::u8; }
void infer_max(InferContext& c) {
    const DType t = require_type(c, {0}, is_max_type, "a float type, i8 or u8");
    const Shape s = pooled_shape(c);
    c.set(0, t, s);
    c.set(1, DType::i64, s);
}
void infer_average(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    c.set(0, t, pooled_shape(c));
}
void infer_lp(InferContext& c) {
    if (c.integer("p") < 1) c.refuse(cat("p is ", c.integer("p"), "; expected 1 or more"));
    infer_average(c);
}

double lowest(DType t) {
    if (t == DType::u8) return 0;
    if (t == DType::i8) return -128;
    return t == DType::f16 ? -65504.0 : t == DType::f64 ? std::numeric_limits<double>::lowest()
                                                        : static_cast<double>(std::numeric_limits<float>::lowest());
}

void run_max(RefContext& c) {
    const PoolLoop p(c, c.in[0].dims());
    const std::vector<double> x = values<double>(c.in[0]);
    const bool by_column = c.integer("storage_order") != 0;
    p.each_output(c.out[0].count(), [&](int64_t i, int64_t plane, const Taps& t) {
        const PoolLoop::Greatest g = p.greatest(t, x.data() + plane);
        const bool any = g.row_major >= 0;
        c.out[0].set(i, any ? g.value : lowest(c.in[0].dtype()));
        if (c.wanted(1)) c.out[1].set_int(i, any ? plane + (by_column ? g.column_major : g.row_major) : -1);
    });
}

void run_average(RefContext& c) {
    const PoolLoop p(c, c.in[0].dims());
    const std::vector<double> x = values<double>(c.in[0]);
    const bool with_padding = c.integer("count_include_pad") != 0;
    p.each_output(c.out[0].count(), [&](int64_t i, int64_t plane, const Taps& t) {
        double sum = 0;
        p.each_tap(t, [&](int64_t at, int64_t) { sum += x[static_cast<size_t>(plane + at)]; });
        const int64_t n = with_padding ? t.padded : t.inside();
        c.out[0].set(i, n ? sum / static_cast<double>(n) : 0);
    });
}

double power(double v, int64_t p) {
    if (p == 1) return std::fabs(v);
    return p == 2 ? v * v : std::pow(std::fabs(v), static_cast<double>(p));
}
double root(double v, int64_t p) {
    if (p == 1) return v;
    return p == 2 ? std::sqrt(v) : std::pow(v, 1 / static_cast<double>(p));
}

void run_lp(RefContext& c) {
    const PoolLoop p(c, c.in[0].dims());
    const std::vector<double> x = values<double>(c.in[0]);
    const int64_t degree = c.integer("p");
    p.each_output(c.out[0].count(), [&](int64_t i, int64_t plane, const Taps& t) {
        double sum = 0;
        p.each_tap(t, [&](int64_t at, int64_t) { sum += power(x[static_cast<size_t>(plane + at)], degree); });
        c.out[0].set(i, root(sum, degree));
    });
}

void infer_global(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    require_rank(c, 0, 2, 1000);
    if (!c.rank_known(0)) return c.set(0, t);
    Shape s = c.shape(0);
    std::fill(s.begin() + 2, s.end(), Dim(1));
    c.set(0, t, s);
}
void infer_global_lp(InferContext& c) {
    if (c.integer("p") < 1) c.refuse(cat("p is ", c.integer("p"), "; expected 1 or more"));
    infer_global(c);
}

enum class Global { average, max, lp };
template <Global kind>
void run_global(RefContext& c) {
    const int64_t size = count_between(c.in[0].dims(), 2, c.in[0].rank());
    if (!size && c.out[0].count()) c.refuse("the spatial axes are empty");
    const std::vector<double> x = values<double>(c.in[0]);
    const int64_t degree = kind == Global::lp ? c.integer("p") : 1;
    for (int64_t i = 0; i < c.out[0].count(); ++i) {
        const double* plane = x.data() + i * size;
        double v = kind == Global::max ? plane[0] : 0;
        for (int64_t k = 0; k < size; ++k) {
            if (kind == Global::average) v += plane[k];
            else if (kind == Global::lp) v += power(plane[k], degree);
            else if (plane[k] > v || std::isnan(plane[k])) v = plane[k];
        }
        c.out[0].set(i, kind == Global::average ? v / static_cast<double>(size) : root(v, degree));
    }
}

Cost cost_window(const CostContext& c) {
    Cost cost;
    if (c.out[0].fixed())
        cost.flops = static_cast<double>(count_of(dims_of(c.out[0].shape))) * static_cast<double>(count_of(c.integers("kernel_shape")));
    return cost;
}
Cost cost_global(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

bool all_ones(const Node& n, const char* name) {
    const auto it = n.attributes.find(name);
    if (it == n.attributes.end()) return true;
    const auto* list = std::get_if<std::vector<int64_t>>(&it->second);
    return list && std::all_of(list->begin(), list->end(), [](int64_t v) { return v == 1; });
}
/// The least opset for `ceil_mode` and `dilations`; below it they are dropped, being defaults.
int window_opset(Graph& g, NodeId n, int to, int ceil_since, int dilations_since) {
    int least = 7;
    const auto weigh = [&](const char* name, bool is_default, int since) {
        if (!is_default) least = std::max(least, since);
        else if (to < since) drop_attribute(g, n, name);
    };
    weigh("ceil_mode", integer_or(g.node(n), "ceil_mode", 0) == 0, ceil_since);
    weigh("dilations", all_ones(g.node(n), "dilations"), dilations_since);
    return least;
}
int downgrade_max(Graph& g, NodeId n, int to) {
    int least = window_opset(g, n, to, 10, 10);
    const Node& node = g.node(n);
    if (!is_float(g.value(node.inputs[0]).type.dtype)) least = 12;
    if (node.out(1) != kNone || integer_or(node, "storage_order", 0) != 0) least = std::max(least, 8);
    return least;
}
int downgrade_average(Graph& g, NodeId n, int to) { return window_opset(g, n, to, 10, 19); }
/// Before 2 the degree was a real number.
void upgrade_lp(Graph& g, NodeId n, int from) {
    const auto it = g.node(n).attributes.find("p");
    if (from >= 2 || it == g.node(n).attributes.end()) return;
    const float* p = std::get_if<float>(&it->second);
    if (p && *p == std::floor(*p) && std::fabs(*p) < 1e6f) it->second = static_cast<int64_t>(*p);
    else if (p) fail(ErrorKind::unsupported, "op.unsupported", cat("a degree of ", *p), "", cat("node '", g.node(n).name, "' (", g.node(n).op, ")"));
}
int downgrade_lp(Graph& g, NodeId n, int to) { return window_opset(g, n, to, 18, 18); }

}  // namespace

std::vector<OpDecl> pool() {
    std::vector<OpDecl> all = {
        {.name = "MaxPool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 2,
         .attributes = window_attributes({{"storage_order", AttrKind::integer, int64_t{0}}}),
         .infer = infer_max, .reference = run_max, .cost = cost_window, .tolerance = 0, .downgrade = downgrade_max},
        {.name = "AveragePool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = window_attributes({{"count_include_pad", AttrKind::integer, int64_t{0}}}),
         .infer = infer_average, .reference = run_average, .cost = cost_window, .downgrade = downgrade_average},
        {.name = "LpPool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = window_attributes({{"p", AttrKind::integer, int64_t{2}}}),
         .infer = infer_lp, .reference = run_lp, .cost = cost_window, .upgrade = upgrade_lp, .downgrade = downgrade_lp},
        {.name = "GlobalAveragePool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {}, .infer = infer_global, .reference = run_global<Global::average>, .cost = cost_global},
        {.name = "GlobalMaxPool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {}, .infer = infer_global, .reference = run_global<Global::max>, .cost = cost_global, .tolerance = 0},
        {.name = "GlobalLpPool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"p", AttrKind::integer, int64_t{2}}},
         .infer = infer_global_lp, .reference = run_global<Global::lp>, .cost = cost_global, .upgrade = upgrade_lp},
    };
    attach_rules(all, pool_rules());
    return all;
}

}  // namespace hone::ops
