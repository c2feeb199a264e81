// SPDX-License-Identifier: Apache-2.0
// `hone train --json`: hone.train/1. Made by the verb `train`.
#pragma once
#include "record/common.h"

namespace hone::record {

struct TrainEpoch {
    int64_t epoch = 0;  ///< from 1
    double loss = 0, rate = 0, seconds = 0;
    Numbers metrics{};  ///< on the validation part
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("epoch", s.epoch);
        v("loss", s.loss);
        v("rate", s.rate);
        v("metrics", s.metrics);
        v("seconds", s.seconds);
    }
};

struct Train {
    static constexpr const char* schema = "hone.train/1";
    std::string model{}, original{}, data{}, precision{}, loss{}, optimizer{}, schedule{}, part{};  ///< `part`: which `metrics` are of
    Numbers metrics{};  ///< accuracies are fractions
    int64_t parameters = 0;  ///< that were trained
    double samples_per_second = 0;  ///< loading included, evaluation not
    double waited_seconds = 0;      ///< for data
    int64_t peak_bytes = 0;         ///< resident, of the process
    std::vector<TrainEpoch> history{};
    int64_t seed = 0, ranks = 1;
    Machine machine{};
    Texts recipe{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("original", s.original);
        v("data", s.data);
        v("precision", s.precision);
        v("loss", s.loss);
        v("optimizer", s.optimizer);
        v("schedule", s.schedule);
        v("part", s.part);
        v("metrics", s.metrics);
        v("parameters", s.parameters);
        v("samples_per_second", s.samples_per_second);
        v("waited_seconds", s.waited_seconds);
        v("peak_bytes", s.peak_bytes);
        v("history", s.history);
        v("seed", s.seed);
        v("ranks", s.ranks);
        v("machine", s.machine);
        v("recipe", s.recipe);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
