// SPDX-License-Identifier: Apache-2.0
#include "kernel/attention/head.inl"

namespace hone::attention {
const HeadTable& heads_avx512() { return kHeads; }
}  // namespace hone::attention
