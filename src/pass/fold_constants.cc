// SPDX-License-Identifier: Apache-2.0
// Nodes whose inputs are all constant become constants; so does Shape and Size of a value whose dims are all known.
// DequantizeLinear of a weight stays: the written file keeps its int8.
#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
bool foldable(const Graph& g, const Node& n, const OpDecl& op) {
    if (op.random || !op.reference || n.domain == "hone" || n.op == "DequantizeLinear") return false;
    for (ValueId v : n.inputs)
        if (v != kNone && !g.value(v).is_constant()) return false;
    int64_t bytes = 0;
    for (ValueId v : n.outputs) {
        if (v == kNone) continue;
        const TypeInfo& t = g.value(v).type;
        if (t.kind != TypeInfo::Kind::tensor) return false;
        if (t.fixed() && t.dtype != DType::string)
            bytes += checked_mul(count_of(dims_of(t.shape)), static_cast<int64_t>(dtype_size(t.dtype)));
    }
    return bytes <= static_cast<int64_t>(limits().fold_bytes);
}

std::optional<Tensor> known_shape(const Graph& g, const Node& n) {
    if (!n.is("Shape") && !n.is("Size")) return std::nullopt;
    const TypeInfo& t = g.value(n.inputs[0]).type;
    if (!t.rank_known || !is_static(t.shape)) return std::nullopt;
    const Dims dims = dims_of(t.shape);
    if (n.is("Size")) return Tensor::scalar_i64(count_of(dims));
    const auto rank = static_cast<int64_t>(dims.size());
    auto bound = [&](const char* name, int64_t fallback) {
        const auto it = n.attributes.find(name);
        int64_t v = it == n.attributes.end() ? fallback : std::get<int64_t>(it->second);
        if (v < 0) v += rank;
        return std::clamp<int64_t>(v, 0, rank);
    };
    const int64_t start = bound("start", 0), end = bound("end", rank);
    return Tensor::of_i64(start < end ? Dims(dims.begin() + start, dims.begin() + end) : Dims{});
}

/// What has been folded so far fixes types further down, and those fold in the same walk.
void infer_again(Graph& g, const Node& n, const OpDecl& op) {
    std::vector<TypeInfo> in;
    std::vector<const Tensor*> known;
    bool open = false;
    for (ValueId v : n.outputs) open |= v != kNone && !g.value(v).type.fixed();
    if (!open) return;
    for (ValueId v : n.inputs) {
        in.push_back(v == kNone ? TypeInfo{} : g.value(v).type);
        known.push_back(constant_of(g, v));
    }
    const std::vector<TypeInfo> out = infer_node(op, n, std::move(in), std::move(known));
    for (size_t i = 0; i < out.size(); ++i)
        if (n.outputs[i] != kNone && out[i].fixed() && !g.value(n.outputs[i]).type.fixed()) g.value(n.outputs[i]).type = out[i];
}
}  // namespace

bool fold_constants(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) {
        const Node n = g.node(id);
        const OpDecl* op = find_op(n.domain, n.op);
        if (op) infer_again(g, n, *op);
        std::vector<Tensor> out;
        if (auto shape = known_shape(g, n)) {
            out = {*shape};
        } else {
            if (!op || !foldable(g, n, *op)) continue;
            std::vector<Tensor> in;
            for (ValueId v : n.inputs) in.push_back(v == kNone ? Tensor() : g.value(v).constant);
            try {
                out = interpret_node(*op, n, in);
            } catch (const Error& e) {
                if (e.kind == ErrorKind::unsupported) continue;
                throw;
            }
        }
        for (size_t i = 0; i < out.size(); ++i) {
            if (n.outputs[i] == kNone) continue;
            const ValueId old = n.outputs[i];
            if (g.is_output(old)) continue;
            g.replace_uses(old, g.add_constant(g.value(old).name + ":folded", out[i]));
        }
        bool used = false;
        for (ValueId v : n.outputs) used |= v != kNone && (!g.value(v).users.empty() || g.is_output(v));
        if (used) continue;
        g.remove_node(id);
        any = true;
    }
    return any;
}

}  // namespace hone::passes
