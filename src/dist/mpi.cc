// SPDX-License-Identifier: Apache-2.0
#include "dist/mpi.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/timing.h"
#include "dist/mpi_module.h"

namespace hone::dist {
namespace {

constexpr size_t kMostText = 8192;
constexpr double kGrace = 0.5;  // seconds; mpirun kills a second after it has asked

std::string packed(const Reason& r) {
    std::string text = cat(r.code, '\n', r.own ? 1 : 0);
    for (const std::string* s : {&r.id, &r.message, &r.hint, &r.where}) text += '\0' + s->substr(0, kMostText / 8);
    return text;
}
Reason unpacked(const std::string& text) {
    Reason r;
    std::vector<std::string> parts;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find('\0', at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    parts.resize(5);
    r.code = std::atoi(parts[0].c_str());
    r.own = parts[0].ends_with('1');
    r.id = parts[1], r.message = parts[2], r.hint = parts[3], r.where = parts[4];
    return r;
}

class MpiComm final : public Comm {
  public:
    explicit MpiComm(const MpiModule& m) : m_(m) { must(m_.init(&rank_, &ranks_)); }
    int rank() const override { return rank_; }
    int ranks() const override { return ranks_; }

    std::vector<Reason> stop(const Reason& why, double seconds, std::vector<bool>* heard) override {
        told_ = packed(why);
        reasons_.resize(static_cast<size_t>(ranks_), why);
        heard_.resize(static_cast<size_t>(ranks_));
        reasons_[static_cast<size_t>(rank_)] = why;
        heard_[static_cast<size_t>(rank_)] = true;
        const auto all = [&] { return std::count(heard_.begin(), heard_.end(), true) == ranks_; };
        if (m_.tell(told_.data(), told_.size()) == 0)
            for (const double end = now_seconds() + seconds; !all() && now_seconds() < end;)
                if (!hear()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        *heard = heard_;
        if (all() && pending_ == 0) m_.finalize();
        return reasons_;
    }
    void close() override { must(m_.finalize()); }

  protected:
    Request begin_sum(const void* mine, void* sum, int64_t count, DType type) override {
        Request r = -1;
        must(m_.begin_sum(mine, sum, count, type == DType::f64, &r));
        ++pending_;
        return r;
    }
    Request begin_gather(const void* mine, size_t bytes, void* all) override {
        Request r = -1;
        must(m_.begin_gather(mine, bytes, all, &r));
        ++pending_;
        return r;
    }
    bool done(Request r) override {
        int yes = 0;
        must(m_.test(r, &yes));
        pending_ -= yes != 0;
        return yes != 0;
    }
    void check() override {
        // The others were told too: this step is finished with them, unless one is dead.
        if (interrupted() && interrupted_at_ == 0) interrupted_at_ = now_seconds();
        if (interrupted() && now_seconds() - interrupted_at_ > kGrace) check_interrupt();
        if (!hear()) return;
        const auto from = std::find(heard_.begin(), heard_.end(), true) - heard_.begin();
        const Reason& r = reasons_[static_cast<size_t>(from)];
        fail(ErrorKind{r.code}, "dist.stopped", cat("rank ", static_cast<int>(from), ": ", r.message, " [", r.id, "]"), r.hint, r.where);
    }

  private:
    /// Takes in what another rank said of its end, if one did.
    bool hear() {
        char text[kMostText];
        size_t bytes = 0;
        int from = -1;
        if (m_.hear(text, sizeof text, &bytes, &from) != 0 || from < 0) return false;
        reasons_.resize(static_cast<size_t>(ranks_));
        heard_.resize(static_cast<size_t>(ranks_));
        reasons_[static_cast<size_t>(from)] = unpacked(std::string(text, bytes));
        heard_[static_cast<size_t>(from)] = true;
        return true;
    }
    void must(int code) const {
        if (!code) return;
        char text[512] = "";
        m_.error_text(code, text, sizeof text);
        fail(ErrorKind::io, "dist.mpi", cat("MPI: ", text), "Another rank may have died.");
    }

    const MpiModule& m_;
    int rank_ = 0, ranks_ = 1, pending_ = 0;
    double interrupted_at_ = 0;
    std::string told_;
    std::vector<Reason> reasons_;
    std::vector<bool> heard_;
};

/// Beside the program, or where a package keeps what it loads.
const MpiModule& load_module(int ranks) {
    const std::string folder = parent_directory(this_program());
    std::string tried;
    for (const std::string& file : {cat(folder, "/libhone_mpi.so"), cat(folder, "/../lib/hone/libhone_mpi.so")}) {
        if (!file_exists(file)) continue;
        // Global: MPI's own plug-ins look for its symbols.
        void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
        const auto get = library ? reinterpret_cast<MpiModuleFunction>(::dlsym(library, "hone_mpi_module")) : nullptr;
        if (!get) {
            const char* why = ::dlerror();
            tried = why ? why : "it is not one of hone's";
            continue;
        }
        const MpiModule* m = get();
        if (m->version == kMpiModuleVersion) return *m;
        tried = cat("it is of version ", m->version, "; expected ", kMpiModuleVersion);
    }
    fail(ErrorKind::unsupported, "dist.module",
         cat("a launcher started ", ranks, " ranks, and ", tried.empty() ? "this hone was built without MPI" : cat("its module for MPI cannot be loaded: ", tried)),
         "Install MPI (Debian: libopenmpi-dev) and build hone again, or run it without mpirun.");
}

}  // namespace

int launched_count() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"})
        if (const char* n = std::getenv(name)) return std::max(1, std::atoi(n));
    if (const char* n = std::getenv("SLURM_STEP_NUM_TASKS"); n && (std::getenv("PMIX_RANK") || std::getenv("PMI_RANK"))) return std::max(1, std::atoi(n));
    return 1;
}

std::unique_ptr<Comm> launched_ranks() {
    const int ranks = launched_count();
    if (ranks < 2) return nullptr;
    auto comm = std::make_unique<MpiComm>(load_module(ranks));
    if (comm->ranks() != ranks)
        fail(ErrorKind::unsupported, "dist.launcher", cat("the launcher started ", ranks, " ranks and MPI knows of ", comm->ranks()),
             "hone was built with another MPI than the launcher's: use that one's mpirun.");
    return comm;
}

}  // namespace hone::dist
