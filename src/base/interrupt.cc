// SPDX-License-Identifier: Apache-2.0
#include "base/interrupt.h"

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace hone {
namespace {
std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free);
extern "C" void on_signal(int signal) {
    if (flag.exchange(true)) {
        std::signal(signal, SIG_DFL);
        std::raise(signal);
    }
}
}  // namespace

void install_interrupt_handlers() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}
bool interrupted() noexcept { return flag.load(std::memory_order_relaxed); }
void set_interrupted(bool on) noexcept { flag.store(on); }
void check_interrupt() {
    if (interrupted()) fail(ErrorKind::budget, "interrupted", "stopped by a signal; nothing half-written was left");
}
}  // namespace hone
