// SPDX-License-Identifier: Apache-2.0
// What int8.cc and the sources of each instruction set share. No standard library (architecture, decision 13).
#pragma once
#include <cstdint>

namespace hone::int8 {

enum class Out : int { u8, s8, f32 };

/// The epilogue of docs/int8.md for the outputs [0, lanes) of one panel.
struct Epilogue {
    const int32_t* bias;       ///< a panel's width of them, zero where there are none
    const float* scales;       ///< likewise
    Out out;
    bool residual, clamp, leaky;  ///< clamp: the activation's limits and, for 8 bits, the type's; leaky: f32 only
    float residual_scale, low, high, slope;
    int32_t zero;
    bool residual_signed;
};

/// Rows of sources, each a list of runs of 16-bit words, against one panel of packed weights.
struct Tile {
    const void* const* rows;       ///< where each output's first run starts
    int64_t offset;                ///< words added to each of rows
    const int32_t* runs;           ///< offsets in words from there
    int64_t run_count, pairs;      ///< words of a run, halved and rounded up
    const int8_t* w;               ///< [run][pair][width][2]
    void* y;                       ///< where the `lanes` results of the first output go
    const void* residual;          ///< likewise, or null
    int64_t stride;                ///< bytes from one output to the next, of both
    int64_t lanes;                 ///< of the panel's width
};

struct Table {
    int width;                     ///< outputs a panel
    int most_rows;
    /// count outputs, 1 to most_rows.
    void (*tile)(const Tile& t, const Epilogue& e, int64_t count);
    /// y[i] = x[i] - zero for unsigned (or signed) bytes.
    void (*widen_u8)(const uint8_t* x, int32_t zero, int16_t* y, int64_t n);
    void (*widen_s8)(const int8_t* x, int32_t zero, int16_t* y, int64_t n);
};
/// The same on bytes as they are, four to a lane (vpdpbusd): rows and runs count bytes, `pairs` counts groups of four,
/// weights are [run][group][width][4]; nothing is widened.
const Table& table_avx512vnni();
const Table& table_avx2();
const Table& table_avx512();

}  // namespace hone::int8
