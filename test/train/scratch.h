// SPDX-License-Identifier: Apache-2.0
// A folder for checkpoints of tests, in memory where that can be: each save waits for the disk several times.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support.h"

/// Of this process; removed with the object.
class Scratch {
  public:
    explicit Scratch(const std::string& name)
        : path_((::access("/dev/shm", W_OK) == 0 ? std::string("/dev/shm/") : testing::TempDir()) + "hone_" + std::to_string(::getpid()) + "_" + name) {
        std::filesystem::remove_all(path_);
    }
    ~Scratch() { std::filesystem::remove_all(path_); }
    Scratch(const Scratch&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};
