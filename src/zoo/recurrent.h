// SPDX-License-Identifier: Apache-2.0
// Layers of RNN, LSTM or GRU cells over a sequence. Private to this folder.
//
//   const Sequence s = recurrent(b, "lstm", x, {.op = "LSTM", .hidden = 128, .layers = 2});    // x [T,N,F]
#pragma once
#include "zoo/builder.h"

namespace hone::zoo {

struct Cells {
    const char* op;  ///< "RNN", "LSTM", "GRU"
    int64_t hidden, layers = 1;
    bool both_ways = false;
    bool backwards = false;  ///< from the last step to the first
    float dropout = 0;  ///< between layers, as torch.nn.LSTM's
};

struct Sequence {
    ValueId steps = kNone;  ///< both ways: [T,N,2 * hidden]
    ValueId last = kNone;   ///< else: [N,hidden], the state after the step read last
};

/// Parameters begin uniform within +-1 / sqrt(hidden), as torch.nn.LSTM's; a GRU resets behind its matrix product, as
/// torch's does.
Sequence recurrent(Builder& b, const std::string& name, ValueId x, const Cells& c);

}  // namespace hone::zoo
