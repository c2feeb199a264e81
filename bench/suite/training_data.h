// SPDX-License-Identifier: Apache-2.0
// What the suite `training` trains, on both sides: a fresh network of the zoo, its weights and batches in files that
// training_torch.py reads too.
//
//   write_training_files("resnet18", folder, 64);
//   OwnTrainer own(folder, "resnet18", 64, Precision::fp32, false, pool);
//   own.run(3);     // ms and losses of three further steps
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "train/runner.h"

namespace hone::suite {

constexpr int64_t training_batches = 8;  ///< then they come again
constexpr double training_rate = 0.01, training_momentum = 0.9;

std::vector<std::string> training_networks();
/// FOLDER/NAME.onnx; NAME.txt, a line an array ("name dims..."), whose f32 are in NAME.bin one after another; images
/// (f32, NAME.x) and labels (i64, NAME.y). Throws usage "bench.network".
void write_training_files(const std::string& name, const std::string& folder, int64_t batch, uint64_t seed);

struct TrainedSteps {
    std::vector<double> ms, losses;  ///< of each step
};

/// Plain SGD with momentum on the files' batches, in order, again and again.
class OwnTrainer {
  public:
    OwnTrainer(const std::string& folder, const std::string& name, int64_t batch, Precision precision, bool recompute, ThreadPool& pool);
    TrainedSteps run(int steps);
    const Plan& plan() const { return runner_->plan(); }
    train::StepRunner& runner() { return *runner_; }

  private:
    std::vector<Tensor> images_, labels_;
    std::unique_ptr<train::StepRunner> runner_;
    int64_t next_ = 0;
};

}  // namespace hone::suite
