// SPDX-License-Identifier: Apache-2.0
// A pair of arrays, samples and answers, as a part: what IDX, NPY and NPZ files hold. u8 of rank 3 or 4 are pictures,
// everything else is rows of numbers; whole numbers and texts are classes, other numbers are targets of a regression, and
// so are whole ones in an array that is called target.
//
//   RawPart part = part_of_arrays({x, "x.npy"}, {y, "y.npy"}, "npy");
//   part.images ? part.images->size() : part.rows.dim(0);
#pragma once
#include <string>

#include "data/raw_part.h"

namespace hone {

struct NamedArray {
    Tensor values;
    std::string where;
    bool target = false;  ///< of answers: numbers are to be predicted, whole ones too
};
/// `family` goes into the ids: data.<family>.size (of samples), .count (of answers), .label, .number (NaN).
RawPart part_of_arrays(NamedArray samples, const NamedArray& answers, const std::string& family);

}  // namespace hone
