// SPDX-License-Identifier: Apache-2.0
// IDX files as parts: pairs of samples and labels.
#include <algorithm>

#include "base/error.h"
#include "data/array_part.h"
#include "data/formats.h"
#include "data/idx.h"

namespace hone {

namespace {
std::string without_gz(std::string_view name) {
    return std::string(has_ending(name, ".gz") ? name.substr(0, name.size() - 3) : name);
}

std::optional<Role> role_of_stem(std::string_view stem) {
    const size_t end = stem.find_last_not_of("-_.");
    if (end == std::string_view::npos) return std::nullopt;
    stem = stem.substr(0, end + 1);
    return role_of(stem.substr(stem.find_last_of("-_.") + 1));
}

/// A pair of IDX files: pictures (or rows) and their labels.
struct IdxPair {
    std::optional<Role> role;
    size_t data, labels;
};
}  // namespace

std::string idx_labels_name(const std::string& name) {
    std::string out = name;
    const size_t word = out.rfind("images");
    const size_t idx = out.find("idx", word == std::string::npos ? 0 : word);
    if (word == std::string::npos || idx == std::string::npos || idx + 3 >= out.size()) return {};
    out[idx + 3] = '1';
    return out.replace(word, 6, "labels");
}

namespace {
/// Throws data.absent when the labels that belong to pictures are missing.
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

RawPart read_pair(const FileTree& tree, const IdxPair& pair) {
    const std::string where = tree.where(pair.data), labels = tree.where(pair.labels);
    const IdxArray y = read_idx(tree.read(pair.labels), labels);
    return part_of_arrays({read_idx(tree.read(pair.data), where).values, where}, {y.values, labels}, "idx");
}
}  // namespace

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
    return read_pair(tree, pairs[0]);
}

std::vector<RolePart> idx_parts(const FileTree& tree, const std::string&, const Listing& listing) {
    const std::vector<IdxPair> pairs = find_idx_pairs(tree, listing);
    std::vector<RolePart> out;
    if (std::any_of(pairs.begin(), pairs.end(), [](const IdxPair& p) { return !p.role; })) return out;
    for (const IdxPair& p : pairs) out.push_back({*p.role, read_pair(tree, p)});
    return out;
}

}  // namespace hone
