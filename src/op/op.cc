// SPDX-License-Identifier: Apache-2.0
#include "op/op.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"

namespace hone {

const Attribute* OpContext::find(const char* name) const {
    const auto it = node.attributes.find(name);
    if (it != node.attributes.end()) return &it->second;
    for (const AttrSpec& a : op.attributes)
        if (std::string_view(a.name) == name) return a.fallback ? &*a.fallback : nullptr;
    HONE_CHECK(false, op.name, " does not declare attribute ", name);
    return nullptr;
}
bool OpContext::has(const char* name) const { return find(name) != nullptr; }

namespace {
template <class T>
const T& get(const OpContext& c, const Attribute* a, const char* name) {
    if (!a) c.refuse(cat("attribute '", name, "' is missing"));
    const T* v = std::get_if<T>(a);
    if (!v) c.refuse(cat("attribute '", name, "' has the wrong type"));
    return *v;
}
template <class T>
const std::vector<T>& get_list(const OpContext& c, const Attribute* a, const char* name) {
    static const std::vector<T> empty;
    return a ? get<std::vector<T>>(c, a, name) : empty;
}
}  // namespace

int64_t OpContext::integer(const char* n) const { return get<int64_t>(*this, find(n), n); }
float OpContext::real(const char* n) const { return get<float>(*this, find(n), n); }
const std::string& OpContext::text(const char* n) const { return get<std::string>(*this, find(n), n); }
const std::vector<int64_t>& OpContext::integers(const char* n) const { return get_list<int64_t>(*this, find(n), n); }
const std::vector<float>& OpContext::reals(const char* n) const { return get_list<float>(*this, find(n), n); }
const std::vector<std::string>& OpContext::texts(const char* n) const {
    return get_list<std::string>(*this, find(n), n);
}
const Tensor& OpContext::tensor(const char* n) const { return get<Tensor>(*this, find(n), n); }
const Graph& OpContext::graph(const char* n) const {
    return *get<std::shared_ptr<const Graph>>(*this, find(n), n);
}
std::string OpContext::where() const { return cat("node '", node.name, "' (", node.op, ")"); }
void OpContext::refuse(const std::string& m) const { fail(ErrorKind::model, "op.invalid", m, "", where()); }
void OpContext::unsupported(const std::string& m) const {
    fail(ErrorKind::unsupported, "op.unsupported", m, "", where());
}

const OpDecl* find_op(const std::string& domain, const std::string& name) {
    static const std::map<std::pair<std::string, std::string>, const OpDecl*> index = [] {
        std::map<std::pair<std::string, std::string>, const OpDecl*> m;
        for (const OpDecl* d : all_ops()) HONE_CHECK(m.emplace(std::pair(d->domain, d->name), d).second, d->name);
        return m;
    }();
    const auto it = index.find({domain == "ai.onnx" ? "" : domain, name});
    return it == index.end() ? nullptr : it->second;
}

static const char* kind_name(size_t variant_index) {
    static constexpr const char* names[] = {"integer", "real", "text", "tensor", "graph", "integers", "reals", "texts"};
    return names[variant_index];
}

void verify_node(const OpDecl& op, const Node& node) {
    const std::string where = cat("node '", node.name, "' (", node.op, ")");
    const auto ins = static_cast<int>(node.inputs.size()), outs = static_cast<int>(node.outputs.size());
    if (ins < op.min_inputs || (op.max_inputs >= 0 && ins > op.max_inputs))
        fail(ErrorKind::model, "op.arity",
             cat("has ", ins, " inputs; expected ", op.min_inputs,
                 op.max_inputs < 0 ? " or more" : op.max_inputs == op.min_inputs ? "" : cat(" to ", op.max_inputs)),
             "", where);
    for (int i = 0; i < op.min_inputs; ++i)
        if (node.inputs[static_cast<size_t>(i)] == kNone)
            fail(ErrorKind::model, "op.arity", cat("required input ", i, " is omitted"), "", where);
    if (outs < op.min_outputs || (op.max_outputs >= 0 && outs > op.max_outputs))
        fail(ErrorKind::model, "op.arity", cat("has ", outs, " outputs; expected ", op.min_outputs, " to ", op.max_outputs), "", where);
    for (const auto& [name, value] : node.attributes) {
        const auto spec = std::find_if(op.attributes.begin(), op.attributes.end(),
                                       [&](const AttrSpec& a) { return name == a.name; });
        if (spec == op.attributes.end()) {
            std::vector<std::string> names;
            for (const AttrSpec& a : op.attributes) names.push_back(a.name);
            fail(ErrorKind::model, "op.attribute", cat("unknown attribute '", name, "'"),
                 cat("It has: ", names.empty() ? "none" : join(names, ", ")), where);
        }
        if (value.index() != static_cast<size_t>(spec->kind))
            fail(ErrorKind::model, "op.attribute",
                 cat("attribute '", name, "' is ", kind_name(value.index()), "; expected ",
                     kind_name(static_cast<size_t>(spec->kind))), "", where);
    }
    for (const AttrSpec& a : op.attributes)
        if (a.required && !node.attributes.contains(a.name))
            fail(ErrorKind::model, "op.attribute", cat("attribute '", a.name, "' is missing"), "", where);
}

std::vector<TypeInfo> infer_node(const OpDecl& op, const Node& node, std::vector<TypeInfo> in,
                                 std::vector<const Tensor*> known) {
    verify_node(op, node);
    InferContext ctx{{op, node}, std::move(in), std::move(known), std::vector<TypeInfo>(node.outputs.size())};
    op.infer(ctx);
    return ctx.out;
}

namespace {
/// What the file declares and what was inferred, the more precise of both dim by dim.
TypeInfo merge(const TypeInfo& declared, const TypeInfo& inferred, const std::string& name) {
    if (inferred.kind == TypeInfo::Kind::unknown) return declared;
    if (declared.kind == TypeInfo::Kind::unknown) return inferred;
    const bool clash = declared.kind != inferred.kind ||
                       (declared.dtype != DType::undefined && inferred.dtype != DType::undefined && declared.dtype != inferred.dtype) ||
                       (declared.rank_known && inferred.rank_known && declared.shape.size() != inferred.shape.size());
    if (clash)
        fail(ErrorKind::model, "graph.type", cat("is declared ", to_text(declared), " but is ", to_text(inferred)), "",
             cat("value '", name, "'"));
    if (!inferred.rank_known) {
        TypeInfo t = declared;
        if (t.dtype == DType::undefined) t.dtype = inferred.dtype;
        return t;
    }
    TypeInfo t = inferred;
    if (declared.rank_known)
        for (size_t i = 0; i < t.shape.size(); ++i) {
            const Dim& d = declared.shape[i];
            if (t.shape[i].known() && d.known() && t.shape[i].value != d.value)
                fail(ErrorKind::model, "graph.type", cat("is declared ", to_text(declared), " but is ", to_text(inferred)),
                     "", cat("value '", name, "'"));
            if (!t.shape[i].known() && (d.known() || t.shape[i].symbol.empty())) t.shape[i] = d;
        }
    return t;
}
}  // namespace

void infer_outputs(Graph& g, NodeId id) {
    const Node& n = g.node(id);
    std::vector<TypeInfo> in;
    std::vector<const Tensor*> known;
    for (ValueId v : n.inputs) {
        in.push_back(v == kNone ? TypeInfo{} : g.value(v).type);
        known.push_back(v != kNone && g.value(v).is_constant() ? &g.value(v).constant : nullptr);
    }
    const std::vector<TypeInfo> out = infer_node(*find_op(n.domain, n.op), n, std::move(in), std::move(known));
    for (size_t i = 0; i < out.size(); ++i)
        if (n.outputs[i] != kNone) {
            Value& v = g.value(n.outputs[i]);
            v.type = merge(v.type, out[i], v.name);
        }
}

void infer_graph(Graph& g) {
    std::map<std::string, int> missing;
    const std::vector<NodeId> order = g.order();
    for (NodeId id : order) {
        const Node& n = g.node(id);
        const OpDecl* op = find_op(n.domain, n.op);
        if (!op) ++missing[(n.domain.empty() ? "" : n.domain + ".") + n.op];
    }
    if (!missing.empty()) {
        std::vector<std::string> parts, known, hints;
        for (const OpDecl* d : all_ops())
            if (std::string_view(d->domain) != "hone") known.push_back(d->name);
        for (const auto& [name, count] : missing) {
            parts.push_back(cat(name, " x", count));
            const std::vector<std::string> near = nearest(name, known, 1);
            if (!near.empty()) hints.push_back(cat(name, ": nearest is ", near[0]));
        }
        fail(ErrorKind::unsupported, "op.unknown", cat("the model uses operators that hone does not have: ", join(parts, ", ")),
             hints.empty() ? "No operator of that name is among hone's." : join(hints, "; "));
    }
    for (NodeId id : order) infer_outputs(g, id);
}

std::vector<Tensor> interpret_node(const OpDecl& op, const Node& node, const std::vector<Tensor>& inputs) {
    std::vector<TypeInfo> in;
    std::vector<const Tensor*> known;
    for (const Tensor& t : inputs) {
        in.push_back(t.defined() ? TypeInfo::of(t) : TypeInfo{});
        known.push_back(t.defined() ? &t : nullptr);
    }
    const std::vector<TypeInfo> types = infer_node(op, node, std::move(in), std::move(known));
    RefContext ctx{{op, node}, inputs, {}};
    if (!op.reference) ctx.unsupported("has no reference");
    for (size_t i = 0; i < types.size(); ++i) {
        if (node.outputs[i] == kNone) {
            ctx.out.emplace_back();
            continue;
        }
        if (!types[i].fixed()) ctx.unsupported(cat("the shape of output ", static_cast<unsigned long>(i), " cannot be told from its inputs"));
        ctx.out.push_back(Tensor::zeros(types[i].dtype, dims_of(types[i].shape)));
    }
    op.reference(ctx);
    return ctx.out;
}

std::vector<Tensor> interpret_values(const Graph& g, const std::vector<Tensor>& inputs) {
    HONE_CHECK(inputs.size() == g.inputs.size(), "inputs ", static_cast<unsigned long>(inputs.size()));
    std::vector<Tensor> values(static_cast<size_t>(g.value_count()));
    for (ValueId v = 0; v < g.value_count(); ++v) values[static_cast<size_t>(v)] = g.value(v).constant;
    for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(g.inputs[i])] = inputs[i];
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        std::vector<Tensor> in;
        for (ValueId v : n.inputs) in.push_back(v == kNone ? Tensor() : values[static_cast<size_t>(v)]);
        const OpDecl* op = find_op(n.domain, n.op);
        HONE_CHECK(op, n.op);
        const std::vector<Tensor> out = interpret_node(*op, n, in);
        for (size_t i = 0; i < out.size(); ++i)
            if (n.outputs[i] != kNone) values[static_cast<size_t>(n.outputs[i])] = out[i];
    }
    return values;
}
std::vector<Tensor> interpret_graph(const Graph& g, const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> values = interpret_values(g, inputs);
    std::vector<Tensor> out;
    for (ValueId v : g.outputs) out.push_back(values[static_cast<size_t>(v)]);
    return out;
}

Cost cost_of(const Graph& g, NodeId id) {
    const Node& n = g.node(id);
    const OpDecl* op = find_op(n.domain, n.op);
    HONE_CHECK(op, n.op);
    CostContext ctx{{*op, n}, {}, {}};
    for (ValueId v : n.inputs) ctx.in.push_back(v == kNone ? TypeInfo{} : g.value(v).type);
    for (ValueId v : n.outputs) ctx.out.push_back(v == kNone ? TypeInfo{} : g.value(v).type);
    if (op->cost) return op->cost(ctx);
    Cost c;
    for (const TypeInfo& t : ctx.out)
        if (t.fixed()) c.flops += static_cast<double>(count_of(dims_of(t.shape)));
    return c;
}

Graph specialise(const Graph& g, const std::vector<Dims>& input_dims) {
    HONE_CHECK(input_dims.size() == g.inputs.size());
    Graph s = g.compacted();
    for (NodeId id : s.order())
        for (ValueId v : s.node(id).outputs)
            if (v != kNone) s.value(v).type = {};
    std::map<std::string, int64_t> bound;
    for (size_t i = 0; i < input_dims.size(); ++i) {
        Value& v = s.value(s.inputs[i]);
        const Shape declared = v.type.shape;
        auto mismatch = [&] {
            fail(ErrorKind::model, "input.shape",
                 cat("input '", v.name, "' takes ", to_text(v.type), "; got ", to_text(input_dims[i])));
        };
        if (v.type.rank_known) {
            if (declared.size() != input_dims[i].size()) mismatch();
            for (size_t k = 0; k < declared.size(); ++k) {
                if (declared[k].known() && declared[k].value != input_dims[i][k]) mismatch();
                if (declared[k].symbol.empty()) continue;
                const auto [it, fresh] = bound.emplace(declared[k].symbol, input_dims[i][k]);
                if (!fresh && it->second != input_dims[i][k]) mismatch();
            }
        }
        v.type = TypeInfo::tensor(v.type.dtype, shape_of(input_dims[i]));
    }
    infer_graph(s);
    return s;
}

Shape broadcast(const InferContext& ctx, const Shape& a, const Shape& b) {
    const size_t rank = std::max(a.size(), b.size());
    Shape out(rank);
    for (size_t i = 0; i < rank; ++i) {
        const Dim da = i + a.size() >= rank ? a[i + a.size() - rank] : Dim(1);
        const Dim db = i + b.size() >= rank ? b[i + b.size() - rank] : Dim(1);
        if (da == Dim(1)) out[i] = db;
        else if (db == Dim(1)) out[i] = da;
        else if (da.known() && db.known()) {
            if (da.value != db.value) ctx.refuse(cat("shapes ", to_text(a), " and ", to_text(b), " do not broadcast"));
            out[i] = da;
        } else if (da.known()) out[i] = da;
        else if (db.known()) out[i] = db;
        else if (da == db) out[i] = da;
    }
    return out;
}

int64_t normal_axis(const OpContext& ctx, int64_t axis, int64_t rank) {
    if (axis < -rank || axis >= rank) ctx.refuse(cat("axis ", axis, " is outside a tensor of rank ", rank));
    return axis < 0 ? axis + rank : axis;
}

Dims broadcast_strides(const Dims& dims, const Dims& out) {
    HONE_CHECK(dims.size() <= out.size());
    Dims s(out.size(), 0);
    int64_t stride = 1;
    for (size_t i = dims.size(); i-- > 0;) {
        const size_t o = i + out.size() - dims.size();
        HONE_CHECK(dims[i] == 1 || dims[i] == out[o], to_text(dims), " against ", to_text(out));
        s[o] = dims[i] == 1 ? 0 : stride;
        stride *= dims[i];
    }
    return s;
}

void walk(const Dims& out, const std::vector<Dims>& strides, const std::function<void(int64_t, const int64_t*)>& f) {
    const int64_t n = count_of(out);
    Dims index(out.size(), 0);
    std::vector<int64_t> offsets(strides.size(), 0);
    for (int64_t i = 0; i < n; ++i) {
        f(i, offsets.data());
        for (size_t d = out.size(); d-- > 0;) {
            for (size_t k = 0; k < strides.size(); ++k) offsets[k] += strides[k][d];
            if (++index[d] < out[d]) break;
            for (size_t k = 0; k < strides.size(); ++k) offsets[k] -= strides[k][d] * out[d];
            index[d] = 0;
        }
    }
}

}  // namespace hone
