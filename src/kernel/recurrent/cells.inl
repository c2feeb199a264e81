// SPDX-License-Identifier: Apache-2.0
// The body of recurrent_*.cc, for the form of weights that HONE_RECURRENT_FORM names (fp32 without).
// See kernel/vector/kernels.inl.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/recurrent/cell.h"

namespace hone::recurrent {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"

#if !defined(HONE_RECURRENT_FORM)
#define HONE_RECURRENT_FORM "kernel/recurrent/form_f32.inl"
#endif
#include HONE_RECURRENT_FORM

/// Calls F::run<rows>(args, block, first row) over all rows, the register tile first.
template <class F, class A>
HONE_INLINE void over_rows(const A& args, int64_t block, int64_t rows) {
    int64_t m = 0;
    for (; m + kRows <= rows; m += kRows) F::template run<kRows>(args, block, m);
    switch (rows - m) {
        case 5: return F::template run<kRows == 6 ? 5 : 1>(args, block, m);
        case 4: return F::template run<kRows == 6 ? 4 : 1>(args, block, m);
        case 3: return F::template run<kRows >= 4 ? 3 : 1>(args, block, m);
        case 2: return F::template run<2>(args, block, m);
        case 1: return F::template run<1>(args, block, m);
        default: return;
    }
}

template <int gates>
struct ProjectTile {
    template <int rows>
    static HONE_INLINE void run(const Project& p, int64_t block, int64_t m) {
        V acc[rows][gates];
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < gates; ++g) acc[i][g] = load(p.bias + (block * gates + g) * W);
        multiply<rows, gates>(p.x, m, p.w, block, acc);
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < gates; ++g)
                store(p.out + (m + i) * p.out_stride + (block * gates + g) * W, acc[i][g]);
    }
};
void project(const Project& p) {
    for (int64_t block = p.begin; block < p.end; ++block) {
        if (p.gates == 4) over_rows<ProjectTile<4>>(p, block, p.rows);
        else if (p.gates == 1) over_rows<ProjectTile<1>>(p, block, p.rows);
        else over_rows<ProjectTile<3>>(p, block, p.rows);
    }
}

HONE_INLINE const float* projected(const Step& s, int64_t row, int64_t block, int gates, int gate) {
    return s.projected + row * s.projected_stride + (block * gates + gate) * W;
}
HONE_INLINE void put_h(const Step& s, int64_t row, int64_t block, V h) {
    store(s.h_next + row * s.stride + block * W, h);
    put_narrow(s.h_next_narrow + row * s.stride, s.stride, block * W, h);
    if (!s.y) return;
    const int64_t n = s.hidden - block * W;
    float* y = s.y + row * s.hidden + block * W;
    if (n >= W) store(y, h);
    else store_n(y, h, n);
}

struct LstmTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][4];
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < 4; ++g) acc[i][g] = load(projected(s, m + i, block, 4, g));
        multiply<rows, 4>(s.h, m, s.r, block, acc);
        for (int i = 0; i < rows; ++i) {
            float* c = s.c + (m + i) * s.stride + block * W;
            const V input = vsigmoid(acc[i][0]), output = vsigmoid(acc[i][1]), forget = vsigmoid(acc[i][2]);
            const V cell = fma(forget, load(c), input * vtanh(acc[i][3]));
            store(c, cell);
            put_h(s, m + i, block, output * vtanh(cell));
        }
    }
};
template <bool relu>
struct RnnTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][1];
        for (int i = 0; i < rows; ++i) acc[i][0] = load(projected(s, m + i, block, 1, 0));
        multiply<rows, 1>(s.h, m, s.r, block, acc);
        for (int i = 0; i < rows; ++i) put_h(s, m + i, block, relu ? vmax(set1(0), acc[i][0]) : vtanh(acc[i][0]));
    }
};
struct GruLinearTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][3];
        for (int i = 0; i < rows; ++i) {
            for (int g = 0; g < 2; ++g) acc[i][g] = load(projected(s, m + i, block, 3, g));
            acc[i][2] = load(s.candidate_bias + block * W);
        }
        multiply<rows, 3>(s.h, m, s.r, block, acc);
        for (int i = 0; i < rows; ++i) {
            const V z = vsigmoid(acc[i][0]), reset = vsigmoid(acc[i][1]);
            const V t = vtanh(fma(reset, acc[i][2], load(projected(s, m + i, block, 3, 2))));
            put_h(s, m + i, block, fma(z, load(s.h.wide + (m + i) * s.stride + block * W) - t, t));
        }
    }
};
struct GruGatesTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][2];
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < 2; ++g) acc[i][g] = load(projected(s, m + i, block, 3, g));
        multiply<rows, 2>(s.h, m, s.r, block, acc);
        for (int i = 0; i < rows; ++i) {
            const int64_t at = (m + i) * s.stride + block * W;
            store(s.z + at, vsigmoid(acc[i][0]));
            const V reset_h = vsigmoid(acc[i][1]) * load(s.h.wide + at);
            store(s.reset_h + at, reset_h);
            put_narrow(s.reset_h_narrow + (m + i) * s.stride, s.stride, block * W, reset_h);
        }
    }
};
struct GruCandidateTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][1];
        for (int i = 0; i < rows; ++i) acc[i][0] = load(projected(s, m + i, block, 3, 2));
        multiply<rows, 1>({s.reset_h, s.reset_h_narrow, nullptr, s.stride}, m, s.r, block, acc);
        for (int i = 0; i < rows; ++i) {
            const int64_t at = (m + i) * s.stride + block * W;
            const V t = vtanh(acc[i][0]);
            put_h(s, m + i, block, fma(load(s.z + at), load(s.h.wide + at) - t, t));
        }
    }
};
template <class Tile>
void step(const Step& s) {
    for (int64_t block = s.begin; block < s.end; ++block) over_rows<Tile>(s, block, s.batch);
}

constexpr CellTable kCells = {W, kForm, kNarrow, project, step<LstmTile>, step<RnnTile<false>>, step<RnnTile<true>>,
                              step<GruLinearTile>, step<GruGatesTile>, step<GruCandidateTile>};
}  // namespace
}  // namespace hone::recurrent
