// SPDX-License-Identifier: Apache-2.0
#include "op/window.h"

#include <algorithm>

namespace hone {
namespace {

constexpr int64_t kMost = (int64_t{1} << 31) - 1;  // products and sums of two stay inside int64

struct Axis {
    int64_t kernel, stride, dilation, pad_begin, pad_end, out;
};

int64_t entry(const OpContext& c, const char* name, size_t axes, size_t i, int64_t fallback, int64_t least) {
    const std::vector<int64_t>& list = c.integers(name);
    if (list.empty()) return fallback;
    if (list.size() != axes)
        c.refuse(cat("attribute '", name, "' has ", static_cast<unsigned long>(list.size()), " entries; expected ",
                     static_cast<unsigned long>(axes)));
    if (list[i] < least || list[i] > kMost)
        c.refuse(cat("attribute '", name, "' has entry ", list[i], "; expected ", least, " to ", kMost));
    return list[i];
}

bool same_padding(const OpContext& c) {
    const std::string& mode = c.text("auto_pad");
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") return true;
    if (mode != "NOTSET" && mode != "VALID")
        c.refuse(cat("attribute 'auto_pad' is '", mode, "'; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID"));
    return false;
}

/// What the attributes alone say of axis i of `axes`.
Axis attributes_of(const OpContext& c, WindowKind kind, size_t axes, size_t i, int64_t kernel) {
    if (kernel < 1 || kernel > kMost) c.refuse(cat("the kernel has size ", kernel, "; expected 1 to ", kMost));
    Axis a{kernel, entry(c, "strides", axes, i, 1, 1), 1, 0, 0, 0};
    a.dilation = entry(c, "dilations", axes, i, 1, 1);
    const bool same = same_padding(c);
    const int64_t begin = entry(c, "pads", 2 * axes, i, 0, 0), end = entry(c, "pads", 2 * axes, axes + i, 0, 0);
    if (!same && c.text("auto_pad") == "NOTSET") a.pad_begin = begin, a.pad_end = end;
    const int64_t extent = (kernel - 1) * a.dilation + 1;
    if (extent > kMost) c.refuse(cat("the dilated kernel spans ", extent, "; expected at most ", kMost));
    if (kind == WindowKind::pool && std::max(a.pad_begin, a.pad_end) >= extent)
        c.refuse(cat("pads ", a.pad_begin, " and ", a.pad_end, " leave a window of ", extent, " without input; expected less"));
    return a;
}

Axis forward_axis(const OpContext& c, WindowKind kind, size_t axes, size_t i, int64_t in, int64_t kernel) {
    Axis a = attributes_of(c, kind, axes, i, kernel);
    const int64_t extent = (kernel - 1) * a.dilation + 1;
    if (in > kMost) c.refuse(cat("the input has spatial size ", in, "; expected at most ", kMost));
    if (same_padding(c)) {
        a.out = (in + a.stride - 1) / a.stride;
        const int64_t total = std::max<int64_t>(0, (a.out - 1) * a.stride + extent - in);
        a.pad_begin = c.text("auto_pad") == "SAME_LOWER" ? total - total / 2 : total / 2;
        a.pad_end = total - a.pad_begin;
        return a;
    }
    if (std::max(a.pad_begin, a.pad_end) > std::max(in, extent))
        c.refuse(cat("pads ", a.pad_begin, " and ", a.pad_end, "; expected at most ", std::max(in, extent),
                     " for an input of ", in, " and a window of ", extent));
    const int64_t room = in + a.pad_begin + a.pad_end - extent;
    if (room < 0)
        c.refuse(cat("a window of ", extent, " does not fit a padded input of ", in + a.pad_begin + a.pad_end));
    const bool ceil = kind == WindowKind::pool && c.integer("ceil_mode") != 0;
    a.out = (ceil ? room + a.stride - 1 : room) / a.stride + 1;
    if (ceil && (a.out - 1) * a.stride >= in + a.pad_begin) --a.out;  // a window may not start in the end padding
    return a;
}

Axis transpose_axis(const OpContext& c, size_t axes, size_t i, int64_t in, int64_t kernel) {
    Axis a = attributes_of(c, WindowKind::conv_transpose, axes, i, kernel);
    const int64_t extra = entry(c, "output_padding", axes, i, 0, 0);
    if (extra >= std::max(a.stride, a.dilation))
        c.refuse(cat("output_padding ", extra, "; expected less than stride ", a.stride, " or dilation ", a.dilation));
    if (in > kMost) c.refuse(cat("the input has spatial size ", in, "; expected at most ", kMost));
    if (in < 1) c.refuse("the input is empty");
    const int64_t full = (in - 1) * a.stride + (kernel - 1) * a.dilation + 1 + extra;
    const bool same = same_padding(c);
    const int64_t wanted = entry(c, "output_shape", axes, i, same ? in * a.stride : -1, 1);
    if (wanted < 0) {
        a.out = full - a.pad_begin - a.pad_end;
        if (a.out < 1) c.refuse(cat("pads ", a.pad_begin, " and ", a.pad_end, " leave nothing of an output of ", full));
        return a;
    }
    const int64_t total = std::max<int64_t>(0, full - wanted);
    a.out = wanted;
    a.pad_begin = c.text("auto_pad") == "SAME_UPPER" ? total / 2 : total - total / 2;
    a.pad_end = total - a.pad_begin;
    return a;
}

Axis axis(const OpContext& c, WindowKind kind, size_t axes, size_t i, int64_t in, int64_t kernel) {
    return kind == WindowKind::conv_transpose ? transpose_axis(c, axes, i, in, kernel)
                                              : forward_axis(c, kind, axes, i, in, kernel);
}

Window window(const OpContext& c, WindowKind kind, const Dims& src, const Dims& kernel) {
    Window w;
    const size_t axes = kernel.size();
    for (size_t i = 0; i < axes; ++i) {
        const Axis a = axis(c, kind, axes, i, src[i + 2], kernel[i]);
        w.kernel.push_back(a.kernel);
        w.strides.push_back(a.stride);
        w.dilations.push_back(a.dilation);
        w.pads_begin.push_back(a.pad_begin);
        w.pads_end.push_back(a.pad_end);
        w.out.push_back(a.out);
    }
    return w;
}

Dims kernel_of(const OpContext& c, const Dims& src, const Dims& weights) {
    if (src.size() < 3 || src.size() != weights.size())
        c.refuse(cat("input ", to_text(src), " and weights ", to_text(weights), "; expected equal ranks of 3 or more"));
    return dims_of(conv_kernel(c, shape_of(weights)));
}

}  // namespace

Window conv_window(const OpContext& c, const Dims& src, const Dims& weights) {
    return window(c, WindowKind::conv, src, kernel_of(c, src, weights));
}
Window conv_transpose_window(const OpContext& c, const Dims& src, const Dims& weights) {
    return window(c, WindowKind::conv_transpose, src, kernel_of(c, src, weights));
}
Window pool_window(const OpContext& c, const Dims& src) {
    const Dims& kernel = c.integers("kernel_shape");
    if (src.size() != kernel.size() + 2 || kernel.empty())
        c.refuse(cat("input ", to_text(src), " and kernel_shape ", to_text(kernel), "; expected one entry a spatial axis"));
    return window(c, WindowKind::pool, src, kernel);
}

Shape conv_kernel(const OpContext& c, const Shape& weights) {
    Shape kernel(weights.begin() + 2, weights.end());
    const std::vector<int64_t>& given = c.integers("kernel_shape");
    if (given.empty()) return kernel;
    bool same = given.size() == kernel.size();
    for (size_t i = 0; same && i < kernel.size(); ++i) {
        if (given[i] < 1) c.refuse(cat("attribute 'kernel_shape' has entry ", given[i], "; expected 1 or more"));
        same = !kernel[i].known() || kernel[i].value == given[i];
        kernel[i] = given[i];
    }
    if (!same) c.refuse(cat("kernel_shape is ", to_text(given), "; the weights are ", to_text(weights)));
    return kernel;
}

Shape window_shape(const OpContext& c, WindowKind kind, const Shape& spatial, const Shape& kernel) {
    HONE_CHECK(spatial.size() == kernel.size());
    Shape out(spatial.size());
    for (size_t i = 0; i < spatial.size(); ++i) {
        const Axis a = attributes_of(c, kind, spatial.size(), i, kernel[i].known() ? kernel[i].value : 1);
        if (!kernel[i].known()) {
            if (same_padding(c) && a.stride == 1) out[i] = spatial[i];
            continue;
        }
        if (spatial[i].known()) {
            out[i] = axis(c, kind, spatial.size(), i, spatial[i].value, kernel[i].value).out;
            continue;
        }
        const bool keeps = same_padding(c) || a.pad_begin + a.pad_end == (a.kernel - 1) * a.dilation;
        if (a.stride == 1 && keeps && kind != WindowKind::conv_transpose) out[i] = spatial[i];
    }
    return out;
}

TapRange tap_range(int64_t in, int64_t out, int64_t stride, int64_t pad, int64_t offset) {
    const int64_t shift = pad - offset;  // input position is o*stride - shift
    const int64_t begin = shift <= 0 ? 0 : (shift + stride - 1) / stride;
    const int64_t last = in - 1 + shift;
    const int64_t end = last < 0 ? 0 : std::min(out, last / stride + 1);
    return {begin, std::max(begin, end)};
}

}  // namespace hone
