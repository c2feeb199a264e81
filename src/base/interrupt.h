// SPDX-License-Identifier: Apache-2.0
// Ctrl-C: the first SIGINT or SIGTERM sets a flag that long loops and the writer poll; they throw "interrupted".
#pragma once
namespace hone {
/// Installs the handlers (cli only). A second signal kills at once.
void install_interrupt_handlers();
bool interrupted() noexcept;
/// For tests and the server's shutdown.
void set_interrupted(bool on) noexcept;
/// Throws Error{budget, "interrupted"} when the flag is set.
void check_interrupt();
}  // namespace hone
