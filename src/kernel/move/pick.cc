// SPDX-License-Identifier: Apache-2.0
#include "kernel/move/pick.h"

#include <cstring>

#include "base/error.h"

namespace hone::move {

namespace {

bool identity(const Dims& map, int64_t n) {
    if (static_cast<int64_t>(map.size()) != n) return false;
    for (int64_t i = 0; i < n; ++i)
        if (map[static_cast<size_t>(i)] != i) return false;
    return true;
}

/// Neighbours of one difference belong together; a run of one joins whatever follows.
std::vector<Stretch> stretches(const Dims& map) {
    std::vector<Stretch> out;
    for (size_t i = 0; i < map.size(); ++i) {
        if (!out.empty()) {
            Stretch& s = out.back();
            const bool filled = s.from < 0;
            const int64_t step = map[i] - map[i - 1];
            if (filled == (map[i] < 0) && (filled || s.length == 1 || step == s.step)) {
                if (!filled && s.length == 1) s.step = step;
                ++s.length;
                continue;
            }
        }
        out.push_back({static_cast<int64_t>(i), map[i], 1, 1});
    }
    return out;
}

template <class T>
void copy_strided(const char* x, int64_t step, char* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        T v;
        std::memcpy(&v, x + i * step * static_cast<int64_t>(sizeof(T)), sizeof(T));
        std::memcpy(y + i * static_cast<int64_t>(sizeof(T)), &v, sizeof(T));
    }
}
void copy(const char* x, int64_t step, size_t block, char* y, int64_t n) {
    if (step == 1) return static_cast<void>(std::memcpy(y, x, static_cast<size_t>(n) * block));
    if (block == 4) return copy_strided<uint32_t>(x, step, y, n);
    if (block == 1) return copy_strided<uint8_t>(x, step, y, n);
    if (block == 8) return copy_strided<uint64_t>(x, step, y, n);
    for (int64_t i = 0; i < n; ++i) std::memcpy(y + static_cast<size_t>(i) * block, x + i * step * static_cast<int64_t>(block), block);
}
void fill_with(const void* element, size_t size, char* y, size_t bytes) {
    if (!element) return static_cast<void>(std::memset(y, 0, bytes));
    for (size_t i = 0; i < bytes; i += size) std::memcpy(y + i, element, size);
}

}  // namespace

Pick make_pick(const Dims& x, const std::vector<Dims>& maps, size_t element_bytes) {
    HONE_CHECK(x.size() == maps.size() && element_bytes > 0);
    Pick p;
    p.element = p.block = element_bytes;
    size_t last = x.size();
    while (last > 1 && identity(maps[last - 1], x[last - 1])) p.block *= static_cast<size_t>(x[--last]);
    if (x.empty()) {
        p.row = {{0, 0, 1, 1}};
        p.row_length = 1;
        return p;
    }
    p.row = stretches(maps[last - 1]);
    p.row_length = static_cast<int64_t>(maps[last - 1].size());
    int64_t stride = x[last - 1];
    p.outer_strides.resize(last - 1);
    for (size_t a = last - 1; a-- > 0; stride *= x[a]) p.outer_strides[a] = stride;
    p.outer.assign(maps.begin(), maps.begin() + static_cast<long>(last - 1));
    for (const Dims& m : p.outer) p.rows *= static_cast<int64_t>(m.size());
    return p;
}

void pick(const Pick& p, const void* x, const void* fill, void* y, int64_t begin, int64_t end) {
    const auto* from = static_cast<const char*>(x);
    for (int64_t r = begin; r < end; ++r) {
        int64_t at = 0, rest = r;
        for (size_t a = p.outer.size(); a-- > 0;) {
            const auto n = static_cast<int64_t>(p.outer[a].size());
            const int64_t i = p.outer[a][static_cast<size_t>(rest % n)];
            rest /= n;
            at = i < 0 || at < 0 ? -1 : at + i * p.outer_strides[a];
        }
        char* row = static_cast<char*>(y) + static_cast<size_t>(r * p.row_length) * p.block;
        if (at < 0) {
            fill_with(fill, p.element, row, static_cast<size_t>(p.row_length) * p.block);
            continue;
        }
        for (const Stretch& s : p.row) {
            char* to = row + static_cast<size_t>(s.to) * p.block;
            if (s.from < 0) fill_with(fill, p.element, to, static_cast<size_t>(s.length) * p.block);
            else copy(from + static_cast<size_t>(at + s.from) * p.block, s.step, p.block, to, s.length);
        }
    }
}

}  // namespace hone::move
