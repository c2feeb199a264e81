// SPDX-License-Identifier: Apache-2.0
// From a decoded picture to what the network sees: channels, resize, crop, then normalising through one 256-entry table
// a channel (computed in double, rounded once). Datasets, `run` and `serve` call it.
//
//   PixelPipeline p(preprocess, {28, 28});
//   p.prepare(image, planar, "a.png");
//   p.normalise(planar, out);                 // p.dims() = {C, H, W}
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/shape.h"
#include "data/image.h"
#include "data/preprocess.h"

namespace hone {

class PixelPipeline {
  public:
    /// `source` is the size of the pictures; read only where neither resize nor crop sets the size of the result.
    /// `p.channels` is 1 or 3.
    PixelPipeline(const Preprocess& p, ImageSize source);
    const Dims& dims() const { return dims_; }
    size_t count() const { return count_; }
    /// Pictures like this go through `prepare` unchanged.
    bool keeps(const ImageInfo& picture) const;
    /// Writes count() bytes, planar. Throws data "data.image.size", "data.image.crop".
    void prepare(Image image, uint8_t* planar, const std::string& where) const;
    void normalise(const uint8_t* planar, float* out) const;
    /// Of a picture of dims() with its channels last.
    void normalise(const Image& image, float* out) const;

  private:
    Preprocess p_;
    Dims dims_;
    size_t plane_ = 0, count_ = 0;
    std::vector<float> table_;
};

}  // namespace hone
