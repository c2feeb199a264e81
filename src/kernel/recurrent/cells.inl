// SPDX-License-Identifier: Apache-2.0
// The body of recurrent_scalar.cc, recurrent_avx2.cc and recurrent_avx512.cc.
// See kernel/vector/kernels.inl.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/recurrent/cell.h"

namespace hone::recurrent {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"

/// Rows of a register tile; with 4 gates it fills the registers.
constexpr int kRows = W == 16 ? 6 : 3;

/// acc[m][g] += sum over k of a[m][k] * w[k][g]. Few accumulators are doubled so that the adds overlap.
template <int rows, int gates>
HONE_INLINE void multiply(const float* a, int64_t a_stride, const float* w, int64_t inner, V (&acc)[rows][gates]) {
    constexpr int sets = rows * gates >= 8 ? 1 : rows * gates >= 3 ? 2 : 4;
    V more[sets][rows][gates];
    for (int s = 1; s < sets; ++s)
        for (int m = 0; m < rows; ++m)
            for (int g = 0; g < gates; ++g) more[s][m][g] = set1(0);
    int64_t k = 0;
    for (; k + sets <= inner; k += sets, w += sets * gates * W)
        for (int s = 0; s < sets; ++s) {
            V b[gates];
            for (int g = 0; g < gates; ++g) b[g] = load(w + (s * gates + g) * W);
            for (int m = 0; m < rows; ++m) {
                const V v = set1(a[m * a_stride + k + s]);
                for (int g = 0; g < gates; ++g) {
                    V& t = s ? more[s][m][g] : acc[m][g];
                    t = fma(v, b[g], t);
                }
            }
        }
    for (; k < inner; ++k, w += gates * W)
        for (int m = 0; m < rows; ++m)
            for (int g = 0; g < gates; ++g) acc[m][g] = fma(set1(a[m * a_stride + k]), load(w + g * W), acc[m][g]);
    for (int s = 1; s < sets; ++s)
        for (int m = 0; m < rows; ++m)
            for (int g = 0; g < gates; ++g) acc[m][g] += more[s][m][g];
}

/// Calls F::run<rows>(args, block, first row) over all rows, the register tile first.
template <class F, class A>
HONE_INLINE void over_rows(const A& args, int64_t block, int64_t rows) {
    int64_t m = 0;
    for (; m + kRows <= rows; m += kRows) F::template run<kRows>(args, block, m);
    switch (rows - m) {
        case 5: return F::template run<kRows == 6 ? 5 : 1>(args, block, m);
        case 4: return F::template run<kRows == 6 ? 4 : 1>(args, block, m);
        case 3: return F::template run<3>(args, block, m);
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
        multiply<rows, gates>(p.x + m * p.inner, p.inner, p.weights + block * p.inner * gates * W, p.inner, acc);
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < gates; ++g)
                store(p.out + (m + i) * p.out_stride + (block * gates + g) * W, acc[i][g]);
    }
};
void project(const Project& p) {
    for (int64_t block = p.begin; block < p.end; ++block) {
        if (p.gates == 4) over_rows<ProjectTile<4>>(p, block, p.rows);
        else over_rows<ProjectTile<3>>(p, block, p.rows);
    }
}

HONE_INLINE const float* projected(const Step& s, int64_t row, int64_t block, int gates, int gate) {
    return s.projected + row * s.projected_stride + (block * gates + gate) * W;
}
HONE_INLINE void put_h(const Step& s, int64_t row, int64_t block, V h) {
    store(s.h_next + row * s.stride + block * W, h);
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
        multiply<rows, 4>(s.h + m * s.stride, s.stride, s.weights + block * s.hidden * 4 * W, s.hidden, acc);
        for (int i = 0; i < rows; ++i) {
            float* c = s.c + (m + i) * s.stride + block * W;
            const V input = vsigmoid(acc[i][0]), output = vsigmoid(acc[i][1]), forget = vsigmoid(acc[i][2]);
            const V cell = fma(forget, load(c), input * vtanh(acc[i][3]));
            store(c, cell);
            put_h(s, m + i, block, output * vtanh(cell));
        }
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
        multiply<rows, 3>(s.h + m * s.stride, s.stride, s.weights + block * s.hidden * 3 * W, s.hidden, acc);
        for (int i = 0; i < rows; ++i) {
            const V z = vsigmoid(acc[i][0]), reset = vsigmoid(acc[i][1]);
            const V t = vtanh(fma(reset, acc[i][2], load(projected(s, m + i, block, 3, 2))));
            put_h(s, m + i, block, fma(z, load(s.h + (m + i) * s.stride + block * W) - t, t));
        }
    }
};
struct GruGatesTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][2];
        for (int i = 0; i < rows; ++i)
            for (int g = 0; g < 2; ++g) acc[i][g] = load(projected(s, m + i, block, 3, g));
        multiply<rows, 2>(s.h + m * s.stride, s.stride, s.weights + block * s.hidden * 2 * W, s.hidden, acc);
        for (int i = 0; i < rows; ++i) {
            const int64_t at = (m + i) * s.stride + block * W;
            store(s.z + at, vsigmoid(acc[i][0]));
            store(s.reset_h + at, vsigmoid(acc[i][1]) * load(s.h + at));
        }
    }
};
struct GruCandidateTile {
    template <int rows>
    static HONE_INLINE void run(const Step& s, int64_t block, int64_t m) {
        V acc[rows][1];
        for (int i = 0; i < rows; ++i) acc[i][0] = load(projected(s, m + i, block, 3, 2));
        multiply<rows, 1>(s.reset_h + m * s.stride, s.stride, s.weights + block * s.hidden * W, s.hidden, acc);
        for (int i = 0; i < rows; ++i) {
            const int64_t at = (m + i) * s.stride + block * W;
            const V t = vtanh(acc[i][0]);
            put_h(s, m + i, block, fma(load(s.z + at), load(s.h + at) - t, t));
        }
    }
};
template <class Tile>
void step(const Step& s) {
    for (int64_t block = s.begin; block < s.end; ++block) over_rows<Tile>(s, block, s.batch);
}

constexpr CellTable kCells = {W, project, step<LstmTile>, step<GruLinearTile>, step<GruGatesTile>,
                              step<GruCandidateTile>};
}  // namespace
}  // namespace hone::recurrent
