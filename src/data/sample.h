// SPDX-License-Identifier: Apache-2.0
// Samples that belong to no data set, preprocessed by the code and the rules that data sets go through: what `run` is
// given.
//
//   for (const Sample& s : load_samples("photo.png", options, std::nullopt, &used)) session.run({s.x});
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "data/open.h"

namespace hone {

struct Sample {
    std::string origin;          ///< "photo.png", "test.csv, row 3"
    std::optional<int64_t> row;  ///< of a table or of an array of several samples, from 0
    std::string label;           ///< where the table has a column `label`
    Tensor x;                    ///< f32 [1,C,H,W] or [1,...]; of a text i64 [1,L]
};

/// A JPEG or PNG picture; the rows of a CSV file with a header; the lines of a .txt or .tsv file, `label<TAB>text` or only the
/// text, and a CSV's column `text`, numbered by the model's own vocabulary (`options.text.stored`); a .npy array of one sample or of several along its first
/// axis, which the model's `sample_dims` tell apart (-1 where open; empty: unknown). All, or only `row`. `used` gets the
/// preprocessing as resolved. Throws data "data.absent", "data.format", "data.row", "data.text.vocabulary", those of the formats and of
/// preprocessing.
std::vector<Sample> load_samples(const std::string& path, const DataOptions& options, const Dims& sample_dims,
                                 std::optional<int64_t> row, Preprocess* used);

/// A .npy file as it is. Throws data "data.absent", "data.npy.*".
Tensor load_array(const std::string& path);

/// Pictures take the size of the model's input where nothing else says theirs and they have another. True when
/// `p.resize` was set. `uniform`: all pictures have the size `first`.
bool follow_model_size(PreprocessOptions& p, ImageSize model, bool uniform, ImageSize first);

}  // namespace hone
