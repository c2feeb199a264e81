// SPDX-License-Identifier: Apache-2.0
// Two towers, a picture's and a text's, with the classes as texts. cross_entropy: each picture against the texts of all
// classes. cross_entropy_soft: contrastive over the batch (InfoNCE: van den Oord et al. 2018; symmetric as in Radford et al.
// 2021), each picture against the texts of the batch and each text against its pictures, where equal texts share the
// probability (Yang et al., "Unified contrastive learning in image-text-label space", CVPR 2022).
#include <algorithm>

#include "pass/list.h"
#include "record/string_map.h"
#include "train/compose.h"
#include "train/task.h"

namespace hone::train {
namespace {

constexpr const char* kMetadata = "hone.text";

size_t text_at(const Graph& g) { return g.value(g.inputs[0]).type.dtype == DType::i64 ? 0 : 1; }

/// The output that compares the two: float [N,M] that both inputs lead to.
ValueId logits_of(const Graph& g) {
    for (ValueId v : g.outputs) {
        const TypeInfo& t = g.value(v).type;
        if (!t.rank_known || t.shape.size() != 2 || !is_float(t.dtype)) continue;
        const std::vector<bool> from = inputs_of(g, v);
        if (std::count(from.begin(), from.end(), true) == 2) return v;
    }
    fail(ErrorKind::model, "train.towers", "no output [N,M] compares the pictures with the texts", "A network of two towers gives their products as logits.");
}

class TowerTask final : public Task {
  public:
    TowerTask(const Graph& model, const Dataset& data, const LossSpec& loss, const TaskOptions& options)
        : model_(model), data_(data), contrast_(loss.name == "cross_entropy_soft"), at_(text_at(model)) {
        logits_of(model);
        if (loss.name != "cross_entropy" && !contrast_)
            fail(ErrorKind::usage, "train.loss", cat("two towers are trained by cross_entropy or cross_entropy_soft (contrastive over the batch); got ", loss.name));
        if (data.regression()) fail(ErrorKind::data, "train.targets", "texts are of classes; the data holds numbers to predict", "Give data whose labels are classes.");
        const std::vector<std::string> texts = options.texts.empty() ? class_texts(model, data.class_names()) : options.texts;
        if (texts.size() != data.class_names().size())
            fail(ErrorKind::data, "data.texts", cat(static_cast<unsigned long>(texts.size()), " texts for ", static_cast<unsigned long>(data.class_names().size()), " classes"), "Give a line a class, in their order.");
        Graph copy = model;
        texts_ = number_texts(copy, texts);
        for (int64_t i = 0; i < texts_.dim(0); ++i)
            for (int64_t j = 0; j < i; ++j)
                if (texts_.rows(i, i + 1).same_bits(texts_.rows(j, j + 1)))
                    fail(ErrorKind::data, "data.texts", cat("the classes ", j, " and ", i, " have one text, '", texts[static_cast<size_t>(i)].substr(0, 80), "'"),
                         cat("The network reads ", texts_.dim(1), " tokens; let them differ within these."));
    }

    Graph network(int64_t rows) const override {
        std::vector<Dims> dims(2);
        Dims sample = data_.sample_dims();
        sample.insert(sample.begin(), rows);
        dims[1 - at_] = sample;
        dims[at_] = {contrast_ ? rows : texts_.dim(0), texts_.dim(1)};
        Graph g = specialise(part_of(model_, {logits_of(model_)}), dims);
        if (!contrast_) return g;
        Builder b(g, "contrast");
        g.outputs = {b.concat({g.outputs[0], b.swap_last(g.outputs[0])}, 0)};
        return g;
    }
    std::vector<Tensor> inputs(const Batch& batch) const override {
        std::vector<Tensor> out(2);
        out[1 - at_] = batch.x;
        out[at_] = texts_;
        if (!contrast_) return out;
        const int64_t n = batch.labels.count(), length = texts_.dim(1);
        out[at_] = Tensor::zeros(DType::i64, {n, length});
        for (int64_t i = 0; i < n; ++i)
            std::copy_n(texts_.data<int64_t>() + batch.labels.at_int(i) * length, length, out[at_].data<int64_t>() + i * length);
        return out;
    }
    std::vector<Tensor> targets(const TrainingStep& step, const Batch& batch) const override {
        if (batch.soft.defined()) fail(ErrorKind::usage, "train.mixup", "mixup makes soft labels, which texts do not take", "Leave mixup out of --augment.");
        if (!contrast_) return {batch.labels};
        const TypeInfo& type = step.graph.value(step.graph.find_value(step.targets[0])).type;
        Tensor t = Tensor::zeros(type.dtype, dims_of(type.shape));
        const int64_t n = batch.labels.count();
        for (int64_t i = 0; i < n; ++i) {
            int64_t same = 0;
            for (int64_t j = 0; j < n; ++j) same += batch.labels.at_int(i) == batch.labels.at_int(j);
            for (int64_t j = 0; j < n; ++j)
                if (batch.labels.at_int(i) == batch.labels.at_int(j))
                    for (const int64_t row : {i, n + i}) t.set(row * n + j, 1 / static_cast<double>(same));
        }
        return {t};
    }
    Metrics measure(const Graph& trained, const Dataset& data, const eval::EvalOptions& options) const override {
        return {{"top1", eval::evaluate(with_texts(trained, texts_), data, options).top1()}};
    }
    bool averages() const override { return true; }
    std::optional<double> merit(const Metrics& m) const override {
        const auto top1 = m.find("top1");
        return top1 == m.end() ? std::nullopt : std::optional(top1->second);
    }

  private:
    const Graph& model_;
    const Dataset& data_;
    bool contrast_;
    size_t at_;  ///< the input that takes texts
    Tensor texts_;
};

/// Rows of the table that the texts' numbers pick; 0: none is found.
int64_t table_rows(const Graph& g) {
    for (NodeId user : g.value(g.inputs[text_at(g)]).users)
        if (const Node& n = g.node(user); n.is("Gather") && g.value(n.in(0)).type.fixed()) return g.value(n.in(0)).type.shape[0].value;
    return 0;
}

}  // namespace

Graph with_texts(const Graph& towers, const Tensor& texts) {
    Graph g = part_of(towers, {logits_of(towers)});
    const ValueId from = g.inputs[text_at(g)];
    const ValueId constant = g.add_constant(cat(g.value(from).name, ".numbers"), texts);
    g.replace_uses(from, constant);
    std::erase(g.inputs, from);
    g = g.compacted();
    for (NodeId id : g.order())
        for (ValueId v : g.node(id).outputs)
            if (v != kNone) g.value(v).type = {};
    infer_graph(g);
    passes::fold_constants(g, {});
    remove_dead(g);
    return g.compacted();
}

std::vector<std::string> class_texts(const Graph& towers, const std::vector<std::string>& class_names) {
    const auto stored = towers.metadata.find(kMetadata);
    if (stored == towers.metadata.end()) return class_names;
    std::vector<std::string> texts = record::stored_preprocess_from_json(stored->second).class_names;
    return texts.size() == class_names.size() ? texts : class_names;
}

Tensor number_texts(Graph& g, const std::vector<std::string>& texts) {
    const int64_t length = g.value(g.inputs[text_at(g)]).type.shape[1].value;
    TextEncoder e;
    const auto stored = g.metadata.find(kMetadata);
    if (stored != g.metadata.end()) {
        e = text_encoder_from_map(record::stored_preprocess_from_json(stored->second).map);
    } else {
        TextOptions o;
        o.unit = TextUnit::character;
        e = make_text_encoder(std::vector<std::string_view>(texts.begin(), texts.end()), o);
    }
    e.length = length;
    if (const int64_t rows = table_rows(g); rows > 0 && rows < e.vocabulary.size())
        fail(ErrorKind::data, "data.texts", cat("the texts have ", e.vocabulary.size(), " different ", to_text(e.unit), "s (padding and unknown counted); the network's table has ", rows, " rows"),
             "Write a network with a larger --vocabulary.");
    g.metadata[kMetadata] = record::to_json(record::StoredPreprocess{to_map(e), texts});
    Tensor out = Tensor::zeros(DType::i64, {static_cast<int64_t>(texts.size()), length});
    for (size_t i = 0; i < texts.size(); ++i) e.encode(tokens_of(texts[i], e.unit), out.data<int64_t>() + static_cast<int64_t>(i) * length);
    return out;
}

std::unique_ptr<Task> tower_task(const Graph& model, const Dataset& data, const LossSpec& loss, const TaskOptions& options) {
    return std::make_unique<TowerTask>(model, data, loss, options);
}

}  // namespace hone::train
