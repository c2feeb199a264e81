// SPDX-License-Identifier: Apache-2.0
#include "train/identity.h"

#include <algorithm>
#include <cstdio>

#include "eval/latency.h"
#include "record/fast_hash.h"

namespace hone::train {

namespace {

std::string hex(uint64_t v) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(v));
    return text;
}
std::string exact(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", v);
    double rounded = 0;
    for (int digits = 6; digits < 17; ++digits) {  // the shortest that reads back the same
        char shorter[32];
        std::snprintf(shorter, sizeof shorter, "%.*g", digits, v);
        if (std::sscanf(shorter, "%lf", &rounded) == 1 && rounded == v) return shorter;
    }
    return text;
}
std::string text_of(const std::string& name, const HyperValues& hyper) {
    std::string s = name;
    for (const auto& [key, v] : hyper) s += cat(" ", key, "=", exact(v));
    return s;
}

uint64_t hash_tensor(const Tensor& t, uint64_t h) {
    if (t.dtype() != DType::string) return record::fast_hash({static_cast<const char*>(t.raw()), t.bytes()}, h);
    for (int64_t i = 0; i < t.count(); ++i) h = record::fast_hash(t.str(i), h);
    return h;
}
uint64_t hash_graph(const Graph& g, uint64_t h) {
    h = record::fast_hash(to_text(g), h);
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (g.value(v).is_constant()) h = hash_tensor(g.value(v).constant, record::fast_hash(g.value(v).name, h));
    for (const NodeId n : g.order())
        for (const auto& [name, a] : g.node(n).attributes) {
            if (const auto* t = std::get_if<Tensor>(&a)) h = hash_tensor(*t, h);
            if (const auto* body = std::get_if<std::shared_ptr<const Graph>>(&a)) h = hash_graph(**body, h);
        }
    return h;
}

}  // namespace

std::string graph_hash(const Graph& g) { return hex(hash_graph(g, 0)); }

std::string data_hash(const Dataset& data) {
    constexpr int64_t kLooked = 8;
    std::vector<int64_t> some;
    for (int64_t i = 0; i < std::min(kLooked, data.size()); ++i) some.push_back(i * data.size() / std::min(kLooked, data.size()));
    return cat(data.size(), " samples ", data.hash(), " ", some.empty() ? "" : hex(hash_tensor(batch(data, some), 0)));
}

record::Texts identity_of(const Graph& model, const Dataset& training, const Dataset* validation, const LoopOptions& o, const ScheduleSpec& schedule) {
    const UpdateOptions& u = o.step.update;
    std::vector<std::string> milestones;
    for (const int64_t m : schedule.milestones) milestones.push_back(cat(m));
    return {{"model", graph_hash(model)},
            {"training data", data_hash(training)},
            {"validation data", validation ? data_hash(*validation) : "none"},
            {"loss", text_of(o.step.loss.name, o.step.loss.hyper)},
            {"optimizer", text_of(u.optimizer, u.hyper)},
            {"lr", exact(o.rate)},
            {"batch", cat(o.batch)},
            {"schedule", text_of(schedule.name, schedule.hyper) + (milestones.empty() ? "" : " at " + join(milestones, " "))},
            {"seed", cat(o.seed)},
            {"augment", to_text(o.augment)},
            {"accumulate", cat(u.accumulate)},
            {"clip-norm", exact(u.clip_norm)},
            {"clip-value", exact(u.clip_value)},
            {"ema", exact(u.ema)},
            {"decay-weights-only", cat(u.decay_weights_only)},
            {"metric", o.metric},
            {"dropout", o.trainable.dropout.ratio ? exact(*o.trainable.dropout.ratio) : "as in the network"},
            {"loss-scale", o.step.scale.start > 0 ? exact(o.step.scale.start) : "none"},
            {"recompute", cat(o.step.recompute.has_value())},
            {"freeze", join(o.trainable.freeze, ",")},
            {"freeze-layers", cat(o.trainable.freeze_layers)},
            {"precision", eval::precision_name(o.precision)}};
}

void check_identity(const record::Texts& kept, const record::Texts& mine, const std::string& where) {
    for (const auto& [name, now] : mine) {
        const auto was = std::find_if(kept.begin(), kept.end(), [&](const auto& k) { return k.first == name; });
        if (was == kept.end() || was->second == now) continue;
        const bool hashed = name == "model" || name == "discriminator" || name.ends_with(" data");
        fail(ErrorKind::usage, "train.resume",
             hashed ? cat("the run that is to go on had another ", name, " (", was->second, "; this is ", now, ")")
                    : cat("the run that is to go on had --", name, " '", was->second, "'; now it is '", now, "'"),
             name == "schedule" ? "Its steps follow --epochs unless --set steps=N gives them. Give what the run began with, or another --out to begin anew."
                                : "Give what the run began with, or another --out to begin anew.",
             where);
    }
}

}  // namespace hone::train
