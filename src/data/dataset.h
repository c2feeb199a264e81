// SPDX-License-Identifier: Apache-2.0
// Labelled samples as every consumer sees them: f32, preprocessed, one class number each. `open_data` makes them;
// eval, train and compress read them. Implementations are in pixel_dataset.cc and row_dataset.cc.
//
//   const Dataset& d = *parts.validation;
//   Tensor x = batch(d, indices);      // [n, C, H, W]
//   int answer = d.label(indices[0]);
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "data/image.h"

namespace hone {

class Dataset {
  public:
    virtual ~Dataset() = default;
    int64_t size() const { return static_cast<int64_t>(labels_.size()); }
    /// Of one sample after preprocessing: [C,H,W] for images, [F] for tables.
    const Dims& sample_dims() const { return sample_dims_; }
    int64_t sample_count() const { return sample_count_; }  ///< floats of one sample
    int label(int64_t i) const { return labels_[static_cast<size_t>(i)]; }
    const std::vector<int>& labels() const { return labels_; }
    /// Sorted by name (numbers by value); label i is class_names()[i].
    const std::vector<std::string>& class_names() const { return class_names_; }
    /// f32 [size(), K] of a regression, where every label is 0; else undefined.
    const Tensor& targets() const { return targets_; }
    bool regression() const { return targets_.defined(); }
    /// "glyphs.tar test: 2366 samples [3,32,32], 26 classes".
    std::string description() const;
    /// Of the samples as stored and their labels (not of the preprocessing); 16 hex digits. Reads all of them
    /// once; of a picture file its name, size and first 64 KiB count.
    std::string hash() const;

    /// Writes sample_count() floats. Thread-safe. Throws data errors for a picture that cannot be read.
    virtual void load(int64_t i, float* out) const = 0;
    /// Where sample i comes from, for messages: "glyphs.tar:test/A/0007.jpg".
    virtual std::string origin(int64_t i) const = 0;
    /// A hash of sample i as stored.
    virtual uint64_t content(int64_t i) const = 0;

    /// Samples are 8-bit pictures before they are normalised; what augments them works there. False for rows of numbers,
    /// arrays of floats among them.
    virtual bool has_pixels() const { return false; }
    /// Sample i resized and cropped, not normalised; `into` keeps its memory from call to call. Only with has_pixels().
    virtual void load_pixels(int64_t i, Image& into) const;
    /// From what load_pixels gave, changed or not, to the sample_count() floats that `load` writes.
    virtual void normalise(const Image& pixels, float* out) const;

  protected:
    void set_sample_dims(Dims dims);
    std::string name_;
    std::vector<int> labels_;
    std::vector<std::string> class_names_;
    Tensor targets_;

  private:
    Dims sample_dims_;
    int64_t sample_count_ = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Some of the samples of another, in the given order.
DatasetPtr subset(DatasetPtr of, std::vector<int64_t> indices, const std::string& name);

/// [indices.size(), sample_dims...] f32; loads on the current thread pool.
Tensor batch(const Dataset& data, std::span<const int64_t> indices);
/// The same into memory of the caller: indices.size() * sample_count() floats.
void load_batch(const Dataset& data, std::span<const int64_t> indices, float* out);
/// i64 [indices.size()].
Tensor batch_labels(const Dataset& data, std::span<const int64_t> indices);
/// Number of samples of each class.
std::vector<int64_t> class_counts(const Dataset& data);

}  // namespace hone
