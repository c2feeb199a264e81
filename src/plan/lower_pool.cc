// SPDX-License-Identifier: Apache-2.0
// Pooling by oneDNN in either layout; global average pooling by our reductions.
#include "kernel/vector/vector.h"
#include "op/window.h"
#include "plan/onednn_step.h"

namespace hone::lower {

namespace {

void global_average(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.in_dtype(0) != DType::f32 || c.in(0).size() < 3) return;
    const Dims d = c.in(0);
    const int64_t n = d[0], channels = d[1], inner = count_of(Dims(d.begin() + 2, d.end()));
    Candidate k;
    k.name = "reduce_mean";
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) {
        return step_kernel("vector mean", [=](const StepArgs& a) {
            const float* x = in<float>(a, 0);
            float* y = out<float>(a);
            const auto mean = static_cast<int>(vec::Reduce::mean);
            if (layout == Layout::plain) vec::table().reduce_last[mean](x, y, n * channels, inner);
            else vec::table().reduce_middle[mean](x, y, n, inner, channels);
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

void pool(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "GlobalAveragePool") return global_average(c, list);
    const Dims d = c.in(0);
    const DType t = c.in_dtype(0);
    if (c.node.outputs.size() > 1 || d.size() < 3 || d.size() > 5 || count_of(d) == 0 || count_of(c.out()) == 0) return;
    const bool max = c.node.op == "MaxPool";
    if (t != DType::f32 && t != DType::bf16 && !(max && (t == DType::u8 || t == DType::i8))) return;
    const OpContext op = c.op();
    const Window w = pool_window(op, d);
    onednn::PoolSpec s;
    s.kind = max ? onednn::PoolSpec::Kind::max
                 : op.integer("count_include_pad") ? onednn::PoolSpec::Kind::average_include_pad : onednn::PoolSpec::Kind::average_exclude_pad;
    s.type = t;
    s.src_dims = d;
    s.dst_dims = c.out();
    s.kernel = w.kernel;
    s.strides = w.strides;
    s.dilations = w.dilations;
    s.pads_begin = w.pads_begin;
    s.pads_end = w.pads_end;
    s.threads = c.threads;
    for (size_t a = 0; a < w.axes(); ++a) {
        const int64_t reads = (w.out[a] - 1) * w.strides[a] + w.extent(a);
        const int64_t end = reads - d[a + 2] - w.pads_begin[a];
        if (!max && end > w.pads_end[a]) return;  // ceil_mode reaches past the padding: the reference knows how to count
        if (w.pads_begin[a] >= w.extent(a) || end >= w.extent(a)) return;  // windows that see only padding
        s.pads_end[a] = end;
    }
    for (bool last : {true, false}) {
        s.channels_last = last;
        Candidate k;
        k.name = "onednn_pool";
        k.layout = last ? LayoutRule::channels_last : LayoutRule::plain;
        k.isa = Isa::avx2;
        k.make = [s](Layout) { return onednn_step(onednn::make_pool(s)); };
        list.push_back(std::move(k));
    }
}

}  // namespace hone::lower
