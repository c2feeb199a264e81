// SPDX-License-Identifier: Apache-2.0
// Operators that move elements by one index map an axis: what their references and the kernel of src/kernel/move share.
//
//   std::optional<std::vector<Dims>> maps = slice_maps(ctx, x.dims(), constants);
//   maps[a][i] is where output position i of axis a comes from, -1 the fill value
#pragma once
#include <functional>

#include "op/op.h"
#include "op/resize_axis.h"

namespace hone {

/// The value of input i; null where it is omitted or not known.
using KnownInput = std::function<const Tensor*(size_t i)>;

/// Nothing where a given parameter is not known. Errors: model "op.invalid".
std::optional<std::vector<Dims>> slice_maps(const OpContext& c, const Dims& x, const KnownInput& known);
std::optional<std::vector<Dims>> pad_maps(const OpContext& c, const Dims& x, const KnownInput& known);
/// The taps of every axis of a Resize; nothing where scales, sizes or a roi that is used are not known.
std::optional<std::vector<AxisTaps>> resize_taps(const OpContext& c, const Dims& x, const KnownInput& known);

}  // namespace hone
