// SPDX-License-Identifier: Apache-2.0
#include "op/history.h"

namespace hone {

void put_input(Graph& g, NodeId n, size_t i, ValueId v) {
    while (g.node(n).inputs.size() <= i) g.add_node_input(n, kNone);
    g.set_input(n, i, v);
}

void omit_input(Graph& g, NodeId n, size_t i) {
    if (i >= g.node(n).inputs.size()) return;
    g.set_input(n, i, kNone);
    std::vector<ValueId>& in = g.node(n).inputs;
    while (!in.empty() && in.back() == kNone) in.pop_back();
}

ValueId constant_for(Graph& g, NodeId n, const char* what, Tensor t) {
    return g.add_constant(g.unique_name(cat(g.node(n).name, ":", what)), std::move(t));
}

bool has_input(const Graph& g, NodeId n, size_t i) { return g.node(n).in(i) != kNone; }

const Tensor* constant_input(const Graph& g, NodeId n, size_t i) {
    const ValueId v = g.node(n).in(i);
    return v != kNone && g.value(v).is_constant() ? &g.value(v).constant : nullptr;
}

namespace {
/// The attribute taken out of the node; refuses another type.
template <class T>
std::optional<T> take(Graph& g, NodeId n, const char* name) {
    Attributes& a = g.node(n).attributes;
    const auto it = a.find(name);
    if (it == a.end()) return std::nullopt;
    const T* v = std::get_if<T>(&it->second);
    if (!v)
        fail(ErrorKind::model, "op.attribute", cat("attribute '", name, "' has the wrong type"), "",
             cat("node '", g.node(n).name, "' (", g.node(n).op, ")"));
    T taken = *v;
    a.erase(it);
    return taken;
}
}  // namespace

void integers_to_input(Graph& g, NodeId n, const char* name, size_t i) {
    if (const auto v = take<std::vector<int64_t>>(g, n, name))
        put_input(g, n, i, constant_for(g, n, name, Tensor::of_i64(*v)));
}

void real_to_input(Graph& g, NodeId n, const char* name, size_t i, DType t) {
    const auto v = take<float>(g, n, name);
    if (!v) return;
    Tensor s = Tensor::zeros(t, {});
    s.set(0, *v);
    put_input(g, n, i, constant_for(g, n, name, s));
}

bool input_to_integers(Graph& g, NodeId n, size_t i, const char* name) {
    if (!has_input(g, n, i)) return true;
    const Tensor* t = constant_input(g, n, i);
    if (!t) return false;
    g.node(n).attributes[name] = t->to_i64();
    omit_input(g, n, i);
    return true;
}

bool input_to_real(Graph& g, NodeId n, size_t i, const char* name) {
    if (!has_input(g, n, i)) return true;
    const Tensor* t = constant_input(g, n, i);
    if (!t || t->count() != 1) return false;
    g.node(n).attributes[name] = static_cast<float>(t->at(0));
    omit_input(g, n, i);
    return true;
}

void upgrade_node(Graph& g, NodeId n, int from) {
    if (from < 6) g.node(n).attributes.erase("consumed_inputs");
    const OpDecl* op = find_op(g.node(n).domain, g.node(n).op);
    if (op && op->upgrade && from != kCanonicalOpset) op->upgrade(g, n, from);
}

namespace {
[[noreturn]] void refuse(const Graph& g, NodeId n, ErrorKind kind, const std::string& what) {
    fail(kind, kind == ErrorKind::model ? "op.invalid" : "op.unsupported", what, "", cat("node '", g.node(n).name, "' (", g.node(n).op, ")"));
}
int64_t rank_of(const Graph& g, NodeId n, size_t i) {
    const TypeInfo& t = g.value(g.node(n).inputs[i]).type;
    if (!t.rank_known) refuse(g, n, ErrorKind::unsupported, cat("the rank of input ", static_cast<unsigned long>(i), " is not known; before opset 7 it says how operands are aligned"));
    return static_cast<int64_t>(t.shape.size());
}
}  // namespace

void append_dims(Graph& g, NodeId n, size_t i, int64_t ones) {
    const auto rank = static_cast<size_t>(rank_of(g, n, i));
    if (ones < 0 || ones > 64) refuse(g, n, ErrorKind::model, cat("input ", static_cast<unsigned long>(i), " of rank ", static_cast<unsigned long>(rank), " has too many dims"));
    if (ones == 0) return;
    if (const Tensor* t = constant_input(g, n, i)) {
        Dims dims = t->dims();
        dims.resize(rank + static_cast<size_t>(ones), 1);
        return put_input(g, n, i, constant_for(g, n, "aligned", t->reshaped(dims)));
    }
    TypeInfo type = g.value(g.node(n).inputs[i]).type;
    std::vector<int64_t> axes;
    for (int64_t k = 0; k < ones; ++k) {
        axes.push_back(static_cast<int64_t>(type.shape.size()));
        type.shape.emplace_back(1);
    }
    const ValueId at = constant_for(g, n, "axes", Tensor::of_i64(axes));
    const NodeId unsqueeze = g.add_node("", "Unsqueeze", {g.node(n).inputs[i], at}, 1, {}, g.node(n).name + ":aligned", g.node(n).origins);
    g.value(g.node(unsqueeze).out()).type = type;
    g.set_input(n, i, g.node(unsqueeze).out());
}

void align_operands(Graph& g, NodeId n, int from) {
    if (from >= 7) return;
    Attributes& a = g.node(n).attributes;
    const bool asked = integer_or(g.node(n), "broadcast", 0) != 0, placed = a.contains("axis");
    int64_t axis = integer_or(g.node(n), "axis", 0);
    a.erase("broadcast");
    a.erase("axis");
    if (!asked || !placed) return;
    const int64_t first = rank_of(g, n, 0), second = rank_of(g, n, 1);
    if (axis < 0) axis += first;
    append_dims(g, n, 1, first - axis - second);
}

int64_t integer_or(const Node& n, const char* name, int64_t fallback) {
    const auto it = n.attributes.find(name);
    const int64_t* v = it == n.attributes.end() ? nullptr : std::get_if<int64_t>(&it->second);
    return v ? *v : fallback;
}

std::string text_or(const Node& n, const char* name, const char* fallback) {
    const auto it = n.attributes.find(name);
    const std::string* v = it == n.attributes.end() ? nullptr : std::get_if<std::string>(&it->second);
    return v ? *v : fallback;
}

DType input_type(const Graph& g, NodeId n, size_t i, DType fallback) {
    const ValueId v = g.node(n).in(i);
    return v == kNone || g.value(v).type.dtype == DType::undefined ? fallback : g.value(v).type.dtype;
}

}  // namespace hone
