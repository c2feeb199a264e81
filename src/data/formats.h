// SPDX-License-Identifier: Apache-2.0
// The list of formats a part of a data set may have. recognise.cc asks each in order; adding a format is one new file
// with these functions and one line in the list.
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

enum class Role { training = 0, validation = 1, test = 2 };
struct RolePart {
    Role role;
    RawPart part;
};
struct PartFormat {
    const char* name;
    const char* looks_like;  ///< for the message when nothing matches
    bool (*matches)(const FileTree& tree, const std::string& prefix, const Listing& listing);
    RawPart (*read)(const FileTree& tree, const std::string& prefix, const Listing& listing);
    /// Where the names of files (or of what is in them) say which part each is: all of them; else none. May be null.
    std::vector<RolePart> (*parts)(const FileTree& tree, const std::string& prefix, const Listing& listing);
};
std::span<const PartFormat> part_formats();

const char* role_name(Role role);
/// train, training, validation, valid, val, test, testing, t10k.
std::optional<Role> role_of(std::string_view name);
std::string_view last_name(std::string_view path);
/// Lower-case comparison of the end.
bool has_ending(std::string_view path, std::string_view ending);
bool is_picture_name(std::string_view path);

/// "x-images-idx3-ubyte.gz" -> "x-labels-idx1-ubyte.gz"; empty when the name is none of IDX pictures.
std::string idx_labels_name(const std::string& name);
/// "x_train.npy" and those of `beside` that hold its labels.
std::vector<std::string> npy_companions(const std::string& name, const std::vector<std::string>& beside);

bool idx_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_idx_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
std::vector<RolePart> idx_parts(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool cifar_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_cifar_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
std::vector<RolePart> cifar_parts(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool npy_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_npy_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
std::vector<RolePart> npy_parts(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool image_folder_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_image_folder(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool csv_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_csv_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool text_folder_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_text_folder(const FileTree& tree, const std::string& prefix, const Listing& listing);
bool text_matches(const FileTree& tree, const std::string& prefix, const Listing& listing);
RawPart read_text_part(const FileTree& tree, const std::string& prefix, const Listing& listing);
/// A .tsv file, or a .txt whose first line has a tab.
bool is_text_part(const FileTree& tree, size_t file);
struct LabelledTexts {
    std::vector<std::string> labels, texts;
};
/// Lines `label<TAB>text`; empty lines are skipped. Ids: data.text.row, .utf8, .empty; budget memory.limit.
LabelledTexts parse_texts(std::string_view text, const std::string& where);

}  // namespace hone
