// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "op/op.h"
#include "plan/image.h"

namespace hone::image {

namespace {
constexpr size_t kGreatestRank = 64;
constexpr int64_t kOwnData = -2;  ///< a small tensor stands in the structure itself
constexpr size_t kSmall = 256;

enum class Kind : uint8_t { integer, real, text, tensor, integers, reals, texts, graph };

template <class T, class F>
void write_list(Out& out, const std::vector<T>& v, F f) {
    out.put<uint64_t>(v.size());
    for (const T& x : v) f(x);
}
template <class F>
auto read_list(In& in, size_t least, F f) {
    std::vector<decltype(f())> v;
    for (size_t n = in.count(least); n; --n) v.push_back(f());
    return v;
}

void write_type(Out& out, const TypeInfo& t) {
    out.put(static_cast<uint8_t>(t.kind));
    out.put(static_cast<uint8_t>(t.dtype));
    out.put<uint8_t>(t.rank_known);
    write_list(out, t.shape, [&](const Dim& d) { out.put<int64_t>(d.value), out.text(d.symbol); });
}
TypeInfo read_type(In& in) {
    TypeInfo t;
    t.kind = static_cast<TypeInfo::Kind>(in.in_range<uint8_t>(0, static_cast<uint8_t>(TypeInfo::Kind::optional)));
    t.dtype = static_cast<DType>(in.in_range<uint8_t>(0, static_cast<uint8_t>(DType::bf16)));
    t.rank_known = in.in_range<uint8_t>(0, 1) != 0;
    t.shape = read_list(in, 16, [&] {
        Dim d;
        d.value = in.in_range<int64_t>(-1, int64_t{1} << 48);
        d.symbol = in.text();
        return d;
    });
    if (t.shape.size() > kGreatestRank) bad("it holds a type of too many axes");
    return t;
}

void write_tensor(Out& out, const Tensor& t, ValueId v, const Blobs& blobs) {
    out.put(static_cast<uint8_t>(t.dtype()));
    write_list(out, t.dims(), [&](int64_t d) { out.put(d); });
    const int64_t index = t.bytes() <= kSmall ? kOwnData : blobs.keep(t, v);
    out.put(index);
    if (index == kOwnData) out.text({static_cast<const char*>(t.raw()), t.bytes()});
}
Tensor read_tensor(In& in, const Blobs& blobs) {
    const auto type = static_cast<DType>(in.in_range<uint8_t>(1, static_cast<uint8_t>(DType::bf16)));
    if (type == DType::string) bad("it holds texts where numbers belong");
    const Dims dims = read_list(in, 8, [&] { return in.in_range<int64_t>(0, int64_t{1} << 48); });
    if (dims.size() > kGreatestRank) bad("it holds a tensor of too many axes");
    const int64_t index = in.get<int64_t>();
    if (index != kOwnData) return blobs.find(index, type, dims);
    const std::string data = in.text();
    if (static_cast<int64_t>(data.size()) != checked_mul(count_of(dims), static_cast<int64_t>(dtype_size(type)))) bad("it holds a tensor of a wrong size");
    Tensor t = Tensor::zeros(type, dims);
    if (!data.empty()) std::memcpy(t.raw_mut(), data.data(), data.size());
    return t;
}

struct WriteAttribute {
    Out& out;
    const Blobs& blobs;
    void kind(Kind k) { out.put(static_cast<uint8_t>(k)); }
    void operator()(int64_t v) { kind(Kind::integer), out.put(v); }
    void operator()(float v) { kind(Kind::real), out.put(v); }
    void operator()(const std::string& v) { kind(Kind::text), out.text(v); }
    void operator()(const Tensor& v) { kind(Kind::tensor), write_tensor(out, v, kNone, blobs); }
    void operator()(const std::shared_ptr<const Graph>& v) {
        kind(Kind::graph);
        // Its values have ids of their own: none of them is packed elsewhere.
        write_graph(out, *v, {[this](const Tensor& t, ValueId) { return blobs.keep(t, kNone); }, {}});
    }
    void operator()(const std::vector<int64_t>& v) {
        kind(Kind::integers);
        write_list(out, v, [&](int64_t x) { out.put(x); });
    }
    void operator()(const std::vector<float>& v) {
        kind(Kind::reals);
        write_list(out, v, [&](float x) { out.put(x); });
    }
    void operator()(const std::vector<std::string>& v) {
        kind(Kind::texts);
        write_list(out, v, [&](const std::string& x) { out.text(x); });
    }
};
Graph read_graph_at(In& in, const Blobs& blobs, bool within);
Attribute read_attribute(In& in, const Blobs& blobs, bool within) {
    switch (static_cast<Kind>(in.in_range<uint8_t>(0, static_cast<uint8_t>(Kind::graph)))) {
        case Kind::integer: return in.get<int64_t>();
        case Kind::real: return in.get<float>();
        case Kind::text: return in.text();
        case Kind::tensor: return read_tensor(in, blobs);
        case Kind::integers: return read_list(in, 8, [&] { return in.get<int64_t>(); });
        case Kind::reals: return read_list(in, 4, [&] { return in.get<float>(); });
        case Kind::texts: return read_list(in, 8, [&] { return in.text(); });
        case Kind::graph:
            if (within) bad("it holds a subgraph within a subgraph");
            return std::make_shared<const Graph>(read_graph_at(in, blobs, true));
    }
    bad("it holds an unknown attribute");
}

/// Ids of used values in the order in which they are written.
std::vector<ValueId> used_values(const Graph& g) {
    std::vector<ValueId> used;
    std::vector<bool> seen(static_cast<size_t>(g.value_count()), false);
    auto use = [&](ValueId v) {
        if (v == kNone || seen[static_cast<size_t>(v)]) return;
        seen[static_cast<size_t>(v)] = true;
        used.push_back(v);
    };
    for (ValueId v : g.inputs) use(v);
    for (NodeId id : g.order()) {
        for (ValueId v : g.node(id).inputs) use(v);
        for (ValueId v : g.node(id).outputs) use(v);
    }
    for (ValueId v : g.outputs) use(v);
    return used;
}
}  // namespace

bool writable(const Graph& g) {
    const auto flat = [](const Graph& body) {
        for (NodeId id : body.order())
            for (const auto& [name, a] : body.node(id).attributes)
                if (std::holds_alternative<std::shared_ptr<const Graph>>(a)) return false;
        return true;
    };
    for (ValueId v : used_values(g))
        if (g.value(v).is_constant() && g.value(v).constant.dtype() == DType::string) return false;
    for (ValueId v : g.inputs)
        if (!g.value(v).type.fixed()) return false;
    for (NodeId id : g.order())
        for (const auto& [name, a] : g.node(id).attributes) {
            if (const auto* body = std::get_if<std::shared_ptr<const Graph>>(&a); body && !(g.node(id).is("Chain", "hone") && flat(**body) && writable(**body))) return false;
            if (const Tensor* t = std::get_if<Tensor>(&a); t && t->dtype() == DType::string) return false;
        }
    return true;
}

void write_graph(Out& out, const Graph& g, const Blobs& blobs) {
    const std::vector<ValueId> values = used_values(g);
    std::map<ValueId, int32_t> index = {{kNone, kNone}};
    out.text(g.name);
    write_list(out, values, [&](ValueId v) {
        index.emplace(v, static_cast<int32_t>(index.size() - 1));
        const Value& value = g.value(v);
        out.text(value.name);
        out.put<uint8_t>(value.is_constant());
        write_type(out, value.type);
        if (value.is_constant()) write_tensor(out, value.constant, v, blobs);
    });
    auto ids = [&](const std::vector<ValueId>& list) { write_list(out, list, [&](ValueId v) { out.put(index.at(v)); }); };
    write_list(out, g.order(), [&](NodeId id) {
        const Node& n = g.node(id);
        out.text(n.domain);
        out.text(n.op);
        out.text(n.name);
        ids(n.inputs);
        ids(n.outputs);
        write_list(out, n.origins, [&](const std::string& s) { out.text(s); });
        out.put<uint64_t>(n.attributes.size());
        for (const auto& [name, a] : n.attributes) {
            out.text(name);
            std::visit(WriteAttribute{out, blobs}, a);
        }
    });
    ids(g.inputs);
    ids(g.outputs);
    out.put<uint64_t>(g.metadata.size());
    for (const auto& [k, v] : g.metadata) out.text(k), out.text(v);
}

namespace {
Graph read_graph_at(In& in, const Blobs& blobs, bool within) {
    Graph g;
    g.name = in.text();
    std::vector<TypeInfo> written;
    for (size_t n = in.count(20); n; --n) {
        const std::string name = in.text();
        if (g.find_value(name) != kNone) bad("it names two values alike");
        const bool constant = in.in_range<uint8_t>(0, 1) != 0;
        written.push_back(read_type(in));
        if (!constant) {
            g.add_value(name, {});
            continue;
        }
        const ValueId v = g.add_constant(name, read_tensor(in, blobs));
        if (g.value(v).name != name) bad("it names two values alike");
        g.value(v).type = TypeInfo::of(g.value(v).constant);
    }
    const auto ids = [&](bool may_be_none) {
        return read_list(in, 4, [&] { return in.in_range<int32_t>(may_be_none ? kNone : 0, g.value_count() - 1); });
    };
    for (size_t n = in.count(40); n; --n) {
        Node node;
        node.domain = in.text();
        node.op = in.text();
        node.name = in.text();
        node.inputs = ids(true);
        node.outputs = ids(true);
        node.origins = read_list(in, 8, [&] { return in.text(); });
        for (size_t a = in.count(9); a; --a) {
            const std::string name = in.text();
            node.attributes.emplace(name, read_attribute(in, blobs, within));
        }
        g.add_node_with(std::move(node));  // refuses a second producer
    }
    g.inputs = ids(false);
    g.outputs = ids(false);
    for (size_t n = in.count(16); n; --n) {
        const std::string key = in.text();
        g.metadata[key] = in.text();
    }
    for (ValueId v : g.inputs) {
        if (g.value(v).producer != kNone || g.value(v).is_constant()) bad("an input has a producer");
        g.value(v).type = written[static_cast<size_t>(v)];
        if (!g.value(v).type.fixed()) bad("an input has no fixed type");
    }
    for (NodeId id = 0; id < g.node_count(); ++id)
        for (ValueId v : g.node(id).inputs)
            if (v != kNone && g.value(v).producer == kNone && !g.value(v).is_constant() && !g.is_input(v)) bad("a value has no producer");
    for (ValueId v : g.outputs)
        if (g.value(v).producer == kNone && !g.value(v).is_constant() && !g.is_input(v)) bad("an output has no producer");
    infer_graph(g);
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (!g.value(v).is_constant() && !(g.value(v).type == written[static_cast<size_t>(v)])) bad(cat("value '", g.value(v).name, "' is not of the type that it says"));
    return g;
}

}  // namespace

Graph read_graph(In& in, const Blobs& blobs) { return read_graph_at(in, blobs, false); }

}  // namespace hone::image
