// SPDX-License-Identifier: Apache-2.0
// What several verbs do alike: load a model, choose its precision, open data as the model needs it. Used by verb_*.cc.
//
//   const Graph g = load_model(a->model);
//   const DataParts parts = open_for(g, a->data, call);
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "data/open.h"
#include "graph/graph.h"
#include "optimize/start.h"
#include "pass/pass.h"
#include "record/common.h"

namespace hone::cli {

/// Read, with portable passes run: what every verb that executes a model takes.
Graph load_model(const std::string& path);

/// The --precision option: fp32, bf16, auto.
Option& add_precision(Options& options, std::string& to);
/// `auto` is bf16 where the model's metadata `hone.precision` permits it and the processor has it, else fp32.
Precision choose_precision(const std::string& name, const Graph& g);

struct DataArgs {
    std::string data, part;
    PreprocessOptions preprocess;
    TextOptions text;
    std::string split;  ///< empty: the usual shares
};
void add_data(Options& options, DataArgs& to, bool with_part);
/// --tokens, --vocabulary, --min-count, --text-length: how a vocabulary is made of the training part.
void add_text(Options& options, TextOptions& to);
/// --scale, --mean, --std, --resize, --crop alone; add_data has them.
void add_preprocess(Options& options, PreprocessOptions& to);
/// The model's stored preprocessing under the flags, its class names, channels and size: what reading data needs.
DataOptions data_options_for(const Graph& g, const PreprocessOptions& flags, Call& call);
/// --data with the model's stored preprocessing, flags winning with a warning; channels and size follow its input.
DataParts open_for(const Graph& g, const DataArgs& args, Call& call);
/// --part, or the test part, or the only one; its name goes to `name`. Throws data "data.part".
DatasetPtr choose_part(const DataParts& parts, const std::string& wanted, std::string* name);

/// The --no-plan option: the plan file beside the model is left alone.
void add_no_plan(Options& options, bool& to);
/// The plan file beside the model where it is this model's plan as `r` asks for it, which goes to `plan` if given; else
/// empty, with a line where there is a file that is not taken.
std::string plan_file_beside(StartRequest r, Call& call, std::shared_ptr<const Plan>* plan = nullptr);

record::Machine this_machine(int threads);

}  // namespace hone::cli
