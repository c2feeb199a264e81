// SPDX-License-Identifier: Apache-2.0
// Pooling by oneDNN in either layout; global average pooling by our reductions; the pools' gradients.
#include <algorithm>

#include "kernel/training/training.h"
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

/// False where oneDNN counts or clips otherwise.
bool pool_spec(const LowerContext& c, const Dims& x, const Dims& y, onednn::PoolSpec& s) {
    const OpContext op = c.op();
    const bool max = s.kind == onednn::PoolSpec::Kind::max;
    const Window w = pool_window(op, x);
    s.src_dims = x;
    s.dst_dims = y;
    s.kernel = w.kernel;
    s.strides = w.strides;
    s.dilations = w.dilations;
    s.pads_begin = w.pads_begin;
    s.pads_end = w.pads_end;
    s.threads = c.threads;
    for (size_t a = 0; a < w.axes(); ++a) {
        const int64_t reads = (w.out[a] - 1) * w.strides[a] + w.extent(a);
        const int64_t end = reads - x[a + 2] - w.pads_begin[a];
        if (!max && end > w.pads_end[a]) return false;  // ceil_mode reaches past the padding: the reference knows how to count
        if (w.pads_begin[a] >= w.extent(a) || end >= w.extent(a)) return false;  // windows that see only padding
        s.pads_end[a] = end;
    }
    return true;
}
onednn::PoolSpec::Kind average_kind(const LowerContext& c) {
    return c.op().integer("count_include_pad") ? onednn::PoolSpec::Kind::average_include_pad : onednn::PoolSpec::Kind::average_exclude_pad;
}

/// One candidate a layout.
void in_both_layouts(const char* name, onednn::PoolSpec s, std::unique_ptr<onednn::Kernel> (*make)(const onednn::PoolSpec&), std::vector<Candidate>& list) {
    for (bool last : {true, false}) {
        s.channels_last = last;
        Candidate k;
        k.name = name;
        k.layout = last ? LayoutRule::channels_last : LayoutRule::plain;
        k.isa = Isa::avx2;
        k.make = [s, make](Layout) { return onednn_step(make(s)); };
        list.push_back(std::move(k));
    }
}

void average_gradient(const LowerContext& c, std::vector<Candidate>& list) {
    onednn::PoolSpec s;
    s.kind = average_kind(c);
    if (!pool_spec(c, c.out(), c.in(0), s)) return;
    in_both_layouts("onednn_pool_gradient", s, onednn::make_average_pool_gradient, list);
}

/// By our own kernels: oneDNN's wants what only its forward in training leaves behind.
void max_gradient(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims x = c.in(1), y = c.in(0);
    const Window w = pool_window(c.op(), x);
    train::PoolWindow p;
    for (size_t a = 0; a < w.axes(); ++a) {
        const size_t i = 3 - w.axes() + a;
        p.in[i] = x[a + 2], p.out[i] = y[a + 2], p.kernel[i] = w.kernel[a], p.stride[i] = w.strides[a];
        p.dilation[i] = w.dilations[a], p.pad[i] = w.pads_begin[a];
    }
    if (w.taps() > train::kMostTaps) return;
    const int64_t batch = x[0], channels = x[1], in_size = p.in[0] * p.in[1] * p.in[2], out_size = p.out[0] * p.out[1] * p.out[2];
    Candidate k;
    k.name = "max_pool_gradient";
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) {
        return step_kernel("vector max pool gradient", [=](const StepArgs& a) {
            const train::Table& t = train::table();
            const float *dy = in<float>(a, 0), *x = in<float>(a, 1);
            float* dx = out<float>(a);
            if (layout == Layout::plain)
                return parallel_ranges(batch * channels, std::max<int64_t>(1, 8192 / in_size), [&](int64_t b, int64_t e) {
                    for (int64_t i = b; i < e; ++i) t.max_pool_gradient(p, dy + i * out_size, x + i * in_size, dx + i * in_size, 1, 0, 1);
                });
            constexpr int64_t kBlock = 64;
            const int64_t blocks = (channels + kBlock - 1) / kBlock;
            parallel_ranges(batch * blocks, 1, [&](int64_t b, int64_t e) {
                for (int64_t i = b; i < e; ++i) {
                    const int64_t n = i / blocks, first = i % blocks * kBlock;
                    t.max_pool_gradient(p, dy + n * out_size * channels, x + n * in_size * channels, dx + n * in_size * channels, channels, first,
                                        std::min(channels, first + kBlock));
                }
            });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

void pool_gradient(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.out();
    if (c.in_dtype(0) != DType::f32 || d.size() < 3 || d.size() > 5 || count_of(d) == 0 || count_of(c.in(0)) == 0) return;
    if (c.node.op == "MaxPoolGrad") max_gradient(c, list);
    else average_gradient(c, list);
}

void pool(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "GlobalAveragePool") return global_average(c, list);
    const Dims d = c.in(0);
    const DType t = c.in_dtype(0);
    if (c.node.outputs.size() > 1 || d.size() < 3 || d.size() > 5 || count_of(d) == 0 || count_of(c.out()) == 0) return;
    const bool max = c.node.op == "MaxPool";
    if (t != DType::f32 && t != DType::bf16 && !(max && (t == DType::u8 || t == DType::i8))) return;
    onednn::PoolSpec s;
    s.kind = max ? onednn::PoolSpec::Kind::max : average_kind(c);
    s.type = t;
    if (!pool_spec(c, d, c.out(), s)) return;
    in_both_layouts("onednn_pool", s, onednn::make_pool, list);
}

}  // namespace hone::lower
