// SPDX-License-Identifier: Apache-2.0
// Where the files of an uncompressed tar archive lie (POSIX ustar and pax, GNU long names and sizes). Nothing is
// extracted: entries are ranges of the mapped archive. `TarTree` calls it.
//
//   for (const TarEntry& e : read_tar_index(file, "glyphs.tar")) use(e.path, file.data + e.offset, e.size);
//   // throws data.tar.* for a damaged or cut archive
//   // directories, links and devices are left out
#pragma once
#include <string>
#include <vector>

#include "base/file.h"

namespace hone {

struct TarEntry {
    std::string path;  ///< as stored, without "./"
    size_t offset, size;
};

bool is_tar(const MappedFile& file);
/// Ids: data.tar.truncated, data.tar.checksum, data.tar.header, data.tar.unsupported; `where` gets the offset.
std::vector<TarEntry> read_tar_index(const MappedFile& file, const std::string& where);

}  // namespace hone
