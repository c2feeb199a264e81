// SPDX-License-Identifier: Apache-2.0
// IDX files as a part: u8 of rank 3 or 4 are pictures, everything else is rows of numbers.
#include <algorithm>

#include "base/error.h"
#include "data/formats.h"
#include "data/hash.h"
#include "data/idx.h"

namespace hone {

namespace {
constexpr int64_t kMostClasses = 65536;

/// [N,H,W], [N,H,W,C] or [N,C,H,W].
class IdxImages : public ImageSource {
  public:
    IdxImages(IdxArray a, std::string where) : values_(std::move(a.values)), where_(std::move(where)) {
        const Dims& d = a.dims;
        const bool channels_first = d.size() == 4 && (d[1] == 1 || d[1] == 3);
        const bool channels_last = d.size() == 4 && !channels_first && d[3] == 3;
        if (d.size() == 4 && !channels_first && !channels_last)
            fail(ErrorKind::data, "data.idx.size", cat("pictures of ", to_text(d), "; expected 1 or 3 channels"), {},
                 where_);
        const size_t h = channels_first ? 2 : 1;
        check_image_size(d[h + 1], d[h], where_, {});
        info_ = {static_cast<int>(d[h + 1]), static_cast<int>(d[h]),
                 d.size() == 3 ? 1 : static_cast<int>(channels_first ? d[1] : d[3])};
        planar_ = !channels_last;
        bytes_ = static_cast<size_t>(count_of(d) / d[0]);
    }
    int64_t size() const override { return values_.dim(0); }
    ImageInfo info(int64_t) const override { return info_; }
    bool uniform() const override { return true; }
    const uint8_t* planar(int64_t i) const override { return planar_ ? at(i) : nullptr; }
    std::string where(int64_t i) const override { return cat(where_, ", item ", i); }
    uint64_t content(int64_t i) const override {
        Hasher h;
        h.add(at(i), bytes_);
        return h.value();
    }
    Image decode(int64_t i) const override {
        Image out{info_.width, info_.height, info_.channels, std::vector<uint8_t>(at(i), at(i) + bytes_)};
        if (!planar_ || info_.channels == 1) return out;
        const size_t plane = bytes_ / 3;
        for (size_t p = 0; p < plane; ++p)
            for (size_t c = 0; c < 3; ++c) out.pixels[3 * p + c] = at(i)[c * plane + p];
        return out;
    }

  private:
    const uint8_t* at(int64_t i) const { return values_.data<uint8_t>() + static_cast<size_t>(i) * bytes_; }
    Tensor values_;
    std::string where_;
    ImageInfo info_;
    bool planar_ = true;
    size_t bytes_ = 0;
};

std::string without_gz(std::string_view name) {
    return std::string(has_ending(name, ".gz") ? name.substr(0, name.size() - 3) : name);
}

std::optional<Role> role_of_stem(std::string_view stem) {
    const size_t end = stem.find_last_not_of("-_.");
    if (end == std::string_view::npos) return std::nullopt;
    stem = stem.substr(0, end + 1);
    return role_of(stem.substr(stem.find_last_of("-_.") + 1));
}

void read_labels(RawPart& part, const FileTree& tree, size_t file, int64_t samples) {
    const std::string where = tree.where(file);
    const IdxArray a = read_idx(tree.read(file), where);
    if (a.dims.size() != 1 || is_float(a.values.dtype()))
        fail(ErrorKind::data, "data.idx.label",
             cat("labels of shape ", to_text(a.dims), "; expected one whole number a sample"), {}, where);
    if (a.dims[0] != samples)
        fail(ErrorKind::data, "data.idx.count", cat(a.dims[0], " labels for ", samples, " samples"),
             cat("The samples are in ", part.where, "."), where);
    int64_t most = -1;
    part.labels.reserve(static_cast<size_t>(samples));
    for (int64_t i = 0; i < samples; ++i) {
        const int64_t v = a.values.at_int(i);
        if (v < 0 || v >= kMostClasses)
            fail(ErrorKind::data, "data.idx.label",
                 cat("label ", v, " of item ", i, " is out of range 0..", kMostClasses - 1), {}, where);
        part.labels.push_back(static_cast<int>(v));
        most = std::max(most, v);
    }
    for (int64_t v = 0; v <= most; ++v) part.names.push_back(cat(v));
    part.numbered = true;
}
}  // namespace

std::string idx_labels_name(const std::string& name) {
    std::string out = name;
    const size_t word = out.rfind("images");
    const size_t idx = out.find("idx", word == std::string::npos ? 0 : word);
    if (word == std::string::npos || idx == std::string::npos || idx + 3 >= out.size()) return {};
    out[idx + 3] = '1';
    return out.replace(word, 6, "labels");
}

std::vector<IdxPair> find_idx_pairs(const FileTree& tree, const Listing& listing) {
    std::vector<IdxPair> pairs;
    for (const size_t f : listing.files) {
        const std::string name = without_gz(last_name(tree.files()[f].path));
        const std::string wanted = idx_labels_name(name);
        if (wanted.empty()) continue;
        const auto labels = std::find_if(listing.files.begin(), listing.files.end(), [&](size_t g) {
            return without_gz(last_name(tree.files()[g].path)) == wanted;
        });
        if (labels == listing.files.end())
            fail(ErrorKind::data, "data.absent",
                 cat("the labels `", wanted, "` (or .gz) are missing beside the pictures"), {}, tree.where(f));
        const IdxPair pair{role_of_stem(name.substr(0, name.rfind("images"))), f, *labels};
        // The same file with and without .gz counts once.
        const bool again = std::any_of(pairs.begin(), pairs.end(), [&](const IdxPair& p) {
            return without_gz(tree.files()[p.data].path) == without_gz(tree.files()[f].path);
        });
        if (!again) pairs.push_back(pair);
    }
    return pairs;
}

RawPart read_idx_pair(const FileTree& tree, const IdxPair& pair) {
    RawPart part;
    part.where = tree.where(pair.data);
    IdxArray a = read_idx(tree.read(pair.data), part.where);
    const int64_t n = a.dims[0];
    if (a.dims.size() < 2)
        fail(ErrorKind::data, "data.idx.size", cat("samples of shape ", to_text(a.dims), "; expected at least 2 axes"),
             {}, part.where);
    read_labels(part, tree, pair.labels, n);
    if (a.values.dtype() == DType::u8 && (a.dims.size() == 3 || a.dims.size() == 4)) {
        part.images = std::make_shared<IdxImages>(std::move(a), part.where);
        return part;
    }
    part.kind = DataKind::table;
    part.rows = a.values.cast(DType::f32);
    return part;
}

bool idx_matches(const FileTree& tree, const std::string&, const Listing& listing) {
    return std::any_of(listing.files.begin(), listing.files.end(), [&](size_t f) {
        return !idx_labels_name(std::string(last_name(tree.files()[f].path))).empty();
    });
}

RawPart read_idx_part(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    const std::vector<IdxPair> pairs = find_idx_pairs(tree, listing);
    if (pairs.size() != 1)
        fail(ErrorKind::data, "data.format", cat(pairs.size(), " pairs of IDX files; expected one"),
             "Name parts train-images..., validation-images..., t10k-images....", tree.name() + "/" + prefix);
    return read_idx_pair(tree, pairs[0]);
}

}  // namespace hone
