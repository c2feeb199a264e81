// SPDX-License-Identifier: Apache-2.0
// One part of a data set as its format stores it: samples and class names, nothing preprocessed, nothing split. Part
// readers (formats.h) make it; open.cc numbers the classes over all parts and builds datasets from it.
//
//   RawPart part = read_csv_part(tree, prefix, listing);
//   part.rows.dims();                    // {2000, 16}: a table; or
//   part.images->decode(0);              // pictures
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "data/image.h"
#include "data/preprocess.h"

namespace hone {

/// Pictures that can be decoded one by one. Thread-safe.
class ImageSource {
  public:
    virtual ~ImageSource() = default;
    virtual int64_t size() const = 0;
    virtual ImageInfo info(int64_t i) const = 0;  ///< from the header
    virtual Image decode(int64_t i) const = 0;
    virtual std::string where(int64_t i) const = 0;
    virtual uint64_t content(int64_t i) const = 0;  ///< as Dataset::content
    /// All pictures have one size and one number of channels.
    virtual bool uniform() const { return false; }
    /// The stored bytes where they are already planar; else null.
    virtual const uint8_t* planar(int64_t) const { return nullptr; }
};

struct RawPart {
    DataKind kind = DataKind::image;
    std::string where;               ///< file or folder, for messages
    std::vector<std::string> names;  ///< class names, in the order of class_order
    std::vector<int> labels;         ///< into names
    bool numbered = false;           ///< names are only the numbers 0..n-1
    std::shared_ptr<const ImageSource> images;
    Tensor rows;                       ///< f32 [N, ...] where kind is table
    std::vector<std::string> texts;    ///< UTF-8, where kind is text
    Tensor targets;                    ///< f32 [N, K] of a regression; then there is one class, kTargetName
    std::vector<std::string> columns;  ///< of a table with a header
    std::vector<std::string> notes;    ///< what a user should know: files left out
};

constexpr const char* kTargetName = "target";
std::optional<double> number_of(const std::string& text);  ///< all of it a finite number

/// Sorts by name, numbers by value, and drops duplicates.
void sort_class_names(std::vector<std::string>& names);
/// Fills names and labels from one name a sample. Throws data "data.classes", "data.classes.utf8".
void set_labels(RawPart& part, const std::vector<std::string>& label_of_sample);
/// Makes the part one of a regression; f32 [N, K].
void set_targets(RawPart& part, Tensor targets);
/// Classes, or targets of a regression where `target` says so (all of them numbers, then) or the labels are real numbers (with
/// a note).
void set_answers(RawPart& part, const std::vector<std::string>& labels, bool target);
/// Makes classes whose names are numbers targets; false where a name is none.
bool classes_to_targets(RawPart& part);

}  // namespace hone
