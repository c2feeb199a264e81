// SPDX-License-Identifier: Apache-2.0
// Zip archives (PKWARE APPNOTE 6.3) in memory: the central directory, zip64 included, and entries stored or deflated.
// The NPZ reader calls it. Sizes and offsets are held against the file before they are used; checksums are verified.
//
//   for (const ZipEntry& e : read_zip_index(data, size, "a.npz"))
//       if (e.name == "x.npy") { ZipReader in(data, size, e, "a.npz:x.npy"); in.read(...); }
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/byte_source.h"

namespace hone {

struct ZipEntry {
    std::string name;
    uint64_t offset = 0;  ///< of its local header
    uint64_t packed = 0, size = 0;
    uint32_t crc = 0;
    uint16_t method = 0, flags = 0;
};

bool is_zip(const uint8_t* data, size_t size);
/// Ids: data.zip.format, data.zip.truncated, data.zip.corrupt.
std::vector<ZipEntry> read_zip_index(const uint8_t* data, size_t size, const std::string& where);

class ZipReader : public ByteSource {
  public:
    /// Keeps the pointer, not a copy. Also data.zip.encrypted, data.zip.method.
    ZipReader(const uint8_t* data, size_t size, const ZipEntry& entry, std::string where);
    ~ZipReader() override;
    ZipReader(const ZipReader&) = delete;
    size_t read(uint8_t* out, size_t n) override;
    bool at_end() override;
    uint64_t bound() const override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hone
