// SPDX-License-Identifier: Apache-2.0
// Labelled samples as every consumer sees them: f32 (texts: i64), preprocessed, one class number each. `open_data` makes them;
// eval, train and compress read them. Implementations are in pixel_dataset.cc and row_dataset.cc.
//
//   const Dataset& d = *parts.validation;
//   Tensor x = batch(d, indices);      // [n, C, H, W]
//   int answer = d.label(indices[0]);
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "data/image.h"

namespace hone {

struct TextEncoder;

class Dataset {
  public:
    virtual ~Dataset() = default;
    int64_t size() const { return static_cast<int64_t>(labels_.size()); }
    /// Of one sample after preprocessing: [C,H,W] for images, [F] for tables, [L] for texts.
    const Dims& sample_dims() const { return sample_dims_; }
    int64_t sample_count() const { return sample_count_; }  ///< values of one sample
    DType sample_type() const { return sample_type_; }      ///< f32; i64 for texts
    int label(int64_t i) const { return labels_[static_cast<size_t>(i)]; }
    const std::vector<int>& labels() const { return labels_; }
    /// Sorted by name (numbers by value); label i is class_names()[i].
    const std::vector<std::string>& class_names() const { return class_names_; }
    /// f32 [size(), K] of a regression, where every label is 0; else undefined.
    const Tensor& targets() const { return targets_; }
    bool regression() const { return targets_.defined(); }
    /// "glyphs.tar test: 2366 samples [3,32,32], 26 classes".
    std::string description() const;
    /// Of the samples as stored and their labels, in their order (not of the preprocessing, nor of the files' names); 16 hex
    /// digits. Reads all of them once.
    std::string hash() const;

    /// Writes sample_count() floats. Thread-safe. Throws data errors for a picture that cannot be read.
    virtual void load(int64_t i, float* out) const = 0;
    /// The same as sample_type() i64: the numbers of a text's words. Only where encoder() is.
    virtual void load_ids(int64_t i, int64_t* out) const;
    /// Where sample i comes from, for messages: "glyphs.tar:test/A/0007.jpg".
    virtual std::string origin(int64_t i) const = 0;
    /// A hash of sample i as stored, without its label, name or place: equal for a copy.
    virtual uint64_t content(int64_t i) const = 0;

    /// Of texts; else null.
    virtual const TextEncoder* encoder() const { return nullptr; }
    /// Sample i as text. Only where encoder() is.
    virtual const std::string& line(int64_t i) const;
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
    DType sample_type_ = DType::f32;

  private:
    Dims sample_dims_;
    int64_t sample_count_ = 0;
    mutable std::once_flag hashed_;
    mutable std::string hash_;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// Some of the samples of another, in the given order.
DatasetPtr subset(DatasetPtr of, std::vector<int64_t> indices, const std::string& name);

/// [indices.size(), sample_dims...] of sample_type(); loads on the current thread pool.
Tensor batch(const Dataset& data, std::span<const int64_t> indices);
/// The same into memory of the caller: indices.size() * sample_count() values.
void load_batch(const Dataset& data, std::span<const int64_t> indices, void* out);
/// i64 [indices.size()].
Tensor batch_labels(const Dataset& data, std::span<const int64_t> indices);
/// Number of samples of each class.
std::vector<int64_t> class_counts(const Dataset& data);

}  // namespace hone
