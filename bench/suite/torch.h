// SPDX-License-Identifier: Apache-2.0
// PyTorch in a process of its own (bench/training_torch.py, by Debian's Python), which trains what training_data.h wrote.
//
//   Torch torch({.script = root + "/bench/training_torch.py", .folder = folder, .threads = 2, .batch = 64});
//   torch.run("resnet18", "fp32_last", 3).losses;
#pragma once
#include <sys/types.h>

#include <cstdio>
#include <string>

#include "record/bench.h"
#include "suite/training_data.h"

namespace hone::suite {

class Torch {
  public:
    struct Options {
        std::string script, folder;
        int threads = 1;
        int64_t batch = 64;
    };
    /// Throws io "peer.absent" where there is no Python with torch.
    explicit Torch(const Options& options);
    ~Torch();
    Torch(const Torch&) = delete;

    const std::string& version() const { return version_; }
    /// Variants: fp32, fp32_last (channels last), bf16_last (autocast). Throws io "peer.died".
    TrainedSteps run(const std::string& network, const std::string& variant, int steps);
    /// Resident before anything of the network was made, and the most until now.
    record::SuiteMemory memory();
    /// Trains on IDX files for so many epochs and answers with seconds (evaluation included) and the test accuracy.
    std::pair<double, double> epochs(const std::string& network, const std::string& variant, const std::string& folder, int epochs, int64_t images);

  private:
    std::string ask(const std::string& command);
    std::string line();
    pid_t pid_ = -1;
    FILE *to_ = nullptr, *from_ = nullptr;
    std::string version_;
};

}  // namespace hone::suite
