// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "record/fast_hash.h"
#include "record/json.h"

namespace hone::train {

namespace {

constexpr const char *kManifest = ".json", *kTensors = ".safetensors";
constexpr std::string_view kStem = "checkpoint-";
constexpr int64_t kKept = 2;

/// Of "checkpoint-000012.json" and ".safetensors" 12; else 0.
int64_t serial_of(const std::string& name, std::string_view ending) {
    if (!name.starts_with(kStem) || !name.ends_with(ending) || name.size() <= kStem.size() + ending.size()) return 0;
    const std::string digits = name.substr(kStem.size(), name.size() - kStem.size() - ending.size());
    const bool number = digits.size() < 18 && digits.find_first_not_of("0123456789") == std::string::npos;
    return number ? std::atoll(digits.c_str()) : 0;
}

std::string hex(uint64_t v) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
    return text;
}

std::string digest_of(record::Checkpoint m) {
    m.digest.clear();
    return hex(record::fast_hash(record::to_json(m)));
}

[[noreturn]] void damaged(const std::string& what, const std::string& where) { fail(ErrorKind::data, "train.checkpoint", what, {}, where); }

}  // namespace

std::string tensors_hash(const record::Tensors& tensors) {
    uint64_t h = 0;
    for (const auto& [name, t] : tensors) {
        h = record::fast_hash(cat(name, " ", dtype_name(t.dtype()), to_text(t.dims())), h);
        h = record::fast_hash({static_cast<const char*>(t.raw()), t.bytes()}, h);
    }
    return hex(h);
}

void set_checkpoint_every(CheckpointOptions& o, const std::string& text) {
    struct Unit {
        const char* name;
        double seconds;  ///< 0: of steps
    };
    static constexpr Unit kUnits[] = {{"", 0}, {"steps", 0}, {"step", 0}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
    o.every_steps = 0, o.every_seconds = 0, o.every_epoch = false;
    if (text == "never") return o.folder.clear();
    for (size_t at = 0; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string one = text.substr(at, comma - at);
        at = comma + 1;
        if (one == "epoch") {
            o.every_epoch = true;
            continue;
        }
        char* end = nullptr;
        const double v = std::strtod(one.c_str(), &end);
        const Unit* unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return std::string_view(u.name) == end; });
        const bool number = end != one.c_str() && unit != std::end(kUnits) && v > 0 && v < 1e15;
        if (!number || (unit->seconds == 0 && v != static_cast<double>(static_cast<int64_t>(v))))
            fail(ErrorKind::usage, "usage.value", cat("checkpoints every '", one, "'; expected a number of steps such as 500, a time such as 90s or 10m, epoch, or never"),
                 "Several with commas: 10m,epoch.");
        if (unit->seconds == 0) o.every_steps = static_cast<int64_t>(v);
        else o.every_seconds = v * unit->seconds;
    }
}

CheckpointStore::CheckpointStore(std::string folder, bool writes) : folder_(std::move(folder)) {
    if (writes) {
        make_directories(folder_);
        lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            ::close(lock_);
            fail(ErrorKind::io, "train.busy", "another process keeps its checkpoints here", "Wait for it, or choose another --out.", folder_);
        }
    }
    if (!is_directory(folder_)) return;
    for (const std::string& name : list_directory(folder_)) {
        if (const int64_t serial = serial_of(name, kManifest)) there_.push_back(serial);
        last_ = std::max({last_, serial_of(name, kManifest), serial_of(name, kTensors)});
    }
    std::sort(there_.begin(), there_.end());
    if (writes) sweep(there_);
}

CheckpointStore::~CheckpointStore() {
    if (lock_ >= 0) ::close(lock_);
}

std::string CheckpointStore::path(int64_t serial, const char* ending) const {
    char number[24];
    std::snprintf(number, sizeof number, "%06lld", static_cast<long long>(serial));
    return cat(folder_, "/", kStem, number, ending);
}

void CheckpointStore::sweep(const std::vector<int64_t>& keep) const {
    for (const std::string& name : list_directory(folder_)) {  // a manifest is listed before its tensors, and goes first
        const int64_t serial = std::max(serial_of(name, kManifest), serial_of(name, kTensors));
        const bool half = name.starts_with(cat(".", kStem));
        if (half || (serial > 0 && std::find(keep.begin(), keep.end(), serial) == keep.end())) ::unlink(cat(folder_, "/", name).c_str());
    }
}

record::Checkpoint CheckpointStore::read_manifest(int64_t serial) const {
    const std::string file = path(serial, kManifest);
    record::Checkpoint m = record::checkpoint_from_json(read_file(file));
    if (m.digest != digest_of(m)) damaged("its digest is another's: it was changed", file);
    return m;
}

std::optional<record::Checkpoint> CheckpointStore::newest_manifest() const {
    for (auto serial = there_.rbegin(); serial != there_.rend(); ++serial) {
        try {
            return read_manifest(*serial);
        } catch (const Error& e) {
            if (e.kind != ErrorKind::data && e.kind != ErrorKind::io) throw;
        }
    }
    return std::nullopt;
}

std::optional<Checkpoint> CheckpointStore::newest(std::vector<std::string>& words) {
    for (auto serial = there_.rbegin(); serial != there_.rend(); ++serial) {
        try {
            Checkpoint c{read_manifest(*serial), {}};
            const std::string file = path(*serial, kTensors);
            if (c.manifest.tensors != base_name(file)) damaged("it names another file's tensors", path(*serial, kManifest));
            c.tensors = record::read_safetensors(file).tensors;
            if (tensors_hash(c.tensors) != c.manifest.tensors_hash) damaged("the tensors are not those that were saved", file);
            good_.assign(there_.begin(), serial.base());
            return c;
        } catch (const Error& e) {
            if (e.kind != ErrorKind::data && e.kind != ErrorKind::io) throw;
            words.push_back(cat("the checkpoint ", base_name(path(*serial, kManifest)), " cannot be taken: ", e.where.empty() ? "" : base_name(e.where) + ": ", e.message));
        }
    }
    if (!there_.empty())
        fail(ErrorKind::data, "train.checkpoint", cat("none of the checkpoints can be taken; ", words.back()), "Remove the folder to begin anew.", folder_);
    return std::nullopt;
}

void CheckpointStore::save(record::Checkpoint m, const record::Tensors& tensors) {
    const int64_t serial = last_ + 1;
    const std::string file = path(serial, kTensors);
    m.tensors = base_name(file);
    m.tensors_hash = tensors_hash(tensors);
    m.digest = digest_of(m);
    record::write_safetensors(file, tensors);
    try {
        write_file_atomic(path(serial, kManifest), record::to_json(m) + "\n");
    } catch (...) {
        ::unlink(file.c_str());
        throw;
    }
    last_ = serial;
    good_.push_back(serial);
    if (static_cast<int64_t>(good_.size()) > kKept) good_.erase(good_.begin(), good_.end() - kKept);
    there_ = good_;
    sweep(good_);
}

}  // namespace hone::train
