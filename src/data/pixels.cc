// SPDX-License-Identifier: Apache-2.0
#include "data/pixels.h"

#include <cstring>

#include "base/error.h"
#include "base/limits.h"
#include "data/resize.h"

namespace hone {

PixelPipeline::PixelPipeline(const Preprocess& p, ImageSize source) : p_(p) {
    HONE_CHECK(p.channels == 1 || p.channels == 3);
    const ImageSize size = p.crop ? *p.crop : p.resize ? *p.resize : source;
    HONE_CHECK(size.height > 0 && size.width > 0);
    dims_ = {p.channels, size.height, size.width};
    plane_ = static_cast<size_t>(size.height) * static_cast<size_t>(size.width);
    count_ = static_cast<size_t>(count_of(dims_));
    // A picture needs its bytes three times on the way and four a value at the end.
    if (count_ > limits().memory_bytes / 8)
        fail(ErrorKind::budget, "memory.limit",
             cat("a picture of ", to_text(dims_), " needs more than the memory limit"), "Give a smaller --resize.");
    for (size_t c = 0; c < static_cast<size_t>(p.channels); ++c) {
        const double mean = p.mean[p.mean.size() == 1 ? 0 : c], std = p.std[p.std.size() == 1 ? 0 : c];
        for (int v = 0; v < 256; ++v) table_.push_back(static_cast<float>((v * p.scale - mean) / std));
    }
}

bool PixelPipeline::keeps(const ImageInfo& i) const {
    return Dims{i.channels, i.height, i.width} == dims_ && !p_.crop && !p_.resize;
}

void PixelPipeline::prepare(Image image, uint8_t* planar, const std::string& where) const {
    image = convert_channels(std::move(image), p_.channels);
    if (p_.resize) image = resize_image(image, p_.resize->height, p_.resize->width, p_.resample);
    if (p_.crop) image = crop_center(image, p_.crop->height, p_.crop->width, where);
    if (image.height != dims_[1] || image.width != dims_[2])
        fail(ErrorKind::data, "data.image.size",
             cat("a picture of ", image.height, "x", image.width, "; expected ", dims_[1], "x", dims_[2]),
             "Give --resize HxW.", where);
    if (p_.channels == 1) {
        std::memcpy(planar, image.pixels.data(), count_);
        return;
    }
    const uint8_t* from = image.pixels.data();
    for (size_t i = 0; i < plane_; ++i, from += 3)
        for (size_t c = 0; c < 3; ++c) planar[c * plane_ + i] = from[c];
}

void PixelPipeline::normalise(const uint8_t* planar, float* out) const {
    const float* table = table_.data();
    for (int64_t c = 0; c < dims_[0]; ++c, table += 256)
        for (size_t i = 0; i < plane_; ++i) *out++ = table[*planar++];
}

void PixelPipeline::normalise(const Image& image, float* out) const {
    HONE_CHECK((Dims{image.channels, image.height, image.width}) == dims_);
    const auto channels = static_cast<size_t>(image.channels);
    const float* table = table_.data();
    for (size_t c = 0; c < channels; ++c, table += 256) {
        const uint8_t* from = image.pixels.data() + c;
        for (size_t i = 0; i < plane_; ++i, from += channels) *out++ = table[*from];
    }
}

}  // namespace hone
