// SPDX-License-Identifier: Apache-2.0
#include "op/gradient.h"

#include <algorithm>

#include "op/rules.h"

namespace hone {

const Tensor& GradientContext::constant(size_t i) const {
    const ValueId v = x(i);
    HONE_CHECK(v != kNone, where(), " omits input ", static_cast<unsigned long>(i));
    const Value& value = b.graph().value(v);
    if (!value.is_constant()) unsupported(cat("has no gradient while its input '", value.name, "' is computed; expected a constant"));
    return value.constant;
}

ValueId GradientContext::need_output(size_t i) {
    Graph& g = b.graph();
    const ValueId v = g.add_node_output(id, i);
    infer_outputs(g, id);
    return v;
}

namespace ops {
void attach_rules(std::vector<OpDecl>& family, const std::vector<Rule>& rules) {
    for (const Rule& r : rules) {
        const auto it = std::find_if(family.begin(), family.end(), [&](const OpDecl& d) { return std::string_view(d.name) == r.op; });
        HONE_CHECK(it != family.end(), r.op);
        it->gradient = r.gradient;
        it->flat = !r.gradient;
    }
}
}  // namespace ops

}  // namespace hone
