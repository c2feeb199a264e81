// SPDX-License-Identifier: Apache-2.0
// The header of an NPY file, a Python dictionary such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }
// Called by npy.cc only.
#pragma once
#include <string>
#include <string_view>

#include "base/shape.h"

namespace hone {

struct NpyHeader {
    std::string type;  ///< 'descr': "<f4"
    bool fortran_order = false;
    Dims dims;
};
/// Throws data "data.npy.header", "data.npy.type" (a record or object type), "data.npy.size".
NpyHeader parse_npy_header(std::string_view text, const std::string& where);

}  // namespace hone
