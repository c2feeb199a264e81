// SPDX-License-Identifier: Apache-2.0
// Weights and rows in fp32. Included by cells.inl.

constexpr Form kForm = Form::f32;
/// Rows of a register tile; with 4 gates it fills the registers.
constexpr int kRows = W == 16 ? 6 : 3;

/// acc[m][g] += sum over k of a[first + m][k] * w[k][g]. Few accumulators are doubled so that the adds overlap.
template <int rows, int gates>
HONE_INLINE void multiply(const Rows& left, int64_t first, const Matrix& right, int64_t block, V (&acc)[rows][gates]) {
    constexpr int sets = rows * gates >= 8 ? 1 : rows * gates >= 3 ? 2 : 4;
    const float* a = left.wide + first * left.stride;
    const float* w = static_cast<const float*>(right.weights) + block * right.inner * gates * W;
    const int64_t inner = right.inner, a_stride = left.stride;
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

HONE_INLINE void put_narrow(uint16_t*, int64_t, int64_t, V) {}
constexpr auto kNarrow = static_cast<void (*)(const float*, int64_t, int64_t, int64_t, uint16_t*, int64_t, float*)>(nullptr);
