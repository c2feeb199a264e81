// SPDX-License-Identifier: Apache-2.0
// What the command line of bench_suite says. Used by its suites.
//
//   const Args a = parse_args(argc, argv);        // throws usage "args.*"
#pragma once
#include <string>
#include <vector>

namespace hone::suite {

struct Args {
    std::string suite;
    std::vector<std::string> words;  ///< beside the suite: paths
    bool json = false;
    std::string json_file;     ///< empty: to stdout
    std::vector<int> threads;  ///< default: 1 and 2, or what the machine has; for `models` 2
    std::vector<std::string> networks{"resnet18", "resnet50"};
    int rounds = 40, processes = 1;
    std::string out;         ///< folder for the models that are made
    std::string root = ".";  ///< the repository
    bool raw = false;        ///< measure once, print raw_text
};

extern const char* const usage_text;
Args parse_args(int argc, char** argv);

}  // namespace hone::suite
