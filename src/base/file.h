// SPDX-License-Identifier: Apache-2.0
// Files: the one reader by mapping, the one atomic writer. A reader sees the old file or the new one, never a half.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct MappedFile {
    const std::byte* data = nullptr;
    size_t size = 0;
    std::shared_ptr<const void> owner;  ///< keeps the mapping
    std::string_view text() const { return {reinterpret_cast<const char*>(data), size}; }
};

/// Maps `size` > 0 bytes of an open file. Throws io "file.unreadable", which names `what`, with `where`.
MappedFile map_open_file(int fd, size_t size, const std::string& what, const std::string& where);
/// Gives back the memory of a part of a mapped file, whose owner is `owner`; when read again it comes from the file. Does
/// nothing where `owner` is of other memory.
void release_pages(const std::shared_ptr<const void>& owner, const void* data, size_t bytes);
/// Maps a regular file for reading. Throws `kind_id` errors: io "file.absent", "file.unreadable".
MappedFile map_file(const std::string& path);
/// Reads a whole file into memory. Same errors.
std::string read_file(const std::string& path);
/// Writes beside the target, fsyncs, renames, fsyncs the folder. On any failure the target is untouched, the
/// temporary is removed, and io "file.write" is thrown. An interrupt (base/interrupt.h) before the rename counts.
void write_file_atomic(const std::string& path, std::string_view bytes);
/// The same in pieces, so that large models need no second copy.
void write_file_atomic(const std::string& path, const std::vector<std::string_view>& pieces);

bool file_exists(const std::string& path);
bool is_directory(const std::string& path);
/// Creates the folder and its parents. Throws io "file.mkdir".
void make_directories(const std::string& path);
/// Names in a folder, sorted bytewise, without "." and "..". Throws io "file.absent".
std::vector<std::string> list_directory(const std::string& path);
std::string absolute_path(const std::string& path);  ///< symlinks resolved where the path exists
std::string parent_directory(const std::string& path);
std::string base_name(const std::string& path);

}  // namespace hone
