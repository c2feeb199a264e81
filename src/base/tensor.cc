// SPDX-License-Identifier: Apache-2.0
#include "base/tensor.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/limits.h"

namespace hone {

namespace {
[[maybe_unused]] constexpr size_t kLarge = size_t{2} << 20;
}  // namespace

std::shared_ptr<void> allocate_aligned(size_t bytes) {
    if (bytes > limits().memory_bytes)
        fail(ErrorKind::budget, "memory.limit",
             cat("a buffer of ", bytes, " bytes exceeds the memory limit of ", limits().memory_bytes, " bytes"),
             "Raise it with --max-memory.");
    const size_t rounded = (bytes + 127) / 64 * 64;
#ifndef __SANITIZE_ADDRESS__
    // Large blocks are the kernel's zero pages: resident once they are written, and given back when they are freed.
    if (rounded >= kLarge) {
        void* pages = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) fail(ErrorKind::budget, "memory.out", cat("out of memory asking for ", bytes, " bytes"));
        return {pages, [rounded](void* p) { munmap(p, rounded); }};
    }
#endif
    void* p = std::aligned_alloc(64, rounded);
    if (!p) fail(ErrorKind::budget, "memory.out", cat("out of memory asking for ", bytes, " bytes"));
    std::memset(p, 0, rounded);
    return {p, std::free};
}

Tensor Tensor::zeros(DType type, Dims dims) {
    Tensor t;
    t.type_ = type;
    t.count_ = count_of(dims);
    t.dims_ = std::move(dims);
    if (type == DType::string) {
        checked_mul(t.count_, sizeof(std::string));
        auto strings = std::make_shared<std::vector<std::string>>(static_cast<size_t>(t.count_));
        t.data_ = strings->data();
        t.owner_ = strings;
    } else {
        auto memory = allocate_aligned(static_cast<size_t>(checked_mul(t.count_, static_cast<int64_t>(dtype_size(type)))));
        t.data_ = memory.get();
        t.owner_ = memory;
    }
    return t;
}

Tensor Tensor::view(DType type, Dims dims, const void* data, std::shared_ptr<const void> owner) {
    Tensor t;
    t.type_ = type;
    t.count_ = count_of(dims);
    t.dims_ = std::move(dims);
    t.data_ = data;
    t.owner_ = std::move(owner);
    return t;
}

Tensor Tensor::scalar_f32(float v) {
    Tensor t = zeros(DType::f32, {});
    *t.data<float>() = v;
    return t;
}
Tensor Tensor::scalar_i64(int64_t v) {
    Tensor t = zeros(DType::i64, {});
    *t.data<int64_t>() = v;
    return t;
}
Tensor Tensor::of_i64(const std::vector<int64_t>& v) {
    Tensor t = zeros(DType::i64, {static_cast<int64_t>(v.size())});
    if (!v.empty()) std::memcpy(t.raw_mut(), v.data(), v.size() * 8);
    return t;
}
Tensor Tensor::of_f32(const std::vector<float>& v) { return of_f32(v, {static_cast<int64_t>(v.size())}); }
Tensor Tensor::of_f32(const std::vector<float>& v, Dims dims) {
    Tensor t = zeros(DType::f32, std::move(dims));
    HONE_CHECK(t.count() == static_cast<int64_t>(v.size()));
    if (!v.empty()) std::memcpy(t.raw_mut(), v.data(), v.size() * 4);
    return t;
}
Tensor Tensor::of_strings(std::vector<std::string> v, Dims dims) {
    Tensor t;
    t.type_ = DType::string;
    t.count_ = count_of(dims);
    HONE_CHECK(t.count_ == static_cast<int64_t>(v.size()));
    t.dims_ = std::move(dims);
    auto strings = std::make_shared<std::vector<std::string>>(std::move(v));
    t.data_ = strings->data();
    t.owner_ = strings;
    return t;
}

Tensor Tensor::reshaped(Dims dims) const {
    Tensor t = *this;
    HONE_CHECK(count_of(dims) == count_, "reshape ", to_text(dims_), " to ", to_text(dims));
    t.dims_ = std::move(dims);
    return t;
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
    HONE_CHECK(rank() >= 1 && 0 <= begin && begin <= end && end <= dims_[0]);
    const int64_t row = dims_[0] ? count_ / dims_[0] : 0;
    Tensor t = *this;
    t.dims_[0] = end - begin;
    t.count_ = row * (end - begin);
    const size_t size = type_ == DType::string ? sizeof(std::string) : dtype_size(type_);
    t.data_ = static_cast<const char*>(data_) + static_cast<size_t>(begin * row) * size;
    return t;
}

Tensor Tensor::clone() const {
    Tensor t = zeros(type_, dims_);
    if (type_ == DType::string)
        for (int64_t i = 0; i < count_; ++i) t.str(i) = str(i);
    else if (count_)
        std::memcpy(t.raw_mut(), data_, bytes());
    return t;
}

Tensor Tensor::cast(DType type) const {
    if (type == type_) return *this;
    Tensor t = zeros(type, dims_);
    const bool by_int = !is_float(type_) && !is_float(type);
    for (int64_t i = 0; i < count_; ++i) {
        if (by_int) t.set_int(i, at_int(i));
        else t.set(i, at(i));
    }
    return t;
}

std::vector<int64_t> Tensor::to_i64() const {
    std::vector<int64_t> v(static_cast<size_t>(count_));
    for (int64_t i = 0; i < count_; ++i) v[static_cast<size_t>(i)] = at_int(i);
    return v;
}
std::vector<double> Tensor::to_f64() const {
    std::vector<double> v(static_cast<size_t>(count_));
    for (int64_t i = 0; i < count_; ++i) v[static_cast<size_t>(i)] = at(i);
    return v;
}

bool Tensor::same_bits(const Tensor& o) const {
    if (type_ != o.type_ || dims_ != o.dims_) return false;
    if (type_ == DType::string) {
        for (int64_t i = 0; i < count_; ++i)
            if (str(i) != o.str(i)) return false;
        return true;
    }
    return count_ == 0 || std::memcmp(data_, o.data_, bytes()) == 0;
}

}  // namespace hone
