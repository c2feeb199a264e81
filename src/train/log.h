// SPDX-License-Identifier: Apache-2.0
// What a training run writes for TensorBoard while it runs: scalars of steps ("step/loss", "step/rate",
// "step/gradient_norm", "step/samples_per_second", "step/seconds_waiting") and of epochs ("epoch/loss", "validation/top1",
// "test/top1"), a histogram of every parameter each epoch, and once a grid of training pictures as the network sees them.
// It hangs itself into the loop's hooks, before those that are there.
//
//   TrainingLog log("run/tensorboard", [&](const std::string& why) { call.warn(why); });
//   log.pictures(parts, options);
//   log.watch(options, hooks);
//   train(model, parts.training, parts.validation.get(), options, hooks);
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "data/open.h"
#include "record/event_file.h"
#include "train/loop.h"

namespace hone::train {

class TrainingLog {
  public:
    /// `warn` is told once when the log cannot be written any more; training goes on. Throws io "file.mkdir", "file.write".
    TrainingLog(const std::string& folder, std::function<void(const std::string&)> warn);

    /// "training/pictures": the first batch of the training part, augmented as training will see it. Nothing where samples are no
    /// pictures of 1 or 3 channels.
    void pictures(const DataParts& parts, const LoopOptions& options);
    /// Asks for what the log needs in `options`, and adds to `hooks`. The log must outlive the hooks. `metrics`: what the names of
    /// an epoch's begin with.
    void watch(LoopOptions& options, LoopHooks& hooks, std::string metrics = "validation/");
    /// One more picture, at the step where training is.
    void picture(const std::string& name, const Image& picture);
    /// Final figures on a part: "test/top1".
    void result(const std::string& part, const std::map<std::string, double>& metrics);
    const std::string& path() const { return events_.path(); }

  private:
    void write(const std::function<void(record::EventFile&)>& what);
    void step(const StepInfo& s);
    void epoch(const Epoch& e);
    void weights(const std::map<std::string, Tensor>& weights);

    record::EventFile events_;
    std::function<void(const std::string&)> warn_;
    std::string metrics_;
    bool broken_ = false;
    int64_t step_ = 0, batch_ = 0, last_step_ = -1;
    double last_time_ = 0, last_waited_ = 0;
};

}  // namespace hone::train
