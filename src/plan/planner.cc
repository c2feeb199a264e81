// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/limits.h"
#include "base/thread_pool.h"
#include "kernel/vector/vector.h"
#include "pass/list.h"
#include "plan/lower.h"
#include "plan/memory.h"
#include "plan/schedule.h"

namespace hone {

namespace {

constexpr double kOneThreadWork = 1e5;  ///< operations and bytes below which a second thread does not pay

class Planner {
  public:
    Planner(Plan& p, const PlanOptions& o) : plan_(p), options_(o), g_(p.graph) {}

    void run() {
        for (size_t i = 0; i < g_.inputs.size(); ++i) {
            const int slot = slot_of(g_.inputs[i]);
            plan_.slots[static_cast<size_t>(slot)].kind = SlotKind::input;
            plan_.slots[static_cast<size_t>(slot)].input = static_cast<int>(i);
            plan_.inputs.push_back(slot);
        }
        for (NodeId id : g_.order()) plan_node(id);
        for (ValueId v : g_.outputs) plan_.outputs.push_back(slot_in(v, Layout::plain));
        drop_unused_constants();
        for (const State& s : g_.states) plan_.states.push_back({s.name, s.input, s.output});
        bind_states(plan_);
        plan_memory(plan_);
    }

  private:
    /// Fixed tensors of numbers live in the arena; everything else is made when its size is known.
    static bool is_fixed(const TypeInfo& t) { return t.fixed() && t.dtype != DType::string; }

    int new_slot(ValueId v, Layout layout) {
        const Value& value = g_.value(v);
        Slot s;
        s.type = value.type;
        s.layout = layout;
        s.name = value.name;
        if (value.is_constant()) {
            s.kind = SlotKind::constant;
            s.type = TypeInfo::of(value.constant);
            s.constant = value.constant.dtype() == DType::string ? value.constant : to_layout(value.constant, layout);
        } else {
            s.kind = is_fixed(value.type) ? SlotKind::arena : SlotKind::dynamic;
        }
        if (is_fixed(s.type))
            s.bytes = static_cast<size_t>(checked_mul(count_of(dims_of(s.type.shape)), static_cast<int64_t>(dtype_size(s.type.dtype))));
        plan_.slots.push_back(std::move(s));
        const int id = static_cast<int>(plan_.slots.size()) - 1;
        plan_.slots.back().root = id;
        slots_[{v, layout}] = id;
        home_.emplace(v, layout);
        return id;
    }
    int slot_of(ValueId v) {
        const auto it = home_.find(v);
        return it != home_.end() ? slots_.at({v, it->second}) : new_slot(v, Layout::plain);
    }
    Layout layout_of(ValueId v) const {
        const auto it = home_.find(v);
        return it == home_.end() ? Layout::plain : it->second;
    }

    /// The slot of v in `layout`, reordered into it when it is elsewhere.
    int slot_in(ValueId v, Layout layout) {
        if (v == kNone) return -1;
        const TypeInfo& t = g_.value(v).type;
        const bool ranked = is_fixed(t) && t.shape.size() >= 3;
        if (!ranked || layout_free(dims_of(t.shape))) return slot_of(v);
        if (const auto it = slots_.find({v, layout}); it != slots_.end()) return it->second;
        if (g_.value(v).is_constant()) return new_slot(v, layout);
        const int from = slot_of(v), to = new_slot(v, layout);
        const Dims d = dims_of(t.shape);
        const Dims from_dims = layout == Layout::plain ? physical(d, Layout::channels_last) : d;
        const vec::Permute p = vec::make_permute(from_dims, layout_permutation(d.size(), layout));
        const size_t size = dtype_size(t.dtype);
        Step s;
        s.op = "reorder";
        s.in = {from};
        s.out = {to};
        s.kernel = step_kernel("vector permute", [p, size](const StepArgs& a) {
            parallel_ranges(p.outer, std::max<int64_t>(1, p.outer / 8), [&](int64_t b, int64_t e) { vec::permute(p, size, a.in[0], a.out[0], b, e); });
        });
        plan_.steps.push_back(std::move(s));
        return to;
    }

    bool all_fixed(const Node& n) const {
        for (ValueId v : n.inputs)
            if (v != kNone && !is_fixed(g_.value(v).is_constant() ? TypeInfo::of(g_.value(v).constant) : g_.value(v).type)) return false;
        for (ValueId v : n.outputs)
            if (v != kNone && !is_fixed(g_.value(v).type)) return false;
        return true;
    }

    void plan_node(NodeId id) {
        const Node& n = g_.node(id);
        Step s;
        s.node = id;
        s.op = (n.domain.empty() ? "" : n.domain + ".") + n.op;
        s.origins = n.origins;
        if (!all_fixed(n)) return plan_plain(std::move(s), n, StepKind::dynamic);
        s.cost = cost_of(g_, id);
        if (!options_.references) {
            const std::optional<Choice> choice = options_.choose ? options_.choose(g_, id) : std::nullopt;
            if (choice && plan_chosen(s, n, *choice)) return;
            // A thread that is called costs about a microsecond. Kernels without products cut their work by its size.
            const int threads = s.cost.macs > 0 && work_of(g_, n, s.cost) < kOneThreadWork ? 1 : options_.threads;
            LowerContext c{g_, id, n, threads};
            for (Candidate& k : candidates_for(c)) {
                if (k.isa > usable_isa() || k.measured_only) continue;
                if (k.view) return plan_view(std::move(s), n, k.layout == LayoutRule::any ? layout_of(n.inputs[0]) : Layout::plain);
                if (take(s, n, k, layout_for(k, n), threads, 0)) return;
            }
        }
        plan_plain(std::move(s), n, StepKind::reference);
    }

    bool plan_chosen(Step& s, const Node& n, const Choice& choice) {
        const int threads = choice.threads ? std::min(choice.threads, options_.threads) : options_.threads;
        LowerContext c{g_, s.node, n, threads, choice.variant, choice.packed};
        for (Candidate& k : candidates_for(c)) {
            if (k.isa > usable_isa() || k.view || k.name != choice.candidate) continue;
            const Layout layout = layout_for(k, n);
            if (k.layout != LayoutRule::any && layout != choice.layout) continue;
            if (take(s, n, k, layout, threads, choice.variant)) return true;
        }
        return false;
    }

    bool take(Step& s, const Node& n, const Candidate& k, Layout layout, int threads, int variant) {
        std::unique_ptr<StepKernel> kernel = k.make(layout);
        if (!kernel) return false;
        s.kernel = threads < options_.threads ? on_one_thread(std::move(kernel)) : std::move(kernel);
        s.isa = k.isa;
        s.candidate = k.name;
        s.variant = variant;
        s.threads = threads;
        s.layout = layout;
        plan_kernel(std::move(s), n, k, layout);
        return true;
    }

    /// What `any` comes to: the layout that most bytes of the inputs already have.
    Layout layout_for(const Candidate& k, const Node& n) const {
        if (k.layout == LayoutRule::plain) return Layout::plain;
        if (k.layout == LayoutRule::channels_last) return Layout::channels_last;
        int64_t votes = 0;
        for (ValueId v : n.inputs) {
            if (v == kNone || g_.value(v).is_constant()) continue;
            const Dims d = dims_of(g_.value(v).type.shape);
            if (d.size() < 3 || layout_free(d)) continue;
            votes += (layout_of(v) == Layout::channels_last ? 1 : -1) * count_of(d);
        }
        return votes > 0 ? Layout::channels_last : Layout::plain;
    }

    void plan_kernel(Step s, const Node& n, const Candidate& k, Layout layout) {
        for (size_t i = 0; i < n.inputs.size(); ++i) {
            const bool packed = std::find(k.packed.begin(), k.packed.end(), static_cast<int>(i)) != k.packed.end();
            s.in.push_back(packed ? -1 : slot_in(n.inputs[i], k.in_layout(i, layout)));
            if (!packed || n.inputs[i] == kNone) continue;
            const Tensor& kept = g_.value(n.inputs[i]).constant;  // the kernel has what it needs of it
            release_pages(kept.owner(), kept.raw(), kept.bytes());
        }
        for (size_t i = 0; i < n.outputs.size(); ++i) {
            const ValueId v = n.outputs[i];
            s.out.push_back(v == kNone ? -1 : new_slot(v, dims_of(g_.value(v).type.shape).size() >= 3 ? k.out_layout(i, layout) : Layout::plain));
        }
        for (const InPlace& w : k.in_place) {
            const int from = s.in[static_cast<size_t>(w.input)], to = s.out[static_cast<size_t>(w.output)];
            if (from >= 0 && to >= 0 && plan_.slots[static_cast<size_t>(from)].bytes == plan_.slots[static_cast<size_t>(to)].bytes) plan_.in_place_wishes.push_back({plan_.steps.size(), from, to});
        }
        plan_.steps.push_back(std::move(s));
    }

    void plan_view(Step s, const Node& n, Layout layout) {
        s.kind = StepKind::view;
        s.in = {slot_in(n.inputs[0], layout)};
        s.out = {new_slot(n.outputs[0], layout)};
        plan_.steps.push_back(std::move(s));
    }

    void plan_plain(Step s, const Node& n, StepKind kind) {
        s.kind = kind;
        for (ValueId v : n.inputs) s.in.push_back(v == kNone ? -1 : slot_in(v, Layout::plain));
        for (ValueId v : n.outputs) s.out.push_back(v == kNone ? -1 : new_slot(v, Layout::plain));
        plan_.steps.push_back(std::move(s));
    }

    void drop_unused_constants() {
        std::vector<bool> used(plan_.slots.size(), false);
        for (const Step& s : plan_.steps)
            for (int i : s.in)
                if (i >= 0) used[static_cast<size_t>(i)] = true;
        for (int i : plan_.outputs) used[static_cast<size_t>(i)] = true;
        for (size_t i = 0; i < used.size(); ++i)
            if (!used[i] && plan_.slots[i].kind == SlotKind::constant) plan_.slots[i].constant = Tensor();
    }

    Plan& plan_;
    const PlanOptions& options_;
    const Graph& g_;
    std::map<std::pair<ValueId, Layout>, int> slots_;
    std::map<ValueId, Layout> home_;
};

}  // namespace

std::shared_ptr<const Plan> make_plan(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options) {
    return plan_lowered(lower_graph(g, input_dims, options), options);
}

Graph lower_graph(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options) {
    Graph lowered = specialise(g, input_dims);
    if (options.references) {
        passes::expand_gradients(lowered, {});  // not an operator: it has no reference
        return lowered;
    }
    run_passes(lowered, Stage::runtime, {options.disabled_passes, options.dump, options.precision});
    return lowered.states.empty() ? lowered.compacted() : lowered.compacted(lean_order(lowered));
}

std::shared_ptr<Plan> plan_lowered(Graph lowered, const PlanOptions& options) {
    auto plan = std::make_shared<Plan>();
    plan->graph = std::move(lowered);
    plan->threads = options.threads;
    for (ValueId v : plan->graph.inputs) {
        plan->input_types.push_back(plan->graph.value(v).type.dtype);
        plan->input_dims.push_back(dims_of(plan->graph.value(v).type.shape));
    }
    Planner(*plan, options).run();
    if (plan->memory_bytes() > limits().memory_bytes)
        fail(ErrorKind::budget, "memory.limit", cat("the plan needs ", static_cast<unsigned long>(plan->memory_bytes()), " bytes; the limit is ", static_cast<unsigned long>(limits().memory_bytes)), "Raise it with --max-memory.");
    return plan;
}

size_t Plan::memory_bytes() const {
    size_t n = arena_bytes + scratch_bytes;
    for (const Slot& s : slots)
        if (s.kind == SlotKind::constant && s.constant.defined()) n += s.constant.bytes();
    for (const Step& s : steps)
        if (s.kernel) n += s.kernel->packed_bytes();
    return n;
}

std::string to_text(const Plan& p) {
    std::string t = cat("plan: ", static_cast<unsigned long>(p.steps.size()), " steps, ", p.threads, " threads, arena ",
                        static_cast<unsigned long>(p.arena_bytes), " bytes\n");
    for (const Step& s : p.steps) {
        std::vector<std::string> outs;
        for (int o : s.out)
            if (o >= 0) {
                const Slot& slot = p.slots[static_cast<size_t>(o)];
                outs.push_back(cat("%", slot.name, ": ", to_text(slot.type), slot.layout == Layout::channels_last ? " nhwc" : "", " @", static_cast<unsigned long>(slot.offset)));
            }
        const char* kinds[] = {"", "reference", "dynamic", "view"};
        t += cat("  ", join(outs, ", "), " = ", s.op, " [", s.kernel ? s.kernel->implementation() : kinds[static_cast<int>(s.kind)], "]  # ", join(s.origins, " + "), "\n");
    }
    return t;
}

}  // namespace hone
