// SPDX-License-Identifier: Apache-2.0
// Runs another program to its end and collects what it prints. Used to time models in fresh processes.
#pragma once
#include <string>
#include <vector>

namespace hone {

struct ProcessResult {
    int exit_code = 0;  ///< 128 + signal when it was killed
    std::string out, err;
};
/// argv[0] is a path. Throws io "process.start". An interrupt here ends the child too.
ProcessResult run_process(const std::vector<std::string>& argv);
/// The file of this program.
std::string this_program();

}  // namespace hone
