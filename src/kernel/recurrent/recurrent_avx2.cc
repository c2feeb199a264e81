// SPDX-License-Identifier: Apache-2.0
#include "kernel/recurrent/cells.inl"

namespace hone::recurrent {
const CellTable& cells_avx2() { return kCells; }
}  // namespace hone::recurrent
