// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace hone {

namespace {
struct Local {
    ThreadPool* pool = nullptr;
    int rank = 0;
    int size = 1;
    bool inside = false;
};
thread_local Local local;

/// Flushes denormals to zero on this thread (MXCSR FTZ and DAZ), as every kernel may assume.
void flush_denormals() { _mm_setcsr(_mm_getcsr() | 0x8040u); }
constexpr int kSpins = 4000;  // about 50 us, then a worker parks
}  // namespace

struct ThreadPool::State {
    std::vector<std::thread> workers;
    std::mutex busy;  // one job at a time
    std::mutex mutex;
    std::condition_variable wake;
    std::atomic<uint64_t> epoch{0};
    std::atomic<int> parked{0};
    std::atomic<bool> stop{false};

    // The job. `ticket` packs epoch (24 bits), chunk count (20) and the next chunk (20), so that a thread that wakes
    // late can neither take a chunk of a job that is over nor hold up one whose chunks are all done.
    const std::function<void(int)>* body = nullptr;
    void (*team_body)(void*) = nullptr;
    void* team_argument = nullptr;
    std::atomic<uint64_t> ticket{0};
    std::atomic<int> finished{0};
    std::exception_ptr error;
    std::mutex error_mutex;

    /// True when it ran a chunk.
    bool work_once() {
        uint64_t t = ticket.load(std::memory_order_acquire);
        if (index_of(t) >= count_of(t)) return false;
        t = ticket.fetch_add(1, std::memory_order_acq_rel);
        const int chunk = index_of(t), chunks = count_of(t);
        if (chunk >= chunks) return false;
        const Local before = local;
        local.inside = true;
        if (team_body) {
            local.rank = chunk;
            local.size = chunks;
        } else {
            local.pool = nullptr;
        }
        try {
            if (team_body) team_body(team_argument);
            else (*body)(chunk);
        } catch (...) {
            std::lock_guard lock(error_mutex);
            if (!error) error = std::current_exception();
        }
        local = before;
        if (finished.fetch_add(1, std::memory_order_acq_rel) + 1 == chunks) finished.notify_one();
        return true;
    }
    static int index_of(uint64_t t) { return static_cast<int>(t & 0xfffff); }
    static int count_of(uint64_t t) { return static_cast<int>((t >> 20) & 0xfffff); }

    void worker_loop() {
        flush_denormals();
        uint64_t seen = 0;
        for (;;) {
            for (int i = 0; i < kSpins && epoch.load(std::memory_order_acquire) == seen; ++i) _mm_pause();
            if (epoch.load(std::memory_order_acquire) == seen) {
                std::unique_lock lock(mutex);
                parked.fetch_add(1);
                wake.wait(lock, [&] { return epoch.load() != seen; });
                parked.fetch_sub(1);
            }
            seen = epoch.load(std::memory_order_acquire);
            if (stop.load()) return;
            while (work_once()) {}
        }
    }

    /// The caller holds `busy`.
    void dispatch(int chunks) {
        HONE_CHECK(chunks < 0xfff00, chunks, " chunks");
        error = nullptr;
        finished.store(0);
        const uint64_t e = epoch.load() + 1;
        ticket.store(((e & 0xffffff) << 40) | (static_cast<uint64_t>(chunks) << 20), std::memory_order_release);
        epoch.store(e);
        if (parked.load() > 0) {
            std::lock_guard lock(mutex);
            wake.notify_all();
        }
        while (work_once()) {}
        // Who waits long gives its core away: a worker whose core a neighbour took can then go on here. Yielding would
        // keep the core busy in the scheduler's eyes.
        int done = finished.load(std::memory_order_acquire);
        for (int spins = 0; done != chunks; done = finished.load(std::memory_order_acquire)) {
            if (++spins < kSpins) _mm_pause();
            else finished.wait(done, std::memory_order_acquire);
        }
        if (error) std::rethrow_exception(error);
    }
};

ThreadPool::ThreadPool(int threads) : threads_(threads), state_(std::make_unique<State>()) {
    HONE_CHECK(threads >= 1, "threads ", threads);
    flush_denormals();
    for (int i = 1; i < threads; ++i) state_->workers.emplace_back([s = state_.get()] { s->worker_loop(); });
}

ThreadPool::~ThreadPool() {
    state_->stop.store(true);
    {
        std::lock_guard lock(state_->mutex);
        state_->epoch.fetch_add(1);
        state_->wake.notify_all();
    }
    for (std::thread& t : state_->workers) t.join();
}

void ThreadPool::run(int chunks, const std::function<void(int)>& body) {
    const bool serial = threads_ == 1 || chunks <= 1 || local.inside || !state_->busy.try_lock();
    if (serial) {
        for (int i = 0; i < chunks; ++i) body(i);
        return;
    }
    std::unique_lock lock(state_->busy, std::adopt_lock);
    state_->body = &body;
    state_->team_body = nullptr;
    state_->dispatch(chunks);
}

void ThreadPool::run_team(int width, void (*body)(void*), void* argument) {
    HONE_CHECK(width <= threads_ && !local.inside, "team of ", width, " in a pool of ", threads_);
    if (width == 1) return body(argument);
    std::lock_guard lock(state_->busy);
    state_->body = nullptr;
    state_->team_body = body;
    state_->team_argument = argument;
    state_->dispatch(width);
}

ThreadPool* ThreadPool::current() { return local.pool; }
int ThreadPool::team_rank() { return local.rank; }
int ThreadPool::team_size() { return local.size; }
bool ThreadPool::inside() { return local.inside; }

ThreadPool::Use::Use(ThreadPool* pool) : before_(local.pool) {
    local.pool = pool;
    flush_denormals();
}
ThreadPool::Use::~Use() { local.pool = before_; }

int available_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1, CPU_COUNT(&set));
}

}  // namespace hone
