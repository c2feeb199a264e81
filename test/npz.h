// SPDX-License-Identifier: Apache-2.0
// The arrays of a .npz file by name, for tests whose expected values a script wrote.
#pragma once
#include <map>
#include <string>

#include "base/file.h"
#include "data/npy.h"
#include "data/zip.h"

namespace hone {

inline std::map<std::string, Tensor> read_npz(const std::string& path) {
    const std::string bytes = read_file(path);
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    std::map<std::string, Tensor> arrays;
    for (const ZipEntry& e : read_zip_index(data, bytes.size(), path)) {
        ZipReader in(data, bytes.size(), e, path + ":" + e.name);
        arrays[e.name.substr(0, e.name.size() - 4)] = read_npy(in, path + ":" + e.name);
    }
    return arrays;
}

}  // namespace hone
