// SPDX-License-Identifier: Apache-2.0
#include "train/task.h"

#include <algorithm>
#include <cmath>

#include "eval/two_classes.h"
#include "train/metrics.h"
#include "train/standardise.h"

namespace hone::train {
namespace {

/// One input; the loss compares with labels, values of a regression, or a probability a class.
class LabelTask final : public Task {
  public:
    LabelTask(const Graph& model, const Dataset& data, const LossSpec& loss, const std::string& metric)
        : unscaled_(without_restored_targets(model)), data_(data), loss_(find_loss(loss.name)), probability_(eval::ends_in_sigmoid(model)), metric_(metric), watched_(watched(metric, data)) {}

    Graph network(int64_t rows) const override;
    std::vector<Tensor> targets(const TrainingStep& step, const Batch& batch) const override;
    Metrics measure(const Graph& trained, const Dataset& data, const eval::EvalOptions& options) const override {
        return measure_metrics(trained, data, metric_, options);
    }
    bool averages() const override { return watched_.name == "top1" || watched_.name == "top5"; }
    std::optional<double> merit(const Metrics& m) const override {
        const auto now = m.find(watched_.name);
        return now == m.end() || std::isnan(now->second) ? std::nullopt : std::optional(watched_.higher ? now->second : -now->second);
    }

  private:
    const Unscaled unscaled_;  ///< what is trained
    const Dataset& data_;
    const LossDecl& loss_;
    const bool probability_;  ///< the first output comes from a Sigmoid
    const std::string metric_;
    const Watched watched_;
};

Graph LabelTask::network(int64_t rows) const {
    Graph g = specialise(unscaled_.body, {eval::input_dims_for(unscaled_.body, data_.sample_dims(), rows)});
    const Shape scores = g.outputs.empty() ? Shape() : g.value(g.outputs[0]).type.shape;
    if (loss_.least_rank > 1 && scores.size() > 1 && scores[1].known() && scores[1].value == 1)
        fail(ErrorKind::usage, "train.loss", cat("the loss '", loss_.name, "' compares the scores of classes, and the network gives one: it would always be 0"),
             data_.regression() ? "Choose --loss mse." : data_.class_names().size() == 2 ? "Choose --loss bce_with_logits." : "Give a network with as many outputs as classes.");
    return g;
}

std::vector<Tensor> LabelTask::targets(const TrainingStep& step, const Batch& batch) const {
    std::vector<Tensor> out;
    for (const std::string& name : step.targets) {
        const TypeInfo type = step.graph.value(step.graph.find_value(name)).type;
        const Dims dims = dims_of(type.shape);
        const int64_t n = batch.labels.count(), width = n ? count_of(dims) / n : 0;
        const int64_t classes = static_cast<int64_t>(data_.class_names().size());
        const int64_t wanted = data_.regression() ? batch.targets.count() / n : type.dtype == DType::i64 ? 1 : classes;
        const bool binary = !data_.regression() && type.dtype != DType::i64 && width == 1 && classes == 2;
        if ((width != wanted && !binary) || (type.dtype == DType::i64 && data_.regression()))
            fail(ErrorKind::data, "train.targets", cat("the loss compares ", to_text(type), " and the data has ", data_.regression() ? cat(wanted, " values a sample") : cat(classes, " classes")),
                 "Choose another loss with --loss, or a network with that many outputs.");
        if (type.dtype == DType::i64) {
            if (batch.soft.defined()) fail(ErrorKind::usage, "train.mixup", "mixup makes soft labels, which the loss 'cross_entropy' does not take", "Choose --loss cross_entropy_soft.");
            out.push_back(batch.labels.reshaped(dims));
            continue;
        }
        Tensor t = data_.regression() ? standardised(batch.targets, unscaled_.targets).reshaped(dims) : Tensor::zeros(type.dtype, dims);
        // Of one output the sign is the class, except where it is a probability.
        const bool signs = step.targets_are_signs || (binary && !probability_ && std::string_view(loss_.name) != "bce_with_logits");
        for (int64_t i = 0; !data_.regression() && i < n; ++i)
            for (int64_t k = 0; k < width; ++k) {
                const int64_t c = binary ? 1 : k;
                const double p = batch.soft.defined() ? batch.soft.at(i * classes + c) : static_cast<double>(batch.labels.at_int(i) == c);
                t.set(i * width + k, signs ? 2 * p - 1 : p);
            }
        out.push_back(std::move(t));
    }
    return out;
}

const TypeInfo& input_type(const Graph& g, size_t i) { return g.value(g.inputs[i]).type; }

}  // namespace

bool alike_inputs(const Graph& g) {
    if (g.inputs.size() != 2) return false;
    const TypeInfo &a = input_type(g, 0), &b = input_type(g, 1);
    if (a.dtype != b.dtype || a.rank_known != b.rank_known || a.shape.size() != b.shape.size()) return false;
    for (size_t i = 1; i < a.shape.size(); ++i)
        if (a.shape[i].known() && b.shape[i].known() && a.shape[i].value != b.shape[i].value) return false;
    return true;
}

bool reads_texts(const Graph& g) {
    if (g.inputs.size() != 2 || input_type(g, 0).dtype == input_type(g, 1).dtype) return false;
    return std::any_of(g.inputs.begin(), g.inputs.end(), [&](ValueId v) {
        const TypeInfo& t = g.value(v).type;
        return t.dtype == DType::i64 && t.rank_known && t.shape.size() == 2 && t.shape[1].known();
    });
}

std::string natural_loss(const Graph& model) { return alike_inputs(model) ? "contrastive" : "cross_entropy"; }

std::unique_ptr<Task> label_task(const Graph& model, const Dataset& data, const LossSpec& loss, const std::string& metric) {
    return std::make_unique<LabelTask>(model, data, loss, metric);
}

std::unique_ptr<Task> make_task(const Graph& model, const Dataset& data, const LossSpec& loss, const TaskOptions& options) {
    const bool compares = find_loss(loss.name).answers > 1;
    if (compares && (model.inputs.size() == 1 || alike_inputs(model))) return pair_task(model, data, loss);
    if (model.inputs.size() == 1) return label_task(model, data, loss, options.metric);
    if (reads_texts(model) && !compares) return tower_task(model, data, loss, options);
    std::vector<std::string> types;
    for (ValueId v : model.inputs) types.push_back(cat(model.value(v).name, " ", to_text(model.value(v).type)));
    fail(ErrorKind::model, "train.inputs", cat("the loss '", loss.name, "' cannot train a network of ", static_cast<unsigned long>(types.size()), " inputs (", join(types, ", "), ")"),
         alike_inputs(model) ? "Two inputs that are alike take --loss contrastive, triplet or cosine_embedding."
                             : "Known are one input; two that are alike (a siamese pair); a picture and a text of i64 [M,L].");
}

}  // namespace hone::train
