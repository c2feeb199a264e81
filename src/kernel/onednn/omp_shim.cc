// SPDX-License-Identifier: Apache-2.0
#include "kernel/onednn/omp_shim.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/thread_pool.h"

namespace hone::omp {

namespace {
struct Team {
    void (*body)(void*);
    void* argument;
    int size;
    std::atomic<int> arrived{0};
    std::atomic<unsigned> phase{0};
};

/// This thread's place in the innermost parallel region.
struct Place {
    Team* team = nullptr;
    int rank = 0;
};
thread_local Place place;
thread_local int planned_width = 0;
std::atomic<uint64_t> region_count{0};

void enter(Team* team, int rank) {
    const Place before = place;
    place = {team, rank};
    team->body(team->argument);
    place = before;
}

int max_threads() {
    if (ThreadPool::inside()) return 1;
    if (planned_width > 0) return planned_width;
    ThreadPool* pool = ThreadPool::current();
    return pool ? pool->threads() : 1;
}

void parallel(void (*body)(void*), void* argument, int requested) {
    region_count.fetch_add(1, std::memory_order_relaxed);
    ThreadPool* pool = ThreadPool::current();
    const int available = pool && !ThreadPool::inside() ? pool->threads() : 1;
    Team team{body, argument, std::clamp(requested > 0 ? requested : max_threads(), 1, available)};
    if (team.size == 1) return enter(&team, 0);
    pool->run_team(
        team.size, [](void* t) { enter(static_cast<Team*>(t), ThreadPool::team_rank()); }, &team);
}

void barrier() {
    Team* team = place.team;
    if (!team || team->size == 1) return;
    const unsigned phase = team->phase.load(std::memory_order_acquire);
    if (team->arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == team->size) {
        team->arrived.store(0, std::memory_order_relaxed);
        team->phase.fetch_add(1, std::memory_order_acq_rel);
        return;
    }
    for (int spins = 0; team->phase.load(std::memory_order_acquire) == phase; ++spins) {
        if (spins < 4000)
            _mm_pause();
        else
            std::this_thread::yield();
    }
}
}  // namespace

Width::Width(int threads) : before_(planned_width) { planned_width = threads; }
Width::~Width() { planned_width = before_; }

uint64_t regions() { return region_count.load(std::memory_order_relaxed); }

}  // namespace hone::omp

extern "C" {
#define HONE_OMP __attribute__((visibility("default")))
HONE_OMP int omp_get_max_threads();
HONE_OMP int omp_get_num_threads();
HONE_OMP int omp_get_thread_num();
HONE_OMP int omp_in_parallel();
HONE_OMP void GOMP_parallel(void (*body)(void*), void* argument, unsigned threads, unsigned flags);
HONE_OMP void GOMP_barrier();

int omp_get_max_threads() { return hone::omp::max_threads(); }
int omp_get_num_threads() { return hone::omp::place.team ? hone::omp::place.team->size : 1; }
int omp_get_thread_num() { return hone::omp::place.rank; }
int omp_in_parallel() { return hone::ThreadPool::inside(); }
void GOMP_parallel(void (*body)(void*), void* argument, unsigned threads, unsigned) {
    hone::omp::parallel(body, argument, static_cast<int>(threads));
}
void GOMP_barrier() { hone::omp::barrier(); }
}
