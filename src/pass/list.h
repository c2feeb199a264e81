// SPDX-License-Identifier: Apache-2.0
// The passes; a new one is one file and one line in each of list.h and list.cc.
#pragma once
#include "pass/pass.h"

namespace hone::passes {
bool expand_gradients(Graph&, const PassOptions&);
bool fold_constants(Graph&, const PassOptions&);
bool eliminate_identity(Graph&, const PassOptions&);
bool eliminate_dead(Graph&, const PassOptions&);
bool canonicalise(Graph&, const PassOptions&);
bool merge_duplicates(Graph&, const PassOptions&);
bool fuse_conv_bn(Graph&, const PassOptions&);
bool fuse_pad(Graph&, const PassOptions&);
bool lower_qdq(Graph&, const PassOptions&);
bool fuse_activations(Graph&, const PassOptions&);
bool fuse_layer_norm(Graph&, const PassOptions&);
bool fuse_rms_norm(Graph&, const PassOptions&);
bool fuse_attention(Graph&, const PassOptions&);
bool fuse_chains(Graph&, const PassOptions&);
bool fuse_batch_norm(Graph&, const PassOptions&);
bool fuse_epilogues(Graph&, const PassOptions&);
bool lower_bf16(Graph&, const PassOptions&);
bool schedule_exchanges(Graph&, const PassOptions&);
}  // namespace hone::passes
