// SPDX-License-Identifier: Apache-2.0
#include "kernel/training/kernels.inl"

namespace hone::train {
const Table& table_avx512() { return kTable; }
}  // namespace hone::train
