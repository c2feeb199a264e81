// SPDX-License-Identifier: Apache-2.0
#include "suite/busy.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/thread_pool.h"
#include "base/timing.h"
#include "support.h"

namespace hone {
namespace {

using suite::BusyLoop;

constexpr double patience = 20;  // seconds; only a fault takes them

TEST(BusyLoop, KeepsOneCoreBusyAndEnds) {
    HONE_REQUIRE(available_cores() > 1, "a second core");
    cpu_set_t ours, its;
    ASSERT_EQ(sched_getaffinity(0, sizeof ours, &ours), 0);
    pid_t pid = 0;
    {
        BusyLoop loop;
        pid = loop.pid();
        ASSERT_EQ(sched_getaffinity(pid, sizeof its, &its), 0);
        EXPECT_EQ(CPU_COUNT(&its), 1);
        EXPECT_TRUE(CPU_ISSET(loop.core(), &its));
        loop.start();
        const double begin = now_seconds();
        while (loop.seconds() < 0.02 && now_seconds() - begin < patience) usleep(5000);
        EXPECT_GE(loop.seconds(), 0.02);
    }
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    cpu_set_t after;
    ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&ours, &after));
}

TEST(BusyLoop, OneThatWaitsEndsToo) {
    HONE_REQUIRE(available_cores() > 1, "a second core");
    pid_t pid = 0;
    {
        BusyLoop loop;
        pid = loop.pid();
    }
    EXPECT_EQ(kill(pid, 0), -1);
}

// Its parent is killed and can end nothing; we get the orphan and see what became of it.
TEST(BusyLoop, DiesWithItsParent) {
    HONE_REQUIRE(available_cores() > 1, "a second core");
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t parent = fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        BusyLoop loop;
        loop.start();
        const pid_t pid = loop.pid();
        if (write(ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
        for (;;) pause();
    }
    pid_t orphan = 0;
    ASSERT_EQ(read(ends[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
    kill(parent, SIGKILL);
    ASSERT_EQ(waitpid(parent, nullptr, 0), parent);
    int status = 0;
    pid_t ended = 0;
    for (const double begin = now_seconds(); ended == 0 && now_seconds() - begin < patience; usleep(2000))
        ended = waitpid(orphan, &status, WNOHANG);
    EXPECT_EQ(ended, orphan);
    if (ended == 0) kill(orphan, SIGKILL);
    close(ends[0]);
    close(ends[1]);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace hone
