// SPDX-License-Identifier: Apache-2.0
// What labelled samples are to a network: a task makes the network's inputs and the loss's targets of a batch, says what is
// trained where that is not the network as it stands, and judges. One file a kind:
//   task.cc         one input: classes, probabilities, numbers of a regression      top1 or any metric; mse, mae, r2
//   task_pairs.cc   two samples of one kind (siamese), or one into an embedding     auc, eer on pairs
//   task_towers.cc  a picture and a text: the class names, or a line a class        top1 by the nearest text
//
//   const std::unique_ptr<Task> task = make_task(model, *data, {"contrastive"}, {});
//   options.batch = rows * task->samples(), options.order = task->order(seed);
//   runner.run(task->inputs(batch), task->targets(step, batch), rate);
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "eval/evaluate.h"
#include "train/step.h"

namespace hone::train {

using Metrics = std::map<std::string, double>;

class Task {
  public:
    virtual ~Task() = default;
    /// Samples of the data that a row of the step takes: 2 of a pair, 3 of a triplet.
    virtual int64_t samples() const { return 1; }
    /// What LoaderOptions::order takes; empty: its own.
    virtual std::function<std::vector<int64_t>(int64_t epoch)> order(uint64_t /*seed*/) const { return {}; }
    /// What make_trainable takes: the model with all dims known and the outputs that the loss reads, first. Constants keep
    /// their names. Throws usage "train.loss" where the loss has nothing to learn from these outputs.
    virtual Graph network(int64_t rows) const = 0;
    /// Of a batch of rows * samples() samples.
    virtual std::vector<Tensor> inputs(const Batch& batch) const { return {batch.x}; }
    virtual std::vector<Tensor> targets(const TrainingStep& step, const Batch& batch) const = 0;
    /// `trained` is the model that the task was made for, with other values.
    virtual Metrics measure(const Graph& trained, const Dataset& data, const eval::EvalOptions& options) const = 0;
    /// Whether these metrics of a whole are the means of those of its parts, by their sizes.
    virtual bool averages() const { return false; }
    /// Of the metrics that by which epochs are compared, greater is better; none where it is undefined (NaN).
    virtual std::optional<double> merit(const Metrics& m) const = 0;
};

struct TaskOptions {
    std::vector<std::string> texts{};  ///< of the classes, for a network that reads texts; empty: as class_texts
    std::string metric{};              ///< by which epochs are compared where samples are judged one by one (metrics.h)
};

/// `model` and `data` must outlive the task. Throws model "train.inputs" for a network whose inputs no task fills; data
/// "train.targets" for data that the loss cannot use, "data.pairs", "data.texts".
std::unique_ptr<Task> make_task(const Graph& model, const Dataset& data, const LossSpec& loss, const TaskOptions& options = {});

/// What a network is trained by where nobody says: contrastive for two inputs that are alike, else cross_entropy.
std::string natural_loss(const Graph& model);

/// The kinds, as make_task chooses among them.
std::unique_ptr<Task> label_task(const Graph& model, const Dataset& data, const LossSpec& loss, const std::string& metric);
std::unique_ptr<Task> pair_task(const Graph& model, const Dataset& data, const LossSpec& loss);
std::unique_ptr<Task> tower_task(const Graph& model, const Dataset& data, const LossSpec& loss, const TaskOptions& options);
/// Whether two inputs have one type.
bool alike_inputs(const Graph& model);
/// Whether one of two inputs takes texts: i64 [M,L].
bool reads_texts(const Graph& model);

/// Of two towers and the texts of the classes, numbered: a classifier of the other input, whose texts are constants.
/// Its only output is [N, classes].
Graph with_texts(const Graph& towers, const Tensor& texts);
/// What stands for the classes where nobody says: the texts that the network's metadata notes, else the class names.
std::vector<std::string> class_texts(const Graph& towers, const std::vector<std::string>& class_names);
/// [classes, L] as the network's metadata `hone.text` numbers them, or by a vocabulary of their characters, which then is
/// noted there. Throws data "data.texts" for more or fewer texts than classes, or more characters than the table has rows.
Tensor number_texts(Graph& towers, const std::vector<std::string>& texts);

}  // namespace hone::train
