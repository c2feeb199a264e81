// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>

#include "base/error.h"
#include "base/thread_pool.h"
#include "data/hash.h"

namespace hone {

namespace {
Tensor rows_of(const Tensor& t, const std::vector<int64_t>& indices) {
    const int64_t k = t.dim(1);
    Tensor out = Tensor::zeros(DType::f32, {static_cast<int64_t>(indices.size()), k});
    float* to = out.data<float>();
    for (const int64_t i : indices) to = std::copy_n(t.data<float>() + i * k, k, to);
    return out;
}

class Subset : public Dataset {
  public:
    Subset(DatasetPtr of, std::vector<int64_t> indices, const std::string& name)
        : of_(std::move(of)), indices_(std::move(indices)) {
        name_ = name;
        class_names_ = of_->class_names();
        set_sample_dims(of_->sample_dims());
        sample_type_ = of_->sample_type();
        labels_.reserve(indices_.size());
        for (const int64_t i : indices_) {
            HONE_CHECK(i >= 0 && i < of_->size());
            labels_.push_back(of_->label(i));
        }
        if (of_->regression()) targets_ = rows_of(of_->targets(), indices_);
    }
    void load(int64_t i, float* out) const override { of_->load(at(i), out); }
    std::string origin(int64_t i) const override { return of_->origin(at(i)); }
    uint64_t content(int64_t i) const override { return of_->content(at(i)); }
    void load_ids(int64_t i, int64_t* out) const override { of_->load_ids(at(i), out); }
    const TextEncoder* encoder() const override { return of_->encoder(); }
    const std::string& line(int64_t i) const override { return of_->line(at(i)); }
    bool has_pixels() const override { return of_->has_pixels(); }
    void load_pixels(int64_t i, Image& into) const override { of_->load_pixels(at(i), into); }
    void normalise(const Image& pixels, float* out) const override { of_->normalise(pixels, out); }

  private:
    int64_t at(int64_t i) const { return indices_[static_cast<size_t>(i)]; }
    DatasetPtr of_;
    std::vector<int64_t> indices_;
};
}  // namespace

void Dataset::load_ids(int64_t, int64_t*) const { HONE_CHECK(false, description(), " has no texts"); }
const std::string& Dataset::line(int64_t) const { check_failed("encoder()", __FILE__, __LINE__, cat(description(), " has no texts")); }
void Dataset::load_pixels(int64_t, Image&) const { HONE_CHECK(false, description(), " has no pixels"); }
void Dataset::normalise(const Image&, float*) const { HONE_CHECK(false, description(), " has no pixels"); }

void Dataset::set_sample_dims(Dims dims) {
    sample_dims_ = std::move(dims);
    sample_count_ = count_of(sample_dims_);
}

std::string Dataset::description() const {
    return cat(name_, ": ", size(), " samples ", to_text(sample_dims_), ", ",
               regression() ? cat(targets_.dim(1), " targets") : cat(class_names_.size(), " classes"));
}

std::string Dataset::hash() const {
    std::call_once(hashed_, [this] {
        Hasher h;
        for (const std::string& c : class_names_) h.add(c);
        for (int64_t i = 0; i < size(); ++i) {
            h.add_word(static_cast<uint64_t>(label(i)));
            h.add_word(content(i));
        }
        if (regression()) h.add(targets_.raw(), targets_.bytes());
        hash_ = h.hex();
    });
    return hash_;
}

DatasetPtr subset(DatasetPtr of, std::vector<int64_t> indices, const std::string& name) {
    return std::make_shared<Subset>(std::move(of), std::move(indices), name);
}

void load_batch(const Dataset& data, std::span<const int64_t> indices, void* out) {
    const int64_t stride = data.sample_count();
    const auto n = static_cast<int64_t>(indices.size());
    const auto load = [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            const int64_t i = indices[static_cast<size_t>(k)];
            if (data.sample_type() == DType::i64)
                data.load_ids(i, static_cast<int64_t*>(out) + k * stride);
            else
                data.load(i, static_cast<float*>(out) + k * stride);
        }
    };
    ThreadPool* pool = ThreadPool::current();
    if (!pool || n < 2) return load(0, n);
    const int chunks = static_cast<int>(std::min<int64_t>(n, 32));
    pool->run(chunks, [&](int c) { load(n * c / chunks, n * (c + 1) / chunks); });
}

Tensor batch(const Dataset& data, std::span<const int64_t> indices) {
    Dims dims = data.sample_dims();
    dims.insert(dims.begin(), static_cast<int64_t>(indices.size()));
    Tensor t = Tensor::zeros(data.sample_type(), std::move(dims));
    load_batch(data, indices, t.raw_mut());
    return t;
}

Tensor batch_labels(const Dataset& data, std::span<const int64_t> indices) {
    std::vector<int64_t> v;
    v.reserve(indices.size());
    for (const int64_t i : indices) v.push_back(data.label(i));
    return Tensor::of_i64(v);
}

std::vector<int64_t> class_counts(const Dataset& data) {
    std::vector<int64_t> n(data.class_names().size());
    for (const int label : data.labels()) ++n[static_cast<size_t>(label)];
    return n;
}

}  // namespace hone
