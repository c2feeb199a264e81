// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor.h"

#include <cstring>

#include "base/error.h"

namespace hone {
namespace {

constexpr size_t kCopyBelow = 4096;  // small tensors are copied: aligned, and no page of the file is held for them

struct Decoder {
    const wire::TensorRecord& t;
    ModelSource& source;
    DType type;
    int64_t count;

    std::string where() const {
        return cat(source.name, " at byte ", static_cast<unsigned long>(t.offset), ", tensor '", t.name, "'");
    }
    [[noreturn]] void wrong_size(uint64_t got, const char* what, uint64_t want) const {
        fail(ErrorKind::model, "model.tensor.size", cat("holds ", got, " ", what, "; dims ", to_text(t.dims), " need ", want), "", where());
    }

    Tensor from_bytes(const char* data, size_t size, std::shared_ptr<const void> owner) const {
        const size_t unit = dtype_size(type);
        const auto need = static_cast<size_t>(checked_mul(count, static_cast<int64_t>(unit)));
        if (size != need) wrong_size(size, "bytes", need);
        const size_t alignment = type == DType::c64 ? 4 : type == DType::c128 ? 8 : unit;
        const bool aligned = reinterpret_cast<uintptr_t>(data) % alignment == 0;
        if (owner && aligned && size >= kCopyBelow && type != DType::boolean)
            return Tensor::view(type, t.dims, data, std::move(owner));
        Tensor out = Tensor::zeros(type, t.dims);
        if (size) std::memcpy(out.raw_mut(), data, size);
        if (type == DType::boolean)
            for (int64_t i = 0; i < count; ++i) out.data<uint8_t>()[i] = out.data<uint8_t>()[i] != 0;
        return out;
    }

    Tensor from_varints() const {
        const std::string_view s = t.elements();
        int64_t held = 0;
        for (char c : s) held += !(c & 0x80);
        if (held != count) wrong_size(static_cast<uint64_t>(held), "elements", static_cast<uint64_t>(count));
        Tensor out = Tensor::zeros(type, t.dims);
        const char* p = s.data();
        for (int64_t i = 0; i < count; ++i) {
            uint64_t v;
            if (!wire::read_varint(p, s.data() + s.size(), v))
                fail(ErrorKind::model, "model.wire", cat("element ", i, " is no number"), "", where());
            if (type == DType::f16 || type == DType::bf16) out.data<uint16_t>()[i] = static_cast<uint16_t>(v);
            else if (type == DType::boolean) out.data<uint8_t>()[i] = v != 0;
            else std::memcpy(static_cast<char*>(out.raw_mut()) + static_cast<size_t>(i) * dtype_size(type), &v, dtype_size(type));
        }
        return out;
    }

    Tensor strings() const {
        if (t.has_raw || t.external)
            fail(ErrorKind::model, "model.tensor.value", "strings must stand in string_data", "", where());
        if (static_cast<int64_t>(t.strings.size()) != count)
            wrong_size(t.strings.size(), "strings", static_cast<uint64_t>(count));
        return Tensor::of_strings({t.strings.begin(), t.strings.end()}, t.dims);
    }

    Tensor decode() const {
        if (type == DType::string) return strings();
        if (t.external) {
            const auto need = static_cast<size_t>(checked_mul(count, static_cast<int64_t>(dtype_size(type))));
            const SideFiles::Range r = source.side.range(t.external_data, need, where());
            return from_bytes(r.data, need, r.owner);
        }
        if (t.has_raw) return from_bytes(t.raw.data(), t.raw.size(), source.owner);
        if (t.typed_field == 0) return from_bytes(nullptr, 0, nullptr);
        if (t.typed_field != field_of(type))
            fail(ErrorKind::model, "model.tensor.value",
                 cat("its data stands in field ", t.typed_field, "; ", dtype_name(type), " belongs in ", field_of(type)), "", where());
        if (t.typed_field == 4 || t.typed_field == 10) return from_bytes(t.elements().data(), t.elements().size(), nullptr);
        return from_varints();
    }

    /// The number of the typed field of TensorProto that holds elements of a type.
    static int field_of(DType d) {
        switch (d) {
            case DType::f32: case DType::c64: return 4;
            case DType::string: return 6;
            case DType::i64: return 7;
            case DType::f64: case DType::c128: return 10;
            case DType::u32: case DType::u64: return 11;
            default: return 5;
        }
    }
};

}  // namespace

Tensor decode_tensor(const wire::TensorRecord& t, ModelSource& source) {
    Decoder d{t, source, DType::undefined, 0};
    if (t.data_type <= 0 || t.data_type > 26)
        fail(ErrorKind::model, "model.tensor.dtype", cat("has element type ", t.data_type, ", which ONNX does not have"), "", d.where());
    if (t.data_type > static_cast<int>(DType::bf16))
        fail(ErrorKind::unsupported, "model.tensor.type", cat("has element type ", t.data_type, " (an 8-bit or smaller float, or a 4- or 2-bit integer)"),
             "Convert the weights to a wider type.", d.where());
    for (int64_t n : t.dims)
        if (n < 0) fail(ErrorKind::model, "model.tensor.dims", cat("has a dimension of ", n), "", d.where());
    d.type = static_cast<DType>(t.data_type);
    d.count = count_of(t.dims);
    return d.decode();
}

}  // namespace hone
