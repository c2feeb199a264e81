// SPDX-License-Identifier: Apache-2.0
// Where GridSample reads: the inputs and weights of one point of the grid, an axis at a time, and how the weights move
// with the grid. Used by the reference and its gradient.
//
//   const GridSampler s(ctx, x.dims());
//   std::vector<GridTaps> taps = s.taps(grid, b * points + p);    // of each spatial axis
#pragma once
#include "op/op.h"

namespace hone {

struct GridTap {
    int64_t index;  ///< -1: outside, zero
    double weight;
    double slope;   ///< of the weight, in the grid's coordinate
};
using GridTaps = std::vector<GridTap>;

class GridSampler {
  public:
    /// The context gives mode, padding_mode and align_corners; x is [N, C, spatial...].
    GridSampler(const OpContext& c, const Dims& x);
    /// Of the point whose coordinates are the `point`th of the grid, which names the last axis first.
    std::vector<GridTaps> taps(const Tensor& grid, int64_t point) const;
    size_t axes() const { return axes_.size(); }

  private:
    enum class Mode { nearest, linear, cubic };
    enum class Padding { zeros, border, reflection };
    struct Axis {
        int64_t n;
        double low, high;  ///< where reflection happens
    };
    static double reflect(double x, const Axis& a, double& slope);
    GridTap tap(const Axis& a, double position, double weight, double slope) const;
    GridTaps axis_taps(const Axis& a, double g) const;
    Mode mode_;
    Padding padding_;
    bool align_;
    std::vector<Axis> axes_;
};

}  // namespace hone
