// SPDX-License-Identifier: Apache-2.0
#include "data/sample.h"

#include "base/error.h"
#include "data/array_part.h"
#include "data/byte_source.h"
#include "data/csv.h"
#include "data/file_tree.h"
#include "data/formats.h"
#include "data/npy.h"
#include "data/parts.h"
#include "data/text_lines.h"

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

/// All samples of a data set, or one.
std::vector<Sample> samples_of(const Dataset& data, const std::vector<std::string>& labels, std::optional<int64_t> row,
                               const std::string& path) {
    const int64_t n = data.size();
    if (row && (*row < 0 || *row >= n))
        fail(ErrorKind::data, "data.row", cat("there is no row ", *row), cat("It has rows 0 to ", n - 1, "."), path);
    Dims dims = data.sample_dims();
    dims.insert(dims.begin(), 1);
    std::vector<Sample> out;
    for (int64_t i = row.value_or(0); i < (row ? *row + 1 : n); ++i) {
        Sample s{data.origin(i), i, labels.empty() ? "" : labels[static_cast<size_t>(i)], Tensor::zeros(DType::f32, dims)};
        data.load(i, s.x.data<float>());
        out.push_back(std::move(s));
    }
    return out;
}

/// A row of the file, all of them where `row` is open.
std::vector<Sample> texts_of(const std::vector<std::string>& texts, const std::vector<std::string>& labels, std::optional<int64_t> row, const DataOptions& o,
                             const std::string& path, Preprocess* used) {
    if (!o.text.stored) fail(ErrorKind::data, "data.text.vocabulary", "the model carries no vocabulary", "`hone train` stores it in what it trains on texts.", path);
    const TextEncoder encoder = make_text_encoder({}, o.text);
    *used = resolve(o.preprocess, DataKind::text, 0);
    const auto n = static_cast<int64_t>(texts.size());
    if (row && (*row < 0 || *row >= n)) fail(ErrorKind::data, "data.row", cat("there is no row ", *row), cat("It has rows 0 to ", n - 1, "."), path);
    std::vector<Sample> out;
    for (int64_t i = row.value_or(0); i < (row ? *row + 1 : n); ++i) {
        const auto k = static_cast<size_t>(i);
        Sample s{cat(path, ", text ", i), i, labels.empty() ? "" : labels[k], Tensor::zeros(DType::i64, {1, encoder.length})};
        encoder.encode(tokens_of(texts[k], encoder.unit), s.x.data<int64_t>());
        out.push_back(std::move(s));
    }
    return out;
}

std::vector<Sample> text_lines(std::string_view file, const DataOptions& o, std::optional<int64_t> row, const std::string& path, Preprocess* used) {
    std::vector<std::string> texts, labels;
    TextLines lines(file, path);
    for (std::string_view line; lines.next(line);) {
        if (line.empty()) continue;
        const size_t tab = line.find('\t');
        labels.emplace_back(tab == std::string_view::npos ? std::string_view() : line.substr(0, tab));
        texts.emplace_back(tab == std::string_view::npos ? line : line.substr(tab + 1));
    }
    if (texts.empty()) fail(ErrorKind::data, "data.text.empty", "no line of text", {}, path);
    return texts_of(texts, labels, row, o, path, used);
}

RawPart unlabelled(RawPart part, int64_t samples) {
    part.names = {"0"};
    part.labels.assign(static_cast<size_t>(samples), 0);
    part.numbered = true;
    return part;
}

std::vector<Sample> table(const std::string& path, const MappedFile& file, const DataOptions& o,
                          std::optional<int64_t> row, Preprocess* used) {
    const CsvTable t = parse_csv(file.text(), path, false);
    const auto columns = static_cast<int64_t>(t.columns.size());
    const int64_t rows = static_cast<int64_t>(t.values.size()) / columns;
    RawPart part;
    part.kind = DataKind::table;
    part.where = path;
    part.rows = Tensor::of_f32(t.values, {rows, columns});
    const DataParts data = open_samples(unlabelled(std::move(part), rows), path, o);
    *used = data.preprocess;
    return samples_of(*data.whole, t.labels, row, path);
}

/// Whether `dims` are those of one sample: as the model has them, or one picture [H,W] or [H,W,3] of bytes.
bool one_sample(const Tensor& t, const Dims& model) {
    bool fits = !model.empty() && t.rank() == model.size();
    for (size_t i = 0; fits && i < model.size(); ++i) fits = model[i] < 0 || model[i] == t.dim(i);
    const bool picture = t.dtype() == DType::u8 && model.size() == 3 && (t.rank() == 2 || (t.rank() == 3 && t.dim(2) == 3));
    return fits || picture || t.rank() == 0;
}

std::vector<Sample> array(const std::string& path, const DataOptions& o, const Dims& model, std::optional<int64_t> row,
                          Preprocess* used) {
    Tensor t = load_array(path);
    const bool one = one_sample(t, model);
    if (one) {
        Dims dims = t.dims();
        dims.insert(dims.begin(), 1);
        t = t.reshaped(dims);
    }
    const int64_t n = t.dim(0);
    const DataParts data =
        open_samples(part_of_arrays({t, path}, {Tensor::zeros(DType::i64, {n}), path}, "npy"), path, o);
    *used = data.preprocess;
    std::vector<Sample> out = samples_of(*data.whole, {}, row, path);
    if (one) out[0].origin = path, out[0].row.reset();
    return out;
}
}  // namespace

bool follow_model_size(PreprocessOptions& p, ImageSize model, bool uniform, ImageSize first) {
    if (p.resize || p.crop || model.height <= 0 || model.width <= 0 || (uniform && first == model)) return false;
    p.resize = model;
    return true;
}

Tensor load_array(const std::string& path) {
    const MappedFile file = load_bytes(path);
    MemorySource in(bytes_of(file), file.size);
    return read_npy(in, path);
}

std::vector<Sample> load_samples(const std::string& path, const DataOptions& o, const Dims& sample_dims,
                                 std::optional<int64_t> row, Preprocess* used) {
    const MappedFile file = load_bytes(path);
    if (is_jpeg(bytes_of(file), file.size) || is_png(bytes_of(file), file.size)) {
        if (row) fail(ErrorKind::usage, "usage.row", "a picture has no rows", "--row is for tables.", path);
        return {picture(path, file, o, used)};
    }
    if (has_ending(path, ".txt") || has_ending(path, ".tsv")) return text_lines(file.text(), o, row, path, used);
    if (has_ending(path, ".csv"))
        if (const std::optional<CsvTexts> t = parse_csv_texts(file.text(), path, false)) return texts_of(t->texts, t->labels, row, o, path, used);
    if (has_ending(path, ".csv")) return table(path, file, o, row, used);
    if (has_ending(path, ".npy")) return array(path, o, sample_dims, row, used);
    fail(ErrorKind::data, "data.format", "neither a JPEG or PNG picture nor a .csv table nor a .txt or .tsv of texts nor a .npy array",
         "Give the picture itself, or a table with a header line.", path);
}

}  // namespace hone
