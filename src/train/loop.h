// SPDX-License-Identifier: Apache-2.0
// Trains a network on labelled data: batches, steps at the schedule's rates, accuracy on the validation part every epoch.
// `hone train` calls it; recovery after compression will.
//
//   const Trained t = train(read_model("net.onnx"), parts.training, parts.validation.get(), {.epochs = 3}, {});
//   write_model(t.model, "trained.onnx");
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/loader.h"
#include "dist/comm.h"
#include "pass/pass.h"
#include "train/schedule.h"
#include "train/step.h"
#include "train/trainable.h"

namespace hone::train {

struct LoopOptions {
    StepOptions step{};
    TrainableOptions trainable{};
    ScheduleSpec schedule{};   ///< `steps` is filled in where the schedule takes it and it is not given
    double rate = 0.1;         ///< the base learning rate
    int64_t epochs = 1;
    int64_t batch = 64;        ///< samples a step, of all ranks; what is left at the end of an epoch is not used in it
    uint64_t seed = 0;         ///< of the order of samples and of augmentation
    Augmentations augment{};
    int64_t patience = 0;      ///< epochs without a better validation metric after which training ends; 0: off
    int threads = 1;
    Precision precision = Precision::fp32;
    dist::Comm* comm = nullptr;  ///< other ranks that train the same, each on its share of every batch (parallel.h)
};

struct Epoch {
    int64_t epoch = 0;                      ///< from 1
    double loss = 0;                        ///< the mean over the epoch's steps, each before its update
    double rate = 0;                        ///< of its last step
    std::map<std::string, double> metrics;  ///< on the validation part: "top1"; empty without one
    double seconds = 0;                     ///< of training, loading included, evaluation not
};

struct Trained {
    Graph model;  ///< with the trained values; of the best epoch when `patience` ended it
    std::vector<Epoch> history;
    int64_t parameters = 0;  ///< numbers that were trained
    int64_t samples = 0;   ///< trained on, over all epochs
    double seconds = 0;    ///< of training, evaluation not included
    double waited = 0;     ///< seconds of these in which the step waited for data
};

struct LoopHooks {
    std::function<void(int64_t step, int64_t steps, double loss)> step;
    std::function<void(const Epoch&)> epoch;
};

/// "top1" of a classifier, "mse" of a regression.
std::map<std::string, double> measure(const Graph& model, const Dataset& data, const LoopOptions& options);

/// `model` is as it was read, before passes fold or merge anything. Throws what make_trainable and training_step throw;
/// data "train.few" for fewer samples than a batch, "train.targets" for data that the loss cannot use; data
/// "train.diverged" when the loss is no longer finite. With `comm` all ranks call it alike and get the same; throws then
/// also what parallel.h throws.
Trained train(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& options, const LoopHooks& hooks);

}  // namespace hone::train
