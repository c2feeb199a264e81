// SPDX-License-Identifier: Apache-2.0
#include "run/exchange.h"

#include <cstring>

namespace hone {

Exchanger::Exchanger(const Plan& plan, dist::Comm& comm) : comm_(comm), roles_(plan.steps.size()) {
    for (size_t k = 0; k < roles_.size(); ++k) {
        const Step& s = plan.steps[k];
        Role& r = roles_[k];
        r.kind = s.op == "hone.AllReduce" ? Kind::both : s.op == "hone.AllReduceStart" ? Kind::start : s.op == "hone.AllReduceWait" ? Kind::wait : Kind::none;
        if (r.kind == Kind::none) continue;
        if (r.kind != Kind::both) r.bucket = std::get<int64_t>(plan.graph.node(s.node).attributes.at("bucket"));
        for (size_t i = r.kind == Kind::wait ? 1 : 0; i < s.in.size(); ++i) {
            const TypeInfo& t = plan.slots[static_cast<size_t>(s.in[i])].type;
            HONE_CHECK(t.fixed(), s.op, " of ", to_text(t));
            r.type = t.dtype;
            r.counts.push_back(count_of(dims_of(t.shape)));
        }
    }
}

bool Exchanger::run(size_t k, const void* const* in, void* const* out) {
    const Role& r = roles_[k];
    if (r.kind == Kind::none) {
        comm_.poke();
        return false;
    }
    parts_.clear();
    for (size_t i = 0; i < r.counts.size(); ++i) parts_.push_back({r.kind == Kind::start ? const_cast<void*>(in[i]) : out[i], r.counts[i]});
    if (r.kind == Kind::start) {
        comm_.start(r.bucket, r.type, parts_);
        *static_cast<int64_t*>(out[0]) = 0;
    } else if (r.kind == Kind::wait) {
        comm_.finish(r.bucket, parts_);
    } else {
        const size_t bytes = static_cast<size_t>(r.counts[0]) * dtype_size(r.type);
        if (bytes && out[0] != in[0]) std::memcpy(out[0], in[0], bytes);
        comm_.mean(r.type, parts_[0]);
    }
    return true;
}

}  // namespace hone
