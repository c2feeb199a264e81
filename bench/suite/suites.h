// SPDX-License-Identifier: Apache-2.0
// The suites of bench_suite. Each measures, prints and returns an exit code.
#pragma once
#include "suite/args.h"

namespace hone::suite {

int inference(const Args& args);  ///< networks of the zoo at fp32, bf16 and int8 beside the peers
int start(const Args& args);      ///< the timed process behind inference's row "session start"
int models(const Args& args);     ///< pairs of files: what an optimised model gains in every engine

}  // namespace hone::suite
