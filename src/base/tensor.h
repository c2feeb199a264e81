// SPDX-License-Identifier: Apache-2.0
// A dense row-major tensor: element type, dims, and shared memory that may be owned, mapped from a file or borrowed.
// Copying a Tensor shares the memory; `clone` copies it. Constants are never written after they are made.
//
//   Tensor t = Tensor::zeros(DType::f32, {2, 3});
//   t.data<float>()[0] = 1;
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"

namespace hone {

class Tensor {
  public:
    Tensor() = default;
    /// 64-byte aligned, zero-filled (empty strings for DType::string). Throws budget "memory.limit" past the limit.
    static Tensor zeros(DType type, Dims dims);
    /// Memory of someone else, kept alive by `owner` (may be null: then the caller keeps it alive).
    static Tensor view(DType type, Dims dims, const void* data, std::shared_ptr<const void> owner = nullptr);
    static Tensor scalar_f32(float v);
    static Tensor scalar_i64(int64_t v);
    static Tensor of_i64(const std::vector<int64_t>& v);
    static Tensor of_f32(const std::vector<float>& v);
    static Tensor of_f32(const std::vector<float>& v, Dims dims);
    static Tensor of_strings(std::vector<std::string> v, Dims dims);

    bool defined() const { return type_ != DType::undefined; }
    DType dtype() const { return type_; }
    const Dims& dims() const { return dims_; }
    int64_t dim(size_t i) const { return dims_[i]; }
    size_t rank() const { return dims_.size(); }
    int64_t count() const { return count_; }
    size_t bytes() const { return static_cast<size_t>(count_) * dtype_size(type_); }

    const void* raw() const { return data_; }
    void* raw_mut() { return const_cast<void*>(data_); }
    template <class T>
    const T* data() const {
        return static_cast<const T*>(data_);
    }
    template <class T>
    T* data() {
        return static_cast<T*>(const_cast<void*>(data_));
    }
    double at(int64_t i) const { return load_double(type_, data_, i); }
    int64_t at_int(int64_t i) const { return load_int(type_, data_, i); }
    void set(int64_t i, double v) { store_double(type_, raw_mut(), i, v); }
    void set_int(int64_t i, int64_t v) { store_int(type_, raw_mut(), i, v); }
    const std::string& str(int64_t i) const { return static_cast<const std::string*>(data_)[i]; }
    std::string& str(int64_t i) { return static_cast<std::string*>(raw_mut())[i]; }

    /// Same memory, other dims of the same count.
    Tensor reshaped(Dims dims) const;
    /// Rows [begin, end) along the first axis, sharing memory.
    Tensor rows(int64_t begin, int64_t end) const;
    Tensor clone() const;
    /// Converted element by element (numbers only).
    Tensor cast(DType type) const;
    std::vector<int64_t> to_i64() const;
    std::vector<double> to_f64() const;
    /// Same type, dims and bits.
    bool same_bits(const Tensor& other) const;
    const std::shared_ptr<const void>& owner() const { return owner_; }

  private:
    DType type_ = DType::undefined;
    Dims dims_;
    int64_t count_ = 0;
    const void* data_ = nullptr;
    std::shared_ptr<const void> owner_;
};

/// 64-byte aligned, zeroed; throws budget error when memory is out. Freed by the shared_ptr.
std::shared_ptr<void> allocate_aligned(size_t bytes);

}  // namespace hone
