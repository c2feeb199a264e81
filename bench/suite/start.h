// SPDX-License-Identifier: Apache-2.0
// A row about the time from the files to a session that can run. Called by the suite `inference`.
#pragma once
#include <string>

#include "suite/result.h"

namespace hone::suite {

/// Makes the plan file beside the model, then times hone and onnxruntime in fresh processes, taking turns.
void add_session_start(Result& result, const Args& args, const std::string& network, const std::string& model, int threads);

}  // namespace hone::suite
