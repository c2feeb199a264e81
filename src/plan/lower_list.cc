// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include "base/thread_pool.h"
#include "kernel/vector/vector.h"
#include "plan/lower.h"
#include "record/fast_hash.h"

namespace hone {

namespace {
constexpr int kPackingRevision = 1;

const std::map<std::string, LowerFunction>& lowerings() {
    static const std::map<std::string, LowerFunction> list = [] {
        std::map<std::string, LowerFunction> m;
        auto add = [&](LowerFunction f, std::initializer_list<const char*> ops) {
            for (const char* op : ops) HONE_CHECK(m.emplace(op, f).second, op);
        };
        add(lower::conv, {"Conv", "hone.Conv", "hone.QConv"});
        add(lower::deconv, {"ConvTranspose"});
        add(lower::conv_pass, {"hone.ConvGradInput", "hone.ConvGradWeight"});
        add(lower::gemm, {"Gemm", "MatMul", "hone.Gemm", "hone.QGemm", "hone.Product"});
        add(lower::pool, {"MaxPool", "AveragePool", "GlobalAveragePool"});
        add(lower::pool_gradient, {"hone.MaxPoolGrad", "hone.AveragePoolGrad"});
        add(lower::batch_training, {"hone.BatchNormGrad", "hone.BatchNormAct", "hone.BatchNormActGrad", "hone.BatchNormApply"});
        add(lower::batch_sync, {"hone.BatchSums", "hone.SyncBatchNorm", "hone.BatchGradSums", "hone.SyncBatchNormGrad"});
        add(lower::exchange, {"hone.AllReduce", "hone.AllReduceStart", "hone.AllReduceWait"});
        add(lower::elementwise,
            {"Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "hone.Silu", "HardSigmoid", "HardSwish", "Gelu", "Erf", "Exp",
             "Log", "Sqrt", "Reciprocal", "Abs", "Neg", "Floor", "Ceil", "Round", "Softplus", "Elu", "Sign", "Add", "Sub",
             "Mul", "Div", "Max", "Min", "Pow", "PRelu", "Cast", "hone.ReluGrad"});
        add(lower::compare, {"Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Not"});
        add(lower::quantise, {"QuantizeLinear", "DequantizeLinear", "hone.QAdd", "hone.QMul", "hone.QTable", "hone.QGlobalAveragePool"});
        add(lower::normalise, {"Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "BatchNormalization", "ReduceMean", "ReduceSum",
                               "ReduceMax", "ReduceMin", "ReduceSumSquare", "InstanceNormalization", "GroupNormalization", "LRN"});
        add(lower::normalise_gradient, {"hone.LayerNormGrad", "hone.SoftmaxGrad"});
        add(lower::loss, {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss", "hone.CrossEntropyGrad"});
        add(lower::move, {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Transpose", "Concat", "Split",
                          "Slice", "Gather", "hone.After"});
        add(lower::pick, {"Pad", "Tile", "Expand", "Resize"});
        add(lower::scaled_attention, {"Attention"});
        add(lower::recurrent, {"RNN", "LSTM", "GRU", "hone.LSTM", "hone.GRU"});
        add(lower::recurrent_gradient, {"hone.RNNGrad", "hone.LSTMGrad", "hone.GRUGrad"});
        add(lower::attention, {"hone.Attention"});
        add(lower::update, {"hone.Sgd", "hone.Adagrad", "hone.RmsProp", "hone.Adam"});
        add(lower::dropout, {"hone.Dropout"});
        add(lower::chain, {"hone.Chain"});
        return m;
    }();
    return list;
}
/// Operators whose own kernels are all there is to 16-bit floats: those made for them, and moves, for which a type is a size.
bool widens(const LowerContext& c, LowerFunction f) {
    static const std::set<std::string> own = {"Conv", "Gemm", "LSTM", "GRU", "Chain", "QConv", "QGemm"};
    if (f == lower::move || f == lower::quantise || c.node.is("Cast") || (c.node.domain == "hone" && own.contains(c.node.op))) return false;
    return true;
}
}  // namespace

std::string kernel_list_hash() {
    std::string text = cat(kPackingRevision);
    for (const auto& [op, f] : lowerings()) text += " " + op;
    return record::fast_hash_hex(text);
}

std::vector<Candidate> candidates_for(const LowerContext& c) {
    const std::map<std::string, LowerFunction>& list = lowerings();
    std::vector<Candidate> out;
    const auto it = list.find((c.node.domain.empty() ? "" : c.node.domain + ".") + c.node.op);
    if (it == list.end()) return out;
    it->second(c, out);
    if (widens(c, it->second)) lower::narrow(c, it->second, out);
    return out;
}

void parallel_ranges_impl(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)>& f) {
    const int64_t chunks = std::min<int64_t>((n + grain - 1) / grain, 64);
    ThreadPool* pool = ThreadPool::current();
    auto body = [&](int i) { f(n * i / chunks, n * (i + 1) / chunks); };
    if (pool) pool->run(static_cast<int>(chunks), body);
    else
        for (int i = 0; i < chunks; ++i) body(i);
}

double bytes_of(const Graph& g, const std::vector<ValueId>& values) {
    double n = 0;
    for (ValueId v : values)
        if (v != kNone && g.value(v).type.fixed()) n += static_cast<double>(count_of(dims_of(g.value(v).type.shape))) * static_cast<double>(dtype_size(g.value(v).type.dtype));
    return n;
}
double work_of(const Graph& g, const Node& n, const Cost& cost) { return 2 * cost.macs + cost.flops + bytes_of(g, n.inputs) + bytes_of(g, n.outputs); }

std::unique_ptr<StepKernel> on_one_thread(std::unique_ptr<StepKernel> k) {
    struct OneThread final : StepKernel {
        std::unique_ptr<StepKernel> k;
        explicit OneThread(std::unique_ptr<StepKernel> kernel) : k(std::move(kernel)) {}
        void run(const StepArgs& a) const override {
            const ThreadPool::Use none(nullptr);
            k->run(a);
        }
        size_t scratch_bytes() const override { return k->scratch_bytes(); }
        size_t packed_bytes() const override { return k->packed_bytes(); }
        Packed packed() const override { return k->packed(); }
        std::string implementation() const override { return k->implementation() + ", one thread"; }
    };
    return std::make_unique<OneThread>(std::move(k));
}

Dims physical(const Dims& dims, Layout layout) {
    if (layout == Layout::plain || dims.size() < 3) return dims;
    Dims p = {dims[0]};
    p.insert(p.end(), dims.begin() + 2, dims.end());
    p.push_back(dims[1]);
    return p;
}

bool layout_free(const Dims& d) {
    if (d.size() < 3 || d[1] == 1) return true;
    return count_of(Dims(d.begin() + 2, d.end())) == 1;
}

std::vector<int64_t> layout_permutation(size_t rank, Layout to) {
    const auto last = static_cast<int64_t>(rank) - 1;
    std::vector<int64_t> perm = {0};
    if (to == Layout::plain) perm.push_back(last);
    for (int64_t i = to == Layout::plain ? 1 : 2; i < last + (to == Layout::plain ? 0 : 1); ++i) perm.push_back(i);
    if (to == Layout::channels_last) perm.push_back(1);
    return perm;
}

Tensor to_layout(const Tensor& t, Layout layout) {
    if (layout == Layout::plain || layout_free(t.dims())) return t;
    Tensor out = Tensor::zeros(t.dtype(), t.dims());
    vec::permute(vec::make_permute(t.dims(), layout_permutation(t.rank(), layout)), dtype_size(t.dtype()), t.raw(), out.raw_mut());
    return out;
}

}  // namespace hone
