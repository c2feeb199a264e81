// SPDX-License-Identifier: Apache-2.0
// The inputs of `hone run` as a model takes them. Called by verb_run.cc.
//
//   const std::vector<Tensor> whole = named_inputs(g, {"ids=ids.npy", "mask=mask.npy"});
//   if (whole.empty()) for (const Sample& s : load_samples(word, options, sample_dims(g), row, &used)) ...
#pragma once
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::cli {

/// Of the model's first input without the batch; -1 where open, empty where nothing is known.
Dims sample_dims(const Graph& g);

/// "NAME=FILE.npy" of every input of the model, in its order: arrays as they are, converted to the input's type only.
/// Empty where no word is such and the model has one input. Throws usage "usage.inputs", data "data.shape" and those of
/// the reader.
std::vector<Tensor> named_inputs(const Graph& g, const std::vector<std::string>& words);

}  // namespace hone::cli
