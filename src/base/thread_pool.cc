// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
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
constexpr int kSpins = 4000;   // about 50 us, then a worker parks
constexpr int kGlance = 1000;  // long enough for the CPU time of a running thread to have grown

using Cores = cpu_set_t;
/// Makes a thread (0: this one) run on one of `there` where it may; where it may run afterwards stays as it was.
void move_thread(pid_t thread, const Cores& there) {
    Cores allowed, now;
    if (sched_getaffinity(thread, sizeof allowed, &allowed) != 0) return;
    CPU_AND(&now, &allowed, &there);
    if (CPU_COUNT(&now) == 0) return;
    sched_setaffinity(thread, sizeof now, &now);
    sched_setaffinity(thread, sizeof allowed, &allowed);
}
bool valid(int core) { return core >= 0 && core < CPU_SETSIZE; }
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

    struct Member {
        std::atomic<int> core{-1};  ///< where it was when it last began a job
        std::atomic<bool> working{false};
        std::atomic<pid_t> thread{0};
        std::atomic<clockid_t> clock{};  ///< of its CPU time
    };
    std::vector<Member> members;  ///< the caller first

    /// A neighbour on another core makes the scheduler put two of our threads on one, where together they are worth one:
    /// the later of them goes to a core without any of ours and shares it with the neighbour.
    void spread(size_t self) {
        const int here = sched_getcpu();
        members[self].core.store(here, std::memory_order_relaxed);
        bool shared = false;
        for (size_t i = 0; i < self; ++i) shared |= members[i].core.load(std::memory_order_relaxed) == here;
        if (!shared) return;
        Cores free;
        std::memset(&free, 0xff, sizeof free);
        for (const Member& m : members)
            if (const int core = m.core.load(std::memory_order_relaxed); valid(core)) CPU_CLR(static_cast<size_t>(core), &free);
        move_thread(0, free);
        members[self].core.store(sched_getcpu(), std::memory_order_relaxed);
    }

    int64_t cpu_time(const Member& m) const {
        timespec t{};
        clock_gettime(m.clock.load(std::memory_order_relaxed), &t);
        return t.tv_sec * 1'000'000'000 + t.tv_nsec;
    }
    /// A worker that was taken off its core with a chunk in hand gets the caller's core, which waits for it anyway.
    void rescue() {
        for (Member& m : members) {
            if (!m.working.load(std::memory_order_acquire)) continue;
            const int64_t before = cpu_time(m);
            for (int i = 0; i < kGlance; ++i) _mm_pause();
            if (!m.working.load(std::memory_order_acquire) || cpu_time(m) != before) continue;
            Cores here;
            CPU_ZERO(&here);
            CPU_SET(static_cast<size_t>(std::max(0, sched_getcpu())), &here);
            move_thread(m.thread.load(std::memory_order_relaxed), here);
        }
    }

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

    void worker_loop(size_t self) {
        flush_denormals();
        clockid_t clock{};
        pthread_getcpuclockid(pthread_self(), &clock);
        members[self].clock.store(clock, std::memory_order_relaxed);
        members[self].thread.store(gettid(), std::memory_order_relaxed);
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
            const uint64_t t = ticket.load(std::memory_order_acquire);
            if (index_of(t) >= count_of(t)) continue;
            spread(self);
            members[self].working.store(true, std::memory_order_release);
            while (work_once()) {}
            members[self].working.store(false, std::memory_order_release);
        }
    }

    /// The caller holds `busy`.
    void dispatch(int chunks) {
        HONE_CHECK(chunks < 0xfff00, chunks, " chunks");
        error = nullptr;
        finished.store(0);
        members[0].core.store(sched_getcpu(), std::memory_order_relaxed);
        const uint64_t e = epoch.load() + 1;
        ticket.store(((e & 0xffffff) << 40) | (static_cast<uint64_t>(chunks) << 20), std::memory_order_release);
        epoch.store(e);
        if (parked.load() > 0) {
            std::lock_guard lock(mutex);
            wake.notify_all();
        }
        while (work_once()) {}
        // Who waits long parks, so that a worker whose core a neighbour took can go on here. Yielding would keep the core
        // busy in the scheduler's eyes; spinning longer measured slower.
        int done = finished.load(std::memory_order_acquire);
        for (int spins = 0; done != chunks; done = finished.load(std::memory_order_acquire)) {
            if (++spins < kSpins) _mm_pause();
            else if (spins == kSpins) rescue();
            else finished.wait(done, std::memory_order_acquire);
        }
        if (error) std::rethrow_exception(error);
    }
};

ThreadPool::ThreadPool(int threads) : threads_(threads), state_(std::make_unique<State>()) {
    HONE_CHECK(threads >= 1, "threads ", threads);
    flush_denormals();
    state_->members = std::vector<State::Member>(static_cast<size_t>(threads));
    for (int i = 1; i < threads; ++i) state_->workers.emplace_back([s = state_.get(), i] { s->worker_loop(static_cast<size_t>(i)); });
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
