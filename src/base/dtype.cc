// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace hone {

size_t dtype_size(DType t) {
    switch (t) {
        case DType::u8: case DType::i8: case DType::boolean: return 1;
        case DType::u16: case DType::i16: case DType::f16: case DType::bf16: return 2;
        case DType::f32: case DType::i32: case DType::u32: return 4;
        case DType::f64: case DType::i64: case DType::u64: case DType::c64: return 8;
        case DType::c128: return 16;
        case DType::string: case DType::undefined: return 0;
    }
    return 0;
}

std::string_view dtype_name(DType t) {
    static constexpr std::string_view names[] = {"undefined", "f32", "u8", "i8", "u16", "i16", "i32", "i64", "string",
                                                 "bool", "f16", "f64", "u32", "u64", "c64", "c128", "bf16"};
    const auto i = static_cast<size_t>(t);
    return i < sizeof names / sizeof *names ? names[i] : "unknown";
}

bool is_narrow_float(DType t) { return t == DType::f16 || t == DType::bf16; }
bool is_float(DType t) { return t == DType::f32 || t == DType::f64 || t == DType::f16 || t == DType::bf16; }
bool is_integer(DType t) {
    switch (t) {
        case DType::u8: case DType::i8: case DType::u16: case DType::i16: case DType::i32: case DType::u32:
        case DType::i64: case DType::u64: return true;
        default: return false;
    }
}

float f16_to_f32(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 0x1f;
    const uint32_t mantissa = h & 0x3ffu;
    uint32_t u;
    if (exponent == 0) {
        const float f = std::ldexp(static_cast<float>(mantissa), -24);
        return sign ? -f : f;
    }
    if (exponent == 31) u = sign | 0x7f800000u | (mantissa << 13);
    else u = sign | ((exponent + 112) << 23) | (mantissa << 13);
    float f;
    std::memcpy(&f, &u, 4);
    return f;
}

uint16_t f32_to_f16(float f) {
    uint32_t u;
    std::memcpy(&u, &f, 4);
    const uint32_t sign = (u >> 16) & 0x8000u;
    const uint32_t a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
    if (a >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // >= 65520 rounds to infinity
    if (a < 0x38800000u) {                                               // subnormal half
        float x;
        std::memcpy(&x, &a, 4);
        return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(std::ldexp(x, 24))));
    }
    const uint32_t r = a + 0xfffu + ((a >> 13) & 1);
    return static_cast<uint16_t>(sign | ((r - 0x38000000u) >> 13));
}

namespace {
template <class T>
T get(const void* p, int64_t i) {
    T v;
    std::memcpy(&v, static_cast<const char*>(p) + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return v;
}
template <class T>
void put(void* p, int64_t i, T v) {
    std::memcpy(static_cast<char*>(p) + i * static_cast<int64_t>(sizeof(T)), &v, sizeof(T));
}
template <class R>
R load(DType t, const void* p, int64_t i) {
    switch (t) {
        case DType::f32: return static_cast<R>(get<float>(p, i));
        case DType::f64: return static_cast<R>(get<double>(p, i));
        case DType::f16: return static_cast<R>(f16_to_f32(get<uint16_t>(p, i)));
        case DType::bf16: return static_cast<R>(bf16_to_f32(get<uint16_t>(p, i)));
        case DType::u8: return static_cast<R>(get<uint8_t>(p, i));
        case DType::boolean: return static_cast<R>(get<uint8_t>(p, i) != 0);
        case DType::i8: return static_cast<R>(get<int8_t>(p, i));
        case DType::u16: return static_cast<R>(get<uint16_t>(p, i));
        case DType::i16: return static_cast<R>(get<int16_t>(p, i));
        case DType::i32: return static_cast<R>(get<int32_t>(p, i));
        case DType::u32: return static_cast<R>(get<uint32_t>(p, i));
        case DType::i64: return static_cast<R>(get<int64_t>(p, i));
        case DType::u64: return static_cast<R>(get<uint64_t>(p, i));
        default: HONE_CHECK(false, "load of ", dtype_name(t));
    }
    return R{};
}
/// Out-of-range float to integer conversion is undefined in C++; here it saturates and NaN gives 0.
template <class T>
T to_integer(double v) {
    if (std::isnan(v)) return 0;
    constexpr double lo = static_cast<double>(std::numeric_limits<T>::min());
    constexpr double hi = static_cast<double>(std::numeric_limits<T>::max());
    if (v <= lo) return std::numeric_limits<T>::min();
    if (v >= hi) return std::numeric_limits<T>::max();
    return static_cast<T>(v);
}
template <class T>
T to_integer(int64_t v) { return static_cast<T>(v); }
template <class V>
void store(DType t, void* p, int64_t i, V v) {
    switch (t) {
        case DType::f32: return put(p, i, static_cast<float>(v));
        case DType::f64: return put(p, i, static_cast<double>(v));
        case DType::f16: return put(p, i, f32_to_f16(static_cast<float>(v)));
        case DType::bf16: return put(p, i, f32_to_bf16(static_cast<float>(v)));
        case DType::u8: return put(p, i, to_integer<uint8_t>(v));
        case DType::boolean: return put(p, i, static_cast<uint8_t>(v != V{0}));
        case DType::i8: return put(p, i, to_integer<int8_t>(v));
        case DType::u16: return put(p, i, to_integer<uint16_t>(v));
        case DType::i16: return put(p, i, to_integer<int16_t>(v));
        case DType::i32: return put(p, i, to_integer<int32_t>(v));
        case DType::u32: return put(p, i, to_integer<uint32_t>(v));
        case DType::i64: return put(p, i, to_integer<int64_t>(v));
        case DType::u64: return put(p, i, to_integer<uint64_t>(v));
        default: HONE_CHECK(false, "store of ", dtype_name(t));
    }
}
}  // namespace

double load_double(DType t, const void* p, int64_t i) { return load<double>(t, p, i); }
int64_t load_int(DType t, const void* p, int64_t i) {
    if (is_float(t)) return to_integer<int64_t>(load<double>(t, p, i));
    return load<int64_t>(t, p, i);
}
void store_double(DType t, void* p, int64_t i, double v) { store(t, p, i, v); }
void store_int(DType t, void* p, int64_t i, int64_t v) { store(t, p, i, v); }

}  // namespace hone
