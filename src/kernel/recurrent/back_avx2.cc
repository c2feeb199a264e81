// SPDX-License-Identifier: Apache-2.0
#include "kernel/recurrent/back.inl"

namespace hone::recurrent {
const BackTable& back_avx2() { return kBack; }
}  // namespace hone::recurrent
