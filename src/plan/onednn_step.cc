// SPDX-License-Identifier: Apache-2.0
#include "plan/onednn_step.h"

#include <map>

namespace hone {

std::unique_ptr<StepKernel> onednn_step(std::unique_ptr<onednn::Kernel> k, int residual, int weights) {
    struct OneDnnStep final : StepKernel {
        std::unique_ptr<onednn::Kernel> k;
        int residual, weights;
        OneDnnStep(std::unique_ptr<onednn::Kernel> kernel, int r, int w) : k(std::move(kernel)), residual(r), weights(w) {}
        void run(const StepArgs& a) const override {
            k->run({.src = a.in[0], .dst = a.out[0], .residual = residual < 0 ? nullptr : a.in[residual], .scratch = a.scratch,
                    .weights = weights < 0 ? nullptr : a.in[weights]});
        }
        size_t scratch_bytes() const override { return k->scratch_bytes(); }
        size_t packed_bytes() const override { return k->packed_bytes(); }
        Packed packed() const override {
            const onednn::PackedWeights w = k->packed_weights();
            return {w.data, w.bytes, nullptr, 1};
        }
        std::string implementation() const override { return "onednn " + k->implementation(); }
    };
    if (!k) return nullptr;
    return std::make_unique<OneDnnStep>(std::move(k), residual, weights);
}

bool onednn_epilogue(const OpContext& op, bool residual, onednn::Epilogue& e) {
    static const std::map<std::string, onednn::Act> acts = {
        {"", onednn::Act::none}, {"Relu", onednn::Act::relu}, {"Clip", onednn::Act::clip}, {"Sigmoid", onednn::Act::sigmoid},
        {"Tanh", onednn::Act::tanh}, {"Silu", onednn::Act::swish}, {"HardSwish", onednn::Act::hardswish},
        {"Gelu", onednn::Act::gelu_erf}, {"LeakyRelu", onednn::Act::leaky_relu}};
    const auto it = acts.find(op.text("activation"));
    if (it == acts.end()) return false;
    e.act = it->second;
    e.alpha = op.real("alpha");
    e.beta = op.real("beta");
    e.residual = residual;
    return true;
}

}  // namespace hone
