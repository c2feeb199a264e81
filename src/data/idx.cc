// SPDX-License-Identifier: Apache-2.0
#include "data/idx.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/limits.h"
#include "data/gzip.h"

namespace hone {

namespace {
DType type_of(uint8_t code) {
    switch (code) {
        case 0x08: return DType::u8;
        case 0x09: return DType::i8;
        case 0x0B: return DType::i16;
        case 0x0C: return DType::i32;
        case 0x0D: return DType::f32;
        case 0x0E: return DType::f64;
        default: return DType::undefined;
    }
}

/// The bytes of the array, compressed or not.
class Source {
  public:
    Source(const MappedFile& file, const std::string& where)
        : data_(reinterpret_cast<const uint8_t*>(file.data)), size_(file.size) {
        if (is_gzip(data_, size_)) gzip_.emplace(data_, size_, where);
    }
    size_t read(uint8_t* out, size_t n) {
        if (gzip_) return gzip_->read(out, n);
        const size_t got = std::min(n, size_ - at_);
        if (got) std::memcpy(out, data_ + at_, got);
        at_ += got;
        return got;
    }
    bool at_end() { return gzip_ ? gzip_->at_end() : at_ == size_; }
    /// No more than this can come.
    uint64_t bound() const { return gzip_ ? size_ * kMostDeflateRatio : size_; }

  private:
    const uint8_t* data_;
    size_t size_, at_ = 0;
    std::optional<GzipReader> gzip_;
};

[[noreturn]] void truncated(uint64_t offset, const std::string& expected, const std::string& where) {
    fail(ErrorKind::data, "data.idx.truncated", cat("the IDX data ends at byte ", offset, "; expected ", expected),
         "Fetch or copy the file again.", cat(where, ", byte ", offset));
}

struct Header {
    DType type;
    Dims dims;
    size_t bytes, elements;
};

Header read_header(Source& in, const std::string& where) {
    uint8_t h[4];
    if (const size_t got = in.read(h, 4); got < 4) truncated(got, "a header of at least 4 bytes", where);
    const DType type = type_of(h[2]);
    if (h[0] != 0 || h[1] != 0 || type == DType::undefined || h[3] == 0 || h[3] > 8)
        fail(ErrorKind::data, "data.idx.magic",
             cat("not an IDX file: it begins ", unsigned{h[0]}, " ", unsigned{h[1]}, " ", unsigned{h[2]}, " ",
                 unsigned{h[3]}, "; expected 0 0, a type of 8..14 and 1..8 dimensions"),
             {}, cat(where, ", byte 0"));
    const size_t rank = h[3];
    Header out{type, {}, 4 + 4 * rank, 1};
    uint64_t total = dtype_size(type);
    for (size_t i = 0; i < rank; ++i) {
        uint8_t d[4];
        if (const size_t got = in.read(d, 4); got < 4) truncated(4 + 4 * i + got, cat("the size of axis ", i), where);
        const uint64_t n = uint64_t{d[0]} << 24 | uint64_t{d[1]} << 16 | uint64_t{d[2]} << 8 | d[3];
        if (n == 0 || total > (uint64_t{1} << 62) / n)
            fail(ErrorKind::data, "data.idx.size", cat("axis ", i, " has the impossible size ", n), {},
                 cat(where, ", byte ", 4 + 4 * i));
        out.dims.push_back(static_cast<int64_t>(n));
        out.elements *= n;
        total *= n;
    }
    if (total > in.bound() - std::min<uint64_t>(in.bound(), out.bytes))
        fail(ErrorKind::data, "data.idx.truncated",
             cat("the header announces ", to_text(out.dims), ", ", total, " bytes; the file cannot hold them"),
             "Fetch or copy the file again.", where);
    return out;
}

void to_machine_order(Tensor& t) {
    const size_t width = dtype_size(t.dtype());
    auto* p = static_cast<uint8_t*>(t.raw_mut());
    if (width > 1)
        for (uint8_t* e = p; e < p + t.bytes(); e += width) std::reverse(e, e + width);
}
}  // namespace

IdxArray read_idx(const MappedFile& file, const std::string& where) {
    Source in(file, where);
    const Header h = read_header(in, where);
    IdxArray a{h.dims, Tensor::zeros(h.type, h.dims)};
    const size_t got = in.read(static_cast<uint8_t*>(a.values.raw_mut()), a.values.bytes());
    if (got < a.values.bytes())
        truncated(h.bytes + got, cat(h.bytes + a.values.bytes(), " bytes for ", to_text(h.dims)), where);
    if (!in.at_end())
        fail(ErrorKind::data, "data.idx.trailing", cat("more data follows the ", to_text(h.dims), " announced"),
             "The header and the data do not belong together.", cat(where, ", byte ", h.bytes + got));
    to_machine_order(a.values);
    return a;
}

}  // namespace hone
