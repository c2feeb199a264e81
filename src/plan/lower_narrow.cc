// SPDX-License-Identifier: Apache-2.0
// f16 and bf16 as a way to store: where no kernel takes such operands, the kernel for f32 runs on copies of them that are
// widened in scratch, and what it gives is rounded once.
#include <map>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

constexpr int64_t kGrain = 16384;

/// One input or output of the kernel for f32. `at`: offset of the widened copy; none: the tensor itself.
struct Operand {
    DType type = DType::undefined;
    int64_t count = 0;
    std::optional<size_t> at{};
    size_t same_as = 0;  ///< the first input that is the same value
};

class Widened final : public StepKernel {
  public:
    Widened(std::unique_ptr<StepKernel> core, std::vector<Operand> in, std::vector<Operand> out, size_t copies)
        : core_(std::move(core)), in_(std::move(in)), out_(std::move(out)), copies_(copies) {}

    void run(const StepArgs& a) const override {
        char* scratch = static_cast<char*>(a.scratch);
        std::vector<const void*> in(in_.size());
        std::vector<void*> out(out_.size());
        const vec::Table& t = vec::table();
        for (size_t i = 0; i < in_.size(); ++i) {
            const Operand& o = in_[i];
            in[i] = o.at && a.in[i] ? scratch + *o.at : a.in[i];
            if (!o.at || !a.in[i] || o.same_as != i) continue;
            const auto* from = static_cast<const uint16_t*>(a.in[i]);
            auto* to = reinterpret_cast<float*>(scratch + *o.at);
            const auto f = o.type == DType::bf16 ? t.bf16_to_f32 : t.f16_to_f32;
            parallel_ranges(o.count, kGrain, [&](int64_t b, int64_t e) { f(from + b, to + b, e - b); });
        }
        for (size_t i = 0; i < out_.size(); ++i) out[i] = out_[i].at && a.out[i] ? scratch + *out_[i].at : a.out[i];
        core_->run({in.data(), out.data(), scratch + copies_});
        for (size_t i = 0; i < out_.size(); ++i) {
            const Operand& o = out_[i];
            if (!o.at || !a.out[i]) continue;
            const auto* from = reinterpret_cast<const float*>(scratch + *o.at);
            auto* to = static_cast<uint16_t*>(a.out[i]);
            const auto f = o.type == DType::bf16 ? t.f32_to_bf16 : t.f32_to_f16;
            parallel_ranges(o.count, kGrain, [&](int64_t b, int64_t e) { f(from + b, to + b, e - b); });
        }
    }
    size_t scratch_bytes() const override { return copies_ + core_->scratch_bytes(); }
    size_t packed_bytes() const override { return core_->packed_bytes(); }
    Packed packed() const override { return core_->packed(); }
    std::string implementation() const override { return core_->implementation() + ", widened"; }

  private:
    std::unique_ptr<StepKernel> core_;
    std::vector<Operand> in_, out_;
    size_t copies_;
};

/// The node by itself, with f32 in place of narrow floats.
struct Twin {
    Graph graph;
    NodeId node = kNone;
    std::vector<Operand> in, out;
    size_t copies = 0;
};

Operand operand(Twin& twin, const TypeInfo& t) {
    Operand o{t.dtype, count_of(dims_of(t.shape))};
    if (!is_narrow_float(t.dtype)) return o;
    o.at = twin.copies;
    twin.copies += (static_cast<size_t>(o.count) * sizeof(float) + 63) / 64 * 64;
    return o;
}
TypeInfo wide_type(TypeInfo t) {
    if (is_narrow_float(t.dtype)) t.dtype = DType::f32;
    return t;
}

std::shared_ptr<Twin> twin_of(const LowerContext& c) {
    auto twin = std::make_shared<Twin>();
    Graph& g = twin->graph;
    std::vector<ValueId> inputs;
    std::map<ValueId, size_t> first;
    for (size_t i = 0; i < c.node.inputs.size(); ++i) {
        const ValueId v = c.node.inputs[i];
        twin->in.push_back({});
        inputs.push_back(kNone);
        if (v == kNone) continue;
        const auto [it, fresh] = first.emplace(v, i);
        if (!fresh) {
            inputs[i] = inputs[it->second];
            twin->in[i] = twin->in[it->second];
            continue;
        }
        const Value& value = c.graph.value(v);
        const TypeInfo type = value.is_constant() ? TypeInfo::of(value.constant) : value.type;
        const std::string name = cat("in", static_cast<unsigned long>(i));
        inputs[i] = value.is_constant() ? g.add_constant(name, is_narrow_float(type.dtype) ? value.constant.cast(DType::f32) : value.constant)
                                        : g.add_input(name, wide_type(type));
        twin->in[i] = operand(*twin, type);
        twin->in[i].same_as = i;
    }
    Attributes attributes = c.node.attributes;
    if (const auto to = attributes.find("to"); to != attributes.end() && is_narrow_float(static_cast<DType>(std::get<int64_t>(to->second))))
        to->second = static_cast<int64_t>(DType::f32);
    twin->node = g.add_node(c.node.domain, c.node.op, inputs, 0, attributes, c.node.name, c.node.origins);
    for (size_t i = 0; i < c.node.outputs.size(); ++i) {
        twin->out.push_back({});
        if (c.node.outputs[i] == kNone) continue;
        const TypeInfo& type = c.graph.value(c.node.outputs[i]).type;
        g.value(g.add_node_output(twin->node, i)).type = wide_type(type);
        twin->out[i] = operand(*twin, type);
    }
    return twin;
}

}  // namespace

void narrow(const LowerContext& c, LowerFunction f, std::vector<Candidate>& list) {
    const auto twin = twin_of(c);
    if (!twin->copies) return;
    std::vector<Candidate> wide;
    f({twin->graph, twin->node, twin->graph.node(twin->node), c.threads, c.variant, c.packed}, wide);
    const auto copied = [&](const InPlace& p) {
        return std::pair{twin->in[static_cast<size_t>(p.input)].at.has_value(), twin->out[static_cast<size_t>(p.output)].at.has_value()};
    };
    for (Candidate& k : wide) {
        if (k.view) continue;
        k.name += "_widened";
        std::erase_if(k.in_place, [&](const InPlace& p) { return copied(p).first != copied(p).second; });
        k.make = [twin, make = std::move(k.make)](Layout layout) -> std::unique_ptr<StepKernel> {
            std::unique_ptr<StepKernel> core = make(layout);
            if (!core) return nullptr;
            return std::make_unique<Widened>(std::move(core), twin->in, twin->out, twin->copies);
        };
        list.push_back(std::move(k));
    }
}

}  // namespace hone::lower
