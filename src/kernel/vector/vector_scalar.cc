// SPDX-License-Identifier: Apache-2.0
#include "kernel/vector/kernels.inl"

namespace hone::vec {
const Table& table_scalar() { return kTable; }
}  // namespace hone::vec
