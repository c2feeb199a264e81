// SPDX-License-Identifier: Apache-2.0
#include "train/log.h"

#include "base/error.h"
#include "base/timing.h"
#include "data/picture_grid.h"

namespace hone::train {

namespace {
constexpr double kRateSeconds = 1;  // samples/s is a mean over at least so long
}

TrainingLog::TrainingLog(const std::string& folder, std::function<void(const std::string&)> warn) : events_(folder), warn_(std::move(warn)) {}

void TrainingLog::write(const std::function<void(record::EventFile&)>& what) {
    if (broken_) return;
    try {
        what(events_);
    } catch (const Error& e) {
        broken_ = true;
        warn_(cat("the TensorBoard log ends here: ", e.message, " (", e.where, ")"));
    }
}

void TrainingLog::pictures(const DataParts& parts, const LoopOptions& o) {
    const Dims& dims = parts.training->sample_dims();
    if (parts.kind != DataKind::image || dims.size() != 3 || (dims[0] != 1 && dims[0] != 3)) return;
    Loader loader(parts.training, {.batch = std::min(o.batch, parts.training->size()), .seed = o.seed, .augment = o.augment, .workers = 0});
    Batch b;
    loader.next(b);
    picture("training/pictures", picture_grid(b.x, parts.preprocess));
}

void TrainingLog::picture(const std::string& name, const Image& picture) {
    const std::vector<uint8_t> png = encode_png(picture);
    write([&](record::EventFile& f) {
        f.picture(name, step_, {picture.height, picture.width, picture.channels, {reinterpret_cast<const char*>(png.data()), png.size()}});
        f.flush();
    });
}

void TrainingLog::watch(LoopOptions& options, LoopHooks& hooks, std::string metrics) {
    metrics_ = std::move(metrics);
    options.step.update.measure_norm = true;
    batch_ = options.batch;
    last_time_ = now_seconds();
    hooks.step = [this, then = hooks.step](const StepInfo& s) {
        step(s);
        if (then) then(s);
    };
    hooks.epoch = [this, then = hooks.epoch](const Epoch& e) {
        epoch(e);
        if (then) then(e);
    };
    hooks.weights = [this, then = hooks.weights](int64_t e, const std::map<std::string, Tensor>& w) {
        weights(w);
        if (then) then(e, w);
    };
}

void TrainingLog::step(const StepInfo& s) {
    step_ = s.step;
    if (last_step_ < 0) last_step_ = s.step - 1;
    const double now = now_seconds(), since = now - last_time_;
    write([&](record::EventFile& f) {
        f.scalar("step/loss", s.step, s.loss);
        f.scalar("step/rate", s.step, s.rate);
        if (s.gradient_norm) f.scalar("step/gradient_norm", s.step, *s.gradient_norm);
        if (since < kRateSeconds && s.step != s.steps) return;
        f.scalar("step/samples_per_second", s.step, static_cast<double>((s.step - last_step_) * batch_) / std::max(since, 1e-9));
        f.scalar("step/seconds_waiting", s.step, s.waited - last_waited_);
        last_time_ = now, last_step_ = s.step, last_waited_ = s.waited;
    });
}

void TrainingLog::epoch(const Epoch& e) {
    write([&](record::EventFile& f) {
        f.scalar("epoch/loss", step_, e.loss);
        f.scalar("epoch/seconds", step_, e.seconds);
        for (const auto& [name, v] : e.metrics) f.scalar(metrics_ + name, step_, v);
        f.flush();
    });
    last_time_ = now_seconds(), last_step_ = step_;  // evaluation is not part of the rate
}

void TrainingLog::weights(const std::map<std::string, Tensor>& weights) {
    write([&](record::EventFile& f) {
        for (const auto& [name, t] : weights) f.histogram(name, step_, record::histogram_of(t.count(), [&](int64_t i) { return t.at(i); }));
    });
}

void TrainingLog::result(const std::string& part, const std::map<std::string, double>& metrics) {
    write([&](record::EventFile& f) {
        for (const auto& [name, v] : metrics) f.scalar(cat(part, "/", name), step_, v);
        f.flush();
    });
}

}  // namespace hone::train
