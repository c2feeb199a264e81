// SPDX-License-Identifier: Apache-2.0
// A set of named files to read: a folder, a tar archive, or a few files picked from a folder. Formats are recognised
// on it without knowing which of them it is. `open_data` makes one; the part readers take it.
//
//   std::shared_ptr<FileTree> tree = open_tree("glyphs.tar");
//   for (size_t i = 0; i < tree->files().size(); ++i) tree->files()[i].path;   // "train/A/0000.jpg", sorted
//   MappedFile bytes = tree->read(i);
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"

namespace hone {

struct TreeFile {
    std::string path;  ///< '/' between parts, relative to the tree
    size_t size;
};

class FileTree : public std::enable_shared_from_this<FileTree> {
  public:
    virtual ~FileTree() = default;
    const std::vector<TreeFile>& files() const { return files_; }
    const std::string& name() const { return name_; }
    /// For `where` of an error: "data/glyphs.tar:train/A/0000.jpg".
    virtual std::string where(size_t file) const = 0;
    /// Thread-safe. Throws data "data.absent", "data.unreadable".
    virtual MappedFile read(size_t file) const = 0;

  protected:
    std::string name_;
    std::vector<TreeFile> files_;  ///< sorted by path; hidden files are left out
};

/// A folder (three levels deep: part, class, file) or a tar archive. Throws data "data.absent", "data.unreadable",
/// "data.tar.*".
std::shared_ptr<FileTree> open_tree(const std::string& path);
/// Only these files of a folder.
std::shared_ptr<FileTree> pick_files(const std::string& folder, const std::vector<std::string>& names);

/// Maps a file; I/O errors become data "data.absent" and "data.unreadable" (exit code 5).
MappedFile load_bytes(const std::string& path);

/// What lies directly under `prefix` ("" or "train/"): names of folders, and indices of files.
struct Listing {
    std::vector<std::string> folders;
    std::vector<size_t> files;
};
Listing list_under(const FileTree& tree, const std::string& prefix);

}  // namespace hone
