// SPDX-License-Identifier: Apache-2.0
// What hone stores in the models that it writes: `hone.preprocess` (JSON with a schema number: preprocessing, class names, a
// vocabulary, how the data was split) and `hone.precision` (the permitted precision of the float parts).
#pragma once
#include <string>

#include "data/open.h"
#include "graph/graph.h"

namespace hone {
void set_metadata(Graph& g, const DataParts& parts, const std::string& precision);
}  // namespace hone
