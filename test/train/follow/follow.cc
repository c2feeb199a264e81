// SPDX-License-Identifier: Apache-2.0
// Follows ten steps that PyTorch took (follow_torch.py): follow FILE.npz ... For each network: the gradients of the first
// step in double by the references, in f32 by the kernels, the losses, the statistics of batch normalisation.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/thread_pool.h"
#include "base/timing.h"
#include "npz.h"
#include "onnx/reader.h"
#include "pass/autodiff.h"
#include "pass/list.h"
#include "train/runner.h"

namespace hone::train {
namespace {

using Arrays = std::map<std::string, Tensor>;

double norm(const Tensor& a, const Tensor* minus = nullptr) {
    double sum = 0;
    for (int64_t i = 0; i < a.count(); ++i) {
        const double d = a.at(i) - (minus ? minus->at(i) : 0);
        sum += d * d;
    }
    return std::sqrt(sum);
}

Graph network(const Arrays& a, const std::string& bits, const Dims& x) {
    const Tensor& bytes = a.at("m" + bits);
    return specialise(read_model_bytes({static_cast<const char*>(bytes.raw()), bytes.bytes()}), {x});
}

/// The gradient of the mean cross-entropy with respect to every parameter, by name.
Arrays gradients(const Arrays& a, const std::string& bits, const Tensor& x, const Tensor& y, const PlanOptions& options, ThreadPool* pool) {
    Trainable t = make_trainable(network(a, bits, x.dims()));
    Graph& g = t.graph;
    passes::fold_constants(g, {});
    infer_graph(g);
    const std::vector<ValueId> targets = add_targets(g, {"cross_entropy"}, {g.outputs[0]});
    const ValueId loss = add_loss(g, {"cross_entropy"}, {g.outputs[0]}, targets);
    std::vector<ValueId> weights;
    for (const Parameter& p : t.parameters) weights.push_back(p.value);
    g.outputs = add_gradients(g, {{loss}}, weights);
    g.states.clear();
    std::vector<Tensor> inputs;
    std::vector<Dims> dims;
    Arrays known = t.initial;  // of statistics
    for (const Parameter& p : t.parameters) known[g.value(p.value).name] = p.initial;
    for (ValueId v : g.inputs) {
        const auto state = known.find(g.value(v).name);
        inputs.push_back(v == targets[0] ? y : state != known.end() ? state->second : x);
        dims.push_back(inputs.back().dims());
    }
    Session session(make_plan(g, dims, options), pool);
    const std::vector<Tensor> d = session.run(inputs);
    Arrays out;
    for (size_t i = 0; i < d.size(); ++i) out[t.parameters[i].name] = d[i];
    return out;
}

struct Worst {
    double relative = 0;  ///< of tensors of at least 1e-6 of the whole gradient's length; of the others |difference| / whole
    double small = 0;
    std::string name;
};
Worst compare(const Arrays& got, const Arrays& want, const std::string& prefix) {
    double whole = 0;
    for (const auto& [key, t] : want)
        if (key.starts_with(prefix)) whole += std::pow(norm(t), 2);
    whole = std::sqrt(whole);
    Worst w;
    size_t seen = 0;
    for (const auto& [key, t] : want) {
        if (!key.starts_with(prefix)) continue;
        const auto it = got.find(key.substr(prefix.size()));
        if (it == got.end()) fail(ErrorKind::model, "follow.parameter", cat("'", key, "' is not among the parameters found"));
        ++seen;
        const double size = norm(t), off = norm(it->second, &t);
        if (size < 1e-6 * whole) w.small = std::max(w.small, off / whole);
        else if (off / size > w.relative) w.relative = off / size, w.name = key;
    }
    if (seen != got.size()) fail(ErrorKind::model, "follow.parameter", cat(static_cast<unsigned long>(got.size()), " parameters were found; PyTorch has ", static_cast<unsigned long>(seen)));
    return w;
}
/// How far ours is from PyTorch's in double, in units of PyTorch's own f32; the largest over the tensors.
double against_own(const Arrays& got, const Arrays& a, std::string* name) {
    double whole = 0, worst = 0;
    for (const auto& [key, t] : a)
        if (key.starts_with("g64.")) whole += std::pow(norm(t), 2);
    for (const auto& [key, t] : a) {
        if (!key.starts_with("g64.") || norm(t) < 1e-6 * std::sqrt(whole)) continue;
        const std::string parameter = key.substr(4);
        const double ratio = norm(got.at(parameter), &t) / norm(a.at("g32." + parameter), &t);
        if (std::getenv("HONE_FOLLOW") && ratio > 3) std::printf("  %s: %.3g times PyTorch's f32 distance, %.2e relative\n", parameter.c_str(), ratio, norm(got.at(parameter), &t) / norm(t));
        if (ratio > worst) worst = ratio, *name = parameter;
    }
    return worst;
}

void follow(const std::string& file, ThreadPool& pool) {
    const Arrays a = read_npz(file);
    const Tensor x = a.at("x").rows(0, 1), y = a.at("y").rows(0, 1).reshaped({a.at("y").dim(1)});
    const Dims dims(x.dims().begin() + 1, x.dims().end());
    const double start = now_seconds();
    const Worst exact = compare(gradients(a, "64", x.reshaped(dims).cast(DType::f64), y, {.references = true}, nullptr), a, "g64.");
    const double took = now_seconds() - start;
    const Arrays fast = gradients(a, "32", x.reshaped(dims), y, {.threads = pool.threads()}, &pool);
    std::string name;
    const double own = against_own(fast, a, &name);
    const TrainingStep step = training_step(make_trainable(network(a, "32", dims)), {});
    StepRunner runner(step, &pool, {.threads = pool.threads()});
    double loss = 0, off = 0;
    for (int64_t k = 0; k < a.at("x").dim(0); ++k) {
        loss = runner.run({a.at("x").rows(k, k + 1).reshaped(dims)}, {a.at("y").rows(k, k + 1).reshaped(y.dims())}, 1e-2);
        off = std::max(off, std::fabs(loss - a.at("l32").at(k)));
        if (std::getenv("HONE_FOLLOW")) std::printf("  step %d: %.6f, PyTorch %.6f\n", static_cast<int>(k), loss, a.at("l32").at(k));
    }
    double statistics = 0;
    for (const auto& [key, t] : a)
        if (key.starts_with("s32.")) statistics = std::max(statistics, norm(runner.states().at(key.substr(4)), &t) / norm(t));
    int references = 0;
    for (const Step& s : runner.plan().steps) references += s.kind == StepKind::reference;
    std::printf("%-40s double: worst %.1e (%s), small %.1e, %.0f s; f32: %.2f of PyTorch's own distance (%s); losses of 10 steps within %.1e (last %.4f); statistics %.1e; steps by reference %d of %d\n",
                base_name(file).c_str(), exact.relative, exact.name.c_str(), exact.small, took, own, name.c_str(), off, loss, statistics, references, static_cast<int>(runner.plan().steps.size()));
    std::fflush(stdout);
}

}  // namespace
}  // namespace hone::train

int main(int argc, char** argv) {
    hone::ThreadPool pool(2);
    for (int i = 1; i < argc; ++i) {
        try {
            hone::train::follow(argv[i], pool);
        } catch (const hone::Error& e) {
            std::printf("%s: %s [%s] %s\n", argv[i], e.message.c_str(), e.id.c_str(), e.where.c_str());
        }
    }
}
