// SPDX-License-Identifier: Apache-2.0
// The list of formats a part of a data set may have. open.cc asks each in order; adding a format is one new file with
// these two functions and one line in the list.
//
//   for (const PartFormat& f : part_formats())
//       if (f.matches(tree, prefix, listing)) return f.read(tree, prefix, listing);
//   // prefix is "" or "train/"; listing is what lies directly under it
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/file_tree.h"
#include "data/raw_part.h"

namespace hone {

struct PartFormat {
    const char* name;
    const char* looks_like;  ///< for the message when nothing matches
    bool (*matches)(const FileTree& tree, const std::string& prefix, const Listing& listing);
    RawPart (*read)(const FileTree& tree, const std::string& prefix, const Listing& listing);
};
std::span<const PartFormat> part_formats();

enum class Role { training = 0, validation = 1, test = 2 };
const char* role_name(Role role);
/// train, training, validation, valid, val, test, testing, t10k.
std::optional<Role> role_of(std::string_view name);
std::string_view last_name(std::string_view path);
/// Lower-case comparison of the end.
bool has_ending(std::string_view path, std::string_view ending);
bool is_picture_name(std::string_view path);

/// A pair of IDX files: pictures (or rows) and their labels.
struct IdxPair {
    std::optional<Role> role;
    size_t data, labels;
};
/// Throws data.absent when the labels that belong to pictures are missing.
std::vector<IdxPair> find_idx_pairs(const FileTree& tree, const Listing& listing);
RawPart read_idx_pair(const FileTree& tree, const IdxPair& pair);
/// "x-images-idx3-ubyte.gz" -> "x-labels-idx1-ubyte.gz"; empty when the name is none of IDX pictures.
std::string idx_labels_name(const std::string& name);

bool idx_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_idx_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool image_folder_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_image_folder(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool csv_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_csv_part(const FileTree& tree, const std::string& prefix, const Listing& listing);

}  // namespace hone
