// SPDX-License-Identifier: Apache-2.0
#define HONE_RECURRENT_FORM "kernel/recurrent/form_s8.inl"
#include "kernel/recurrent/cells.inl"

namespace hone::recurrent {
const CellTable& cells_avx512vnni() { return kCells; }
}  // namespace hone::recurrent
