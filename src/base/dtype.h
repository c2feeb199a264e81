// SPDX-License-Identifier: Apache-2.0
// Element types (ONNX names and numbers) and conversion of one element to and from double or int64.
// References compute in double or int64 through these, so that they are not a template per type.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hone {

/// Values are those of onnx.TensorProto.DataType.
enum class DType : int32_t {
    undefined = 0, f32 = 1, u8 = 2, i8 = 3, u16 = 4, i16 = 5, i32 = 6, i64 = 7, string = 8, boolean = 9, f16 = 10,
    f64 = 11, u32 = 12, u64 = 13, c64 = 14, c128 = 15, bf16 = 16
};

/// Bytes of one element; 0 for string and undefined.
size_t dtype_size(DType t);
/// "f32", "u8", ...
std::string_view dtype_name(DType t);
bool is_float(DType t);    ///< f16, bf16, f32, f64
bool is_narrow_float(DType t);  ///< f16, bf16
bool is_integer(DType t);  ///< signed and unsigned integers, not boolean

inline float bf16_to_f32(uint16_t b) {
    uint32_t u = static_cast<uint32_t>(b) << 16;
    float f;
    std::memcpy(&f, &u, 4);
    return f;
}
/// Round to nearest even; NaN stays NaN.
inline uint16_t f32_to_bf16(float f) {
    uint32_t u;
    std::memcpy(&u, &f, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40);
    u += 0x7fffu + ((u >> 16) & 1);
    return static_cast<uint16_t>(u >> 16);
}
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);

/// Element `i` of `p`. Not for string or complex.
double load_double(DType t, const void* p, int64_t i);
int64_t load_int(DType t, const void* p, int64_t i);
/// Stores with C conversion (floats to integers truncate; f16/bf16 round to nearest even).
void store_double(DType t, void* p, int64_t i, double v);
void store_int(DType t, void* p, int64_t i, int64_t v);

}  // namespace hone
