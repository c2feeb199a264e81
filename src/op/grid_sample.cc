// SPDX-License-Identifier: Apache-2.0
// GridSample over any number of spatial axes (Jaderberg et al., "Spatial transformer networks", 2015), after the
// standard's reference.
#include "op/elements.h"
#include "op/grid_sampler.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

void one_of(const OpContext& c, const char* name, std::initializer_list<const char*> values) {
    std::vector<std::string> list;
    for (const char* v : values) {
        if (c.text(name) == v) return;
        list.push_back(v);
    }
    c.refuse(cat("attribute '", name, "' is '", c.text(name), "'; expected ", join(list, ", ")));
}

void infer_grid_sample(InferContext& c) {
    require_type_of(c, 0, is_number, "a number");
    require_type_of(c, 1, is_float, "a float type");
    require_rank(c, 0, 3, 1000);
    require_rank(c, 1, 3, 1000);
    one_of(c, "mode", {"linear", "nearest", "cubic"});
    one_of(c, "padding_mode", {"zeros", "border", "reflection"});
    if (!c.rank_known(0) && !c.rank_known(1)) return c.set(0, c.dtype(0));
    const size_t rank = c.rank_known(0) ? c.shape(0).size() : c.shape(1).size();
    require_rank(c, 0, rank, rank);
    require_rank(c, 1, rank, rank);
    Shape y(rank);
    if (c.rank_known(0)) {
        y[0] = c.shape(0)[0], y[1] = c.shape(0)[1];
        for (size_t i = 2; i < rank; ++i)
            if (c.shape(0)[i] == Dim(0)) c.refuse(cat("an input ", to_text(c.shape(0)), " has nothing to sample"));
    }
    if (c.rank_known(1)) {
        const Shape& g = c.shape(1);
        agree(c, g.back(), Dim(static_cast<int64_t>(rank) - 2), "the grid's coordinates and the spatial axes");
        y[0] = agree(c, y[0], g[0], "batches of input and grid");
        for (size_t i = 2; i < rank; ++i) y[i] = g[i - 1];
    }
    c.set(0, c.dtype(0), y);
}

double sum_taps(const Tensor& x, const std::vector<GridTaps>& taps, const Dims& strides, size_t axis, int64_t at) {
    if (axis == taps.size()) return x.at(at);
    double sum = 0;
    for (const GridTap& t : taps[axis])
        if (t.index >= 0 && t.weight != 0)
            sum += t.weight * sum_taps(x, taps, strides, axis + 1, at + t.index * strides[axis]);
    return sum;
}

void run_grid_sample(RefContext& c) {
    const Tensor &x = c.in[0], &grid = c.in[1];
    const GridSampler s(c, x.dims());
    const Dims all = strides_of(x.dims()), strides(all.begin() + 2, all.end());
    const int64_t channels = x.dim(1), points = count_between(c.out[0].dims(), 2, x.rank());
    for (int64_t b = 0; b < c.out[0].dim(0); ++b)
        for (int64_t p = 0; p < points; ++p) {
            const std::vector<GridTaps> t = s.taps(grid, b * points + p);
            for (int64_t k = 0; k < channels; ++k)
                c.out[0].set((b * channels + k) * points + p, sum_taps(x, t, strides, 0, (b * channels + k) * all[1]));
        }
}

/// Before 20: 2-D only, with other names of the modes.
void upgrade_grid_sample(Graph& g, NodeId n, int from) {
    if (from >= 20) return;
    const std::string mode = text_or(g.node(n), "mode", "bilinear");
    if (mode == "bilinear") g.node(n).attributes["mode"] = std::string("linear");
    if (mode == "bicubic") g.node(n).attributes["mode"] = std::string("cubic");
}
int downgrade_grid_sample(Graph& g, NodeId n, int to) {
    if (to >= 20) return to;
    const TypeInfo& t = g.value(g.node(n).in(0)).type;
    if (!t.rank_known || t.shape.size() != 4) return 20;
    const std::string mode = text_or(g.node(n), "mode", "linear");
    if (mode == "linear") g.node(n).attributes["mode"] = std::string("bilinear");
    if (mode == "cubic") g.node(n).attributes["mode"] = std::string("bicubic");
    return to;
}

}  // namespace

std::vector<OpDecl> grid_sample() {
    std::vector<OpDecl> all = {
        {.name = "GridSample",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"mode", AttrKind::text, std::string("linear")},
                        {"padding_mode", AttrKind::text, std::string("zeros")},
                        {"align_corners", AttrKind::integer, int64_t{0}}},
         .infer = infer_grid_sample,
         .reference = run_grid_sample,
         .upgrade = upgrade_grid_sample,
         .downgrade = downgrade_grid_sample,
         .since = 16},
    };
    attach_rules(all, grid_sample_rules());
    return all;
}

}  // namespace hone::ops
