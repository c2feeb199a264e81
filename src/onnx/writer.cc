// SPDX-License-Identifier: Apache-2.0
#include "onnx/writer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <hone_onnx.pb.h>

#include <algorithm>
#include <deque>

#include "base/file.h"
#include "onnx/lower_opset.h"
#include "onnx/wire.h"

namespace hone {
namespace {

constexpr const char* kVersion = "0.1.0";
constexpr size_t kMostBytes = (size_t{1} << 31) - 1;  // protobuf's own bound on a message

/// A file in pieces, so that weights need no second copy.
class Pieces {
  public:
    void own(std::string s) {
        if (s.empty()) return;
        owned_.push_back(std::move(s));
        view(owned_.back());
    }
    void own_first(std::string s) {
        size_ += s.size();
        owned_.push_back(std::move(s));
        views_.insert(views_.begin(), owned_.back());
    }
    void view(std::string_view s) {
        size_ += s.size();
        if (!s.empty()) views_.push_back(s);
    }
    size_t size() const { return size_; }
    const std::vector<std::string_view>& views() const { return views_; }

  private:
    std::deque<std::string> owned_;
    std::vector<std::string_view> views_;
    size_t size_ = 0;
};

std::string bytes_of(const google::protobuf::MessageLite& m) {
    std::string out;
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    HONE_CHECK(m.SerializeToCodedStream(&coded));
    coded.Trim();
    return out;
}
void append_header(std::string& out, uint32_t field, size_t size) {
    wire::append_varint(out, field << 3 | 2);
    wire::append_varint(out, size);
}

/// A TensorProto but for the raw data, and how many bytes of that follow.
std::string tensor_head(const Tensor& t, const std::string& name) {
    pb::TensorProto p;
    for (int64_t d : t.dims()) p.add_dims(d);
    p.set_data_type(static_cast<int32_t>(t.dtype()));
    p.set_name(name);
    if (t.dtype() == DType::string)
        for (int64_t i = 0; i < t.count(); ++i) p.add_string_data(t.str(i));
    std::string out = bytes_of(p);
    if (t.dtype() != DType::string) append_header(out, 9, t.bytes());
    return out;
}
std::string_view raw_of(const Tensor& t) {
    return t.dtype() == DType::string ? std::string_view() : std::string_view(t.data<char>(), t.bytes());
}

void put_type(pb::ValueInfoProto& p, const Value& v) {
    p.set_name(v.name);
    if (v.type.kind == TypeInfo::Kind::unknown) return;
    if (v.type.kind != TypeInfo::Kind::tensor)
        fail(ErrorKind::unsupported, "write.type", "cannot write a sequence or optional", "", cat("value '", v.name, "'"));
    auto* tensor = p.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(static_cast<int32_t>(v.type.dtype));
    if (!v.type.rank_known) return;
    auto* shape = tensor->mutable_shape();
    for (const Dim& d : v.type.shape) {
        auto* dim = shape->add_dim();
        if (d.known()) dim->set_dim_value(d.value);
        else if (!d.symbol.empty()) dim->set_dim_param(d.symbol);
    }
}

struct AttributeWriter {
    pb::AttributeProto& p;
    void operator()(int64_t v) const { p.set_type(2), p.set_i(v); }
    void operator()(float v) const { p.set_type(1), p.set_f(v); }
    void operator()(const std::string& v) const { p.set_type(3), p.set_s(v); }
    void operator()(const Tensor& v) const {
        p.set_type(4);
        HONE_CHECK(p.mutable_t()->ParseFromString(tensor_bytes(v, "")));
    }
    void operator()(const std::shared_ptr<const Graph>&) const {
        fail(ErrorKind::unsupported, "write.type", cat("cannot write the graph attribute '", p.name(), "'"));
    }
    void operator()(const std::vector<int64_t>& v) const {
        p.set_type(7);
        for (int64_t i : v) p.add_ints(i);
    }
    void operator()(const std::vector<float>& v) const {
        p.set_type(6);
        for (float f : v) p.add_floats(f);
    }
    void operator()(const std::vector<std::string>& v) const {
        p.set_type(8);
        for (const std::string& s : v) p.add_strings(s);
    }
};

std::string origins_text(const std::vector<std::string>& origins) {
    std::vector<std::string> parts;
    for (const std::string& o : origins) {
        std::string s;
        for (char c : o) s += c == '%' ? "%25" : c == '+' ? "%2B" : std::string(1, c);
        parts.push_back(std::move(s));
    }
    return "origins: " + join(parts, " + ");
}

void put_node(pb::NodeProto& p, const Graph& g, const Node& n) {
    if (n.domain == "hone")
        fail(ErrorKind::internal, "write.domain", "a fused operator reached the writer", "", cat("node '", n.name, "' (", n.op, ")"));
    auto name = [&](ValueId v) { return v == kNone ? std::string() : g.value(v).name; };
    auto last = [](const std::vector<ValueId>& v) {
        size_t n = v.size();
        while (n > 0 && v[n - 1] == kNone) --n;
        return n;
    };
    for (size_t i = 0; i < last(n.inputs); ++i) p.add_input(name(n.inputs[i]));
    for (size_t i = 0; i < last(n.outputs); ++i) p.add_output(name(n.outputs[i]));
    p.set_name(n.name);
    p.set_op_type(n.op);
    if (!n.domain.empty()) p.set_domain(n.domain);
    if (!n.origins.empty() && n.origins != std::vector<std::string>{n.name}) p.set_doc_string(origins_text(n.origins));
    for (const auto& [key, value] : n.attributes) {
        pb::AttributeProto& a = *p.add_attribute();
        a.set_name(key);
        std::visit(AttributeWriter{a}, value);
    }
}

/// Constants that something uses, in order of first use.
std::vector<ValueId> used_constants(const Graph& g, const std::vector<NodeId>& order) {
    std::vector<ValueId> out;
    std::vector<bool> seen(static_cast<size_t>(g.value_count()), false);
    auto use = [&](ValueId v) {
        if (v == kNone || !g.value(v).is_constant() || seen[static_cast<size_t>(v)]) return;
        seen[static_cast<size_t>(v)] = true;
        out.push_back(v);
    };
    for (NodeId n : order)
        for (ValueId v : g.node(n).inputs) use(v);
    for (ValueId v : g.outputs) use(v);
    return out;
}

/// The least IR version that the format gives an opset; initialisers that are no inputs need 4.
int ir_version_for(int opset) {
    return opset >= 26 ? 13 : opset >= 24 ? 12 : opset >= 23 ? 11 : opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : opset >= 12 ? 7 : opset >= 11 ? 6 : opset >= 10 ? 5 : 4;
}

std::string header(const Graph& g) {
    pb::ModelProto m;
    const int least = ir_version_for(g.opsets.at(""));
    m.set_ir_version(std::clamp(g.ir_version, least, std::max(least, 10)));
    m.set_producer_name("hone");
    m.set_producer_version(kVersion);
    if (!g.doc.empty()) m.set_doc_string(g.doc);
    for (const auto& [domain, version] : g.opsets) {
        auto* o = m.add_opset_import();
        o->set_domain(domain);
        o->set_version(version);
    }
    for (const auto& [key, value] : g.metadata) {
        auto* e = m.add_metadata_props();
        e->set_key(key);
        e->set_value(value);
    }
    return bytes_of(m);
}

/// Messages of protobuf may stand in pieces: the header, then the field `graph`, whose initialisers come last.
void put_model(const Graph& g, Pieces& out) {
    const std::vector<NodeId> order = g.order();
    pb::GraphProto p;
    p.set_name(g.name);
    for (NodeId n : order) put_node(*p.add_node(), g, g.node(n));
    for (ValueId v : g.inputs) put_type(*p.add_input(), g.value(v));
    for (ValueId v : g.outputs) put_type(*p.add_output(), g.value(v));
    out.own(bytes_of(p));
    for (ValueId v : used_constants(g, order)) {
        const Value& value = g.value(v);
        std::string head = tensor_head(value.constant, value.name), start;
        append_header(start, 5, head.size() + raw_of(value.constant).size());
        out.own(start + head);
        out.view(raw_of(value.constant));
    }
    std::string start = header(g);
    append_header(start, 7, out.size());
    if (start.size() + out.size() > kMostBytes)
        fail(ErrorKind::unsupported, "write.too_large",
             cat("the model would have ", static_cast<unsigned long>(start.size() + out.size()), " bytes; an ONNX file holds at most 2 GiB"));
    out.own_first(std::move(start));
}

}  // namespace

std::string tensor_bytes(const Tensor& t, const std::string& name) {
    return tensor_head(t, name).append(raw_of(t));
}

std::string model_bytes(const Graph& g, const WriteOptions& options) {
    const Graph lowered = in_opset(g, options.opset);
    Pieces pieces;
    put_model(lowered, pieces);
    std::string out;
    out.reserve(pieces.size());
    for (std::string_view s : pieces.views()) out += s;
    return out;
}

void write_model(const Graph& g, const std::string& path, const WriteOptions& options) {
    const Graph lowered = in_opset(g, options.opset);
    Pieces pieces;
    put_model(lowered, pieces);
    write_file_atomic(path, pieces.views());
}

}  // namespace hone
