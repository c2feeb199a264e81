// SPDX-License-Identifier: Apache-2.0
#include "op/elements.h"

#include <cstring>

namespace hone {

bool is_any(DType t) { return t != DType::undefined; }
bool is_signed(DType t) { return t == DType::i8 || t == DType::i16 || t == DType::i32 || t == DType::i64; }
bool is_unsigned(DType t) { return is_integer(t) && !is_signed(t); }
bool is_index(DType t) { return t == DType::i32 || t == DType::i64; }

void copy_elements(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t n) {
    if (from.dtype() == DType::string) {
        for (int64_t i = 0; i < n; ++i) to.str(to_index + i) = from.str(from_index + i);
        return;
    }
    if (n <= 0) return;
    const auto size = static_cast<int64_t>(dtype_size(from.dtype()));
    std::memcpy(static_cast<char*>(to.raw_mut()) + to_index * size,
                static_cast<const char*>(from.raw()) + from_index * size, static_cast<size_t>(n * size));
}

void copy_all(const Tensor& from, Tensor& to) { copy_elements(from, 0, to, 0, from.count()); }

void copy_strided(const Tensor& from, int64_t offset, const Dims& strides, Tensor& to) {
    if (to.count() == 0) return;
    if (to.rank() == 0) return copy_elements(from, offset, to, 0, 1);
    const int64_t n = to.dims().back(), stride = strides.back();
    const Dims outer(to.dims().begin(), to.dims().end() - 1), outer_strides(strides.begin(), strides.end() - 1);
    walk(outer, {outer_strides}, [&](int64_t i, const int64_t* at) {
        const int64_t start = offset + at[0];
        if (stride == 1) return copy_elements(from, start, to, i * n, n);
        for (int64_t k = 0; k < n; ++k) copy_elements(from, start + k * stride, to, i * n + k, 1);
    });
}

std::optional<Dims> known_integers(const InferContext& c, size_t i) {
    const Tensor* t = c.given(i) ? c.value(i) : nullptr;
    if (!t) return std::nullopt;
    if (!is_index(t->dtype()) || t->rank() > 1)
        c.refuse(cat("input ", number(i), " is ", to_text(TypeInfo::of(*t)), "; expected a vector of i64"));
    return t->to_i64();
}

std::optional<int64_t> known_length(const InferContext& c, size_t i) {
    if (!c.given(i) || !c.rank_known(i)) return std::nullopt;
    const Shape& s = c.shape(i);
    if (s.size() > 1) c.refuse(cat("input ", number(i), " has shape ", to_text(s), "; expected a vector"));
    if (s.empty()) return 1;
    if (!s[0].known()) return std::nullopt;
    return s[0].value;
}

void require_type_of(const InferContext& c, size_t i, bool (*accepts)(DType), const char* expected) {
    if (!c.given(i)) return;
    if (c.in[i].kind == TypeInfo::Kind::sequence || c.in[i].kind == TypeInfo::Kind::optional)
        c.refuse(cat("input ", number(i), " is ", to_text(c.in[i]), "; expected a tensor"));
    const DType t = c.dtype(i);
    if (t != DType::undefined && !accepts(t))
        c.refuse(cat("input ", number(i), " is ", dtype_name(t), "; expected ", expected));
}

int64_t checked_add(int64_t a, int64_t b) {
    if (a > (int64_t{1} << 62) - b)
        fail(ErrorKind::budget, "size.overflow", cat("the sum of sizes ", a, " and ", b, " overflows"));
    return a + b;
}

int64_t checked_index(const OpContext& c, int64_t index, int64_t n) {
    if (index < -n || index >= n) c.refuse(cat("index ", index, " is outside a dimension of ", n));
    return index < 0 ? index + n : index;
}

}  // namespace hone
