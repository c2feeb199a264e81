// SPDX-License-Identifier: Apache-2.0
#include "eval/roofline.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace hone::eval {

namespace {
double ms(double amount, double giga_per_second) { return giga_per_second > 0 ? amount / giga_per_second * 1e-6 : 0; }
}  // namespace

const char* Roofline::bound() const {
    return floor_ms() < kCallMs ? "overhead" : compute_ms > memory_ms ? "compute" : "memory";
}

RateKind rate_of(const Plan& plan, const Step& s) {
    auto type = [&](int slot) {
        return slot < 0 ? DType::f32 : plan.slots[static_cast<size_t>(slot)].type.dtype;
    };
    const DType first = s.in.empty() ? DType::f32 : type(s.in[0]);
    if (first == DType::u8 || first == DType::i8) return RateKind::int8;
    for (const auto* slots : {&s.in, &s.out})
        for (const int i : *slots)
            if (type(i) == DType::bf16) return RateKind::bf16;
    return RateKind::fp32;
}

Roofline roofline(const Plan& plan, const Step& s, const Probe& probe, int threads) {
    if (s.kind == StepKind::view) return {};
    double weights = s.kernel ? static_cast<double>(s.kernel->packed_bytes()) : 0, values = 0;
    std::set<int> seen;
    for (const auto* slots : {&s.in, &s.out})
        for (const int i : *slots) {
            if (i < 0 || !seen.insert(i).second) continue;
            const Slot& slot = plan.slots[static_cast<size_t>(i)];
            (slot.kind == SlotKind::constant ? weights : values) += static_cast<double>(slot.bytes);
        }
    Roofline r;
    r.compute_ms = ms(2 * s.cost.macs, probe.gops(rate_of(plan, s), threads));
    r.memory_ms = ms(weights, probe.gbs(static_cast<double>(plan.memory_bytes()), threads)) +
                  ms(values, probe.gbs(weights + values, threads));
    return r;
}

}  // namespace hone::eval
