// SPDX-License-Identifier: Apache-2.0
#include "dist/comm.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/tensor.h"

namespace hone::dist {
namespace {

constexpr int kSpins = 2000;       // tests before a waiting rank gives its core away between two
constexpr int64_t kAtOnce = -1;    // the bucket of `mean`

/// Eight at a time, which the compiler maps to vectors without being told to optimise harder.
template <class T>
void scaled(const T* from, T* to, int64_t n, T by) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int64_t k = i; k < i + 8; ++k) to[k] = from[k] * by;
    for (; i < n; ++i) to[i] = from[i] * by;
}

}  // namespace

void Comm::start(int64_t bucket, DType type, std::span<const Part> parts) {
    HONE_CHECK(type == DType::f32 || type == DType::f64, dtype_name(type));
    Bucket& b = buckets_[bucket];
    HONE_CHECK(!b.flying, "bucket ", bucket, " is under way");
    const size_t size = dtype_size(type);
    b.type = type;
    b.count = 0;
    for (const Part& p : parts) b.count += p.count;
    if (b.room < static_cast<size_t>(b.count) * size) {
        b.room = static_cast<size_t>(b.count) * size;
        b.own = allocate_aligned(b.room);
        b.sum = allocate_aligned(b.room);
    }
    char* to = static_cast<char*>(b.own.get());
    for (const Part& p : parts) {
        const size_t bytes = static_cast<size_t>(p.count) * size;
        if (bytes) std::memcpy(to, p.data, bytes);
        to += bytes;
    }
    b.request = begin_sum(b.own.get(), b.sum.get(), b.count, type);
    b.flying = true;
    flying_.push_back(bucket);
}

void Comm::finish(int64_t bucket, std::span<const Part> parts) {
    Bucket& b = buckets_[bucket];
    HONE_CHECK(b.flying, "bucket ", bucket, " was not started");
    if (b.request >= 0) wait(b.request);
    b.request = -1;
    b.flying = false;
    std::erase(flying_, bucket);
    const double share = 1.0 / ranks();
    int64_t at = 0;
    for (const Part& p : parts) {
        HONE_CHECK(at + p.count <= b.count, "bucket ", bucket, " holds ", b.count);
        if (b.type == DType::f32) scaled(static_cast<const float*>(b.sum.get()) + at, static_cast<float*>(p.data), p.count, static_cast<float>(share));
        else scaled(static_cast<const double*>(b.sum.get()) + at, static_cast<double*>(p.data), p.count, share);
        at += p.count;
    }
    HONE_CHECK(at == b.count);
}

void Comm::mean(DType type, Part part) {
    start(kAtOnce, type, {&part, 1});
    finish(kAtOnce, {&part, 1});
}

void Comm::poke() {
    for (const int64_t id : flying_) {
        Bucket& b = buckets_[id];
        if (b.request < 0) continue;
        if (!done(b.request)) return;
        b.request = -1;
    }
}

void Comm::gather(const void* mine, size_t bytes, void* all) {
    const auto n = static_cast<size_t>(ranks());
    gathered_.resize((n + 1) * bytes);
    std::memcpy(gathered_.data() + n * bytes, mine, bytes);
    wait(begin_gather(gathered_.data() + n * bytes, bytes, gathered_.data()));
    std::memcpy(all, gathered_.data(), n * bytes);
}

std::vector<double> Comm::gather(double mine) {
    std::vector<double> all(static_cast<size_t>(ranks()));
    gather(&mine, sizeof mine, all.data());
    return all;
}

void Comm::wait(Request r) {
    for (int spins = 0; !done(r); ++spins) {
        if (spins % 64 == 63) check();
        if (spins > kSpins) ::sched_yield();
    }
}

}  // namespace hone::dist
