// SPDX-License-Identifier: Apache-2.0
// The manifest of a checkpoint: hone.checkpoint/1: how far a training run is, and what it must have alike to go on. The
// tensors lie beside it in a safetensors file. Made and read by src/train/checkpoint.h; `digest` shows a damaged one.
//
//   const record::Checkpoint c = record::checkpoint_from_json(read_file("checkpoint-000007.json"));
#pragma once
#include "record/common.h"
#include "record/train.h"

namespace hone::record {

/// What the schedule `plateau` remembers.
struct Plateau {
    bool begun = false;
    double best = 0, factor = 1;
    int64_t bad = 0, cooldown = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("begun", s.begun);
        v("best", s.best);
        v("factor", s.factor);
        v("bad", s.bad);
        v("cooldown", s.cooldown);
    }
};

struct Checkpoint {
    static constexpr const char* schema = "hone.checkpoint/1";
    int64_t step = 0;        ///< steps done, over all epochs
    int64_t epoch = 0;       ///< epochs that are done and judged
    int64_t batch = 0;       ///< steps done in the next one
    int64_t lost = 0;        ///< of these, with a loss that was not finite
    bool complete = false;   ///< the run came to its end
    Texts identity{};        ///< options, hashes of model and data: what a run that goes on must have alike
    std::string program{};   ///< hash of the training step's graph
    Texts choices{};         ///< of the step's plan, by node (plan/choices.h)
    int64_t seed = 0, threads = 0;
    std::string version{}, machine{};
    TrainEpoch open{};       ///< the epoch under way: its loss is the sum so far over the epoch's steps
    std::vector<TrainEpoch> history{};
    double waited = 0;       ///< seconds for data
    Plateau plateau{};
    std::optional<double> best{};  ///< of early stopping; its weights are the tensors "best/<name>"
    int64_t since = 0;             ///< epochs since then
    std::string tensors{};         ///< the file beside this one; states are "states/<name>"
    std::string tensors_hash{};
    std::string digest{};          ///< of this record with an empty digest
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("step", s.step);
        v("epoch", s.epoch);
        v("batch", s.batch);
        v("lost", s.lost);
        v("complete", s.complete);
        v("identity", s.identity);
        v("program", s.program);
        v("seed", s.seed);
        v("threads", s.threads);
        v("version", s.version);
        v("machine", s.machine);
        v("open", s.open);
        v("history", s.history);
        v("waited", s.waited);
        v("plateau", s.plateau);
        v("best", s.best);
        v("since", s.since);
        v("choices", s.choices);
        v("tensors", s.tensors);
        v("tensors_hash", s.tensors_hash);
        v("digest", s.digest);
    }
};

}  // namespace hone::record
