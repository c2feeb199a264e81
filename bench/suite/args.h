// SPDX-License-Identifier: Apache-2.0
// What the command line of bench_suite says. Used by its suites.
//
//   const Args a = parse_args(argc, argv);        // throws usage "args.*"
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hone::suite {

struct Args {
    std::string suite;
    std::vector<std::string> words;  ///< beside the suite: paths
    bool json = false;
    std::string json_file;     ///< empty: to stdout
    std::vector<int> threads;  ///< default: 1 and 2, or what the machine has; for `models` 2
    std::vector<std::string> networks, rows;  ///< empty: all
    std::vector<int64_t> batches;             ///< empty: what is usual for a kind of row
    int rounds = 40, processes = 1;
    double seconds = 30;     ///< a contest of batches ends after so long
    std::string out;         ///< folder for the models that are made
    std::string root = ".";  ///< the repository
    std::string program;     ///< bench_suite itself, for fresh processes
    bool raw = false;        ///< measure once, print raw_text
};

std::string usage_text();
Args parse_args(int argc, char** argv);

}  // namespace hone::suite
