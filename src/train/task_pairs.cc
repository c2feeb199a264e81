// SPDX-License-Identifier: Apache-2.0
// Networks that compare: a siamese pair, whose two inputs go through the same weights, or one encoder that is applied to
// all samples of a pair or triplet. The loss reads embeddings. Verification: are two samples of one class? Judged on as many
// pairs as the data has samples, half of them genuine, by the distance of their embeddings.
#include <cmath>
#include <cstring>

#include "data/pairs.h"
#include "eval/metrics.h"
#include "train/compose.h"
#include "train/task.h"

namespace hone::train {
namespace {

/// The outputs that are embeddings: float [N,E], the first that each input alone leads to.
std::vector<ValueId> embeddings(const Graph& g) {
    std::vector<ValueId> out(g.inputs.size(), kNone);
    for (ValueId v : g.outputs) {
        const TypeInfo& t = g.value(v).type;
        if (!t.rank_known || t.shape.size() != 2 || !is_float(t.dtype)) continue;
        const std::vector<bool> from = inputs_of(g, v);
        for (size_t i = 0; i < from.size(); ++i)
            if (from[i] && std::count(from.begin(), from.end(), true) == 1 && out[i] == kNone) out[i] = v;
    }
    for (size_t i = 0; i < out.size(); ++i)
        if (out[i] == kNone)
            fail(ErrorKind::model, "train.embedding", cat("no output is an embedding of the input '", g.value(g.inputs[i]).name, "' alone"),
                 "Losses of pairs read an output [N,E] of each input.");
    return out;
}

class PairTask final : public Task {
  public:
    PairTask(const Graph& model, const Dataset& data, const LossSpec& loss)
        : model_(model), data_(data), answers_(find_loss(loss.name).answers), angle_(loss.name == "cosine_embedding") {
        embeddings(model);
        if (data.regression()) fail(ErrorKind::data, "data.pairs", "pairs are made of classes; the data holds numbers to predict", "Give data whose labels are classes.");
        partners_ = std::make_shared<const Partners>(data.labels());
    }

    int64_t samples() const override { return static_cast<int64_t>(answers_); }
    std::function<std::vector<int64_t>(int64_t)> order(uint64_t seed) const override {
        return [partners = partners_, seed, three = answers_ == 3](int64_t epoch) { return three ? partners->triplets(seed, epoch) : partners->pairs(seed, epoch); };
    }

    /// The embeddings of anchors, then of each partner. One input takes them all; of two the second takes the partners.
    Graph network(int64_t rows) const override {
        const int64_t partners = samples() - 1;
        const bool two = model_.inputs.size() == 2;
        Graph g = part_of(model_, embeddings(model_));
        HONE_CHECK(g.inputs.size() == model_.inputs.size());
        for (ValueId v : g.inputs)  // a pair's inputs need not be equally long
            if (Shape& s = g.value(v).type.shape; !s.empty()) {
                if (s[0].known()) fail(ErrorKind::model, "train.batch", cat("the input '", g.value(v).name, "' takes ", to_text(g.value(v).type), ": its first dim must be open"));
                s[0] = {};
            }
        std::vector<Dims> dims{sample_dims(two ? rows : rows * samples())};
        if (two) dims.push_back(sample_dims(rows * partners));
        g = specialise(g, dims);
        const std::vector<ValueId> all = g.outputs;
        Builder b(g, "pairs");
        g.outputs.clear();
        for (int64_t k = 0; k < samples(); ++k) {
            const int64_t at = two && k > 0 ? k - 1 : k;
            const ValueId from = all[two && k > 0 ? 1 : 0];
            g.outputs.push_back(b.dims(from)[0] == rows ? from : b.slice(from, 0, at * rows, (at + 1) * rows));
        }
        return g;
    }

    /// The loader's rows are anchor, partner, ..., anchor, partner, ...
    std::vector<Tensor> inputs(const Batch& batch) const override {
        const int64_t n = batch.x.dim(0) / samples();
        const bool two = model_.inputs.size() == 2;
        std::vector<Tensor> out;
        if (two) out = {gather(batch.x, n, 0, 1), gather(batch.x, n, 1, samples())};
        else out = {gather(batch.x, n, 0, samples())};
        return out;
    }

    std::vector<Tensor> targets(const TrainingStep& step, const Batch& batch) const override {
        if (batch.soft.defined()) fail(ErrorKind::usage, "train.mixup", "mixup makes soft labels, which pairs do not take", "Leave mixup out of --augment.");
        std::vector<Tensor> out;
        for (const std::string& name : step.targets) {
            const TypeInfo& type = step.graph.value(step.graph.find_value(name)).type;
            Tensor same = Tensor::zeros(type.dtype, dims_of(type.shape));
            for (int64_t i = 0; i < same.count(); ++i)
                same.set(i, batch.labels.at_int(2 * i) == batch.labels.at_int(2 * i + 1) ? 1 : angle_ ? -1 : 0);
            out.push_back(std::move(same));
        }
        return out;
    }

    Metrics measure(const Graph& trained, const Dataset& data, const eval::EvalOptions& options) const override {
        std::vector<Tensor> e;
        for (ValueId v : embeddings(trained)) e.push_back(eval::predict(part_of(trained, {v}), data, options).logits);
        const Tensor &a = e[0], &b = e.back();
        const std::vector<int64_t> pairs = Partners(data.labels()).pairs(0, 0);
        std::vector<double> scores;
        std::vector<uint8_t> genuine;
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
            scores.push_back(alike(a, pairs[i], b, pairs[i + 1]));
            genuine.push_back(data.label(pairs[i]) == data.label(pairs[i + 1]));
        }
        return {{"auc", eval::roc_auc(scores, genuine)}, {"eer", eval::equal_error_rate(scores, genuine)}};
    }
    std::optional<double> merit(const Metrics& m) const override {
        const auto auc = m.find("auc");
        return auc == m.end() || std::isnan(auc->second) ? std::nullopt : std::optional(auc->second);
    }

  private:
    Dims sample_dims(int64_t rows) const {
        Dims d = data_.sample_dims();
        d.insert(d.begin(), rows);
        return d;
    }
    /// Samples first, ..., last - 1 of each group: all of the first, then all of the second ...
    Tensor gather(const Tensor& x, int64_t n, int64_t first, int64_t last) const {
        Dims d = x.dims();
        d[0] = n * (last - first);
        Tensor out = Tensor::zeros(x.dtype(), d);
        const size_t row = x.bytes() / static_cast<size_t>(x.dim(0));
        const char* from = static_cast<const char*>(x.raw());
        char* to = static_cast<char*>(out.raw_mut());
        for (int64_t k = first; k < last; ++k)
            for (int64_t i = 0; i < n; ++i, to += row) std::memcpy(to, from + static_cast<size_t>(i * samples() + k) * row, row);
        return out;
    }
    double alike(const Tensor& a, int64_t i, const Tensor& b, int64_t j) const {
        const int64_t width = a.dim(1);
        const float *x = a.data<float>() + i * width, *y = b.data<float>() + j * width;
        double far = 0, dot = 0, xx = 0, yy = 0;
        for (int64_t k = 0; k < width; ++k) {
            const double p = static_cast<double>(x[k]), q = static_cast<double>(y[k]);
            far += (p - q) * (p - q), dot += p * q, xx += p * p, yy += q * q;
        }
        return angle_ ? dot / std::sqrt(std::max(xx * yy, 1e-30)) : -far;
    }

    const Graph& model_;
    const Dataset& data_;
    size_t answers_;
    bool angle_;  ///< the loss is of the angle, not of the distance
    std::shared_ptr<const Partners> partners_;
};

}  // namespace

std::unique_ptr<Task> pair_task(const Graph& model, const Dataset& data, const LossSpec& loss) { return std::make_unique<PairTask>(model, data, loss); }

}  // namespace hone::train
