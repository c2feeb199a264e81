// SPDX-License-Identifier: Apache-2.0
// NumPy's array files, versions 1 to 3 (numpy.lib.format): a header in Python's notation, then the elements. The NPY
// and NPZ part readers call it. Numbers of either byte order, booleans and texts, C and Fortran order; Python objects
// are refused, they are pickles. The header is checked against what the source can hold before anything is allocated.
//
//   MemorySource in(bytes, size);
//   Tensor x = read_npy(in, "x.npy");      // {60000, 28, 28} of u8
#pragma once
#include <string>

#include "base/tensor.h"
#include "data/byte_source.h"

namespace hone {

/// In C order and this machine's byte order; texts ('S', 'U') as DType::string in UTF-8. At least one element; at most
/// 8 axes. Ids: data.npy.magic, .version, .header, .type, .size, .truncated, .trailing, those of the source; budget
/// memory.limit.
Tensor read_npy(ByteSource& in, const std::string& where);

}  // namespace hone
