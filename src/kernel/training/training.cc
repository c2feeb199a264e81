// SPDX-License-Identifier: Apache-2.0
#include "kernel/training/training.h"

namespace hone::train {

const Table& table_scalar();
const Table& table_avx2();
const Table& table_avx512();

const Table& table() {
    if (usable_isa() >= Isa::avx512) return table_avx512();
    return usable_isa() >= Isa::avx2 ? table_avx2() : table_scalar();
}

}  // namespace hone::train
