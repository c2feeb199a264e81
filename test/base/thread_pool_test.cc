// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <immintrin.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.h"

using namespace hone;

TEST(ThreadPool, EachChunkOnceAndErrorsReachTheCaller) {
    for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        for (int repeat = 0; repeat < 200; ++repeat) {
            std::vector<std::atomic<int>> hits(37);
            pool.run(37, [&](int i) { hits[static_cast<size_t>(i)]++; });
            for (auto& h : hits) EXPECT_EQ(h.load(), 1);
        }
        EXPECT_THROW(pool.run(5, [](int i) { if (i == 3) fail(ErrorKind::data, "x", "y"); }), Error);
    }
}
TEST(ThreadPool, TeamMembersMeet) {
    ThreadPool pool(2);
    struct Shared { std::atomic<int> arrived{0}; std::atomic<int> ranks{0}; } shared;
    for (int i = 0; i < 50; ++i) {
        shared.arrived = 0; shared.ranks = 0;
        pool.run_team(2, [](void* p) {
            auto* s = static_cast<Shared*>(p);
            s->arrived++;
            s->ranks += 1 << (8 * ThreadPool::team_rank());
            while (s->arrived.load() < 2) std::this_thread::yield();
        }, &shared);
        EXPECT_EQ(shared.ranks.load(), 0x101);
    }
}

namespace {

/// A process that keeps one core busy as long as this object lives.
class Neighbour {
  public:
    explicit Neighbour(int core) : child_(fork()) {
        if (child_ != 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<size_t>(core), &one);
        sched_setaffinity(0, sizeof one, &one);
        for (;;) _mm_pause();
    }
    ~Neighbour() {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }

  private:
    pid_t child_;
};

cpu_set_t cores_of(pid_t thread) {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(thread, sizeof set, &set);
    return set;
}

}  // namespace

// The scheduler leaves two threads on one core, when a neighbour has the other.
TEST(ThreadPool, ThreadsOnOneCorePartBesideANeighbour) {
    const cpu_set_t before = cores_of(0);
    if (CPU_COUNT(&before) != 2) GTEST_SKIP() << "for two cores, here are " << CPU_COUNT(&before);
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(static_cast<size_t>(last), &before)) --last;
    ThreadPool pool(2);
    const Neighbour neighbour(last);
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> apart{0}, met{0}, mask_lost{0};
    constexpr int trials = 30;
    for (int trial = 0; trial < trials; ++trial) {
        std::atomic<int> begun{0}, caller_core{-1}, worker_core{-1};
        const auto meet = [&](const auto& then) {
            begun = 0;
            pool.run(2, [&](int) {
                const bool mine = std::this_thread::get_id() == caller;
                (mine ? caller_core : worker_core) = sched_getcpu();
                ++begun;
                const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
                while (begun < 2 && std::chrono::steady_clock::now() < end) _mm_pause();
                if (!mine) then();
            });
            return begun == 2 && caller_core >= 0 && worker_core >= 0;
        };
        meet([&] {  // both are on the caller's core now
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<size_t>(caller_core.load()), &one);
            sched_setaffinity(0, sizeof one, &one);
            sched_setaffinity(0, sizeof before, &before);
        });
        worker_core = -1;
        met += meet([&] {
            const cpu_set_t now = cores_of(0);
            mask_lost += CPU_EQUAL(&now, &before) ? 0 : 1;
        });
        apart += worker_core >= 0 && worker_core != caller_core;
    }
    EXPECT_GE(met, trials / 2);
    EXPECT_GE(apart, trials / 2);
    EXPECT_EQ(mask_lost, 0) << "where a thread may run stays as it was";
    const cpu_set_t after = cores_of(0);
    EXPECT_TRUE(CPU_EQUAL(&after, &before));
}
