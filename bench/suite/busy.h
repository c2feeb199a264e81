// SPDX-License-Identifier: Apache-2.0
// A neighbour: a process that keeps one core busy, to see how engines fare beside it. It ends with the object, and by
// the kernel's hand when the thread that made it ends in any other way (PR_SET_PDEATHSIG).
//
//   BusyLoop loop;       // waiting; make it while this process is small, it begins as its copy
//   loop.start();
//   loop.seconds();      // processor time it got until now
#pragma once
#include <sys/types.h>

namespace hone::suite {

class BusyLoop {
  public:
    /// Pinned to the last core that this process may use; nobody else is. Throws unsupported "bench.cores" where that
    /// is the only one, io "process.start".
    BusyLoop();
    ~BusyLoop();
    BusyLoop(const BusyLoop&) = delete;
    void start();
    int core() const { return core_; }
    pid_t pid() const { return pid_; }
    double seconds() const;

  private:
    void end();
    int core_ = -1, go_ = -1;
    pid_t pid_ = -1;
};

}  // namespace hone::suite
