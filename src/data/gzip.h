// SPDX-License-Identifier: Apache-2.0
// A gzip stream read in pieces, so that a reader allocates only what a checked header asked for. The IDX reader calls
// it. Checksums are verified; a corrupt or cut stream is data "data.gzip.corrupt" / "data.gzip.truncated".
//
//   GzipReader in(bytes, size, "train-images-idx3-ubyte.gz");
//   in.read(header, 4);
//   bool done = in.at_end();
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace hone {

bool is_gzip(const uint8_t* data, size_t size);

class GzipReader {
  public:
    /// Keeps the pointer, not a copy.
    GzipReader(const uint8_t* data, size_t size, std::string where);
    ~GzipReader();
    GzipReader(const GzipReader&) = delete;
    /// Up to `n` bytes; fewer only at the end of the stream.
    size_t read(uint8_t* out, size_t n);
    /// True when nothing more comes (the checksum was then verified).
    bool at_end();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Deflate cannot grow data more than this; a header that claims more is refused before anything is allocated.
constexpr uint64_t kMostDeflateRatio = 1032;

}  // namespace hone
