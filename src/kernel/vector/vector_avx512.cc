// SPDX-License-Identifier: Apache-2.0
#include "kernel/vector/kernels.inl"

namespace hone::vec {
const Table& table_avx512() { return kTable; }
}  // namespace hone::vec
