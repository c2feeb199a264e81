// SPDX-License-Identifier: Apache-2.0
#include "data/file_tree.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "data/tar.h"

namespace hone {

namespace {
constexpr int kDepth = 4;  // one folder around, part, class, file

bool hidden(std::string_view path) {
    for (size_t at = 0; at < path.size();) {
        if (path[at] == '.' || path.substr(at).starts_with("__MACOSX")) return true;
        const size_t slash = path.find('/', at);
        if (slash == std::string_view::npos) return false;
        at = slash + 1;
    }
    return false;
}

bool by_path(const TreeFile& a, const TreeFile& b) { return a.path < b.path; }

class FolderTree : public FileTree {
  public:
    explicit FolderTree(const std::string& path) {
        name_ = path;
        add_folder("", 1);
        std::sort(files_.begin(), files_.end(), by_path);
    }
    FolderTree(const std::string& folder, const std::vector<std::string>& names) {
        name_ = folder;
        for (const std::string& n : names) add(n, 1);
        std::sort(files_.begin(), files_.end(), by_path);
    }
    std::string where(size_t file) const override { return name_ + "/" + files_[file].path; }
    MappedFile read(size_t file) const override { return load_bytes(where(file)); }

  private:
    void add_folder(const std::string& prefix, int depth) {
        std::vector<std::string> names;
        try {
            names = list_directory(name_ + "/" + prefix);
        } catch (const Error& e) {
            fail(ErrorKind::data, "data.unreadable", e.message, e.hint, e.where);
        }
        for (const std::string& n : names)
            if (!hidden(n)) add(prefix + n, depth);
    }
    void add(const std::string& path, int depth) {
        struct stat st;
        if (::stat((name_ + "/" + path).c_str(), &st) != 0) return;  // a dangling link
        if (S_ISREG(st.st_mode)) files_.push_back({path, static_cast<size_t>(st.st_size)});
        if (S_ISDIR(st.st_mode) && depth < kDepth) add_folder(path + "/", depth + 1);
    }
};

class TarTree : public FileTree {
  public:
    TarTree(const std::string& path, MappedFile file) : file_(std::move(file)) {
        name_ = path;
        std::vector<TarEntry> entries = read_tar_index(file_, path);
        // A later entry of the same path replaces an earlier one.
        std::stable_sort(entries.begin(), entries.end(),
                         [](const TarEntry& a, const TarEntry& b) { return a.path < b.path; });
        for (size_t i = 0; i < entries.size(); ++i) {
            if (hidden(entries[i].path) || (i + 1 < entries.size() && entries[i + 1].path == entries[i].path)) continue;
            files_.push_back({entries[i].path, entries[i].size});
            offsets_.push_back(entries[i].offset);
        }
    }
    std::string where(size_t file) const override { return name_ + ":" + files_[file].path; }
    MappedFile read(size_t file) const override {
        return {file_.data + offsets_[file], files_[file].size, file_.owner};
    }

  private:
    MappedFile file_;
    std::vector<size_t> offsets_;
};
}  // namespace

MappedFile load_bytes(const std::string& path) {
    try {
        return map_file(path);
    } catch (const Error& e) {
        const bool absent = e.id == "file.absent";
        fail(ErrorKind::data, absent ? "data.absent" : "data.unreadable", e.message, e.hint, e.where);
    }
}

std::shared_ptr<FileTree> open_tree(const std::string& path) {
    if (is_directory(path)) return std::make_shared<FolderTree>(path);
    return std::make_shared<TarTree>(path, load_bytes(path));
}

std::shared_ptr<FileTree> pick_files(const std::string& folder, const std::vector<std::string>& names) {
    return std::make_shared<FolderTree>(folder, names);
}

Listing list_under(const FileTree& tree, const std::string& prefix) {
    Listing out;
    const auto& files = tree.files();
    auto at = std::lower_bound(files.begin(), files.end(), prefix,
                               [](const TreeFile& f, const std::string& p) { return f.path < p; });
    for (; at != files.end() && at->path.starts_with(prefix); ++at) {
        const std::string_view rest = std::string_view(at->path).substr(prefix.size());
        const size_t slash = rest.find('/');
        if (slash == std::string_view::npos)
            out.files.push_back(static_cast<size_t>(at - files.begin()));
        else if (out.folders.empty() || out.folders.back() != rest.substr(0, slash))
            out.folders.emplace_back(rest.substr(0, slash));
    }
    return out;
}

}  // namespace hone
