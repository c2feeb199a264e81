// SPDX-License-Identifier: Apache-2.0
// Named tensors in a file, as https://github.com/huggingface/safetensors (format section of its README) defines it:
// 8 bytes with the length of the header, the header in JSON, the tensors' bytes, little-endian and row-major. A
// checkpoint keeps its states so. The file is untrusted: whatever does not add up is an Error.
//
//   write_safetensors("w.safetensors", {{"w", t}}, {{"format", "pt"}});
//   const Safetensors s = read_safetensors("w.safetensors");     // s.tensors.at("w") lies in the mapped file
#pragma once
#include <map>
#include <string>

#include "base/file.h"
#include "base/tensor.h"
#include "record/common.h"

namespace hone::record {

using Tensors = std::map<std::string, Tensor>;

struct Safetensors {
    Tensors tensors;
    Texts metadata;
};

/// Atomic, and without a second copy of the tensors. Throws io "file.write"; data "safetensors.write" for a type that the
/// format has not (complex numbers, texts) and names that are not UTF-8 or "__metadata__".
void write_safetensors(const std::string& path, const Tensors& tensors, const Texts& metadata = {});

/// Tensors share the mapped file where their type's alignment allows it. Throws io "file.*"; data "safetensors.truncated",
/// "safetensors.header", "safetensors.dtype", "safetensors.offsets" (a size that is not the shape's; holes, overlaps or bytes
/// left over), which name `where`.
Safetensors read_safetensors(const std::string& path);
Safetensors parse_safetensors(const MappedFile& file, const std::string& where);

}  // namespace hone::record
