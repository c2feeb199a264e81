// SPDX-License-Identifier: Apache-2.0
// hone.GridSampleGrad: what GridSample read is written back, and each coordinate gets the slope of its weights.
#include "op/grid_sampler.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Inputs dY, X and grid; outputs dX and dGrid.
void infer_grid_sample_grad(InferContext& c) {
    require_type(c, {0, 1}, is_float, "a float type");
    require_type(c, {2}, is_float, "a float type");
    require_rank(c, 1, 3, 1000);
    c.set_like(0, 1);
    c.set_like(1, 2);
    if (!c.rank_known(1) || !c.rank_known(2)) return;
    Shape y{c.shape(1)[0], c.shape(1)[1]};
    y.insert(y.end(), c.shape(2).begin() + 1, c.shape(2).end() - 1);
    require_shape(c, 0, y, "the output's gradient");
}

/// Calls f(offset, product of weights) for each combination of taps; of axis `sloped` the slopes are taken.
template <class F>
void each_tap(const std::vector<GridTaps>& taps, const Dims& strides, size_t sloped, const F& f, size_t axis = 0, int64_t at = 0,
              double weight = 1) {
    if (axis == taps.size()) return f(at, weight);
    for (const GridTap& t : taps[axis]) {
        const double w = axis == sloped ? t.slope : t.weight;
        if (t.index >= 0 && w != 0) each_tap(taps, strides, sloped, f, axis + 1, at + t.index * strides[axis], weight * w);
    }
}

void run_grid_sample_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    const GridSampler s(c, d);
    const Dims all = strides_of(d), strides(all.begin() + 2, all.end());
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    std::vector<double> dx(x.size());
    const int64_t channels = d[1], points = count_between(c.in[0].dims(), 2, d.size()), axes = static_cast<int64_t>(s.axes());
    for (int64_t b = 0; b < d[0]; ++b)
        for (int64_t p = 0; p < points; ++p) {
            const std::vector<GridTaps> t = s.taps(c.in[2], b * points + p);
            const auto over_channels = [&](int64_t at, auto f) {
                for (int64_t k = b * channels; k < (b + 1) * channels; ++k)
                    f(static_cast<size_t>(k * all[1] + at), dy[static_cast<size_t>(k * points + p)]);
            };
            if (c.wanted(0))
                each_tap(t, strides, t.size(), [&](int64_t at, double w) {
                    over_channels(at, [&](size_t i, double g) { dx[i] += w * g; });
                });
            for (int64_t a = 0; c.wanted(1) && a < axes; ++a) {
                double sum = 0;
                each_tap(t, strides, static_cast<size_t>(a), [&](int64_t at, double w) {
                    over_channels(at, [&](size_t i, double g) { sum += w * g * x[i]; });
                });
                c.out[1].set((b * points + p + 1) * axes - 1 - a, sum);
            }
        }
    if (c.wanted(0)) assign(c.out[0], dx);
}

/// To the nearest the grid is flat.
void grid_sample_rule(GradientContext& c) {
    const bool grid = c.wants(1) && c.text("mode") != "nearest";
    if (!c.wants(0) && !grid) return;
    const std::vector<ValueId> all =
        c.b.nodes("GridSampleGrad", {c.dy(), c.x(), c.x(1)}, grid ? 2 : 1, c.node.attributes, "hone");
    c.give(0, all[0]);
    if (grid) c.give(1, all[1]);
}

}  // namespace

std::vector<Rule> grid_sample_rules() { return {{"GridSample", grid_sample_rule}}; }

std::vector<OpDecl> grid_sample_gradient() {
    return {{.domain = "hone", .name = "GridSampleGrad", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 2,
             .attributes = grid_sample()[0].attributes, .infer = infer_grid_sample_grad, .reference = run_grid_sample_grad}};
}

}  // namespace hone::ops
