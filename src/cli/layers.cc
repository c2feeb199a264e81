// SPDX-License-Identifier: Apache-2.0
#include "cli/layers.h"

#include <cmath>
#include <set>

#include "op/op.h"

namespace hone::cli {

namespace {
int64_t bytes_of(const Value& v) {
    if (v.is_constant()) return static_cast<int64_t>(v.constant.bytes());
    if (!v.type.fixed()) return 0;
    return checked_mul(count_of(dims_of(v.type.shape)), static_cast<int64_t>(dtype_size(v.type.dtype)));
}
}  // namespace

std::vector<record::InspectLayer> layers_of(const Graph& g) {
    std::vector<record::InspectLayer> rows;
    std::set<ValueId> counted;
    for (const NodeId id : g.order()) {
        const Node& n = g.node(id);
        record::InspectLayer row;
        row.name = n.name;
        row.op = n.domain.empty() ? n.op : n.domain + "." + n.op;
        if (n.out() != kNone) row.output = to_text(g.value(n.out()).type);
        std::set<ValueId> seen;
        bool fixed = true;
        auto touch = [&](ValueId v) {
            if (v == kNone || !seen.insert(v).second) return;
            const Value& value = g.value(v);
            row.bytes += bytes_of(value);
            fixed &= value.is_constant() || value.type.fixed();
            if (value.is_constant() && is_float(value.constant.dtype()) && counted.insert(v).second)
                row.parameters += value.constant.count();
        };
        for (const ValueId v : n.inputs) touch(v);
        for (const ValueId v : n.outputs) touch(v);
        if (fixed) {
            const Cost c = cost_of(g, id);
            row.macs = static_cast<int64_t>(std::llround(c.macs));
            if (row.bytes > 0) row.intensity = (2 * c.macs + c.flops) / static_cast<double>(row.bytes);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace hone::cli
