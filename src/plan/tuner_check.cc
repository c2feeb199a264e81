// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "plan/tuner.h"

namespace hone {

namespace {
constexpr double kAffordableMacs = 5e7, kAffordableElements = 4e6;
constexpr int64_t kSampledChannels = 8;

/// Slices `index` of an axis, one after another.
Tensor taken(const Tensor& t, size_t axis, const std::vector<int64_t>& index) {
    Dims d = t.dims();
    const int64_t outer = count_of(Dims(d.begin(), d.begin() + static_cast<long>(axis))), size = d[axis];
    const auto inner = static_cast<size_t>(count_of(Dims(d.begin() + static_cast<long>(axis) + 1, d.end()))) * dtype_size(t.dtype());
    d[axis] = static_cast<int64_t>(index.size());
    Tensor out = Tensor::zeros(t.dtype(), d);
    char* to = static_cast<char*>(out.raw_mut());
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t i : index) {
            std::copy_n(static_cast<const char*>(t.raw()) + static_cast<size_t>(o * size + i) * inner, inner, to);
            to += inner;
        }
    return out;
}

/// First, last and some between.
std::vector<int64_t> sampled(int64_t channels) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < std::min(channels, kSampledChannels); ++i) all.push_back(i * (channels - 1) / std::max<int64_t>(1, std::min(channels, kSampledChannels) - 1));
    return all;
}

double largest(const Tensor& t) {
    double m = 0;
    for (int64_t i = 0; i < t.count(); ++i) m = std::max(m, std::abs(t.at(i)));
    return m;
}

/// Relative to the greatest output. Sums in another order, and Winograd's transforms, are right; a wrong tap is not.
double tolerance_of(const OpDecl& op, DType type) {
    if (op.tolerance == 0 && !is_float(type)) return 0;
    return type == DType::bf16 || type == DType::f16 ? 2e-2 : std::max(op.tolerance, 2e-4);
}
}  // namespace

StepCheck::StepCheck(const Graph& g, NodeId id, const std::vector<Tensor>& inputs) {
    const Node& n = g.node(id);
    op_ = find_op(n.domain, n.op);
    std::vector<Tensor> in = inputs;
    in.resize(n.inputs.size());
    const bool conv = n.op == "Conv" || n.op == "QConv", gemm = n.domain == "hone" && (n.op == "Gemm" || n.op == "QGemm");
    const Cost cost = cost_of(g, id);
    const auto group = n.attributes.find("group");
    const bool dense = group == n.attributes.end() || std::get<int64_t>(group->second) == 1;
    if (cost.macs > kAffordableMacs / 10 && (gemm || (conv && dense)) && in[1].rank() >= 2) {
        const auto trans = n.attributes.find("transB");
        const size_t weight_axis = conv || (trans != n.attributes.end() && std::get<int64_t>(trans->second) != 0) ? 0 : 1;
        axis_ = conv ? 1 : static_cast<size_t>(g.value(n.outputs[0]).type.shape.size()) - 1;
        const int64_t all = in[1].dim(weight_axis);
        channels_ = sampled(all);
        in[1] = taken(in[1], weight_axis, channels_);
        const size_t residual = n.op[0] == 'Q' ? 4 : 3;
        for (size_t i = 2; i < in.size(); ++i) {
            if (!in[i].defined()) continue;
            if (i == residual) in[i] = taken(in[i], axis_, channels_);
            else if (in[i].count() == all) in[i] = taken(in[i].reshaped({all}), 0, channels_);
        }
    } else if (cost.macs > kAffordableMacs || cost.flops > kAffordableElements * 4) {
        return;
    }
    if (!op_->reference) return;
    reference_ = interpret_node(*op_, n, in);
}

std::string StepCheck::wrong(const std::vector<Tensor>& out) const {
    for (size_t i = 0; i < reference_.size() && i < out.size(); ++i) {
        const Tensor& r = reference_[i];
        if (!r.defined() || !out[i].defined()) continue;
        const Tensor y = channels_.empty() || i > 0 ? out[i] : taken(out[i], axis_, channels_);
        if (y.dims() != r.dims() || y.dtype() != r.dtype()) return cat("output ", static_cast<unsigned long>(i), " has another shape");
        const double bound = tolerance_of(*op_, r.dtype()) * std::max(largest(r), 1e-30);
        for (int64_t k = 0; k < r.count(); ++k) {
            const double off = std::abs(y.at(k) - r.at(k));
            if (!(off <= bound) && !(std::isnan(y.at(k)) && std::isnan(r.at(k))))
                return cat("element ", k, " is ", y.at(k), "; the reference says ", r.at(k));
        }
    }
    return {};
}

}  // namespace hone
