// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"

namespace hone {
Limits& limits() {
    static Limits l;
    return l;
}
}  // namespace hone
