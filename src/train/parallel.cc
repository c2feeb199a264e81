// SPDX-License-Identifier: Apache-2.0
#include "train/parallel.h"

#include <cmath>

#include "base/interrupt.h"
#include "op/builder.h"
#include "record/fast_hash.h"

namespace hone::train {

std::vector<ValueId> exchange_step(Graph& g, const std::vector<ValueId>& gradients, Reduction reduction, const ExchangeOptions& options) {
    if (options.ranks < 2) return gradients;
    std::vector<ValueId> values = gradients;
    std::vector<size_t> outputs;
    for (const State& s : g.states) {
        const ValueId next = g.outputs[s.output];
        if (options.batch_norm || !is_float(g.value(next).type.dtype)) continue;  // synchronised: they are the same already
        outputs.push_back(s.output);
        values.push_back(next);
    }
    std::vector<ValueId> means = add_exchange(g, values, options);
    for (size_t i = 0; i < outputs.size(); ++i) {  // the mean takes over the name
        const ValueId own = values[gradients.size() + i], mean = means[gradients.size() + i];
        const std::string name = g.value(own).name;
        g.rename_value(own, g.unique_name(name + ".own"));
        g.rename_value(mean, name);
        g.outputs[outputs[i]] = mean;
    }
    means.resize(gradients.size());
    if (reduction == Reduction::sum) {
        Builder b(g, "exchange");
        for (ValueId& d : means) d = b.scale(d, options.ranks);
    }
    return means;
}

int64_t Ranks::share(int64_t batch) const {
    if (batch % count() != 0)
        fail(ErrorKind::usage, "train.ranks", cat("a batch of ", batch, " samples for ", count(), " ranks; expected a multiple of ", count()),
             cat("Give --batch ", std::max<int64_t>(1, batch / count()) * count(), ": it counts the samples of all ranks."));
    return batch / count();
}

Loss Ranks::mean(double own, bool late) const {
    if (!comm_) return {own, "", late, interrupted()};
    struct Said {
        double loss, late, stop;
    };
    const Said mine{own, late ? 1.0 : 0.0, interrupted() ? 1.0 : 0.0};
    std::vector<Said> all(static_cast<size_t>(count()));
    comm_->gather(&mine, sizeof mine, all.data());
    Loss loss;
    std::vector<std::string> ill;
    for (size_t r = 0; r < all.size(); ++r) {
        loss.value += all[r].loss / (loss_ == Reduction::sum ? 1 : count());
        loss.late |= all[r].late != 0;
        loss.stop |= all[r].stop != 0;
        if (!std::isfinite(all[r].loss)) ill.push_back(cat(static_cast<unsigned long>(r)));
    }
    if (!ill.empty()) loss.where = cat(" on rank ", join(ill, ", "));
    return loss;
}

void Ranks::agree(const std::string& text, const std::map<std::string, Tensor>& values) const {
    if (!comm_) return;
    uint64_t hash = record::fast_hash(text);
    for (const auto& [name, t] : values) hash = record::fast_hash({static_cast<const char*>(t.raw()), t.bytes()}, record::fast_hash(name, hash));
    std::vector<uint64_t> all(static_cast<size_t>(count()));
    comm_->gather(&hash, sizeof hash, all.data());
    for (size_t r = 1; r < all.size(); ++r)
        if (all[r] != all[0])
            fail(ErrorKind::data, "dist.apart", cat("rank ", static_cast<unsigned long>(r), " is not in the state of rank 0 (", text, ")"),
                 "All ranks must read the same model, data and checkpoint, on machines with the same instruction sets (HONE_ISA caps them).");
}

Metrics Ranks::measure(const Dataset& data, bool averages, const std::function<Metrics(const Dataset&)>& measure) const {
    const int64_t n = data.size(), first = n * rank() / count(), end = n * (rank() + 1) / count();
    if (!comm_ || !averages || n < count()) return measure(data);
    std::vector<int64_t> own;
    for (int64_t i = first; i < end; ++i) own.push_back(i);
    Metrics out;
    for (const auto& [name, value] : measure(*subset(DatasetPtr(DatasetPtr(), &data), std::move(own), cat("part of rank ", rank())))) {
        const std::vector<double> all = comm_->gather(value * static_cast<double>(end - first));
        double sum = 0;
        for (const double v : all) sum += v;
        out[name] = sum / static_cast<double>(n);
    }
    return out;
}

}  // namespace hone::train
