// SPDX-License-Identifier: Apache-2.0
// How one node becomes a kernel call. Each lowering looks at a node and offers candidates, best first; the planner takes
// the first whose `make` gives a kernel. A new kernel is a lowering in src/plan/lower_*.cc and a line in lower_list.cc.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "plan/plan.h"

namespace hone {

/// What a step asks of its inputs and outputs of rank 3 and more. `any`: all in one layout, whichever it is.
enum class LayoutRule { plain, channels_last, any };

struct LowerContext {
    const Graph& graph;
    NodeId id;
    const Node& node;
    int threads;
    int variant = 0;  ///< the nth implementation of kernels that have several; no kernel past the last
    Packed packed{};  ///< weights packed before; a kernel that cannot take them packs the constant
    const TypeInfo& in_type(size_t i) const { return graph.value(node.inputs[i]).type; }
    const TypeInfo& out_type(size_t i = 0) const { return graph.value(node.outputs[i]).type; }
    bool given(size_t i) const { return node.in(i) != kNone; }
    Dims in(size_t i) const { return dims_of(in_type(i).shape); }
    Dims out(size_t i = 0) const { return dims_of(out_type(i).shape); }
    DType in_dtype(size_t i) const { return given(i) ? in_type(i).dtype : DType::undefined; }
    DType out_dtype(size_t i = 0) const { return out_type(i).dtype; }
    const Tensor* constant(size_t i) const { return constant_of(graph, node.in(i)); }
    OpContext op() const { return {*find_op(node.domain, node.op), node}; }
};

/// The memory of an input that an output may take.
struct InPlace {
    int input, output;
    InPlace(int in, int out = 0) : input(in), output(out) {}
};

struct Candidate {
    std::string name;
    LayoutRule layout = LayoutRule::plain;
    /// Null: not admissible after all. `layout` is what `any` came to.
    std::function<std::unique_ptr<StepKernel>(Layout layout)> make;
    Isa isa = Isa::scalar;
    std::vector<InPlace> in_place = {};  ///< in order of preference
    bool measured_only = false;      ///< never of a fixed plan: its answers may differ in bits, or it is seldom faster
    int variants = 1;                ///< how many values of LowerContext::variant are worth trying, at most
    bool view = false;               ///< output 0 is input 0, with other dims unless `layout` is any: no kernel at all
    std::vector<int> packed = {};    ///< constant inputs that the kernel has packed: their own memory is not kept
    std::vector<int> plain_in = {}, plain_out = {};  ///< operands that are plain whatever the layout: weights and their gradients
    Layout in_layout(size_t i, Layout l) const { return std::find(plain_in.begin(), plain_in.end(), static_cast<int>(i)) == plain_in.end() ? l : Layout::plain; }
    Layout out_layout(size_t i, Layout l) const { return std::find(plain_out.begin(), plain_out.end(), static_cast<int>(i)) == plain_out.end() ? l : Layout::plain; }
};

using LowerFunction = void (*)(const LowerContext&, std::vector<Candidate>&);
/// Appends the candidates for a node whose inputs and outputs are all fixed tensors of numbers.
std::vector<Candidate> candidates_for(const LowerContext& c);

/// Of the operators that have candidates and a number that is raised when a kernel packs weights another way.
std::string kernel_list_hash();

/// A kernel from a lambda.
template <class F>
std::unique_ptr<StepKernel> step_kernel(std::string name, F f, size_t scratch = 0) {
    struct Kernel final : StepKernel {
        F f;
        std::string name;
        size_t scratch;
        Kernel(F g, std::string n, size_t s) : f(std::move(g)), name(std::move(n)), scratch(s) {}
        void run(const StepArgs& a) const override { f(a); }
        size_t scratch_bytes() const override { return scratch; }
        std::string implementation() const override { return name; }
    };
    return std::make_unique<Kernel>(std::move(f), std::move(name), scratch);
}
template <class T>
const T* in(const StepArgs& a, size_t i) {
    return static_cast<const T*>(a.in[i]);
}
template <class T>
T* out(const StepArgs& a, size_t i = 0) {
    return static_cast<T*>(a.out[i]);
}
/// Cuts [0, n) into chunks of at least `grain` for the current pool; the cut depends on n and grain alone.
template <class F>
void parallel_ranges(int64_t n, int64_t grain, const F& f);
void parallel_ranges_impl(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& f);
template <class F>
void parallel_ranges(int64_t n, int64_t grain, const F& f) {
    if (n <= grain) {
        if (n > 0) f(int64_t{0}, n);
        return;
    }
    parallel_ranges_impl(n, grain, f);
}
/// Bytes of those of the values that have fixed dims.
double bytes_of(const Graph& g, const std::vector<ValueId>& values);
/// Operations and bytes of a node's tensors: whether more than one thread is worth its start hangs on it.
double work_of(const Graph& g, const Node& n, const Cost& cost);
/// The same kernel, run by the caller's thread alone.
std::unique_ptr<StepKernel> on_one_thread(std::unique_ptr<StepKernel> k);
/// Dims in memory order: N spatial... C for channels_last.
Dims physical(const Dims& dims, Layout layout);
/// For a permutation from plain to `to`, or to plain from channels_last.
std::vector<int64_t> layout_permutation(size_t rank, Layout to);
/// The data of `t` (plain) in another layout.
Tensor to_layout(const Tensor& t, Layout layout);
/// True where both layouts are the same memory.
bool layout_free(const Dims& dims);

namespace lower {
void conv(const LowerContext&, std::vector<Candidate>&);
void depthwise_conv(const LowerContext&, std::vector<Candidate>&);  ///< called by conv, at int8 before its own
void deconv(const LowerContext&, std::vector<Candidate>&);
void conv_pass(const LowerContext&, std::vector<Candidate>&);       ///< called by conv where weights are computed, and its gradients
void int8_conv(const LowerContext&, std::vector<Candidate>&);       ///< called by conv, behind its own
void int8_gemm(const LowerContext&, std::vector<Candidate>&);       ///< called by gemm, behind its own
void gemm(const LowerContext&, std::vector<Candidate>&);
void pool(const LowerContext&, std::vector<Candidate>&);
void pool_gradient(const LowerContext&, std::vector<Candidate>&);
void batch_training(const LowerContext&, std::vector<Candidate>&);  ///< called by normalise in training mode; and the gradient
void elementwise(const LowerContext&, std::vector<Candidate>&);
void compare(const LowerContext&, std::vector<Candidate>&);
void quantise(const LowerContext&, std::vector<Candidate>&);
void normalise(const LowerContext&, std::vector<Candidate>&);
void normalise_gradient(const LowerContext&, std::vector<Candidate>&);
void loss(const LowerContext&, std::vector<Candidate>&);
void move(const LowerContext&, std::vector<Candidate>&);
void pick(const LowerContext&, std::vector<Candidate>&);
void recurrent(const LowerContext&, std::vector<Candidate>&);
void update(const LowerContext&, std::vector<Candidate>&);  ///< optimisers
void exchange(const LowerContext&, std::vector<Candidate>&);     ///< means over ranks, as one rank has them
void batch_sync(const LowerContext&, std::vector<Candidate>&);
void recurrent_gradient(const LowerContext&, std::vector<Candidate>&);
void dropout(const LowerContext&, std::vector<Candidate>&);  ///< in training
void chain(const LowerContext&, std::vector<Candidate>&);
void attention(const LowerContext&, std::vector<Candidate>&);
/// Of a node with f16 or bf16 operands: what `f` offers for the same node in f32, between casts in scratch.
void narrow(const LowerContext&, LowerFunction f, std::vector<Candidate>&);
void scaled_attention(const LowerContext&, std::vector<Candidate>&);
}  // namespace lower

}  // namespace hone
