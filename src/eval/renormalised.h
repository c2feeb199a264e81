// SPDX-License-Identifier: Apache-2.0
// A data set as another preprocessing would have made it: channels in another order, another scale, mean or standard
// deviation. Used to find out which preprocessing a network was trained with.
//
//   const Renormalised swapped(data, given, given, /*swap_channels=*/true);
#pragma once
#include "data/dataset.h"
#include "data/preprocess.h"

namespace hone::eval {

class Renormalised final : public Dataset {
  public:
    /// `of` was preprocessed by `given`; its samples come out as `wanted` makes them: the pixel is
    /// (x * std + mean) / scale. `of` must outlive this.
    Renormalised(const Dataset& of, const Preprocess& given, const Preprocess& wanted, bool swap_channels);
    void load(int64_t i, float* out) const override;
    std::string origin(int64_t i) const override { return of_.origin(i); }
    uint64_t content(int64_t i) const override { return of_.content(i); }

  private:
    struct Line {
        double factor = 1, offset = 0;  ///< of a channel's values
    };
    const Dataset& of_;
    std::vector<Line> lines_;
    bool swap_ = false;
};

}  // namespace hone::eval
