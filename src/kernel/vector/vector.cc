// SPDX-License-Identifier: Apache-2.0
#include "kernel/vector/vector.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace hone::vec {

const Table& table_scalar();
const Table& table_avx2();
const Table& table_avx512();

const Table& table_for(Isa isa) {
    if (isa >= Isa::avx512) return table_avx512();
    return isa == Isa::avx2 ? table_avx2() : table_scalar();
}
const Table& table() { return table_for(usable_isa()); }

Broadcast make_broadcast(const Dims& y, const Dims& a, const Dims& b) {
    const auto strides = [&y](const Dims& d) {
        HONE_CHECK(d.size() <= y.size(), to_text(d), " to ", to_text(y));
        Dims s(y.size(), 0);
        const size_t skip = y.size() - d.size();
        int64_t step = 1;
        for (size_t i = d.size(); i-- > 0;) {
            HONE_CHECK(d[i] == y[skip + i] || d[i] == 1, to_text(d), " to ", to_text(y));
            s[skip + i] = d[i] == 1 ? 0 : step;
            step *= d[i];
        }
        return s;
    };
    const Dims sa = strides(a), sb = strides(b);
    Dims dims, as, bs;
    Broadcast r;
    r.count = count_of(y);
    for (size_t i = 0; i < y.size(); ++i) {
        if (y[i] == 1) continue;
        if (!dims.empty() && as.back() == sa[i] * y[i] && bs.back() == sb[i] * y[i]) {
            dims.back() *= y[i];
            as.back() = sa[i];
            bs.back() = sb[i];
        } else {
            dims.push_back(y[i]);
            as.push_back(sa[i]);
            bs.push_back(sb[i]);
        }
    }
    HONE_CHECK(dims.size() <= Broadcast::max_rank, to_text(a), " with ", to_text(b));
    r.rank = static_cast<int>(dims.size());
    for (size_t i = 0; i < dims.size(); ++i) {
        r.dims[i] = dims[i];
        r.a_strides[i] = as[i];
        r.b_strides[i] = bs[i];
    }
    return r;
}

namespace {
/// Rows of a transposed pair that one block does: enough to use each cache line that is read, few enough to cut.
constexpr int64_t kPairRows = 64;
}  // namespace

Permute make_permute(const Dims& x, const std::vector<int64_t>& perm) {
    HONE_CHECK(perm.size() == x.size());
    const Dims from = strides_of(x);
    Permute p;
    for (const int64_t axis : perm) {
        const int64_t n = x.at(static_cast<size_t>(axis)), s = from[static_cast<size_t>(axis)];
        if (n == 1) continue;
        if (!p.dims.empty() && p.strides.back() == s * n) {
            p.dims.back() *= n;
            p.strides.back() = s;
        } else {
            p.dims.push_back(n);
            p.strides.push_back(s);
        }
    }
    if (p.dims.empty()) p.dims = {1}, p.strides = {1};
    const size_t rank = p.dims.size();
    // The axis that is contiguous in x, just before the last of y: a plain transposition.
    p.inner_rank = rank >= 2 && p.strides[rank - 2] == 1 ? 2 : 1;
    for (size_t i = 0; i + static_cast<size_t>(p.inner_rank) < rank; ++i) p.outer *= p.dims[i];
    if (p.inner_rank == 2) p.outer *= (p.dims[rank - 2] + kPairRows - 1) / kPairRows;
    return p;
}

namespace {
template <class T>
void copy_strided(const T* x, int64_t stride, T* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = x[i * stride];
}

void run_block(const Permute& p, size_t bytes, const char* x, char* y) {
    const int64_t n = p.dims.back(), stride = p.strides.back();
    if (stride == 1) std::memcpy(y, x, static_cast<size_t>(n) * bytes);
    else if (bytes == 1) copy_strided(x, stride, y, n);
    else if (bytes == 2) copy_strided(reinterpret_cast<const uint16_t*>(x), stride, reinterpret_cast<uint16_t*>(y), n);
    else if (bytes == 4) copy_strided(reinterpret_cast<const uint32_t*>(x), stride, reinterpret_cast<uint32_t*>(y), n);
    else copy_strided(reinterpret_cast<const uint64_t*>(x), stride, reinterpret_cast<uint64_t*>(y), n);
}
}  // namespace

void permute(const Permute& p, size_t element_bytes, const void* x, void* y, int64_t begin, int64_t end) {
    const int index = element_bytes == 1 ? 0 : element_bytes == 2 ? 1 : element_bytes == 4 ? 2 : 3;
    HONE_CHECK(element_bytes == size_t{1} << index, element_bytes, " bytes");
    if (end < 0) end = p.outer;
    const size_t rank = p.dims.size(), outer_rank = rank - static_cast<size_t>(p.inner_rank);
    const auto transpose = table().transpose[index];
    const int64_t wide = static_cast<int64_t>(element_bytes), cols = p.dims.back();
    const int64_t rows = p.inner_rank == 2 ? p.dims[rank - 2] : 1;
    if (rows == 0 || cols == 0) return;
    const int64_t parts = p.inner_rank == 2 ? (rows + kPairRows - 1) / kPairRows : 1;
    for (int64_t block = begin; block < end; ++block) {
        int64_t rest = block / parts, from = 0;
        const int64_t to = rest * rows * cols;
        for (size_t d = outer_rank; d-- > 0;) {
            from += rest % p.dims[d] * p.strides[d];
            rest /= p.dims[d];
        }
        const char* source = static_cast<const char*>(x) + from * wide;
        char* target = static_cast<char*>(y) + to * wide;
        if (p.inner_rank == 1) {
            run_block(p, element_bytes, source, target);
            continue;
        }
        // Rows of y are columns of x.
        const int64_t first = block % parts * kPairRows, count = std::min(kPairRows, rows - first);
        transpose(source + first * wide, p.strides[rank - 1], target + first * cols * wide, cols, cols, count);
    }
}

}  // namespace hone::vec
