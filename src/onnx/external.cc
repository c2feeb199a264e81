// SPDX-License-Identifier: Apache-2.0
#include "onnx/external.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace hone {
namespace {

constexpr size_t kMaxSideFiles = 4096;

struct Descriptor {
    int fd;
    explicit Descriptor(int f) : fd(f) {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    void become(int f) {
        if (fd >= 0) ::close(fd);
        fd = f;
    }
};

[[noreturn]] void refuse(const char* id, const std::string& what, const std::string& where) {
    fail(ErrorKind::model, id, what, "A model's side files are plain files in or below its own folder.", where);
}

/// "a/./b" -> {"a", "b"}. Refuses what could lead out.
std::vector<std::string> components(const std::string& location, const std::string& where) {
    const char* id = "model.external.escape";
    if (location.empty()) refuse(id, "a side file without a name", where);
    if (location[0] == '/') refuse(id, cat("side file '", location, "' is an absolute path"), where);
    if (location.find('\0') != std::string::npos) refuse(id, "a side file's name holds a zero byte", where);
    if (location.size() > 4096) refuse(id, "a side file's name is too long", where);
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= location.size();) {
        const size_t end = std::min(location.find('/', begin), location.size());
        const std::string part = location.substr(begin, end - begin);
        begin = end + 1;
        if (part == "..") refuse(id, cat("side file '", location, "' leads out of the model's folder"), where);
        if (!part.empty() && part != ".") parts.push_back(part);
    }
    if (parts.empty() || location.back() == '/') refuse(id, cat("side file '", location, "' names a folder"), where);
    return parts;
}

[[noreturn]] void cannot_open(const std::string& location, int parent, const std::string& part, const std::string& where) {
    const int error = errno;
    struct stat st;
    if (::fstatat(parent, part.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        refuse("model.external.symlink", cat("side file '", location, "' is or crosses a symbolic link"), where);
    if (error == ENOENT || error == ENOTDIR)
        fail(ErrorKind::io, "model.external.absent", cat("side file '", location, "' is absent"),
             "Put it beside the model.", where);
    fail(ErrorKind::io, "file.unreadable", cat("cannot open side file '", location, "': ", std::strerror(error)), "", where);
}

uint64_t number(const std::string& text, const char* key, const std::string& where) {
    uint64_t v = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
    if (error != std::errc() || end != text.data() + text.size() || v > uint64_t{1} << 62)
        refuse("model.external.range", cat(key, " '", text.substr(0, 40), "' is not a size"), where);
    return v;
}

}  // namespace

const MappedFile& SideFiles::open(const std::string& location, const std::string& where) {
    const std::vector<std::string> parts = components(location, where);
    const std::string key = join(parts, "/");
    if (const auto it = open_.find(key); it != open_.end()) return it->second;
    if (folder_.empty())
        fail(ErrorKind::io, "model.external.absent", cat("side file '", location, "': a model from memory has no folder"), "", where);
    if (open_.size() >= kMaxSideFiles)
        refuse("model.external.too_many", cat("more than ", static_cast<unsigned long>(kMaxSideFiles), " side files"), where);
    Descriptor at(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (at.fd < 0)
        fail(ErrorKind::io, "file.unreadable", cat("cannot open the model's folder: ", std::strerror(errno)), "", folder_);
    for (size_t i = 0; i < parts.size(); ++i) {
        const int kind = i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK;
        const int next = ::openat(at.fd, parts[i].c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | kind);
        if (next < 0) cannot_open(location, at.fd, parts[i], where);
        at.become(next);
    }
    struct stat st;
    if (::fstat(at.fd, &st) != 0 || !S_ISREG(st.st_mode))
        refuse("model.external.not_regular", cat("side file '", location, "' is not a regular file"), where);
    if (st.st_nlink > 1)
        refuse("model.external.hardlink", cat("side file '", location, "' has other names (hard links)"), where);
    MappedFile m;
    m.size = static_cast<size_t>(st.st_size);
    if (m.size) m = map_open_file(at.fd, m.size, cat("side file '", location, "'"), where);
    return open_.emplace(key, std::move(m)).first->second;
}

SideFiles::Range SideFiles::range(const std::vector<std::pair<std::string, std::string>>& entries, size_t need,
                                  const std::string& where) {
    const std::string* location = nullptr;
    uint64_t offset = 0, length = need;
    std::map<std::string, int> seen;
    for (const auto& [key, value] : entries) {
        if (++seen[key] > 1) refuse("model.external.range", cat("'", key, "' is given twice"), where);
        if (key == "location") location = &value;
        else if (key == "offset") offset = number(value, "offset", where);
        else if (key == "length") length = number(value, "length", where);
    }
    if (!location) refuse("model.external.escape", "external data without a location", where);
    const MappedFile& file = open(*location, where);
    if (length != need)
        refuse("model.tensor.size", cat("the data in '", *location, "' has ", length, " bytes; the dims need ",
                                        static_cast<unsigned long>(need)), where);
    if (offset > file.size || length > file.size - offset)
        refuse("model.external.range", cat("bytes ", offset, " to ", offset + length, " lie outside '", *location, "' of ",
                                           static_cast<unsigned long>(file.size), " bytes"), where);
    return {reinterpret_cast<const char*>(file.data) + offset, file.owner};
}

}  // namespace hone
