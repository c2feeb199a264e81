// SPDX-License-Identifier: Apache-2.0
// A verb on several ranks that mpirun started: rank 0 alone speaks and writes; when one ends with an error, all end, with
// one word. `train` runs so.
//
//   v.run = [a](Call& call) { return run_on_ranks(call, [a](Call& mine, dist::Comm* comm) { return go(*a, mine, comm); }); };
#pragma once
#include <functional>

#include "cli/verb.h"
#include "train/loop.h"
#include "train/parallel.h"

namespace hone::cli {

/// `verb` gets this rank's call, whose threads are its share of the cores unless --threads says otherwise, and the other
/// ranks; null where there are none. What it throws ends all ranks within seconds; rank 0, or this one if that does not
/// answer, throws it on.
int run_on_ranks(Call& call, const std::function<int(Call&, dist::Comm*)>& verb);

struct RanksArgs {
    bool sync_batch_norm = false;
    int64_t bucket_kib = 256;
};
/// --sync-batch-norm and --bucket.
void add_ranks(Options& o, RanksArgs& to);
void set_ranks(const RanksArgs& a, dist::Comm* comm, train::LoopOptions& o);

}  // namespace hone::cli
