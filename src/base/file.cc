// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/interrupt.h"

namespace hone {

namespace {
struct Descriptor {
    int fd;
    explicit Descriptor(int f) : fd(f) {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
};

[[noreturn]] void io_error(const char* id, const std::string& path, const std::string& what) {
    fail(ErrorKind::io, id, what + ": " + std::strerror(errno), {}, path);
}
}  // namespace

namespace {
struct Unmap {
    size_t size;
    void operator()(const void* p) const { ::munmap(const_cast<void*>(p), size); }
};
}  // namespace

MappedFile map_open_file(int fd, size_t size, const std::string& what, const std::string& where) {
    void* p = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) io_error("file.unreadable", where, "cannot map " + what);
    return {static_cast<const std::byte*>(p), size, std::shared_ptr<const void>(p, Unmap{size})};
}

void release_pages(const std::shared_ptr<const void>& owner, const void* data, size_t bytes) {
    if (!owner || !std::get_deleter<Unmap>(owner)) return;
    const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)), at = reinterpret_cast<uintptr_t>(data);
    const uintptr_t begin = (at + page - 1) / page * page, end = (at + bytes) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile map_file(const std::string& path) {
    Descriptor d(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (d.fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            fail(ErrorKind::io, "file.absent", "no such file", "Check the path.", path);
        io_error("file.unreadable", path, "cannot open");
    }
    struct stat st;
    if (::fstat(d.fd, &st) != 0) io_error("file.unreadable", path, "cannot stat");
    if (!S_ISREG(st.st_mode)) fail(ErrorKind::io, "file.unreadable", "not a regular file", {}, path);
    MappedFile m;
    m.size = static_cast<size_t>(st.st_size);
    if (m.size == 0) return m;
    return map_open_file(d.fd, m.size, "it", path);
}

std::string read_file(const std::string& path) { return std::string(map_file(path).text()); }

void write_file_atomic(const std::string& path, std::string_view bytes) {
    write_file_atomic(path, std::vector<std::string_view>{bytes});
}

void write_file_atomic(const std::string& path, const std::vector<std::string_view>& pieces) {
    const std::string folder = parent_directory(path);
    std::string temporary = folder + "/." + base_name(path) + ".XXXXXX";
    Descriptor d(::mkostemp(temporary.data(), O_CLOEXEC));
    if (d.fd < 0) io_error("file.write", path, "cannot create a temporary file beside it");
    struct Cleanup {
        const std::string& name;
        bool armed = true;
        ~Cleanup() {
            if (armed) ::unlink(name.c_str());
        }
    } cleanup{temporary};
    for (std::string_view rest : pieces) {
        while (!rest.empty()) {
            check_interrupt();
            const ssize_t n = ::write(d.fd, rest.data(), std::min<size_t>(rest.size(), size_t{8} << 20));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) io_error("file.write", path, "cannot write");
            rest.remove_prefix(static_cast<size_t>(n));
        }
    }
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(d.fd, 0666 & ~mask) != 0) io_error("file.write", path, "cannot set its mode");
    if (::fsync(d.fd) != 0) io_error("file.write", path, "cannot flush to disk");
    check_interrupt();
    if (::rename(temporary.c_str(), path.c_str()) != 0) io_error("file.write", path, "cannot rename into place");
    cleanup.armed = false;
    Descriptor dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.fd >= 0) ::fsync(dir.fd);
}

bool file_exists(const std::string& path) {
    struct stat st;
    return ::stat(path.c_str(), &st) == 0;
}
bool is_directory(const std::string& path) {
    struct stat st;
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

void make_directories(const std::string& path) {
    if (path.empty() || is_directory(path)) return;
    const std::string parent = parent_directory(path);
    if (parent != path) make_directories(parent);
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) io_error("file.mkdir", path, "cannot create the folder");
    if (!is_directory(path)) fail(ErrorKind::io, "file.mkdir", "exists and is not a folder", {}, path);
}

std::vector<std::string> list_directory(const std::string& path) {
    DIR* dir = ::opendir(path.c_str());
    if (!dir) fail(ErrorKind::io, "file.absent", cat("cannot list the folder: ", std::strerror(errno)), {}, path);
    std::vector<std::string> names;
    while (dirent* e = ::readdir(dir)) {
        const std::string name = e->d_name;
        if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
}

std::string absolute_path(const std::string& path) {
    if (char* p = ::realpath(path.c_str(), nullptr)) {
        std::string out = p;
        std::free(p);
        return out;
    }
    if (!path.empty() && path[0] == '/') return path;
    char cwd[PATH_MAX];
    return ::getcwd(cwd, sizeof cwd) ? std::string(cwd) + "/" + path : path;
}

std::string parent_directory(const std::string& path) {
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}
std::string base_name(const std::string& path) {
    const size_t slash = path.find_last_of('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace hone
