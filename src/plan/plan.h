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

/// One kernel call, prepared: weights packed, sizes resolved. `run` may be called from several threads at once.
class StepKernel {
  public:
    virtual ~StepKernel() = default;
    virtual void run(const StepArgs& a) const = 0;
    virtual size_t scratch_bytes() const { return 0; }
    virtual size_t packed_bytes() const { return 0; }
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
    std::vector<std::string> origins;
    Isa isa = Isa::scalar;
    std::string device = "cpu";
    Cost cost;
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
    size_t arena_bytes = 0, scratch_bytes = 0;
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

/// A table of steps: operator, kernel, shapes, layout, bytes.
std::string to_text(const Plan& p);

}  // namespace hone
