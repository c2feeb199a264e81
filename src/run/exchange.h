// SPDX-License-Identifier: Apache-2.0
// The steps of a plan that are means over the ranks (op/exchange.cc), done with a Comm. A Session has one while it runs for
// several ranks.
#pragma once
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "dist/comm.h"
#include "plan/plan.h"

namespace hone {

class Exchanger {
  public:
    /// Both outlive it.
    Exchanger(const Plan& plan, dist::Comm& comm);
    /// Does step k where it is an exchange; else gives false, having moved on what is under way.
    bool run(size_t k, const void* const* in, void* const* out);

  private:
    enum class Kind { none, both, start, wait };
    struct Role {
        Kind kind = Kind::none;
        int64_t bucket = 0;
        DType type = DType::f32;
        std::vector<int64_t> counts{};
    };
    dist::Comm& comm_;
    std::vector<Role> roles_;
    std::vector<dist::Part> parts_;
};

}  // namespace hone
