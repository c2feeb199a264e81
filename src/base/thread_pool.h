// SPDX-License-Identifier: Apache-2.0
// The one pool of threads. Work is cut into a fixed number of chunks (so results never depend on timing) that idle
// threads take dynamically; they spin a little, then park. The caller takes part. Exceptions reach the caller.
//
//   ThreadPool pool(2);
//   pool.run(8, [&](int chunk) { ... });
//
// Every thread has a current pool (`ThreadPool::Use`); code without one, and code inside a chunk, runs serially.
// The OpenMP entry points that oneDNN imports are served from the current pool (base/omp_shim.cc).
#pragma once
#include <functional>
#include <memory>

namespace hone {

class ThreadPool {
  public:
    /// `threads` includes the caller; >= 1.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    int threads() const { return threads_; }
    /// Runs body(0..chunks-1), each once; returns when all are done. Called inside a chunk, or while another thread
    /// uses the pool, it runs serially on the caller.
    void run(int chunks, const std::function<void(int)>& body);
    /// Like `run` with chunks == width <= threads(), all chunks truly concurrent (bodies may wait for one another).
    /// Within it team_rank()/team_size() are set. This is what OpenMP regions become.
    void run_team(int width, void (*body)(void*), void* argument);

    static ThreadPool* current();  ///< of this thread; null: serial
    static int team_rank();        ///< 0 outside a team
    static int team_size();        ///< 1 outside a team
    static bool inside();          ///< this thread is inside a chunk or a team

    /// Makes `pool` (or none) the current pool of this thread for a scope.
    class Use {
      public:
        explicit Use(ThreadPool* pool);
        ~Use();
        Use(const Use&) = delete;

      private:
        ThreadPool* before_;
    };

  private:
    struct State;
    int threads_;
    std::unique_ptr<State> state_;
};

/// Cores this process may run on (affinity and cgroup counted).
int available_cores();

}  // namespace hone
