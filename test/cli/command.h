// SPDX-License-Identifier: Apache-2.0
// Calling the built binary, and reading the JSON that it prints.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "support.h"

hone::ProcessResult hone_command(std::vector<std::string> arguments);
std::string example_model();
/// Of the shared models and data; what to look for in it begins with '/'.
std::string shared_file(const std::string& path);
/// The interpreter of scripts/peers' environment (or of $HONE_PEERS); empty where there is none.
std::string peers_python();
/// An empty folder of this test, made anew.
std::string scratch_folder();
void write_text(const std::string& path, const std::string& bytes);
/// IDX files images.idx3-ubyte and labels.idx1-ubyte in a folder: blank 28x28 pictures with these labels.
std::string write_pictures(const std::string& folder, const std::vector<int>& labels);
/// The same bytes with every `from` replaced by `to`, which is as long.
std::string replaced(std::string bytes, const std::string& from, const std::string& to);

/// A JSON document addressed by paths such as "models.0.latency_ms.p50".
class Json {
  public:
    /// Fails the test and holds null where the text is no JSON.
    static Json parse(const std::string& text);
    bool valid() const;
    bool has(const std::string& path) const;
    double number(const std::string& path) const;
    bool truth(const std::string& path) const;
    std::string text(const std::string& path) const;
    size_t size(const std::string& path) const;

  private:
    std::shared_ptr<void> root_;
};
