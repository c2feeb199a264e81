// SPDX-License-Identifier: Apache-2.0
// Preprocessing as a value: x = (pixel * scale - mean) / std, after resize and crop. It travels in the model file as a
// string map (metadata `hone.preprocess`). Datasets apply it; `cli` builds it from flags and the model's map.
//
//   PreprocessOptions flags;  flags.mean = {0.5};  flags.std = {0.5};
//   Preprocess p = resolve(merge(flags, preprocess_from_map(stored), &warnings), DataKind::image, 3);
//   std::map<std::string, std::string> map = to_map(p);
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace hone {

enum class DataKind { image, table, text };

struct ImageSize {
    int height = 0, width = 0;
    bool operator==(const ImageSize&) const = default;
};
std::string to_text(ImageSize size);  ///< "32x24", height first
/// "HxW" or one number for a square. Throws usage "preprocess.size".
ImageSize parse_size(const std::string& text);

/// Pillow's filters.
enum class Resample { nearest, box, bilinear, hamming, bicubic, lanczos };
const std::vector<std::string>& resample_names();  ///< in the order of the enum
std::string to_text(Resample filter);
/// Throws usage "preprocess.resample" with the nearest name.
Resample parse_resample(const std::string& name);

struct Preprocess {
    DataKind kind = DataKind::image;
    double scale = 1.0 / 255;
    std::vector<double> mean{0}, std{1};  ///< one value serves all channels
    std::optional<ImageSize> resize;      ///< as Pillow does it, with the filter `resample`
    std::optional<ImageSize> crop;        ///< the middle, after resize
    int channels = 0;                     ///< 1 grey, 3 RGB; 0: as the source (tables)
    Resample resample = Resample::bilinear;
    bool operator==(const Preprocess&) const = default;
};

/// The same with "not given".
struct PreprocessOptions {
    std::optional<double> scale;
    std::optional<std::vector<double>> mean, std;
    std::optional<ImageSize> resize, crop;
    std::optional<int> channels;
    std::optional<Resample> resample;
    bool operator==(const PreprocessOptions&) const = default;
};

/// What `flags` leave open comes from `stored`. Each flag that changes a stored value adds a warning (may be null).
PreprocessOptions merge(const PreprocessOptions& flags, const PreprocessOptions& stored,
                        std::vector<std::string>* warnings);
PreprocessOptions options_of(const Preprocess& p);
/// Defaults for what is open: scale 1/255 for images, 1 for tables and arrays; mean 0, std 1. Checks the result.
Preprocess resolve(const PreprocessOptions& options, DataKind kind, int channels);
/// Finite values, std and scale not 0, one value or one a channel, sane sizes. Throws `kind` with id
/// "preprocess.scale", ".mean", ".std", ".size", ".channels". `channels` 0 leaves the counts unchecked.
void check(const Preprocess& p, int channels, ErrorKind kind = ErrorKind::usage);

/// Flat strings, with "schema": "1"; exact round trip.
std::map<std::string, std::string> to_map(const Preprocess& p);
/// Throws model "preprocess.schema", "preprocess.map" and those of `check`. Unknown keys are ignored.
Preprocess preprocess_from_map(const std::map<std::string, std::string>& map);

}  // namespace hone
