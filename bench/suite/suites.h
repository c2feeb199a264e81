// SPDX-License-Identifier: Apache-2.0
// The suites of bench_suite. Each measures, prints and returns an exit code.
#pragma once
#include "suite/args.h"

namespace hone::suite {

int inference(const Args& args);  ///< networks of the zoo beside the peers
int start(const Args& args);      ///< the timed process behind inference's row "session start"
int memory(const Args& args);     ///< the process behind its rows "peak memory"
int models(const Args& args);     ///< pairs of files: what an optimised model gains in every engine
int training(const Args& args);   ///< the training step beside PyTorch's

}  // namespace hone::suite
