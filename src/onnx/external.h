// SPDX-License-Identifier: Apache-2.0
// Side files of a model ("external data"). The one function that opens them cannot leave the model's folder: no
// absolute path, no "..", no symbolic link on the way, no hard link, regular files only.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace hone {

/// Errors: model "model.external.escape", ".symlink", ".hardlink", ".not_regular", ".range"; io ".absent".
class SideFiles {
  public:
    /// `folder` empty: a model without a folder (bytes from memory) has no side files.
    explicit SideFiles(std::string folder) : folder_(std::move(folder)) {}

    struct Range {
        const char* data;
        std::shared_ptr<const void> owner;
    };
    /// The `need` bytes that the entries (location, offset, length) of one tensor name.
    Range range(const std::vector<std::pair<std::string, std::string>>& entries, size_t need, const std::string& where);

  private:
    const MappedFile& open(const std::string& location, const std::string& where);
    std::string folder_;
    std::map<std::string, MappedFile> open_;
};

}  // namespace hone
