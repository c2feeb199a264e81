// SPDX-License-Identifier: Apache-2.0
// A Plan: the list of kernel calls, with layouts, aliases and a memory plan, that a graph becomes for given input dims,
// threads and precision. Immutable and shared; a Session (src/run) gives each caller its own memory.
//
//   auto plan = make_plan(graph, {{1, 3, 224, 224}}, {.threads = 2});
//   for (const Step& s : plan->steps) ... s.kernel->implementation() ...
//
// Without measuring, the plan is fixed: the first admissible kernel in list order. Whatever decides what ends up in a
// model (calibration, sensitivity, accuracy) runs on a fixed plan.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "pass/pass.h"

namespace hone {

/// Where the channels of a value of rank 3 or more lie. Values of lower rank are plain.
enum class Layout : uint8_t { plain, channels_last };

struct StepArgs {
    const void* const* in = nullptr;  ///< as the node's inputs; null where omitted
    void* const* out = nullptr;
    void* scratch = nullptr;
};

/// Weights in a kernel's own layout, from the kernel that packed them to one that need not pack them again.
struct Packed {
    const void* data = nullptr;
    size_t bytes = 0;
    std::shared_ptr<const void> owner{};
    int input = 1;  ///< which input of the node they are
};

/// One kernel call, prepared: weights packed, sizes resolved. `run` may be called from several threads at once.
class StepKernel {
  public:
    virtual ~StepKernel() = default;
    virtual void run(const StepArgs& a) const = 0;
    virtual size_t scratch_bytes() const { return 0; }
    virtual size_t packed_bytes() const { return 0; }
    /// What a plan file keeps; without data where the kernel cannot take it back. Valid as long as the kernel.
    virtual Packed packed() const { return {}; }
    virtual std::string implementation() const = 0;
};

enum class SlotKind { arena, constant, input, dynamic };
struct Slot {
    SlotKind kind = SlotKind::arena;
    TypeInfo type;        ///< dims as in the graph
    Layout layout = Layout::plain;
    size_t bytes = 0;
    size_t offset = 0;    ///< arena: bytes from its start
    Tensor constant;      ///< constant: the data in `layout`
    int input = -1;       ///< input: which
    int root = -1;        ///< arena: the slot whose memory it shares; itself when it shares none
    std::string name;
};

enum class StepKind { kernel, reference, dynamic, view };
struct Step {
    StepKind kind = StepKind::kernel;
    NodeId node = kNone;          ///< in Plan::graph; kNone: a reorder
    std::string op;               ///< "hone.Conv", "Softmax", "reorder"
    std::vector<int> in, out;     ///< slots; -1 where omitted
    std::unique_ptr<StepKernel> kernel;
    std::string candidate;        ///< which of lower_list.cc's candidates made the kernel
    int variant = 0;              ///< ... and which of its implementations
    int threads = 1;
    Layout layout = Layout::plain;
    std::vector<std::string> origins;
    Isa isa = Isa::scalar;
    size_t scratch_offset = 0;    ///< in the arena of a plan with states; else 0, of what all steps share
    std::string device = "cpu";
    Cost cost;
};

/// How a step is to be done where that is not left to the list's order. What cannot be done so is done as without.
struct Choice {
    std::string candidate;
    int variant = 0;
    Layout layout = Layout::plain;
    int threads = 0;  ///< 0: the plan's
    Packed packed{};  ///< taken instead of packing the weights
};

/// Output slot `to` of a step would like the memory of input slot `from`.
struct InPlaceWish {
    size_t step;
    int from, to;
};

struct PlanOptions {
    int threads = 1;
    Precision precision = Precision::fp32;
    bool references = false;                  ///< every step by its reference: the oracle
    /// Asked for each node of the lowered graph; null or nothing: the first admissible kernel in list order.
    std::function<std::optional<Choice>(const Graph& lowered, NodeId)> choose = {};
    std::set<std::string> disabled_passes = {};
    std::function<void(const std::string&, const std::string&)> dump = {};
};

class Plan {
  public:
    Graph graph;  ///< specialised and lowered; what the steps' node ids speak of
    std::vector<Step> steps;
    std::vector<Slot> slots;
    std::vector<int> inputs, outputs;  ///< slots in graph order
    std::vector<DType> input_types;
    std::vector<Dims> input_dims;
    std::vector<InPlaceWish> in_place_wishes;
    /// Inputs that a run writes: after it, the tensor given for `input` holds what output `output` is. Indices into `inputs`
    /// and `outputs`.
    std::vector<State> states;
    size_t arena_bytes = 0, scratch_bytes = 0;  ///< scratch_bytes: what lies outside of the arena
    int threads = 1;
    /// The slot whose memory `slot` lies in: itself when it shares none.
    int root_of(int slot) const {
        while (slots[static_cast<size_t>(slot)].root != slot) slot = slots[static_cast<size_t>(slot)].root;
        return slot;
    }
    /// Arena, scratch, constants and packed weights.
    size_t memory_bytes() const;
};

/// Throws model, unsupported and budget errors.
std::shared_ptr<const Plan> make_plan(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options);

/// The first half of it: the graph at these dims after the runtime passes.
Graph lower_graph(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options);
/// The second half.
std::shared_ptr<Plan> plan_lowered(Graph lowered, const PlanOptions& options);

/// A table of steps: operator, kernel, shapes, layout, bytes.
std::string to_text(const Plan& p);

}  // namespace hone
