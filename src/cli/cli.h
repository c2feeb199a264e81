// SPDX-License-Identifier: Apache-2.0
// The command line as a function: picks the verb, reads its options, runs it, and turns every error into a message on
// stderr and an exit code (product.md). Called by main.cc alone.
//
//   int main(int argc, char** argv) { return hone::cli::run_command_line({argv + 1, argv + argc}); }
#pragma once
#include <string>
#include <vector>

namespace hone::cli {

/// `arguments` without the program's name. Never throws.
int run_command_line(const std::vector<std::string>& arguments) noexcept;
std::string version();  ///< "0.1.0"

}  // namespace hone::cli
