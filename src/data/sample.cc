// SPDX-License-Identifier: Apache-2.0
#include "data/sample.h"

#include "base/error.h"
#include "data/csv.h"
#include "data/file_tree.h"
#include "data/formats.h"
#include "data/parts.h"

namespace hone {

namespace {
const uint8_t* bytes_of(const MappedFile& file) { return reinterpret_cast<const uint8_t*>(file.data); }

Sample picture(const std::string& path, const MappedFile& file, const DataOptions& o, Preprocess* used) {
    const ImageInfo info = image_info(bytes_of(file), file.size, path);
    PreprocessOptions p = o.preprocess;
    int channels = o.channels == 1 || o.channels == 3 ? o.channels : p.channels.value_or(0);
    if (channels == 0) channels = info.channels;
    follow_model_size(p, {o.height, o.width}, true, {info.height, info.width});
    *used = resolve(p, DataKind::image, channels);
    return {path, {}, {}, load_picture(path, *used, channels)};
}

std::vector<Sample> table(const std::string& path, const MappedFile& file, const DataOptions& o,
                          std::optional<int64_t> row, Preprocess* used) {
    const CsvTable t = parse_csv(file.text(), path, false);
    const auto columns = static_cast<int64_t>(t.columns.size());
    const int64_t rows = static_cast<int64_t>(t.values.size()) / columns;
    if (row && (*row < 0 || *row >= rows))
        fail(ErrorKind::data, "data.row", cat("there is no row ", *row), cat("It has rows 0 to ", rows - 1, "."), path);
    *used = resolve(o.preprocess, DataKind::table, static_cast<int>(std::min<int64_t>(columns, 1 << 30)));
    Labelled unlabelled{path, {""}, std::vector<int>(static_cast<size_t>(rows), 0)};
    const DatasetPtr data = make_row_dataset(unlabelled, Tensor::of_f32(t.values, {rows, columns}), *used, path);
    std::vector<Sample> out;
    for (int64_t i = row.value_or(0); i < (row ? *row + 1 : rows); ++i) {
        Sample s{data->origin(i), i, t.labels.empty() ? "" : t.labels[static_cast<size_t>(i)],
                 Tensor::zeros(DType::f32, {1, columns})};
        data->load(i, s.x.data<float>());
        out.push_back(std::move(s));
    }
    return out;
}
}  // namespace

bool follow_model_size(PreprocessOptions& p, ImageSize model, bool uniform, ImageSize first) {
    if (p.resize || p.crop || model.height <= 0 || model.width <= 0 || (uniform && first == model)) return false;
    p.resize = model;
    return true;
}

std::vector<Sample> load_samples(const std::string& path, const DataOptions& o, std::optional<int64_t> row,
                                 Preprocess* used) {
    const MappedFile file = load_bytes(path);
    if (is_jpeg(bytes_of(file), file.size) || is_png(bytes_of(file), file.size)) {
        if (row) fail(ErrorKind::usage, "usage.row", "a picture has no rows", "--row is for tables.", path);
        return {picture(path, file, o, used)};
    }
    if (has_ending(path, ".csv")) return table(path, file, o, row, used);
    fail(ErrorKind::data, "data.format", "neither a JPEG or PNG picture nor a .csv table",
         "Give the picture itself, or a table with a header line.", path);
}

}  // namespace hone
