// SPDX-License-Identifier: Apache-2.0
#include "onnx/build.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <hone_onnx.pb.h>

#include <algorithm>
#include <map>
#include <set>

#include "onnx/reader.h"
#include "op/history.h"
#include "op/op.h"
#include "op/parameters.h"

namespace hone {
namespace {

enum AttributeType { kFloat = 1, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings };

class Builder {
  public:
    Builder(const pb::ModelProto& model, const wire::Skeleton& skeleton, ModelSource& source)
        : model_(model), skeleton_(skeleton), source_(source) {}

    Graph build() {
        read_header();
        const pb::GraphProto& p = model_.graph();
        for (const auto& v : p.value_info()) declared_.emplace(v.name(), &v);
        for (const auto& v : p.output()) declared_.insert_or_assign(v.name(), &v);
        for (const auto& t : p.initializer()) add_initializer(t);
        for (const auto& v : p.input()) add_graph_input(v);
        for (const auto& s : p.sparse_initializer()) {
            (void)s;
            defer("model.sparse", "sparse initialisers");
        }
        take_node_names(p);
        for (int i = 0; i < p.node_size(); ++i) define_outputs(p.node(i), i);
        for (int i = 0; i < p.node_size(); ++i) add_node(p.node(i), i);
        add_graph_outputs(p);
        finish();
        return std::move(g_);
    }

  private:
    const pb::ModelProto& model_;
    const wire::Skeleton& skeleton_;
    ModelSource& source_;
    Graph g_;
    std::map<std::string, const pb::ValueInfoProto*> declared_;
    std::set<std::string> names_;           ///< of nodes, as in the file
    std::vector<std::vector<ValueId>> outputs_;  ///< of each node; empty for a Constant that became one
    std::string unsupported_id_, unsupported_;   ///< the first thing that hone cannot hold; said after unknown operators

    [[noreturn]] void refuse(const char* id, const std::string& what, const std::string& at = {}) const {
        fail(ErrorKind::model, id, what, "", at.empty() ? source_.name : cat(source_.name, ", ", at));
    }
    void defer(const char* id, const std::string& what) {
        if (unsupported_.empty()) unsupported_id_ = id, unsupported_ = what;
    }

    void read_header() {
        const int64_t ir = model_.ir_version();
        if (ir < 1) refuse("model.ir_version", cat("the IR version is ", ir));
        if (ir > kNewestIrVersion)
            fail(ErrorKind::unsupported, "model.ir_version", cat("the file has IR version ", ir, "; hone knows up to ", kNewestIrVersion),
                 "Export the model with an older format version.", source_.name);
        if (model_.functions_size()) {
            std::vector<std::string> names;
            for (const auto& f : model_.functions()) names.push_back(f.name());
            names.resize(std::min<size_t>(names.size(), 20));
            fail(ErrorKind::unsupported, "model.functions", cat("the model defines functions of its own: ", join(names, ", ")),
                 "Inline them first (onnx.inliner).", source_.name);
        }
        for (const auto& o : model_.opset_import()) {
            const std::string domain = o.domain() == "ai.onnx" ? "" : o.domain();
            const bool fresh = g_.opsets.emplace(domain, static_cast<int>(std::clamp<int64_t>(o.version(), 0, 1 << 20))).second;
            if (!fresh && g_.opsets[domain] != o.version())
                refuse("model.opset", cat("domain '", domain, "' is imported twice"));
        }
        g_.ir_version = static_cast<int>(ir);
        g_.name = model_.graph().name();
        g_.doc = model_.doc_string();
        g_.producer = model_.producer_name();
        if (!model_.producer_version().empty()) g_.producer += " " + model_.producer_version();
        for (const auto& e : model_.metadata_props()) g_.metadata.emplace(e.key(), e.value());
        check_opset();
    }
    void check_opset() {
        const bool used = std::any_of(model_.graph().node().begin(), model_.graph().node().end(),
                                      [](const auto& n) { return n.domain().empty() || n.domain() == "ai.onnx"; });
        if (!g_.opsets.contains("")) {
            if (used && g_.ir_version >= 3) refuse("model.opset", "the file does not say which opset it uses");
            if (used) g_.opsets[""] = 1;
            else return;
        }
        const int opset = g_.opsets[""];
        if (opset >= kLeastOpset && opset <= kNewestOpset) return;
        fail(ErrorKind::unsupported, "model.opset", cat("the model uses opset ", opset, "; hone reads ", kLeastOpset, " to ", kNewestOpset),
             opset > kNewestOpset ? cat("Export it with opset_version=", kNewestOpset, " or less.")
                                     : std::string("Convert it with onnx.version_converter."), source_.name);
    }

    ValueId define(const std::string& name, TypeInfo type, const std::string& at) {
        if (name.empty()) refuse("graph.unnamed", "a value without a name", at);
        if (g_.find_value(name) != kNone) refuse("graph.duplicate_value", cat("value '", name, "' is defined twice"), at);
        return g_.add_value(name, std::move(type));
    }
    Tensor tensor(const pb::TensorProto& p) {
        return decode_tensor(skeleton_.tensors.at(wire::record_number(p.raw_data())), source_);
    }
    void add_constant(const std::string& name, Tensor t, const std::string& at) {
        const ValueId v = define(name, TypeInfo::of(t), at);
        g_.value(v).constant = std::move(t);
    }
    void add_initializer(const pb::TensorProto& p) {
        const wire::TensorRecord& r = skeleton_.tensors.at(wire::record_number(p.raw_data()));
        add_constant(r.name, tensor(p), "initialiser");
    }

    TypeInfo type_of(const pb::TypeProto& p, const std::string& name, bool must) {
        TypeInfo t;
        if (p.has_sequence_type() || p.has_optional_type()) {
            t.kind = p.has_sequence_type() ? TypeInfo::Kind::sequence : TypeInfo::Kind::optional;
            if (must) defer("model.type", cat("value '", name, "' is a sequence or optional"));
            return t;
        }
        if (p.has_map_type() || p.has_sparse_tensor_type() || p.has_opaque_type()) {
            if (must) defer("model.type", cat("value '", name, "' is a map, sparse or opaque"));
            return t;
        }
        if (!p.has_tensor_type()) return t;
        const int32_t elem = p.tensor_type().elem_type();
        if (elem < 0 || elem > 26) refuse("model.tensor.dtype", cat("has element type ", elem, ", which ONNX does not have"), cat("value '", name, "'"));
        if (elem > static_cast<int>(DType::bf16)) {
            if (must) defer("model.type", cat("value '", name, "' has element type ", elem, " (an 8-bit or smaller float, or a 4- or 2-bit integer)"));
            return t;
        }
        t = TypeInfo::tensor(static_cast<DType>(elem));
        if (!p.tensor_type().has_shape()) return t;
        t.rank_known = true;
        for (const auto& d : p.tensor_type().shape().dim()) {
            if (t.shape.size() == 64) refuse("model.tensor.rank", "has more than 64 dimensions", cat("value '", name, "'"));
            if (d.has_dim_value() && d.dim_value() >= 0) t.shape.emplace_back(d.dim_value());
            else t.shape.push_back(Dim::named(d.dim_param()));
        }
        return t;
    }
    TypeInfo declared_type(const std::string& name) {
        const auto it = declared_.find(name);
        return it == declared_.end() ? TypeInfo{} : type_of(it->second->type(), name, false);
    }

    /// An input that is an initialiser too has that as its default; hone takes the default, so it is a constant.
    void add_graph_input(const pb::ValueInfoProto& p) {
        TypeInfo type = type_of(p.type(), p.name(), true);
        const ValueId known = g_.find_value(p.name());
        if (known != kNone && g_.value(known).is_constant() && inputs_seen_.insert(p.name()).second) {
            const TypeInfo& is = g_.value(known).type;
            const bool clash = type.dtype != DType::undefined && type.dtype != is.dtype;
            if (clash) refuse("graph.type", cat("is declared ", to_text(type), " but is ", to_text(is)), cat("value '", p.name(), "'"));
            return;
        }
        inputs_seen_.insert(p.name());
        if (type.kind == TypeInfo::Kind::unknown && unsupported_.empty())
            refuse("graph.input_type", cat("input '", p.name(), "' has no type"));
        if (type.kind == TypeInfo::Kind::tensor && type.dtype == DType::undefined)
            refuse("graph.input_type", cat("input '", p.name(), "' has no element type"));
        g_.inputs.push_back(define(p.name(), std::move(type), "graph input"));
    }
    std::set<std::string> inputs_seen_;

    void take_node_names(const pb::GraphProto& p) {
        for (int i = 0; i < p.node_size(); ++i)
            if (!p.node(i).name().empty() && !names_.insert(p.node(i).name()).second)
                refuse("graph.duplicate_node", "two nodes have this name", cat("node '", p.node(i).name(), "'"));
    }
    std::string place(const pb::NodeProto& p, int index) const {
        return cat("node ", index, p.name().empty() ? "" : cat(" '", p.name(), "'"), " (", p.op_type(), ")");
    }

    /// The value of a Constant node; undefined when it is none.
    Tensor constant_of(const pb::NodeProto& p) {
        const bool is = p.op_type() == "Constant" && (p.domain().empty() || p.domain() == "ai.onnx") &&
                        p.output_size() == 1 && !p.output(0).empty() && p.input_size() == 0 && p.attribute_size() == 1;
        if (!is) return {};
        const pb::AttributeProto& a = p.attribute(0);
        const std::string& n = a.name();
        if (n == "value" && a.has_t()) return tensor(a.t());
        if (n == "value_float" && a.has_f()) return Tensor::scalar_f32(a.f());
        if (n == "value_int" && a.has_i()) return Tensor::scalar_i64(a.i());
        if (n == "value_string" && a.has_s()) return Tensor::of_strings({a.s()}, {});
        if (n == "value_floats") return Tensor::of_f32({a.floats().begin(), a.floats().end()});
        if (n == "value_ints") return Tensor::of_i64({a.ints().begin(), a.ints().end()});
        if (n == "value_strings") return Tensor::of_strings({a.strings().begin(), a.strings().end()}, {a.strings_size()});
        return {};
    }

    void define_outputs(const pb::NodeProto& p, int index) {
        outputs_.emplace_back();
        if (Tensor t = constant_of(p); t.defined()) {
            add_constant(p.output(0), std::move(t), place(p, index));
            return;
        }
        for (const std::string& name : p.output())
            outputs_.back().push_back(name.empty() ? kNone : define(name, declared_type(name), place(p, index)));
    }

    void add_node(const pb::NodeProto& p, int index) {
        if (p.op_type().empty()) refuse("node.op_type", "a node without an operator", place(p, index));
        if (p.op_type() == "Constant" && outputs_[static_cast<size_t>(index)].empty() && p.output_size()) return;
        if (p.domain() == "hone") fail(ErrorKind::unsupported, "model.domain", "the domain 'hone' is not for files", "", cat(source_.name, ", ", place(p, index)));
        Node n;
        n.domain = p.domain() == "ai.onnx" ? "" : p.domain();
        n.op = p.op_type();
        n.name = p.name().empty() ? free_name(cat(n.op, "_", index)) : p.name();
        n.origins = origins_of(p, n.name);
        n.outputs = outputs_[static_cast<size_t>(index)];
        for (const std::string& name : p.input()) {
            const ValueId v = name.empty() ? kNone : g_.find_value(name);
            if (!name.empty() && v == kNone) refuse("graph.undefined", cat("its input '", name, "' is made by nothing"), place(p, index));
            n.inputs.push_back(v);
        }
        for (const auto& a : p.attribute()) add_attribute(n, a, place(p, index));
        g_.add_node_with(std::move(n));
    }
    std::string free_name(const std::string& base) {
        std::string name = base;
        for (int k = 1; !names_.insert(name).second; ++k) name = cat(base, "_", k);
        return name;
    }

    /// What the writer left in the doc string: "origins: a + b", with "%" and "+" escaped.
    static std::vector<std::string> origins_of(const pb::NodeProto& p, const std::string& name) {
        const std::string& doc = p.doc_string();
        constexpr std::string_view head = "origins: ";
        if (!doc.starts_with(head)) return {name};
        std::vector<std::string> out{""};
        for (size_t i = head.size(); i < doc.size(); ++i) {
            if (doc.compare(i, 3, " + ") == 0) out.emplace_back(), i += 2;
            else if (doc.compare(i, 3, "%25") == 0) out.back() += '%', i += 2;
            else if (doc.compare(i, 3, "%2B") == 0) out.back() += '+', i += 2;
            else out.back() += doc[i];
        }
        return out;
    }

    void add_attribute(Node& n, const pb::AttributeProto& a, const std::string& at) {
        if (a.name().empty()) refuse("node.attribute", "an attribute without a name", at);
        if (!a.ref_attr_name().empty()) refuse("node.attribute", cat("attribute '", a.name(), "' refers to a function's"), at);
        std::optional<Attribute> v = attribute(a, at);
        if (!v) return defer("model.attribute", cat("attribute '", a.name(), "' of ", n.op, " is of a type that hone does not have"));
        if (!n.attributes.emplace(a.name(), std::move(*v)).second)
            refuse("node.duplicate_attribute", cat("attribute '", a.name(), "' is given twice"), at);
    }
    static int attribute_type(const pb::AttributeProto& a) {
        if (a.type()) return a.type();
        if (a.has_f()) return kFloat;
        if (a.has_i()) return kInt;
        if (a.has_s()) return kString;
        if (a.has_t()) return kTensor;
        if (a.has_g()) return kGraph;
        if (a.floats_size()) return kFloats;
        if (a.strings_size()) return kStrings;
        return a.ints_size() ? kInts : 0;
    }
    std::optional<Attribute> attribute(const pb::AttributeProto& a, const std::string& at) {
        switch (attribute_type(a)) {
            case kFloat: return a.f();
            case kInt: return a.i();
            case kString: return a.s();
            case kTensor:
                if (!a.has_t()) refuse("node.attribute", cat("attribute '", a.name(), "' holds no tensor"), at);
                return tensor(a.t());
            case kGraph: {
                auto sub = std::make_shared<Graph>();
                sub->name = a.g().name();
                return std::shared_ptr<const Graph>(sub);
            }
            case kFloats: return std::vector<float>(a.floats().begin(), a.floats().end());
            case kInts: return std::vector<int64_t>(a.ints().begin(), a.ints().end());
            case kStrings: return std::vector<std::string>(a.strings().begin(), a.strings().end());
            case 0: refuse("node.attribute", cat("attribute '", a.name(), "' is of no type"), at);
            default: return std::nullopt;
        }
    }

    void add_graph_outputs(const pb::GraphProto& p) {
        for (const auto& o : p.output()) {
            const ValueId v = g_.find_value(o.name());
            if (v == kNone) refuse("graph.undefined", cat("graph output '", o.name(), "' is made by nothing"));
            if (g_.is_output(v)) refuse("graph.duplicate_output", cat("graph output '", o.name(), "' is listed twice"));
            type_of(o.type(), o.name(), true);
            g_.outputs.push_back(v);
        }
        if (g_.outputs.empty()) refuse("graph.no_outputs", "the graph has no outputs");
    }

    /// Unknown operators are reported first, all of them; then what else hone cannot hold.
    void finish() {
        const std::vector<NodeId> order = g_.order();
        const bool unknown = std::any_of(order.begin(), order.end(), [&](NodeId n) {
            return !find_op(g_.node(n).domain, g_.node(n).op);
        });
        if (unknown) infer_graph(g_);
        if (!unsupported_.empty()) fail(ErrorKind::unsupported, unsupported_id_, cat("hone does not have: ", unsupported_), "", source_.name);
        const auto opset = g_.opsets.find("");
        for (NodeId n : order) {
            if (opset == g_.opsets.end()) break;
            upgrade_node(g_, n, opset->second);
            if (opset->second < 7) infer_outputs(g_, n);  // how later operands are aligned depends on ranks
        }
        infer_graph(g_);
    }
};

pb::ModelProto parse(const wire::Skeleton& skeleton, const std::string& name) {
    pb::ModelProto model;
    google::protobuf::io::ArrayInputStream stream(skeleton.bytes.data(), static_cast<int>(skeleton.bytes.size()));
    google::protobuf::io::CodedInputStream in(&stream);
    in.SetRecursionLimit(200);
    in.SetTotalBytesLimit(INT32_MAX);
    if (!model.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage())
        fail(ErrorKind::model, "model.wire", "the file is damaged", "", name);
    return model;
}

}  // namespace

Graph build_graph(const wire::Skeleton& skeleton, ModelSource& source) {
    const pb::ModelProto model = parse(skeleton, source.name);
    return Builder(model, skeleton, source).build();
}

std::map<std::string, int> operators_in(const wire::Skeleton& skeleton, const std::string& name) {
    std::map<std::string, int> out;
    const pb::ModelProto model = parse(skeleton, name);
    for (const auto& n : model.graph().node())
        ++out[n.domain().empty() || n.domain() == "ai.onnx" ? n.op_type() : cat(n.domain(), ".", n.op_type())];
    return out;
}

int64_t parameters_in(const wire::Skeleton& skeleton, const std::string& name) {
    const pb::ModelProto model = parse(skeleton, name);
    std::map<std::string, std::vector<std::pair<std::string, size_t>>> readers;
    for (const auto& n : model.graph().node())
        for (int i = 0; i < n.input_size(); ++i) readers[n.input(i)].emplace_back(n.op_type(), static_cast<size_t>(i));
    int64_t sum = 0;
    for (const auto& p : model.graph().initializer()) {
        const wire::TensorRecord& t = skeleton.tensors.at(wire::record_number(p.raw_data()));
        if (t.data_type <= 0 || t.data_type > static_cast<int64_t>(DType::bf16)) continue;
        const auto type = static_cast<DType>(t.data_type);
        const auto by = readers.find(t.name);
        const bool counts = by == readers.end()
                                ? is_float(type)
                                : std::any_of(by->second.begin(), by->second.end(),
                                              [&](const auto& r) { return holds_parameters(r.first, r.second, type); });
        if (!counts) continue;
        for (int64_t d : t.dims)
            if (d < 0) fail(ErrorKind::model, "model.tensor.dims", cat("has a dimension of ", d), "", cat("tensor '", t.name, "'"));
        if (__builtin_add_overflow(sum, count_of(t.dims), &sum)) fail(ErrorKind::model, "size.overflow", "the parameters overflow", "", name);
    }
    return sum;
}

}  // namespace hone
