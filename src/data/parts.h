// SPDX-License-Identifier: Apache-2.0
// The datasets behind `open_data`: pictures (decoded on first use, their 8-bit result cached), rows of numbers, texts.
//
//   DatasetPtr d = make_pixel_dataset(part, class_names, labels, preprocess, source_size, cache_bytes, "test");
//   DatasetPtr t = make_row_dataset(part, class_names, labels, preprocess, "test");
//   d->load(0, out);
#pragma once
#include "data/dataset.h"
#include "data/raw_part.h"
#include "data/text.h"

namespace hone {

/// What every kind needs.
struct Labelled {
    std::string name;
    std::vector<std::string> class_names;
    std::vector<int> labels;
    Tensor targets{};  ///< of a regression
};
/// Caches prepared bytes while all of them fit into `cache_bytes`.
DatasetPtr make_pixel_dataset(Labelled labelled, std::shared_ptr<const ImageSource> images, const Preprocess& p,
                              ImageSize source, size_t cache_bytes);
DatasetPtr make_text_dataset(Labelled labelled, std::vector<std::string> texts, std::shared_ptr<const TextEncoder> encoder, std::string where);
DatasetPtr make_row_dataset(Labelled labelled, Tensor rows, const Preprocess& p, std::string where);

}  // namespace hone
