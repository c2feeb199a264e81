// SPDX-License-Identifier: Apache-2.0
#include "cli/ranks.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

#include "base/error.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "dist/mpi.h"
#include "record/fast_hash.h"

namespace hone::cli {
namespace {

constexpr double kAnswer = 3, kAnswerInterrupted = 0.3;  // seconds for the others; mpirun kills a second after it asked

/// Ranks that may run on the same cores of the same machine share them.
int share_of_cores(dist::Comm& comm) {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    cpu_set_t cores;
    CPU_ZERO(&cores);
    ::sched_getaffinity(0, sizeof cores, &cores);
    const uint64_t mine = record::fast_hash({reinterpret_cast<const char*>(&cores), sizeof cores}, record::fast_hash(host));
    std::vector<uint64_t> all(static_cast<size_t>(comm.ranks()));
    comm.gather(&mine, sizeof mine, all.data());
    return std::max(1, available_cores() / static_cast<int>(std::count(all.begin(), all.end(), mine)));
}

dist::Reason reason_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Error& e) {
        return {e.exit_code(), e.id, e.message, e.hint, e.where, e.id != "dist.stopped"};
    } catch (const std::bad_alloc&) {
        return {static_cast<int>(ErrorKind::budget), "memory.out", "out of memory", "Try --max-memory, a smaller --batch or fewer --threads.", ""};
    } catch (const std::exception& e) {
        return {static_cast<int>(ErrorKind::internal), "bug", e.what(), "", ""};
    } catch (...) {
        return {static_cast<int>(ErrorKind::internal), "bug", "an unknown exception", "", ""};
    }
}

/// One word for all ranks: this one's own, or the first other's that had one. The exit code where it is not ours to say.
int end_ranks(dist::Comm& comm, const dist::Reason& mine) {
    std::vector<bool> heard;
    const std::vector<dist::Reason> all = comm.stop(mine, mine.id == "interrupted" ? kAnswerInterrupted : kAnswer, &heard);
    const int rank = comm.rank();
    if (rank != 0 && heard[0]) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the first to go makes mpirun end the others
        return mine.code;
    }
    int from = rank;
    for (int r = comm.ranks(); !mine.own && r-- > 0;)
        if (heard[static_cast<size_t>(r)] && all[static_cast<size_t>(r)].own) from = r;
    const dist::Reason& r = all[static_cast<size_t>(from)];
    fail(ErrorKind{r.code}, r.id, from == 0 ? r.message : cat("rank ", from, ": ", r.message), r.hint, r.where);
}

}  // namespace

int run_on_ranks(Call& call, const std::function<int(Call&, dist::Comm*)>& verb) {
    const std::unique_ptr<dist::Comm> comm = dist::launched_ranks();
    if (!comm) return verb(call, nullptr);
    Common common = call.common;
    Call mine{common, call.options, call.command, {}};
    std::exception_ptr error;
    try {
        if (comm->rank() != 0) common.silent = common.quiet = true, set_quiet(true);
        if (!call.options.given("threads")) common.threads = share_of_cores(*comm);
        const int code = verb(mine, comm.get());
        comm->close();
        return code;
    } catch (...) {
        error = std::current_exception();
    }
    return end_ranks(*comm, reason_of(error));
}

void add_ranks(Options& o, RanksArgs& to) {
    o.group("Under mpirun");
    o.flag("sync-batch-norm", to.sync_batch_norm, "batch normalisation by the samples of all ranks, not each rank by its own");
    o.add("bucket", "KIB", to.bucket_kib, "gradients are exchanged in parts of this size, while the backward pass goes on").at_least(1).at_most(1 << 20);
}

void set_ranks(const RanksArgs& a, dist::Comm* comm, train::LoopOptions& o) {
    o.comm = comm;
    o.checkpoint.writes = !comm || comm->rank() == 0;
    o.step.exchange.batch_norm = a.sync_batch_norm;
    o.step.exchange.bucket_bytes = a.bucket_kib << 10;
}

}  // namespace hone::cli
