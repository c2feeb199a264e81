// SPDX-License-Identifier: Apache-2.0
// The processor taken for a lesser one, for a scope. For kernels of our own: oneDNN keeps the first cap that it sees.
#pragma once
#include "base/cpu.h"

namespace hone {

struct Cap {
    Isa before = usable_isa();
    explicit Cap(Isa isa) { set_isa_cap(isa); }
    ~Cap() { set_isa_cap(before); }
};

}  // namespace hone
