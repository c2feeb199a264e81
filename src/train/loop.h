// SPDX-License-Identifier: Apache-2.0
// Trains a network on labelled data: batches, steps at the schedule's rates, accuracy on the validation part every epoch.
// What a batch is to the network, and how it is judged, is a task (task.h): classes, a regression, pairs, two towers.
// `hone train` calls it; recovery after compression will.
//
//   const Trained t = train(read_model("net.onnx"), parts.training, parts.validation.get(), {.epochs = 3}, {});
//   write_model(t.model, "trained.onnx");
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "dist/comm.h"
#include "pass/pass.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/step.h"
#include "train/task.h"
#include "train/trainable.h"

namespace hone::train {

struct LoopOptions {
    StepOptions step{};
    TrainableOptions trainable{};
    ScheduleSpec schedule{};   ///< `steps` is filled in where the schedule takes it and it is not given
    double rate = 0.1;         ///< the base learning rate
    int64_t epochs = 1;
    int64_t batch = 64;        ///< samples a step, of all ranks; what is left at the end of an epoch is not used in it
    uint64_t seed = 0;         ///< of the order of samples, of augmentation and of dropout
    Augmentations augment{};
    std::string metric{};      ///< what `patience` and the schedule plateau go by (metrics.h); empty: "top1", of a regression "mse"
    int64_t patience = 0;      ///< epochs without a better validation metric after which training ends; 0: off
    TaskOptions task{};
    int threads = 1;
    Precision precision = Precision::fp32;  ///< of steps; of evaluation where it can be (fp16: fp32)
    CheckpointOptions checkpoint{};
    double time_budget = 0;    ///< seconds after which training stops with what it has; 0: off
    dist::Comm* comm = nullptr;  ///< other ranks that train the same, each on its share of every batch (parallel.h)
};

struct Epoch {
    int64_t epoch = 0;                      ///< from 1
    double loss = 0;                        ///< the mean over the epoch's steps, each before its update; with loss scaling over those where it is finite
    double rate = 0;                        ///< of its last step
    Metrics metrics;                        ///< on the validation part (metrics.h); empty without one
    double seconds = 0;                     ///< of training, loading included, evaluation not
};

struct Trained {
    Graph model;  ///< with the trained values; of the best epoch when `patience` ended it
    std::vector<Epoch> history;
    int64_t parameters = 0;  ///< numbers that were trained
    int64_t samples = 0;   ///< trained on, over all epochs
    double seconds = 0;    ///< of training, evaluation not included
    double waited = 0;     ///< seconds of these in which the step waited for data
    std::string stopped{};  ///< what ended it before the last epoch was done: "patience" or "time"; else empty
    int64_t resumed_at = 0;  ///< the step of the checkpoint that it went on from
    ScaleReport scale{};   ///< of the loss, at the end
};

struct StepInfo {
    int64_t step = 0, steps = 0;  ///< from 1; of all epochs
    int64_t resumed_at = 0;       ///< the step of the checkpoint that the run went on from
    double loss = 0, rate = 0;    ///< with loss scaling a step whose loss is not finite is skipped
    double waited = 0;            ///< seconds waited for data since the loop began
    std::optional<double> gradient_norm{};  ///< with update.measure_norm, before clipping
};

struct LoopHooks {
    std::function<void(const StepInfo&)> step;
    std::function<void(const Epoch&)> epoch;
    /// Parameters and statistics after an epoch, before `epoch` is called; the tensors are the hook's to keep.
    std::function<void(int64_t epoch, const std::map<std::string, Tensor>&)> weights;
    std::function<void(const std::string&)> say, warn;  ///< of checkpoints, for the user
};

/// As the task of this model, data and loss judges: "top1" of a classifier and `options.metric`; "mse", "mae" and "r2" of a
/// regression; "auc" of pairs. With `comm` all ranks call it alike and get the same.
Metrics measure(const Graph& model, const Dataset& data, const LoopOptions& options);

/// Batches an epoch. Throws data "train.few" for fewer samples than a batch; usage "train.accumulate" where no step is ever
/// full. Says how many batches fill none at the end.
int64_t batches_of(int64_t samples, const LoopOptions& options, const LoopHooks& hooks);

/// `model` is as it was read, before passes fold or merge anything; it is trained in its body where restore_targets
/// (standardise.h) was. Throws what make_trainable, training_step, make_task and batches_of throw; data "train.targets" for
/// data that the loss cannot use; data "train.diverged" when the loss is no longer finite, with loss scaling in a whole epoch or
/// as check_scale has it (loss_scale.h); usage "train.validation" where patience or the schedule plateau has no metric to go
/// by. With options.checkpoint what RunCheckpoints throws (resume.h); budget
/// "interrupted" after a signal, when the run is saved. With `comm` all ranks call it alike and get the same; throws then
/// also what parallel.h throws.
Trained train(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& options, const LoopHooks& hooks);

}  // namespace hone::train
