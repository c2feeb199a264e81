// SPDX-License-Identifier: Apache-2.0
// A batch as people look at it: what the network sees, turned back into pixels, in one picture of rows and columns. Logs of
// training and reports of generated pictures call it.
//
//   const Image grid = picture_grid(batch.x, parts.preprocess);        // of [16,3,32,32]: 4 x 4 pictures
#pragma once
#include <cstdint>

#include "base/tensor.h"
#include "data/image.h"
#include "data/preprocess.h"

namespace hone {

/// `x` is [N,C,H,W] of floats with 1 or 3 channels; others are shown by their first. pixel = (x * std + mean) / scale,
/// rounded and kept within 0 to 255. The first `most` pictures, as many a row as rows or one more, a black line between them.
Image picture_grid(const Tensor& x, const Preprocess& p, int64_t most = 64);

}  // namespace hone
