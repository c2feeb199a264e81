// SPDX-License-Identifier: Apache-2.0
#include "suite/busy.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"

namespace hone::suite {
namespace {

[[noreturn]] void loop(pid_t parent, int go) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);  // it went before the line above
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    dup2(go, 0);
    close_range(1, ~0U, 0);  // pipes of the parent must end with it
    char byte;
    ssize_t n;
    while ((n = read(0, &byte, 1)) < 0 && errno == EINTR) {}
    if (n != 1) _exit(0);
    for (;;) asm volatile("");
}

int last_core() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        fail(ErrorKind::unsupported, "bench.cores", "a busy loop beside the engines takes a second core");
    int last = 0;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &allowed)) last = core;
    return last;
}

}  // namespace

BusyLoop::BusyLoop() : core_(last_core()) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        fail(ErrorKind::io, "process.start", cat("cannot make a pipe: ", std::strerror(errno)));
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) loop(parent, ends[0]);
    close(ends[0]);
    go_ = ends[1];
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core_, &one);
    if (pid_ > 0 && sched_setaffinity(pid_, sizeof one, &one) == 0) return;
    const int error = errno;
    end();
    fail(ErrorKind::io, "process.start", cat("cannot keep a core busy: ", std::strerror(error)));
}

BusyLoop::~BusyLoop() { end(); }

void BusyLoop::end() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
    }
    if (go_ >= 0) close(go_);
}

void BusyLoop::start() {
    if (write(go_, "g", 1) != 1) fail(ErrorKind::io, "process.start", "the busy loop is gone");
}

double BusyLoop::seconds() const {
    clockid_t clock;
    timespec t{};
    if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace hone::suite
