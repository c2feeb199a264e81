// SPDX-License-Identifier: Apache-2.0
#include "suite/training_data.h"

#include <cstring>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "train/lean_step.h"
#include "zoo/zoo.h"

namespace hone::suite {
namespace {

constexpr int64_t classes = 10;
const Dims image{1, 28, 28};

struct Known {
    const char *name, *architecture;
    int64_t depth;
};
const Known known[] = {{"resnet18", "resnet", 18}, {"lenet5", "lenet", 0}};

std::string bytes_of(const Tensor& t) { return {static_cast<const char*>(t.raw()), t.bytes()}; }

/// Noise over a pattern a class: something to learn.
Tensor draw_images(const Tensor& labels, std::mt19937_64& random) {
    const int64_t pixels = count_of(image), n = labels.count();
    std::normal_distribution<float> normal;
    std::vector<float> patterns(static_cast<size_t>(classes * pixels));
    for (float& p : patterns) p = normal(random);
    Tensor x = Tensor::zeros(DType::f32, {n, image[0], image[1], image[2]});
    for (int64_t i = 0; i < n; ++i)
        for (int64_t k = 0; k < pixels; ++k)
            x.data<float>()[i * pixels + k] = 0.5f * patterns[static_cast<size_t>(labels.at_int(i) * pixels + k)] + normal(random);
    return x;
}

std::vector<Tensor> read_batches(const std::string& file, DType type, Dims dims) {
    const std::string bytes = read_file(file);
    dims[0] *= training_batches;
    Tensor all = Tensor::zeros(type, dims);
    HONE_CHECK(all.bytes() == bytes.size(), file);
    std::memcpy(all.raw_mut(), bytes.data(), bytes.size());
    std::vector<Tensor> out;
    for (int64_t i = 0; i < training_batches; ++i) out.push_back(all.rows(i * dims[0] / training_batches, (i + 1) * dims[0] / training_batches));
    return out;
}

}  // namespace

std::vector<std::string> training_networks() {
    std::vector<std::string> names;
    for (const Known& k : known) names.emplace_back(k.name);
    return names;
}

void write_training_files(const std::string& name, const std::string& folder, int64_t batch, uint64_t seed) {
    const Known* found = nullptr;
    for (const Known& k : known)
        if (name == k.name) found = &k;
    if (!found) fail(ErrorKind::usage, "bench.network", cat("unknown network '", name, "'"), cat("Known: ", join(training_networks(), ", "), "."));
    const Graph g = zoo::make_networks(found->architecture, {.input = image, .classes = classes, .depth = found->depth, .seed = seed}).at(0).graph;
    make_directories(folder);
    const std::string path = cat(folder, "/", name);
    write_model(g, path + ".onnx");
    std::string text, values;
    for (ValueId v = 0; v < g.value_count(); ++v) {
        if (!g.value(v).is_constant() || g.value(v).constant.dtype() != DType::f32) continue;
        const Tensor& t = g.value(v).constant;
        text += g.value(v).name;
        for (int64_t d : t.dims()) text += cat(" ", d);
        text += "\n";
        values += bytes_of(t);
    }
    std::mt19937_64 random(seed + 1);
    Tensor labels = Tensor::zeros(DType::i64, {training_batches * batch});
    for (int64_t i = 0; i < labels.count(); ++i) labels.set(i, static_cast<double>(random() % classes));
    write_file_atomic(path + ".txt", text);
    write_file_atomic(path + ".bin", values);
    write_file_atomic(path + ".x", bytes_of(draw_images(labels, random)));
    write_file_atomic(path + ".y", bytes_of(labels));
}

OwnTrainer::OwnTrainer(const std::string& folder, const std::string& name, int64_t batch, Precision precision, bool recompute, ThreadPool& pool) {
    const std::string path = cat(folder, "/", name);
    const Dims dims{batch, image[0], image[1], image[2]};
    images_ = read_batches(path + ".x", DType::f32, dims);
    labels_ = read_batches(path + ".y", DType::i64, {batch});
    train::StepOptions options;
    options.precision = precision;
    options.update.hyper["momentum"] = training_momentum;
    train::Trainable trainable = train::make_trainable(specialise(read_model(path + ".onnx"), {dims}));
    train::TrainingStep step = recompute ? train::lean_step(std::move(trainable), options, {.threads = pool.threads()}) : train::training_step(std::move(trainable), options);
    runner_ = std::make_unique<train::StepRunner>(std::move(step), &pool, PlanOptions{.threads = pool.threads()});
}

TrainedSteps OwnTrainer::run(int steps) {
    TrainedSteps t;
    for (int i = 0; i < steps; ++i, ++next_) {
        const auto k = static_cast<size_t>(next_ % training_batches);
        const double start = now_seconds();
        t.losses.push_back(runner_->run({images_[k]}, {labels_[k]}, training_rate));
        t.ms.push_back((now_seconds() - start) * 1e3);
    }
    return t;
}

}  // namespace hone::suite
