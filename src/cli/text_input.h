// SPDX-License-Identifier: Apache-2.0
// What a model that reads texts says of them: how many tokens a text has, and how many ids are embedded. Called where data is
// opened for a model.
//
//   follow_text_input(g, flags, options.text, call);
#pragma once
#include "cli/verb.h"
#include "data/text.h"
#include "graph/graph.h"

namespace hone::cli {

/// Fills `to`, whose `stored` is the model's vocabulary where it has one, from the flags and from the model's first input [N,L] of
/// integers and the embeddings that it picks (a Gather from a constant). Nothing where the input is not such. Throws usage
/// "usage.text" for flags that the model contradicts.
void follow_text_input(const Graph& g, const TextOptions& flags, TextOptions& to, Call& call);

}  // namespace hone::cli
