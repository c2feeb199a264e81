// SPDX-License-Identifier: Apache-2.0
// Bytes read in order, compressed or not, so that a reader allocates only what a checked header asked for. The NPY
// reader takes one; memory and entries of a zip archive (zip.h) are such sources.
//
//   MemorySource in(data, size);
//   in.read(header, 10);
//   if (wanted > in.bound()) fail(...);
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace hone {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// Up to `n` bytes; fewer only at the end.
    virtual size_t read(uint8_t* out, size_t n) = 0;
    /// True when nothing more comes (a checksum, where there is one, was then verified).
    virtual bool at_end() = 0;
    /// No more than this can come in all.
    virtual uint64_t bound() const = 0;
};

class MemorySource : public ByteSource {
  public:
    /// Keeps the pointer, not a copy.
    MemorySource(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    size_t read(uint8_t* out, size_t n) override {
        const size_t got = std::min(n, size_ - at_);
        if (got) std::memcpy(out, data_ + at_, got);
        at_ += got;
        return got;
    }
    bool at_end() override { return at_ == size_; }
    uint64_t bound() const override { return size_; }

  private:
    const uint8_t* data_;
    size_t size_, at_ = 0;
};

}  // namespace hone
