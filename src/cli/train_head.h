// SPDX-License-Identifier: Apache-2.0
// `hone train --new-head`: the last layer made anew for the data's classes or targets, and the data opened for it.
#pragma once
#include <string>

#include "cli/common.h"

namespace hone::cli {

struct HeadArgs {
    std::string outputs;  ///< empty: as the data asks; "-": anew, as many as the data has; else a number
};
void add_head(Options& options, HeadArgs& to);

/// Opens the data for the network, whose head it makes anew where it was asked for, or where the data has another number
/// of classes or targets than the network has outputs; says so, and sets `began_anew`. One output serves two classes.
DataParts open_for_training(Graph& model, const HeadArgs& head, const DataArgs& data, Call& call, bool* began_anew);

}  // namespace hone::cli
