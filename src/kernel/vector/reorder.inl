// SPDX-License-Identifier: Apache-2.0
// Transposition in register tiles: 16x16 bytes, 8x8 of 2 bytes, 4x4 or 8x8 of 4 bytes. 128-bit shuffles exist
// everywhere.

HONE_INLINE __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
HONE_INLINE void store16(void* p, __m128i v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }

struct Tile1 {
    typedef uint8_t T;
    static constexpr int size = 16;
    /// Four rounds of interleaving row k with row k + 8.
    static HONE_INLINE void run(const T* x, int64_t xs, T* y, int64_t ys) {
        __m128i r[16], s[16];
        for (int i = 0; i < 16; ++i) r[i] = load16(x + i * xs);
        for (int round = 0; round < 2; ++round) {
            for (int i = 0; i < 8; ++i) {
                s[2 * i] = _mm_unpacklo_epi8(r[i], r[i + 8]);
                s[2 * i + 1] = _mm_unpackhi_epi8(r[i], r[i + 8]);
            }
            for (int i = 0; i < 8; ++i) {
                r[2 * i] = _mm_unpacklo_epi8(s[i], s[i + 8]);
                r[2 * i + 1] = _mm_unpackhi_epi8(s[i], s[i + 8]);
            }
        }
        for (int i = 0; i < 16; ++i) store16(y + i * ys, r[i]);
    }
};
struct Tile2 {
    typedef uint16_t T;
    static constexpr int size = 8;
    static HONE_INLINE void run(const T* x, int64_t xs, T* y, int64_t ys) {
        __m128i r[8], s[8];
        for (int i = 0; i < 8; ++i) r[i] = load16(x + i * xs);
        for (int i = 0; i < 4; ++i) {
            s[2 * i] = _mm_unpacklo_epi16(r[i], r[i + 4]);
            s[2 * i + 1] = _mm_unpackhi_epi16(r[i], r[i + 4]);
        }
        for (int i = 0; i < 4; ++i) {
            r[2 * i] = _mm_unpacklo_epi16(s[i], s[i + 4]);
            r[2 * i + 1] = _mm_unpackhi_epi16(s[i], s[i + 4]);
        }
        for (int i = 0; i < 4; ++i) {
            store16(y + 2 * i * ys, _mm_unpacklo_epi16(r[i], r[i + 4]));
            store16(y + (2 * i + 1) * ys, _mm_unpackhi_epi16(r[i], r[i + 4]));
        }
    }
};
struct Tile4 {
    typedef uint32_t T;
#if defined(__AVX2__)
    static constexpr int size = 8;
    static HONE_INLINE void run(const T* x, int64_t xs, T* y, int64_t ys) {
        __m256i r[8], s[8];
        for (int i = 0; i < 4; ++i) {
            r[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(x + i * xs)), load16(x + (i + 4) * xs), 1);
            r[i + 4] = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(x + i * xs + 4)),
                                               load16(x + (i + 4) * xs + 4), 1);
        }
        for (int h = 0; h < 8; h += 4) {
            s[h] = _mm256_unpacklo_epi32(r[h], r[h + 1]);
            s[h + 1] = _mm256_unpackhi_epi32(r[h], r[h + 1]);
            s[h + 2] = _mm256_unpacklo_epi32(r[h + 2], r[h + 3]);
            s[h + 3] = _mm256_unpackhi_epi32(r[h + 2], r[h + 3]);
            for (int i = 0; i < 4; ++i) {
                const __m256i a = s[h + i / 2], b = s[h + 2 + i / 2];
                const __m256i v = i % 2 ? _mm256_unpackhi_epi64(a, b) : _mm256_unpacklo_epi64(a, b);
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + (h + i) * ys), v);
            }
        }
    }
#else
    static constexpr int size = 4;
    static HONE_INLINE void run(const T* x, int64_t xs, T* y, int64_t ys) {
        const __m128i a = load16(x), b = load16(x + xs), c = load16(x + 2 * xs), d = load16(x + 3 * xs);
        const __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
        const __m128i ab2 = _mm_unpackhi_epi32(a, b), cd2 = _mm_unpackhi_epi32(c, d);
        store16(y, _mm_unpacklo_epi64(ab, cd));
        store16(y + ys, _mm_unpackhi_epi64(ab, cd));
        store16(y + 2 * ys, _mm_unpacklo_epi64(ab2, cd2));
        store16(y + 3 * ys, _mm_unpackhi_epi64(ab2, cd2));
    }
#endif
};
struct Tile8 {
    typedef uint64_t T;
    static constexpr int size = 2;
    static HONE_INLINE void run(const T* x, int64_t xs, T* y, int64_t ys) {
        const __m128i a = load16(x), b = load16(x + xs);
        store16(y, _mm_unpacklo_epi64(a, b));
        store16(y + ys, _mm_unpackhi_epi64(a, b));
    }
};

/// A known small number of rows or columns (images of 1, 3 or 4 channels): the compiler makes interleaving shuffles.
template <class T, int rows>
void few_rows(const T* x, int64_t xs, T* y, int64_t cols) {
    for (int64_t c = 0; c < cols; ++c)
        for (int r = 0; r < rows; ++r) y[c * rows + r] = x[r * xs + c];
}
template <class T, int cols>
void few_cols(const T* x, T* y, int64_t ys, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r)
        for (int c = 0; c < cols; ++c) y[c * ys + r] = x[r * cols + c];
}
template <class T>
void plain_block(const T* x, int64_t xs, T* y, int64_t ys, int64_t rows, int64_t cols) {
    for (int64_t c = 0; c < cols; ++c)
        for (int64_t r = 0; r < rows; ++r) y[c * ys + r] = x[r * xs + c];
}
template <class Tile>
void transpose(const void* vx, int64_t xs, void* vy, int64_t ys, int64_t rows, int64_t cols) {
    typedef typename Tile::T T;
    constexpr int64_t n = Tile::size, panel = 64 / sizeof(T) > n ? 64 / sizeof(T) : n;
    const T* x = static_cast<const T*>(vx);
    T* y = static_cast<T*>(vy);
    if (ys == rows && rows == 2) return few_rows<T, 2>(x, xs, y, cols);
    if (ys == rows && rows == 3) return few_rows<T, 3>(x, xs, y, cols);
    if (xs == cols && cols == 2) return few_cols<T, 2>(x, y, ys, rows);
    if (xs == cols && cols == 3) return few_cols<T, 3>(x, y, ys, rows);
    const int64_t whole_rows = rows / n * n, whole_cols = cols / n * n;
    // A panel of columns as wide as a cache line of x, so that each line that is read is used up at once.
    for (int64_t begin = 0; begin < whole_cols; begin += panel) {
        const int64_t end = begin + panel < whole_cols ? begin + panel : whole_cols;
        for (int64_t r = 0; r < whole_rows; r += n)
            for (int64_t c = begin; c < end; c += n) Tile::run(x + r * xs + c, xs, y + c * ys + r, ys);
    }
    plain_block(x + whole_cols, xs, y + whole_cols * ys, ys, whole_rows, cols - whole_cols);
    plain_block(x + whole_rows * xs, xs, y + whole_rows, ys, rows - whole_rows, cols);
}
