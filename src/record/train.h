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

/// A picture of generated samples, written after an epoch.
struct TrainSamples {
    int64_t epoch = 0;
    std::string file{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("epoch", s.epoch);
        v("file", s.file);
    }
};

/// A part of the data, and what it was for.
struct TrainPart {
    std::string part{};
    int64_t samples = 0;
    bool own = false;  ///< the data set itself has it; else it was split off
    std::string use{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("part", s.part);
        v("samples", s.samples);
        v("own", s.own);
        v("use", s.use);
    }
};

struct TrainClass {
    std::string name{};
    int64_t training = 0, validation = 0, test = 0;  ///< samples
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("training", s.training);
        v("validation", s.validation);
        v("test", s.test);
    }
};

struct Train {
    static constexpr const char* schema = "hone.train/1";
    std::string model{}, original{}, data{}, precision{}, loss{}, optimizer{}, schedule{}, part{};  ///< `part`: which `metrics` are of
    std::string discriminator{};  ///< of a generator that was trained against it
    std::string classifier{};     ///< of two towers: with the texts of the classes as constants
    Numbers metrics{};  ///< accuracies are fractions
    int64_t parameters = 0;  ///< that were trained
    double samples_per_second = 0;  ///< loading included, evaluation not
    double waited_seconds = 0;      ///< for data
    int64_t skipped_steps = 0;      ///< whose gradients were not finite
    double loss_scale = 0;          ///< at the end; 0: not dynamic
    int64_t peak_bytes = 0;         ///< resident, of the process
    std::string stopped{};          ///< "patience" or "time" where it ended before its last epoch
    int64_t resumed_at = 0;         ///< the step of the checkpoint that it went on from
    std::vector<TrainEpoch> history{};
    std::vector<TrainSamples> samples{};
    std::vector<TrainPart> parts{};
    std::vector<TrainClass> classes{};  ///< of --explain
    int64_t seed = 0, ranks = 1;
    Machine machine{};
    Texts recipe{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("original", s.original);
        v("data", s.data);
        v("discriminator", s.discriminator);
        v("classifier", s.classifier);
        v("precision", s.precision);
        v("loss", s.loss);
        v("optimizer", s.optimizer);
        v("schedule", s.schedule);
        v("part", s.part);
        v("metrics", s.metrics);
        v("parameters", s.parameters);
        v("samples_per_second", s.samples_per_second);
        v("waited_seconds", s.waited_seconds);
        v("skipped_steps", s.skipped_steps);
        v("loss_scale", s.loss_scale);
        v("peak_bytes", s.peak_bytes);
        v("stopped", s.stopped);
        v("resumed_at", s.resumed_at);
        v("history", s.history);
        v("samples", s.samples);
        v("parts", s.parts);
        v("classes", s.classes);
        v("seed", s.seed);
        v("ranks", s.ranks);
        v("machine", s.machine);
        v("recipe", s.recipe);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
