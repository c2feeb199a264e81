// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "data/parts.h"
#include "data/pixels.h"

namespace hone {

namespace {
/// One slot a sample; pages are touched only when a slot is filled.
class Cache {
  public:
    Cache(size_t slots, size_t bytes) : bytes_(bytes), states_(new std::atomic<uint8_t>[slots]()) {
        memory_.reset(static_cast<uint8_t*>(std::calloc(slots, bytes)));
    }
    const uint8_t* find(size_t i) const {
        return memory_ && states_[i].load(std::memory_order_acquire) == kReady ? memory_.get() + i * bytes_ : nullptr;
    }
    void put(size_t i, const uint8_t* from) {
        uint8_t empty = kEmpty;
        if (!memory_ || !states_[i].compare_exchange_strong(empty, kBusy, std::memory_order_relaxed)) return;
        std::memcpy(memory_.get() + i * bytes_, from, bytes_);
        states_[i].store(kReady, std::memory_order_release);
    }

  private:
    static constexpr uint8_t kEmpty = 0, kBusy = 1, kReady = 2;
    struct Free {
        void operator()(uint8_t* p) const { std::free(p); }
    };
    size_t bytes_;
    std::unique_ptr<uint8_t, Free> memory_;
    std::unique_ptr<std::atomic<uint8_t>[]> states_;
};

class PixelDataset : public Dataset {
  public:
    PixelDataset(Labelled l, std::shared_ptr<const ImageSource> images, const Preprocess& p, ImageSize source,
                 size_t cache_bytes)
        : images_(std::move(images)), pipeline_(p, source) {
        name_ = std::move(l.name);
        labels_ = std::move(l.labels);
        class_names_ = std::move(l.class_names);
        targets_ = std::move(l.targets);
        set_sample_dims(pipeline_.dims());
        const auto n = static_cast<size_t>(size());
        HONE_CHECK(images_->size() == size());
        direct_ = n > 0 && images_->uniform() && images_->planar(0) && pipeline_.keeps(images_->info(0));
        if (!direct_ && n > 0 && pipeline_.count() <= cache_bytes / n)
            cache_ = std::make_unique<Cache>(n, pipeline_.count());
    }
    void load(int64_t i, float* out) const override {
        std::vector<uint8_t> prepared;
        pipeline_.normalise(planar(i, prepared), out);
    }
    bool has_pixels() const override { return true; }
    void load_pixels(int64_t i, Image& into) const override {
        std::vector<uint8_t> prepared;
        const Dims& d = sample_dims();
        image_of_planes(planar(i, prepared), {static_cast<int>(d[2]), static_cast<int>(d[1]), static_cast<int>(d[0])}, into);
    }
    void normalise(const Image& pixels, float* out) const override { pipeline_.normalise(pixels, out); }
    std::string origin(int64_t i) const override { return images_->where(i); }
    uint64_t content(int64_t i) const override { return images_->content(i); }

  private:
    /// The prepared bytes: as stored, from the cache, or made in `prepared`.
    const uint8_t* planar(int64_t i, std::vector<uint8_t>& prepared) const {
        if (direct_) return images_->planar(i);
        if (const uint8_t* kept = cache_ ? cache_->find(static_cast<size_t>(i)) : nullptr) return kept;
        prepared.resize(pipeline_.count());
        pipeline_.prepare(images_->decode(i), prepared.data(), images_->where(i));
        if (cache_) cache_->put(static_cast<size_t>(i), prepared.data());
        return prepared.data();
    }
    std::shared_ptr<const ImageSource> images_;
    PixelPipeline pipeline_;
    bool direct_ = false;
    std::unique_ptr<Cache> cache_;
};
}  // namespace

DatasetPtr make_pixel_dataset(Labelled labelled, std::shared_ptr<const ImageSource> images, const Preprocess& p,
                              ImageSize source, size_t cache_bytes) {
    return std::make_shared<PixelDataset>(std::move(labelled), std::move(images), p, source, cache_bytes);
}

}  // namespace hone
