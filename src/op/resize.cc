// SPDX-License-Identifier: Apache-2.0
// Resize (before opset 10: Upsample): nearest, linear and cubic, separable over axes, after the standard's reference.
#include <algorithm>
#include <cmath>

#include "op/axis_map.h"
#include "op/elements.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/resize_axis.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

bool is_f32(DType t) { return t == DType::f32; }
/// Given and not empty: before 13 an empty tensor stands for an omitted input.
bool present(const InferContext& c, size_t i) {
    return c.given(i) && !(c.rank_known(i) && c.shape(i).size() == 1 && c.shape(i)[0] == Dim(0));
}

void check_attributes(const OpContext& c) {
    const auto one_of = [&](const char* name, std::initializer_list<const char*> values) {
        const std::string& v = c.text(name);
        std::string list;
        for (const char* k : values) {
            if (v == k) return;
            list += cat(list.empty() ? "" : ", ", k);
        }
        c.refuse(cat("attribute '", name, "' is '", v, "'; expected one of ", list));
    };
    one_of("mode", {"nearest", "linear", "cubic"});
    one_of("coordinate_transformation_mode",
           {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
            "tf_crop_and_resize", "tf_half_pixel_for_nn"});
    one_of("nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
    one_of("keep_aspect_ratio_policy", {"stretch", "not_larger", "not_smaller"});
    if (c.integer("antialias")) c.unsupported("resizes with antialias");
}

/// Axes that scales, sizes and roi speak of.
std::vector<size_t> axes_of(const OpContext& c, size_t rank) {
    std::vector<size_t> axes;
    for (int64_t a : c.integers("axes")) {
        axes.push_back(static_cast<size_t>(normal_axis(c, a, static_cast<int64_t>(rank))));
        if (std::count(axes.begin(), axes.end(), axes.back()) > 1) c.refuse(cat("axis ", a, " is given twice"));
    }
    for (size_t i = 0; !c.has("axes") && i < rank; ++i) axes.push_back(i);
    return axes;
}

/// Scale and output length of every axis from the values of `scales` or `sizes`.
std::vector<AxisScale> plan(const OpContext& c, const Shape& x, const Tensor* scales, const Tensor* sizes) {
    std::vector<AxisScale> all;
    for (const Dim& d : x) all.push_back({1, d.value, d.known()});
    const std::vector<size_t> axes = axes_of(c, x.size());
    const Tensor& given = scales ? *scales : *sizes;
    if (given.count() != static_cast<int64_t>(axes.size()))
        c.refuse(cat(scales ? "scales has " : "sizes has ", given.count(), " entries; expected ", number(axes.size())));
    double common = 0;
    const std::string& policy = c.text("keep_aspect_ratio_policy");
    for (size_t i = 0; i < axes.size(); ++i) {
        AxisScale& a = all[axes[i]];
        const auto k = static_cast<int64_t>(i);
        if (scales) {
            a.scale = scales->at(k);
            if (!(a.scale > 0) || a.scale > 1e9) c.refuse(cat("a scale is ", a.scale));
            // In float, as the standard's shape inference: 10 * 0.7 is 7.
            if (a.known)
                a.out = static_cast<int64_t>(std::floor(static_cast<float>(a.out) * static_cast<float>(a.scale)));
            continue;
        }
        const int64_t size = sizes->at_int(k);
        if (size < 0) c.refuse(cat("a size is ", size));
        if (a.known && a.out == 0 && size) c.refuse("an empty axis cannot grow");
        if (a.known && a.out) a.scale = static_cast<double>(size) / static_cast<double>(a.out);
        const bool smaller = policy == "not_larger" ? a.scale < common : a.scale > common;
        if (i == 0 || smaller) common = a.scale;
        if (policy == "stretch") a.out = size, a.known = true;
    }
    if (scales || policy == "stretch") return all;
    bool known = true;
    for (size_t i : axes) known &= all[i].known;
    for (size_t i : axes) {
        all[i].known = known;
        all[i].scale = common;
        if (known) all[i].out = static_cast<int64_t>(std::floor(common * static_cast<double>(all[i].out) + 0.5));
    }
    return all;
}

void infer_resize(InferContext& c) {
    check_attributes(c);
    require_type_of(c, 0, c.text("mode") == "nearest" ? is_any : is_number, "a number");
    require_type_of(c, 2, is_f32, "f32");
    require_type_of(c, 3, is_index, "i64");
    const bool scales = present(c, 2), sizes = present(c, 3);
    if (scales == sizes && c.rank_known(2) + c.rank_known(3) + !c.given(2) + !c.given(3) == 2)
        c.refuse("takes scales or sizes, one of them");
    if (!c.rank_known(0)) return c.set(0, c.dtype(0));
    const Tensor *s = scales ? c.value(2) : nullptr, *z = sizes ? c.value(3) : nullptr;
    Shape y(c.shape(0).size());
    if (s || z) {
        const std::vector<AxisScale> axes = plan(c, c.shape(0), s, s ? nullptr : z);
        for (size_t i = 0; i < y.size(); ++i)
            y[i] = axes[i].known ? Dim(axes[i].out) : axes[i].scale == 1 ? c.shape(0)[i] : Dim();
    } else if (c.has("axes")) {
        y = c.shape(0);
        for (size_t a : axes_of(c, y.size())) y[a] = {};
    }
    c.set(0, c.dtype(0), y);
}

bool crops(const OpContext& c) { return c.text("coordinate_transformation_mode") == "tf_crop_and_resize"; }

void run_resize(RefContext& c) {
    const Tensor& x = c.in[0];
    if (c.out[0].count() == 0) return;
    const bool crop = crops(c);
    const std::vector<AxisTaps> taps = *resize_taps(c, x.dims(), [&](size_t i) { return c.given(i) ? &c.in[i] : nullptr; });
    if (c.text("mode") == "nearest" && !crop) return pick_nearest(x, taps, c.out[0]);
    const std::vector<double> y = apply_taps(x, taps, crop ? c.real("extrapolation_value") : 0);
    for (int64_t i = 0; i < c.out[0].count(); ++i) c.out[0].set(i, y[static_cast<size_t>(i)]);
}

/// Before 7 Upsample had a factor each for the height and width of NCHW.
void plane_scales(Graph& g, NodeId n) {
    Attributes& a = g.node(n).attributes;
    std::vector<float> scales{1, 1};
    for (const char* name : {"height_scale", "width_scale"}) {
        const auto it = a.find(name);
        if (const float* v = it == a.end() ? nullptr : std::get_if<float>(&it->second)) scales.push_back(*v);
        a.erase(name);
    }
    if (scales.size() == 4) a["scales"] = scales;
}
void upgrade_resize(Graph& g, NodeId n, int from) {
    if (from >= 11) return;
    const bool upsample = g.node(n).op == "Upsample";
    if (upsample && from < 7) plane_scales(g, n);
    if (upsample && from < 9) {
        const auto it = g.node(n).attributes.find("scales");
        const auto* v = it == g.node(n).attributes.end() ? nullptr : std::get_if<std::vector<float>>(&it->second);
        if (!v)
            fail(ErrorKind::model, "op.attribute", "attribute 'scales' is missing", "",
                 cat("node '", g.node(n).name, "' (Upsample)"));
        const Tensor scales = Tensor::of_f32(*v);
        drop_attribute(g, n, "scales");
        put_input(g, n, 1, constant_for(g, n, "scales", scales));
    }
    // Resize of 10 rounds down where it grows and up where it shrinks.
    bool grows = upsample, shrinks = false;
    const Tensor* scales = constant_input(g, n, 1);
    for (int64_t i = 0; scales && i < scales->count(); ++i) grows |= scales->at(i) > 1, shrinks |= scales->at(i) < 1;
    const bool nearest = text_or(g.node(n), "mode", "nearest") == "nearest";
    if (nearest && !upsample && (!scales || (grows && shrinks)))
        fail(ErrorKind::unsupported, "op.unsupported",
             "Resize of opset 10 with scales that are not constant or that grow and shrink", "",
             cat("node '", g.node(n).name, "' (Resize)"));
    const ValueId scales_id = g.node(n).in(1);
    put_input(g, n, 1, kNone);
    put_input(g, n, 2, scales_id);
    g.node(n).op = "Resize";
    g.node(n).attributes["coordinate_transformation_mode"] = std::string("asymmetric");
    g.node(n).attributes["nearest_mode"] = std::string(shrinks ? "ceil" : "floor");
}

int downgrade_resize(Graph& g, NodeId n, int to) {
    const Node& node = g.node(n);
    const auto text = [&](const char* name, const char* fallback) { return text_or(node, name, fallback); };
    const std::string where = text("coordinate_transformation_mode", "half_pixel");
    if (to < 19 && where == "half_pixel_symmetric") return 19;
    if (to < 18 && (node.attributes.contains("axes") || text("keep_aspect_ratio_policy", "stretch") != "stretch"))
        return 18;
    if (to < 18)
        for (const char* name : {"antialias", "keep_aspect_ratio_policy"}) drop_attribute(g, n, name);
    if (to >= 13) return to;
    if (to >= 11) {  // roi and scales may not be omitted
        for (size_t i : {1, 2})
            if (!has_input(g, n, i))
                put_input(g, n, i, constant_for(g, n, i == 1 ? "roi" : "scales", Tensor::of_f32({})));
        return to;
    }
    const Tensor* scales = constant_input(g, n, 2);
    const std::string mode = text("mode", "nearest");
    if (has_input(g, n, 3) || where != "asymmetric" || mode == "cubic" || !scales) return 11;
    const std::string round = text("nearest_mode", "round_prefer_floor");
    bool grows = false, shrinks = false;
    for (int64_t i = 0; i < scales->count(); ++i) grows |= scales->at(i) > 1, shrinks |= scales->at(i) < 1;
    if (mode == "nearest" && ((grows && round != "floor") || (shrinks && (round != "ceil" || to < 10))))
        return grows || round != "ceil" ? 11 : 10;
    if (shrinks && to < 10) return 10;
    const ValueId id = node.in(2);
    omit_input(g, n, 2);
    put_input(g, n, 1, id);
    for (const char* name :
         {"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value"})
        drop_attribute(g, n, name);
    if (to == 10) return to;
    g.node(n).op = "Upsample";
    if (to == 9) return to;
    std::vector<float> values;
    for (double v : scales->to_f64()) values.push_back(static_cast<float>(v));
    g.node(n).attributes["scales"] = values;
    omit_input(g, n, 1);
    return to;
}
void infer_upsample(InferContext& c) { c.refuse("Upsample is of opsets 1 to 9; later it is Resize"); }

}  // namespace
}  // namespace hone::ops

namespace hone {
std::optional<std::vector<AxisTaps>> resize_taps(const OpContext& c, const Dims& x, const KnownInput& known) {
    const Tensor *roi_input = known(1), *scales = known(2), *sizes = known(3);
    if (scales && scales->count() == 0) scales = nullptr;
    const bool crop = ops::crops(c);
    const std::vector<size_t> named = ops::axes_of(c, x.size());
    if ((!scales && !sizes) || (crop && c.node.in(1) != kNone && !roi_input)) return std::nullopt;
    if (crop && (!roi_input || roi_input->count() != 2 * static_cast<int64_t>(named.size()))) c.refuse("tf_crop_and_resize needs a roi");
    const std::vector<AxisScale> axes = ops::plan(c, shape_of(x), scales, scales ? nullptr : sizes);
    std::vector<AxisTaps> taps;
    for (size_t a = 0; a < x.size(); ++a) {
        Roi roi;
        for (size_t i = 0; crop && i < named.size(); ++i)
            if (named[i] == a) roi = {roi_input->at(static_cast<int64_t>(i)), roi_input->at(static_cast<int64_t>(i + named.size()))};
        taps.push_back(axis_taps(c, axes[a], x[a], roi));
    }
    return taps;
}
}  // namespace hone

namespace hone::ops {

std::vector<OpDecl> resize() {
    std::vector<OpDecl> all = {
        {.name = "Resize",
         .min_inputs = 1,
         .max_inputs = 4,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"mode", AttrKind::text, std::string("nearest")},
                        {"coordinate_transformation_mode", AttrKind::text, std::string("half_pixel")},
                        {"nearest_mode", AttrKind::text, std::string("round_prefer_floor")},
                        {"cubic_coeff_a", AttrKind::real, -0.75f},
                        {"exclude_outside", AttrKind::integer, int64_t{0}},
                        {"extrapolation_value", AttrKind::real, 0.f},
                        {"antialias", AttrKind::integer, int64_t{0}},
                        {"axes", AttrKind::integers},
                        {"keep_aspect_ratio_policy", AttrKind::text, std::string("stretch")}},
         .infer = infer_resize,
         .reference = run_resize,
         .upgrade = upgrade_resize,
         .downgrade = downgrade_resize,
         .since = 10},
        {.name = "Upsample",
         .min_inputs = 1,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"mode", AttrKind::text, std::string("nearest")}},
         .infer = infer_upsample,
         .reference = nullptr,
         .upgrade = upgrade_resize},
    };
    attach_rules(all, resize_rules());
    return all;
}

}  // namespace hone::ops
