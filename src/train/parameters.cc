// SPDX-License-Identifier: Apache-2.0
#include "train/parameters.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace hone::train {
namespace {

constexpr double kMask = 1e4;

/// By where an operator takes it; nothing for what depends on the other operand.
std::optional<ParameterKind> kind_of_use(const Node& n, size_t input) {
    using K = ParameterKind;
    static const std::map<std::string, std::map<size_t, K>> table = {
        {"Conv", {{1, K::weight}, {2, K::bias}}},
        {"ConvTranspose", {{1, K::weight}, {2, K::bias}}},
        {"Gemm", {{0, K::weight}, {1, K::weight}, {2, K::bias}}},
        {"MatMul", {{0, K::weight}, {1, K::weight}}},
        {"Einsum", {{0, K::weight}, {1, K::weight}}},
        {"Gather", {{0, K::weight}}},
        {"LSTM", {{1, K::weight}, {2, K::weight}, {3, K::bias}, {7, K::weight}}},
        {"GRU", {{1, K::weight}, {2, K::weight}, {3, K::bias}}},
        {"RNN", {{1, K::weight}, {2, K::weight}, {3, K::bias}}},
        {"BatchNormalization", {{1, K::norm}, {2, K::norm}}},
        {"LayerNormalization", {{1, K::norm}, {2, K::norm}}},
        {"InstanceNormalization", {{1, K::norm}, {2, K::norm}}},
        {"GroupNormalization", {{1, K::norm}, {2, K::norm}}},
        {"RMSNormalization", {{1, K::norm}}},
        {"PRelu", {{1, K::norm}}},
    };
    if (!n.domain.empty()) return {};
    const auto op = table.find(n.op);
    if (op == table.end()) return {};
    const auto at = op->second.find(input);
    return at == op->second.end() ? std::nullopt : std::optional(at->second);
}
bool is_view(const Node& n) {
    static const std::set<std::string> views = {"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze",
                                                "Flatten",  "Cast",      "Expand",  "Slice",   "Split"};
    return n.domain.empty() && views.contains(n.op);
}
bool all_equal(const Tensor& t, double v) {
    for (int64_t i = 0; i < t.count(); ++i)
        if (t.at(i) != v) return false;
    return true;
}
/// Dims of more than one.
int64_t wide(const Tensor& t) { return std::count_if(t.dims().begin(), t.dims().end(), [](int64_t d) { return d > 1; }); }
bool is_mask(const Tensor& t) {
    for (int64_t i = 0; i < t.count(); ++i)
        if (!(std::fabs(t.at(i)) <= kMask)) return true;
    return false;
}

class Finder {
  public:
    explicit Finder(const Graph& g) : g_(g), learned_(static_cast<size_t>(g.value_count())) {}

    std::vector<Parameter> run() {
        for (NodeId id : g_.order()) {
            const Node& n = g_.node(id);
            const bool view = is_view(n);
            bool product = false;
            for (size_t i = 0; i < n.inputs.size() && !view; ++i) product = use(n, i) || product;
            layer_ += product;
            const bool learned = product || std::any_of(n.inputs.begin(), n.inputs.end(), [&](ValueId v) { return is_learned(v); });
            for (ValueId v : n.outputs)
                if (v != kNone) learned_[static_cast<size_t>(v)] = learned;
        }
        return std::move(found_);
    }

  private:
    bool is_learned(ValueId v) const { return v != kNone && learned_[static_cast<size_t>(v)]; }

    /// The float constants that v is made of by moving elements; none when something else enters.
    std::vector<ValueId> sources(ValueId v) const {
        if (v == kNone) return {};
        const Value& value = g_.value(v);
        if (value.is_constant()) return is_float(value.type.dtype) ? std::vector{v} : std::vector<ValueId>{};
        if (value.producer == kNone) return {};
        const Node& n = g_.node(value.producer);
        if (is_view(n)) return sources(n.in(0));
        std::vector<ValueId> out;
        if (!n.is("Concat")) return out;
        for (ValueId part : n.inputs) {
            const std::vector<ValueId> some = sources(part);
            if (some.empty()) return {};
            out.insert(out.end(), some.begin(), some.end());
        }
        return out;
    }

    /// Notes the constants at this input where they are parameters; whether they are weights of a product.
    bool use(const Node& n, size_t i) {
        const std::vector<ValueId> from = sources(n.in(i));
        if (from.empty()) return false;
        if (const auto kind = kind_of_use(n, i)) {
            if (spells_group_norm(n) && all_equal(g_.value(from[0]).constant, i == 1 ? 1 : 0)) return false;
            for (ValueId v : from) note(v, *kind, *kind == ParameterKind::weight ? layer_ : layer_ - 1);
            return *kind == ParameterKind::weight;
        }
        const bool joins = n.is("Add") || n.is("Mul") || n.is("Concat");
        const auto other = [&](ValueId v) { return is_learned(v) && v != n.in(i); };
        if (!joins || std::none_of(n.inputs.begin(), n.inputs.end(), other)) return false;
        for (ValueId v : from) {
            const Tensor& t = g_.value(v).constant;
            const bool one = t.count() == 1;
            if ((one && !bias_of_one(n, i, t)) || (n.is("Mul") && wide(t) > 1) || is_mask(t)) continue;
            const bool narrow = wide(t) <= 1;
            note(v, n.is("Concat") || !narrow ? ParameterKind::weight : n.is("Add") ? ParameterKind::bias : ParameterKind::norm, layer_ - 1);
        }
        return false;
    }
    /// Group normalisation is exported as an InstanceNormalization of regrouped channels, scale 1 and bias 0.
    bool spells_group_norm(const Node& n) const {
        const NodeId p = n.is("InstanceNormalization") ? g_.value(n.in(0)).producer : kNone;
        return p != kNone && g_.node(p).is("Reshape");
    }
    /// [1] added to a product of one column.
    bool bias_of_one(const Node& n, size_t i, const Tensor& t) const {
        if (!n.is("Add") || t.rank() == 0) return false;
        const ValueId x = n.in(1 - i);
        const NodeId p = x == kNone ? kNone : g_.value(x).producer;
        return p != kNone && (g_.node(p).is("MatMul") || g_.node(p).is("Einsum"));
    }
    void note(ValueId v, ParameterKind kind, int64_t layer) {
        if (!seen_.insert(v).second) return;
        const Value& value = g_.value(v);
        found_.push_back({value.name, v, value.constant, kind, std::max<int64_t>(layer, 0)});
    }

    const Graph& g_;
    std::vector<bool> learned_;
    std::vector<Parameter> found_;
    std::set<ValueId> seen_;
    int64_t layer_ = 0;
};

}  // namespace

std::vector<Parameter> find_parameters(const Graph& g) { return Finder(g).run(); }

}  // namespace hone::train
