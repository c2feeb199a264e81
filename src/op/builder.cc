// SPDX-License-Identifier: Apache-2.0
#include "op/builder.h"

#include <numeric>

namespace hone {

std::vector<ValueId> Builder::nodes(const std::string& op, std::vector<ValueId> in, int outputs, Attributes attributes,
                                    const std::string& domain) {
    const NodeId n = g_.add_node(domain, op, std::move(in), outputs, std::move(attributes),
                                 stem_.empty() ? op : cat(stem_, ".", op), origins_);
    infer_outputs(g_, n);
    return g_.node(n).outputs;
}
ValueId Builder::node(const std::string& op, std::vector<ValueId> in, Attributes attributes, const std::string& domain) {
    return nodes(op, std::move(in), 1, std::move(attributes), domain)[0];
}

ValueId Builder::constant(Tensor t) {
    return g_.add_constant(g_.unique_name(stem_.empty() ? "constant" : cat(stem_, ".constant")), std::move(t));
}
ValueId Builder::integers(const std::vector<int64_t>& v) { return constant(Tensor::of_i64(v)); }
ValueId Builder::scalar(DType t, double v) {
    Tensor s = Tensor::zeros(t, {});
    s.set(0, v);
    return constant(std::move(s));
}
ValueId Builder::filled(ValueId x, double v) { return expand(like(x, v), dims(x)); }

Dims Builder::dims(ValueId v) const {
    const Value& value = g_.value(v);
    HONE_CHECK(value.type.fixed(), value.name, " is ", to_text(value.type), ": its dims must be known");
    return dims_of(value.type.shape);
}

ValueId Builder::cast(ValueId a, DType t) {
    return dtype(a) == t ? a : node("Cast", {a}, {{"to", static_cast<int64_t>(t)}});
}
ValueId Builder::reshape(ValueId a, const Dims& d) { return dims(a) == d ? a : node("Reshape", {a, integers(d)}, {{"allowzero", int64_t{1}}}); }
ValueId Builder::expand(ValueId a, const Dims& d) { return dims(a) == d ? a : node("Expand", {a, integers(d)}); }
ValueId Builder::transpose(ValueId a, const std::vector<int64_t>& permutation) {
    return node("Transpose", {a}, {{"perm", permutation}});
}
ValueId Builder::swap_last(ValueId a) {
    std::vector<int64_t> p(rank(a));
    std::iota(p.begin(), p.end(), 0);
    HONE_CHECK(p.size() >= 2);
    std::swap(p[p.size() - 1], p[p.size() - 2]);
    return transpose(a, p);
}
ValueId Builder::concat(std::vector<ValueId> parts, int64_t axis) { return node("Concat", std::move(parts), {{"axis", axis}}); }
ValueId Builder::slice(ValueId a, int64_t axis, int64_t begin, int64_t end) {
    return node("Slice", {a, integers({begin}), integers({end}), integers({axis})});
}
ValueId Builder::fit(ValueId a, int64_t axis, int64_t n) {
    const int64_t have = dims(a)[static_cast<size_t>(axis)];
    if (have >= n) return have == n ? a : slice(a, axis, 0, n);
    std::vector<int64_t> pads(2 * rank(a), 0);
    pads[rank(a) + static_cast<size_t>(axis)] = n - have;
    return node("Pad", {a, integers(pads)});
}
ValueId Builder::reduce(const std::string& op, ValueId a, const std::vector<int64_t>& axes, bool keepdims) {
    std::vector<ValueId> in{a};
    if (!axes.empty()) in.push_back(integers(axes));
    return node(op, std::move(in), {{"keepdims", int64_t{keepdims}}});
}

ValueId Builder::sum_to(ValueId a, const Dims& to) {
    const Dims from = dims(a);
    if (from == to) return a;
    HONE_CHECK(from.size() >= to.size());
    std::vector<int64_t> axes;
    for (size_t i = 0; i < from.size(); ++i) {
        const size_t lead = from.size() - to.size();
        if (i < lead || (to[i - lead] == 1 && from[i] != 1)) axes.push_back(static_cast<int64_t>(i));
    }
    return reshape(axes.empty() ? a : sum(a, axes, false), to);
}

}  // namespace hone
