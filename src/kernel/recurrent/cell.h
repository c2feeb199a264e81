// SPDX-License-Identifier: Apache-2.0
// What each instruction set and form of the weights provides to recurrent.cc: the projection of the input and one step,
// for a range of blocks of hidden units. Plain types, as these sources are built with instruction-set flags.
#pragma once
#include <cstdint>

namespace hone::recurrent {

/// How weights are kept, and with them the rows that they multiply. f32 rows are plain. bf16 rows are bf16. Rows that
/// meet s8 weights are 16-bit fixed point, u = round(v * 32767 / largest) + 32768: first the high bytes of the row, then
/// the low ones, so that two byte products with exact sums give one of 16 bits.
enum class Form { f32, bf16, s8 };

/// The right-hand side of a product: [block][k / group][gate][lane][group], groups of 1, 2 and 4 by form.
struct Matrix {
    const void* weights;
    const float* scales;     ///< s8: [block][gate][lane]
    const int32_t* offsets;  ///< s8: [block][gate][lane], -128 * the sum of the weights over k
    int64_t inner;
};
/// The left-hand side: rows of `stride` elements, of which `inner` count.
struct Rows {
    const float* wide;       ///< f32
    const uint16_t* narrow;  ///< the other forms; 16 bits an element
    const float* scales;     ///< s8: what one step of a row is worth; null: 1 / 32767
    int64_t stride;
};

/// One matrix product x * w + bias for blocks [begin, end): out[m][block][gate][lane].
struct Project {
    Rows x;
    Matrix w;
    int64_t rows, gates;
    const float* bias;
    float* out;
    int64_t out_stride;  ///< floats of a row of out
    int64_t begin, end;
};

/// One time step for blocks [begin, end). States are [batch] rows of `stride` floats, a multiple of the lanes.
struct Step {
    const float* projected;  ///< [batch] rows of projected_stride: the input's part of all gates
    int64_t projected_stride;
    Matrix r;
    const float* candidate_bias;
    Rows h;
    float* h_next;
    uint16_t* h_next_narrow;
    float* c;          ///< LSTM
    float* z;          ///< GRU in two phases: the update gate, and reset * h
    float* reset_h;
    uint16_t* reset_h_narrow;
    int64_t stride;
    float* y;          ///< [batch, hidden], or null
    int64_t batch, hidden, begin, end;
};

struct CellTable {
    int lanes;
    Form form;
    /// n values to the form's rows of `stride` elements, the rest zeros; a scale a row where scales is given, else 1.
    void (*narrow)(const float* x, int64_t rows, int64_t inner, int64_t x_stride, uint16_t* out, int64_t stride, float* scales);
    void (*project)(const Project& p);
    void (*lstm)(const Step& s);
    void (*rnn_tanh)(const Step& s);
    void (*rnn_relu)(const Step& s);
    void (*gru_linear)(const Step& s);     ///< linear_before_reset
    void (*gru_gates)(const Step& s);      ///< z and reset * h
    void (*gru_candidate)(const Step& s);  ///< the rest
};
const CellTable& cells_f32();         ///< Form::f32 of usable_isa()
const CellTable& cells_scalar();
const CellTable& cells_avx2();
const CellTable& cells_avx512();
const CellTable& cells_avx512bf16();  ///< Form::bf16
const CellTable& cells_avx512vnni();  ///< Form::s8

}  // namespace hone::recurrent
