// SPDX-License-Identifier: Apache-2.0
#include "data/array_images.h"

#include "base/error.h"
#include "data/hash.h"

namespace hone {

namespace {
class ArrayImages : public ImageSource {
  public:
    ArrayImages(Tensor values, std::string where, const std::string& family)
        : values_(std::move(values)), where_(std::move(where)) {
        const Dims& d = values_.dims();
        const bool channels_first = d.size() == 4 && (d[1] == 1 || d[1] == 3);
        const bool channels_last = d.size() == 4 && !channels_first && (d[3] == 1 || d[3] == 3);
        if (d.size() == 4 && !channels_first && !channels_last)
            fail(ErrorKind::data, cat("data.", family, ".size"),
                 cat("pictures of ", to_text(d), "; expected 1 or 3 channels"), {}, where_);
        const size_t h = channels_first ? 2 : 1;
        check_image_size(d[h + 1], d[h], where_, {});
        info_ = {static_cast<int>(d[h + 1]), static_cast<int>(d[h]),
                 d.size() == 3 ? 1 : static_cast<int>(channels_first ? d[1] : d[3])};
        planar_ = info_.channels == 1 || !channels_last;
        bytes_ = static_cast<size_t>(count_of(d) / d[0]);
    }
    int64_t size() const override { return values_.dim(0); }
    ImageInfo info(int64_t) const override { return info_; }
    bool uniform() const override { return true; }
    const uint8_t* planar(int64_t i) const override { return planar_ ? at(i) : nullptr; }
    std::string where(int64_t i) const override { return cat(where_, ", item ", i); }
    uint64_t content(int64_t i) const override {
        Hasher h;
        h.add(at(i), bytes_);
        return h.value();
    }
    Image decode(int64_t i) const override {
        if (planar_) return image_of_planes(at(i), info_);
        return {info_.width, info_.height, info_.channels, std::vector<uint8_t>(at(i), at(i) + bytes_)};
    }

  private:
    const uint8_t* at(int64_t i) const { return values_.data<uint8_t>() + static_cast<size_t>(i) * bytes_; }
    Tensor values_;
    std::string where_;
    ImageInfo info_;
    bool planar_ = true;
    size_t bytes_ = 0;
};
}  // namespace

std::shared_ptr<const ImageSource> array_images(Tensor values, std::string where, const std::string& family) {
    return std::make_shared<ArrayImages>(std::move(values), std::move(where), family);
}

}  // namespace hone
