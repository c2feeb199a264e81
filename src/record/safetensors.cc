// SPDX-License-Identifier: Apache-2.0
#include "record/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"
#include "record/tensor_table.h"

namespace hone::record {

namespace {

static_assert(std::endian::native == std::endian::little);
constexpr size_t kLength = 8;                      // of the header's length
constexpr uint64_t kMostHeader = uint64_t{16} << 20;  // the format's own limit is 100 MB; ours are some 100 kB

struct Named {
    const char* name;
    DType type;
};
constexpr Named kTypes[] = {{"F64", DType::f64}, {"I64", DType::i64}, {"U64", DType::u64}, {"F32", DType::f32}, {"I32", DType::i32},
                            {"U32", DType::u32}, {"F16", DType::f16}, {"BF16", DType::bf16}, {"I16", DType::i16}, {"U16", DType::u16},
                            {"I8", DType::i8},   {"U8", DType::u8},   {"BOOL", DType::boolean}};

const char* name_of(DType t) {
    for (const Named& n : kTypes)
        if (n.type == t) return n.name;
    return nullptr;
}

[[noreturn]] void refuse(const char* id, const std::string& what, const std::string& where) {
    fail(ErrorKind::data, cat("safetensors.", id), what, {}, where);
}

/// Of one entry: the type, and that its bytes are as many as the shape says.
DType checked_type(const std::string& name, const TensorEntry& e, uint64_t size, const std::string& where) {
    const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Named& n) { return e.dtype == n.name; });
    if (type == std::end(kTypes)) refuse("dtype", cat("'", name, "' is of type '", e.dtype.substr(0, 40), "', which is not read"), where);
    if (e.data_offsets.size() != 2 || e.data_offsets[0] < 0 || e.data_offsets[1] < e.data_offsets[0] || static_cast<uint64_t>(e.data_offsets[1]) > size)
        refuse("offsets", cat("the bytes of '", name, "' do not lie within the ", size, " bytes behind the header"), where);
    uint64_t bytes = dtype_size(type->type);
    for (const int64_t d : e.shape) {
        if (d < 0) refuse("offsets", cat("'", name, "' has a negative dim"), where);
        if (d > 0 && bytes > (uint64_t{1} << 62) / static_cast<uint64_t>(d)) refuse("offsets", cat("'", name, "' has the impossible shape ", to_text(e.shape)), where);
        bytes *= static_cast<uint64_t>(d);
    }
    if (bytes != static_cast<uint64_t>(e.data_offsets[1] - e.data_offsets[0]))
        refuse("offsets", cat("'", name, "', ", e.dtype, to_text(e.shape), ", needs ", bytes, " bytes and has ", e.data_offsets[1] - e.data_offsets[0]), where);
    return type->type;
}

/// The tensors' bytes, in their order, are all the bytes that there are.
void check_cover(TensorTable& table, uint64_t size, const std::string& where) {
    std::sort(table.tensors.begin(), table.tensors.end(), [](const auto& a, const auto& b) { return a.second.data_offsets < b.second.data_offsets; });
    int64_t at = 0;
    for (const auto& [name, e] : table.tensors) {
        if (e.data_offsets[0] != at) refuse("offsets", cat("'", name, "' begins at byte ", e.data_offsets[0], "; expected ", at), where);
        at = e.data_offsets[1];
    }
    if (static_cast<uint64_t>(at) != size) refuse("offsets", cat("the tensors end at byte ", at, " of ", size, " behind the header"), where);
}

Tensor tensor_at(const TensorEntry& e, DType type, const std::byte* data, const std::shared_ptr<const void>& owner) {
    const std::byte* p = data + e.data_offsets[0];
    const size_t size = dtype_size(type);
    if (type != DType::boolean && reinterpret_cast<uintptr_t>(p) % size == 0) return Tensor::view(type, e.shape, p, owner);
    Tensor t = Tensor::zeros(type, e.shape);
    if (t.bytes()) std::memcpy(t.raw_mut(), p, t.bytes());
    for (int64_t i = 0; type == DType::boolean && i < t.count(); ++i) t.data<uint8_t>()[i] = t.data<uint8_t>()[i] != 0;
    return t;
}

}  // namespace

void write_safetensors(const std::string& path, const Tensors& tensors, const Texts& metadata) {
    TensorTable table{metadata, {}};
    std::vector<const Tensor*> order;
    int64_t at = 0;
    for (const auto& [name, t] : tensors) {
        if (!name_of(t.dtype())) fail(ErrorKind::data, "safetensors.write", cat("'", name, "' is of type ", dtype_name(t.dtype()), ", which the format has not"));
        if (name == "__metadata__" || !is_utf8(name)) fail(ErrorKind::data, "safetensors.write", cat("no tensor can be named '", name, "' in it"));
    }
    for (const size_t size : {8, 4, 2, 1})  // the widest first: behind a header that ends at a multiple of 8 all are aligned
        for (const auto& [name, t] : tensors) {
            if (dtype_size(t.dtype()) != size) continue;
            const auto bytes = static_cast<int64_t>(t.bytes());
            table.tensors.push_back({name, {name_of(t.dtype()), t.dims(), {at, at + bytes}}});
            order.push_back(&t);
            at += bytes;
        }
    std::string header = to_json(table);
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const uint64_t length = header.size();
    std::vector<std::string_view> pieces = {{reinterpret_cast<const char*>(&length), kLength}, header};
    for (const Tensor* t : order) pieces.emplace_back(static_cast<const char*>(t->raw()), t->bytes());
    write_file_atomic(path, pieces);
}

Safetensors parse_safetensors(const MappedFile& file, const std::string& where) {
    uint64_t length = 0;
    if (file.size < kLength) refuse("truncated", cat("it ends at byte ", file.size, "; expected the header's length in 8"), where);
    std::memcpy(&length, file.data, kLength);
    if (length > kMostHeader) refuse("header", cat("a header of ", length, " bytes; at most ", kMostHeader), where);
    if (length > file.size - kLength) refuse("truncated", cat("it ends at byte ", file.size, "; expected a header of ", length, " bytes"), where);
    const std::string_view header = file.text().substr(kLength, length);
    if (!header.starts_with('{')) refuse("header", "the header does not begin with '{'", where);
    TensorTable table;
    try {
        table = tensor_table_from_json(header);
    } catch (const Error& e) {
        refuse("header", cat("the header is wrong: ", e.message, e.where.empty() ? "" : " in ", e.where), where);
    }
    const std::byte* data = file.data + kLength + length;
    const uint64_t size = file.size - kLength - length;
    Safetensors out;
    out.metadata = table.metadata;
    for (const auto& [name, e] : table.tensors) checked_type(name, e, size, where);
    check_cover(table, size, where);  // before anything is copied: a range that is named often would be copied often
    for (const auto& [name, e] : table.tensors) out.tensors[name] = tensor_at(e, checked_type(name, e, size, where), data, file.owner);
    return out;
}

Safetensors read_safetensors(const std::string& path) { return parse_safetensors(map_file(path), path); }

}  // namespace hone::record
