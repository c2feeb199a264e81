// SPDX-License-Identifier: Apache-2.0
// The pass driver. A pass is a named function over a graph, listed in src/pass/list.cc in run order with its stage.
// The driver gives each a timer, an off-switch and a text dump, and after every change checks the structure and infers
// all types again, so that a broken pass is named at once.
//
//   run_passes(graph, Stage::portable);        // the result is standard ONNX and may be written
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "op/op.h"

namespace hone {

enum class Stage { portable, runtime };
enum class Precision { fp32, bf16, fp16 };  ///< fp16: of training alone

struct PassOptions {
    std::set<std::string> disabled = {};
    /// Called with the pass's name and the graph's text after each pass that changed something.
    std::function<void(const std::string&, const std::string&)> dump = {};
    Precision precision = Precision::fp32;  ///< of the float parts; read by runtime passes
    /// Called with the name and the graph after each pass that changed something, before the graph is checked; may
    /// change it: how a test breaks a pass on purpose.
    std::function<void(const std::string&, Graph&)> after = {};
};
struct PassDecl {
    const char* name;
    Stage stage;
    bool (*run)(Graph&, const PassOptions&);  ///< true when it changed something
    const char* summary;
};
struct PassRecord {
    std::string name;
    bool changed;
    double seconds;
};

const std::vector<PassDecl>& all_passes();
/// Runs the stage's passes in order until nothing changes (at most 4 rounds).
std::vector<PassRecord> run_passes(Graph& g, Stage stage, const PassOptions& options = {});

/// Removes nodes whose outputs nobody uses; true when it removed any.
bool remove_dead(Graph& g);
/// Joins origins of nodes, in order, without duplicates.
std::vector<std::string> join_origins(const Graph& g, const std::vector<NodeId>& nodes);
/// The constant of an input, or null.
const Tensor* constant_of(const Graph& g, ValueId v);
/// True for a constant scalar (one element); gives its value.
bool scalar_constant(const Graph& g, ValueId v, double* out);

}  // namespace hone
