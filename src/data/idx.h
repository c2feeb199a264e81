// SPDX-License-Identifier: Apache-2.0
// The IDX format of the MNIST family (Y. LeCun's page "The MNIST database"), plain or gzip: a big-endian header of
// type and sizes, then the elements. The header is checked against the file's size before anything is allocated.
//
//   IdxArray a = read_idx(load_bytes(path), path);
//   a.dims;                 // {60000, 28, 28}
//   a.values.data<uint8_t>();
#pragma once
#include <string>

#include "base/file.h"
#include "base/tensor.h"

namespace hone {

struct IdxArray {
    Dims dims;
    Tensor values;  ///< u8, i8, i16, i32, f32 or f64, in this machine's byte order
};

/// Ids: data.idx.magic, data.idx.truncated, data.idx.trailing, data.idx.size, data.gzip.*; budget memory.limit.
IdxArray read_idx(const MappedFile& file, const std::string& where);

}  // namespace hone
