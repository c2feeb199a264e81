// SPDX-License-Identifier: Apache-2.0
// What each instruction set provides to recurrent.cc: the projection of the input and one step, for a range of blocks
// of hidden units. Plain types, as these sources are built with instruction-set flags.
#pragma once
#include <cstdint>

namespace hone::recurrent {

/// One matrix product x * w + bias for blocks [begin, end): out[m][block][gate][lane].
struct Project {
    const float* x;
    int64_t rows, inner, gates;
    const float* weights;
    const float* bias;
    float* out;
    int64_t out_stride;  ///< floats of a row of out
    int64_t begin, end;
};

/// One time step for blocks [begin, end). States are [batch] rows of `stride` floats, a multiple of the lanes.
struct Step {
    const float* projected;  ///< [batch] rows of projected_stride: the input's part of all gates
    int64_t projected_stride;
    const float* weights;
    const float* candidate_bias;
    const float* h;
    float* h_next;
    float* c;          ///< LSTM
    float* z;          ///< GRU in two phases: the update gate, and reset * h
    float* reset_h;
    int64_t stride;
    float* y;          ///< [batch, hidden], or null
    int64_t batch, hidden, begin, end;
};

struct CellTable {
    int lanes;
    void (*project)(const Project& p);
    void (*lstm)(const Step& s);
    void (*gru_linear)(const Step& s);     ///< linear_before_reset
    void (*gru_gates)(const Step& s);      ///< z and reset * h
    void (*gru_candidate)(const Step& s);  ///< the rest
};
const CellTable& cells_scalar();
const CellTable& cells_avx2();
const CellTable& cells_avx512();

}  // namespace hone::recurrent
