// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire.h"

#include <cstring>

#include "base/error.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "onnx/wire_schema.h"

namespace hone::wire {

bool read_varint(const char*& p, const char* end, uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 70 && p < end; shift += 7) {
        const auto byte = static_cast<uint8_t>(*p++);
        if (shift == 63 && byte > 1) return false;
        value |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}
void append_varint(std::string& out, uint64_t v) {
    for (; v >= 0x80; v >>= 7) out.push_back(static_cast<char>(v | 0x80));
    out.push_back(static_cast<char>(v));
}
size_t record_number(std::string_view raw) {
    HONE_CHECK(raw.size() == 8);
    uint64_t n;
    std::memcpy(&n, raw.data(), 8);
    return static_cast<size_t>(n);
}

namespace {

constexpr int kMaxDepth = 190;  // messages within messages; the parser's own bound is set above it
constexpr size_t kMaxRank = 64;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// A field as it stands: the tag at `start`, the payload (of a number: its bytes) in `payload`.
struct Item {
    const char* start;
    uint64_t number;
    uint32_t type;
    std::string_view payload;
    uint64_t value;  ///< of a varint
};

class Walker {
  public:
    Walker(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

    Skeleton model() {
        walk(Kind::model, bytes_, 0, 0, &out_.bytes);
        if (!out_.counts.graphs) refuse("model.not_onnx", "the file holds no graph", bytes_.data());
        return std::move(out_);
    }
    TensorRecord tensor() {
        root_ = Kind::tensor;
        take_tensor(bytes_, 0);
        return std::move(out_.tensors.at(0));
    }

  private:
    std::string_view bytes_;
    const std::string& name_;
    Kind root_ = Kind::model;
    Skeleton out_;
    uint64_t cost_ = 0;  ///< bytes that protobuf will take for the skeleton, roughly, and the records

    [[noreturn]] void refuse(const char* id, const std::string& what, const char* at) const {
        fail(ErrorKind::model, id, what, "", cat(name_, " at byte ", static_cast<unsigned long>(at - bytes_.data())));
    }
    void spend(uint64_t bytes) {
        cost_ += bytes;
        if (cost_ > limits().memory_bytes)
            fail(ErrorKind::budget, "memory.limit",
                 cat("reading the model would take more than the memory limit of ", limits().memory_bytes, " bytes"),
                 "Raise it with --max-memory.", name_);
    }
    void count(int64_t& counter, int64_t most, const char* id, const char* what, const char* at) {
        if (++counter > most) refuse(id, cat("the model has more than ", most, " ", what), at);
    }
    /// Running past the end of the file means that it was cut off; past the end of a message that it is damaged.
    [[noreturn]] void past_end(int depth, const char* at, const std::string& what) const {
        if (depth == 0 && root_ == Kind::model && at == bytes_.data())
            refuse("model.not_onnx", cat("the file is not an ONNX model (", what, ")"), at);
        if (depth == 0) refuse("model.truncated", cat("the file ends early: ", what), at);
        refuse("model.wire", cat("the file is damaged: ", what, " within a message"), at);
    }

    Item next(const char*& p, const char* end, int depth) {
        Item f{p, 0, 0, {}, 0};
        uint64_t tag;
        if (!read_varint(p, end, tag)) {
            if (p == end) past_end(depth, f.start, "a tag is cut off");
            refuse("model.wire", "the file is damaged: a tag of more than 10 bytes", f.start);
        }
        f.number = tag >> 3;
        f.type = static_cast<uint32_t>(tag & 7);
        if (f.number == 0 || f.number > 0x1fffffff) refuse_field(depth, f, "a field has an impossible number");
        uint64_t size = 0;
        const char* from = p;
        switch (f.type) {
            case kVarint:
                if (!read_varint(p, end, f.value)) {
                    if (p == end) past_end(depth, f.start, "a number is cut off");
                    refuse("model.wire", "the file is damaged: a number of more than 10 bytes", f.start);
                }
                f.payload = {from, static_cast<size_t>(p - from)};
                return f;
            case kFixed64: size = 8; break;
            case kFixed32: size = 4; break;
            case kBytes:
                if (!read_varint(p, end, size)) past_end(depth, f.start, "a length is cut off");
                break;
            default: refuse_field(depth, f, "a field has an impossible wire type");
        }
        if (size > static_cast<uint64_t>(end - p))
            past_end(depth, f.start,
                     cat("field ", f.number, " has ", size, " bytes, ", static_cast<unsigned long>(end - p), " are left"));
        f.payload = {p, static_cast<size_t>(size)};
        p += size;
        return f;
    }
    /// At the top, before any graph, nonsense means another format.
    [[noreturn]] void refuse_field(int depth, const Item& f, const char* what) const {
        if (depth == 0 && root_ == Kind::model && !out_.counts.graphs)
            refuse("model.not_onnx", cat("the file is not an ONNX model (", what, ")"), f.start);
        refuse("model.wire", cat("the file is damaged: ", what), f.start);
    }

    void check_form(const Field& field, const Item& f, int depth) const {
        uint32_t want = kBytes;
        const bool packed = f.type == kBytes;
        switch (field.form) {
            case Form::varint: want = kVarint; break;
            case Form::fixed32: want = kFixed32; break;
            case Form::fixed64: want = kFixed64; break;
            case Form::varints: want = packed ? kBytes : kVarint; break;
            case Form::fixed32s: want = packed ? kBytes : kFixed32; break;
            case Form::fixed64s: want = packed ? kBytes : kFixed64; break;
            default: break;
        }
        if (f.type != want) refuse_field(depth, f, "a field has the wrong wire type");
        if (!packed) return;
        const size_t unit = field.form == Form::fixed32s ? 4 : field.form == Form::fixed64s ? 8 : 1;
        if (f.payload.size() % unit) refuse_field(depth, f, "a packed field has the wrong length");
        if (field.form == Form::varints && !f.payload.empty() && (f.payload.back() & 0x80))
            refuse_field(depth, f, "a packed number is cut off");
        if (field.form == Form::text && !is_utf8(f.payload)) refuse("model.utf8", "a name is not UTF-8", f.start);
    }

    void count_message(Kind k, int graph_depth, const char* at) {
        Counts& c = out_.counts;
        const int64_t most = limits().nodes;
        count(c.records, most * 60, "model.too_many_records", "records", at);
        if (k == Kind::node) count(c.nodes, most, "model.too_many_nodes", "nodes", at);
        if (k == Kind::tensor) count(c.initializers, most, "model.too_many_records", "tensors", at);
        if (k == Kind::attribute) count(c.attributes, most * 8, "model.too_many_records", "attributes", at);
        if (k == Kind::graph) count(c.graphs, most, "model.too_many_records", "graphs", at);
        if (graph_depth > limits().nesting + 1)
            refuse("model.nesting", cat("graphs are nested more than ", limits().nesting, " deep"), at);
        spend(200);
    }

    /// Walks one message; appends it, tensors replaced, to `out` unless that is null.
    void walk(Kind kind, std::string_view bytes, int depth, int graph_depth, std::string* out) {
        const char* p = bytes.data();
        const char* const end = p + bytes.size();
        if (depth > kMaxDepth) refuse("model.nesting", cat("messages are nested more than ", kMaxDepth, " deep"), p);
        if (kind == Kind::graph) ++graph_depth;
        uint32_t seen = 0;
        bool first = true;
        while (p < end) {
            const Item f = next(p, end, depth);
            const Field* field = find_field(kind, f.number);
            if (first && !field && depth == 0) refuse_field(depth, f, "it begins with an unknown field");
            first = false;
            if (field) check_form(*field, f, depth);
            if (!field || field->form != Form::message) {
                spend(f.type == kBytes ? 48 + f.payload.size() * (field && field->form == Form::varints ? 8 : 1) : 8);
                if (out) out->append(f.start, static_cast<size_t>(p - f.start));
                continue;
            }
            if (!field->repeated && (seen >> f.number & 1))
                refuse("model.duplicate_field", cat("field ", f.number, " stands twice in one message"), f.start);
            seen |= 1u << f.number;
            count_message(field->child, graph_depth + (field->child == Kind::graph), f.start);
            step_into(*field, f, depth, graph_depth, out);
        }
    }

    void step_into(const Field& field, const Item& f, int depth, int graph_depth, std::string* out) {
        const Kind child = field.child;
        std::string body;
        if (child == Kind::tensor) {
            const uint64_t number = out_.tensors.size();
            take_tensor(f.payload, depth + 1);
            body = "\x4a\x08";  // raw_data, 8 bytes
            body.append(reinterpret_cast<const char*>(&number), 8);
        } else if (!holds_tensors(child)) {
            walk(child, f.payload, depth + 1, graph_depth, nullptr);
            if (out) out->append(f.start, static_cast<size_t>(f.payload.data() + f.payload.size() - f.start));
            return;
        } else {
            walk(child, f.payload, depth + 1, graph_depth, &body);
        }
        if (!out) return;
        append_varint(*out, f.number << 3 | kBytes);
        append_varint(*out, body.size());
        out->append(body);
    }

    void take_tensor(std::string_view bytes, int depth) {
        TensorRecord t;
        t.offset = static_cast<size_t>(bytes.data() - bytes_.data());
        const char* p = bytes.data();
        const char* const end = p + bytes.size();
        while (p < end) {
            const Item f = next(p, end, depth);
            const Field* field = find_field(Kind::tensor, f.number);
            if (!field) continue;
            check_form(*field, f, depth);
            if (f.number == 13) {
                take_entry(t, f, depth + 1);
                continue;
            }
            if (field->form == Form::message) {
                count_message(field->child, 0, f.start);
                walk(field->child, f.payload, depth + 1, 0, nullptr);
            }
            take_tensor_field(t, f);
        }
        if (t.external && (t.has_raw || t.typed_field))
            refuse("model.duplicate_data", cat("tensor '", t.name, "' has data both in the model and in a side file"), bytes.data());
        out_.tensors.push_back(std::move(t));
    }

    void take_tensor_field(TensorRecord& t, const Item& f) {
        switch (f.number) {
            case 1: return take_dims(t, f);
            case 2: t.data_type = static_cast<int64_t>(f.value); return;
            case 3: refuse("model.tensor.segment", "a tensor in segments", f.start);
            case 8:
                t.name = f.payload;
                spend(t.name.size());
                return;
            case 9:
                if (t.has_raw || t.typed_field) twice(t, f);
                t.has_raw = true;
                t.raw = f.payload;
                return;
            case 14: t.external = f.value == 1; return;
            case 4: case 5: case 6: case 7: case 10: case 11: break;
            default: return;
        }
        if (t.has_raw || (t.typed_field && t.typed_field != static_cast<int>(f.number))) twice(t, f);
        const bool more = t.typed_field != 0;
        t.typed_field = static_cast<int>(f.number);
        if (f.number == 6) {
            spend(64 + f.payload.size());
            t.strings.push_back(f.payload);
        } else if (!more) {
            t.packed = f.payload;
        } else {
            if (t.joined.empty()) t.joined = t.packed;
            spend(f.payload.size());
            t.joined += f.payload;
        }
    }
    [[noreturn]] void twice(const TensorRecord& t, const Item& f) const {
        refuse("model.duplicate_data", cat("tensor '", t.name, "' holds its data twice"), f.start);
    }
    void take_dims(TensorRecord& t, const Item& f) {
        const char* p = f.payload.data();
        const char* const end = p + f.payload.size();
        while (p < end) {
            uint64_t v;
            if (!read_varint(p, end, v)) refuse("model.wire", "the file is damaged: a dimension", f.start);
            if (t.dims.size() == kMaxRank) refuse("model.tensor.rank", cat("a tensor of more than ", kMaxRank, " dimensions"), f.start);
            t.dims.push_back(static_cast<int64_t>(v));
        }
    }
    void take_entry(TensorRecord& t, const Item& f, int depth) {
        count_message(Kind::entry, 0, f.start);
        std::pair<std::string, std::string> entry;
        const char* p = f.payload.data();
        const char* const end = p + f.payload.size();
        while (p < end) {
            const Item e = next(p, end, depth);
            const Field* field = find_field(Kind::entry, e.number);
            if (!field) continue;
            check_form(*field, e, depth);
            (e.number == 1 ? entry.first : entry.second) = e.payload;
        }
        spend(entry.first.size() + entry.second.size());
        t.external_data.push_back(std::move(entry));
    }
};

}  // namespace

Skeleton walk_model(std::string_view bytes, const std::string& name) { return Walker(bytes, name).model(); }
TensorRecord walk_tensor(std::string_view bytes, const std::string& name) { return Walker(bytes, name).tensor(); }

}  // namespace hone::wire
