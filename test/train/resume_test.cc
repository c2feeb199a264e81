// SPDX-License-Identifier: Apache-2.0
// A run that was stopped and resumed, wherever it was stopped, ends with the bits of the run in one go.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/interrupt.h"
#include "base/rng.h"
#include "dist/comm.h"
#include "op/builder.h"
#include "plan/choices.h"
#include "support.h"
#include "train/checkpoint.h"
#include "train/identity.h"
#include "train/loop.h"
#include "train/runner.h"
#include "train/scratch.h"

using namespace hone;
using namespace hone::train;

namespace {

/// Small grey pictures of stripes, across or along, with noise.
class Stripes final : public Dataset {
  public:
    Stripes(int64_t n, uint64_t seed) {
        set_sample_dims({1, 8, 8});
        name_ = "stripes";
        class_names_ = {"across", "along"};
        Rng rng(seed);
        for (int64_t i = 0; i < n; ++i) {
            labels_.push_back(static_cast<int>(rng.below(2)));
            Image image{8, 8, 1, std::vector<uint8_t>(64)};
            for (size_t k = 0; k < 64; ++k) {
                const size_t line = labels_.back() ? k % 8 : k / 8;
                image.pixels[k] = static_cast<uint8_t>(60 * (line % 3) + static_cast<size_t>(rng.below(100)));
            }
            images_.push_back(std::move(image));
        }
    }
    void load(int64_t i, float* out) const override { normalise(images_[static_cast<size_t>(i)], out); }
    std::string origin(int64_t i) const override { return cat("stripes:", i); }
    uint64_t content(int64_t i) const override { return images_[static_cast<size_t>(i)].pixels[0] + 256u * static_cast<uint64_t>(i); }
    bool has_pixels() const override { return true; }
    void load_pixels(int64_t i, Image& into) const override { into = images_[static_cast<size_t>(i)]; }
    void normalise(const Image& pixels, float* out) const override {
        for (size_t k = 0; k < 64; ++k) out[k] = static_cast<float>(pixels.pixels[k]) / 128 - 1;
    }

  private:
    std::vector<Image> images_;
};

/// Convolution, batch normalisation, pool, dense.
Graph network(int64_t channels = 6) {
    Graph g;
    g.opsets[""] = 13;
    Builder b(g);
    Rng rng(5);
    const auto constant = [&](const char* name, const Dims& d, double mean, double deviation) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, mean + deviation * rng.normal());
        return g.add_constant(name, t);
    };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 1, 8, 8}));
    ValueId y = b.node("Conv", {x, constant("w", {channels, 1, 3, 3}, 0, 0.4)}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    y = b.node("BatchNormalization", {y, constant("scale", {channels}, 1, 0), constant("bias", {channels}, 0, 0), constant("mean", {channels}, 0, 0), constant("var", {channels}, 1, 0)});
    y = b.node("Flatten", {b.node("MaxPool", {b.node("Relu", {y})}, {{"kernel_shape", std::vector<int64_t>{4, 4}}, {"strides", std::vector<int64_t>{4, 4}}})});
    g.outputs = {b.node("Gemm", {y, constant("dense", {2, 4 * channels}, 0, 0.3), constant("b", {2}, 0, 0)}, {{"transB", int64_t{1}}})};
    return g;
}

const auto training = std::make_shared<Stripes>(90, 1), validation = std::make_shared<Stripes>(40, 2);

/// One rank, as one of several: its nth gather never ends, and a signal ends the wait.
class Waiting final : public dist::Comm {
  public:
    explicit Waiting(int n) : n_(n) {}
    int rank() const override { return 0; }
    int ranks() const override { return 1; }
    std::vector<dist::Reason> stop(const dist::Reason& why, double, std::vector<bool>*) override { return {why}; }

  protected:
    Request begin_sum(const void*, void*, int64_t, DType) override { return 0; }
    Request begin_gather(const void* mine, size_t bytes, void* all) override {
        std::memcpy(all, mine, bytes);
        return ++gathers_;
    }
    bool done(Request r) override { return r != n_; }
    void check() override {
        set_interrupted(true);
        check_interrupt();
    }

  private:
    int n_, gathers_ = 0;
};

class Resume : public testing::Test {
  protected:
    Resume() {
        o_.step.update.optimizer = "sgd";
        o_.step.update.hyper = {{"momentum", 0.9}, {"weight_decay", 1e-3}};
        o_.step.update.accumulate = 3;
        o_.step.update.ema = 0.9;
        o_.step.update.clip_norm = 1;
        o_.augment = parse_augmentations("flip,shift=1");
        o_.schedule.name = "cosine";
        o_.rate = 0.1;
        o_.epochs = 3;
        o_.batch = 16;  // 5 steps an epoch
        o_.threads = 2;
        o_.seed = 3;
    }
    ~Resume() override { set_interrupted(false); }
    LoopOptions kept(bool resume) {
        LoopOptions o = o_;
        o.checkpoint.folder = folder_;
        o.checkpoint.resume = resume;
        return o;
    }
    LoopHooks hooks() {
        LoopHooks h;
        h.say = h.warn = [this](const std::string& s) { said_ += s + "\n"; };
        return h;
    }
    Trained run(const LoopOptions& o, LoopHooks h) { return train::train(network(), training, validation.get(), o, h); }
    Trained run(const LoopOptions& o) { return run(o, hooks()); }
    /// Runs until a signal after `step` steps (of this sitting).
    void stop_after(const LoopOptions& o, int64_t step) {
        LoopHooks h = hooks();
        int64_t seen = 0;
        h.step = [&](const StepInfo&) {
            if (++seen == step) set_interrupted(true);
        };
        EXPECT_EQ(error_of([&] { run(o, h); }), "interrupted");
        set_interrupted(false);
    }
    record::Tensors last_states() {
        std::vector<std::string> words;
        CheckpointStore store(folder_, false);
        return record::Tensors(store.newest(words).value().tensors);
    }

    const Scratch scratch_{"resume"};
    const std::string folder_ = scratch_.path();
    LoopOptions o_;
    std::string said_;
};

void expect_same(const Trained& a, const Trained& b, const std::string& what) {
    for (ValueId v = 0; v < a.model.value_count(); ++v) {
        const Value& x = a.model.value(v);
        if (x.is_constant()) EXPECT_TRUE(x.constant.same_bits(b.model.value(b.model.find_value(x.name)).constant)) << what << ": " << x.name;
    }
    ASSERT_EQ(a.history.size(), b.history.size()) << what;
    for (size_t i = 0; i < a.history.size(); ++i) {
        EXPECT_EQ(a.history[i].loss, b.history[i].loss) << what;
        EXPECT_EQ(a.history[i].rate, b.history[i].rate) << what;
        EXPECT_EQ(a.history[i].metrics, b.history[i].metrics) << what;
    }
    EXPECT_EQ(a.samples, b.samples) << what;
}

}  // namespace

TEST_F(Resume, WhereverItWasStopped) {
    const Trained whole = run(kept(false));
    const record::Tensors states = last_states();
    EXPECT_TRUE(states.contains("states/w.momentum") && states.contains("states/w.ema") && states.contains("states/w.accumulated") && states.contains("states/mean") && states.contains("states/train.step"));
    expect_same(whole, run(o_), "without checkpoints");
    for (int64_t step = 1; step <= 15; ++step) {
        std::filesystem::remove_all(folder_);
        said_.clear();
        stop_after(kept(false), step);
        const Trained resumed = run(kept(true));
        EXPECT_EQ(resumed.resumed_at, step);
        expect_same(whole, resumed, cat("after step ", step));
        const record::Tensors again = last_states();
        ASSERT_EQ(again.size(), states.size());
        for (const auto& [name, t] : states) EXPECT_TRUE(t.same_bits(again.at(name))) << name;
        EXPECT_EQ(said_, cat("resumed after step ", step, ", epoch ", (step + 4) / 5, "\n"));
    }
}

TEST_F(Resume, AgainAndAgain) {
    o_.step.update.optimizer = "adamw";
    o_.step.update.hyper = {};
    o_.augment = parse_augmentations("rotate=20,noise=0.1");
    const Trained whole = run(o_);
    stop_after(kept(true), 2);
    EXPECT_EQ(said_, cat("no checkpoint in ", folder_, ": training begins anew\n"));
    for (int i = 0; i < 6; ++i) stop_after(kept(true), 2);
    expect_same(whole, run(kept(true)), "stopped seven times");
    const Trained over = run(kept(true));  // there is nothing left to do
    expect_same(whole, over, "at its end");
    EXPECT_EQ(over.resumed_at, 15);
}

TEST_F(Resume, FromACheckpointByStepsAfterADivergence) {  // not the state of the end: one saved on the way
    LoopOptions o = kept(false);
    set_checkpoint_every(o.checkpoint, "4");
    LoopHooks h = hooks();
    h.step = [&](const StepInfo& s) {
        if (s.step == 7) throw std::runtime_error("killed");
    };
    EXPECT_THROW(run(o, h), std::runtime_error);
    o.checkpoint.resume = true;
    const Trained resumed = run(o);
    EXPECT_EQ(resumed.resumed_at, 4);
    expect_same(run(o_), resumed, "from step 4");
}

TEST_F(Resume, PlateauAndEarlyStopping) {
    o_.schedule = {"plateau", {{"patience", 0}, {"gamma", 0.5}, {"largest", 1}}};
    o_.rate = 0;
    o_.trainable.batch_statistics = false;  // nothing gets better
    o_.epochs = 12;
    o_.patience = 4;
    const Trained whole = run(o_);
    EXPECT_EQ(whole.stopped, "patience");
    for (const int64_t step : {3, 6, 9, 11}) {
        std::filesystem::remove_all(folder_);
        stop_after(kept(false), step);
        const Trained resumed = run(kept(true));
        EXPECT_EQ(resumed.stopped, "patience");
        expect_same(whole, resumed, cat("after step ", step));
    }
    expect_same(whole, run(kept(true)), "at its end");
    o_.rate = 0.2;
    o_.trainable.batch_statistics = true;
    o_.patience = 0;
    o_.epochs = 4;
    std::filesystem::remove_all(folder_);
    const Trained falling = run(o_);
    stop_after(kept(false), 12);
    expect_same(falling, run(kept(true)), "with a rate that falls");
}

TEST_F(Resume, ASignalWhileAnEpochIsJudged) {
    const Trained whole = run(o_);
    LoopHooks h = hooks();
    h.epoch = [](const Epoch& e) { set_interrupted(e.epoch == 2); };
    EXPECT_EQ(error_of([&] { run(kept(false), h); }), "interrupted");
    set_interrupted(false);
    expect_same(whole, run(kept(true)), "stopped after an epoch");
}

TEST_F(Resume, ASignalWithinAStepOfSeveralRanks) {
    const Trained whole = run(o_);
    for (const int gather : {5, 8}) {  // the first is before training; of the fourth step, whose update is done; of the metrics
        std::filesystem::remove_all(folder_);
        said_.clear();
        Waiting comm(gather);
        LoopOptions o = kept(false);
        set_checkpoint_every(o.checkpoint, "2");
        o.comm = &comm;
        EXPECT_EQ(error_of([&] { run(o); }), "interrupted");
        set_interrupted(false);
        const Trained resumed = run(kept(true));
        EXPECT_EQ(resumed.resumed_at, gather == 5 ? 2 : 5);
        expect_same(whole, resumed, cat("at gather ", gather));
    }
}

TEST_F(Resume, MoreEpochsAreTheLongerRun) {
    o_.schedule.name = "constant";
    run(kept(false));
    o_.epochs = 5;
    const Trained longer = run(kept(true));
    EXPECT_EQ(longer.resumed_at, 15);
    expect_same(run(o_), longer, "with two more epochs");
    o_.schedule.name = "cosine";
    EXPECT_EQ(error_of([&] { run(kept(true)); }), "train.resume");
}

TEST_F(Resume, TheTimeIsOver) {
    const Trained whole = run(o_);
    LoopOptions o = kept(false);
    o.time_budget = 1e-9;
    const Trained none = run(o);
    EXPECT_EQ(none.stopped, "time");
    EXPECT_TRUE(none.history.empty());
    EXPECT_TRUE(none.model.value(none.model.find_value("w")).constant.same_bits(network().value(network().find_value("w")).constant));
    o = kept(true);
    o.time_budget = 0.2;
    LoopHooks h = hooks();
    h.step = [](const StepInfo& s) {
        if (s.step == 7) ::usleep(210000);
    };
    const Trained part = run(o, h);
    ASSERT_EQ(part.stopped, "time");
    EXPECT_LE(part.samples, 7 * 16);
    EXPECT_EQ(part.history.size(), static_cast<size_t>((part.samples + 79) / 80));
    for (const Epoch& e : part.history) EXPECT_TRUE(e.metrics.contains("top1") && e.loss > 0.1 && e.loss < 3) << e.loss;
    expect_same(whole, run(kept(true)), "after the time was over");
}

TEST_F(Resume, AnotherRunIsRefusedByName) {
    stop_after(kept(false), 6);
    const auto refusal = [&](const std::function<void(LoopOptions&)>& change) -> std::string {
        LoopOptions o = kept(true);
        change(o);
        try {
            run(o);
        } catch (const Error& e) {
            return e.id + ": " + e.message;
        }
        return "none";
    };
    const std::vector<std::pair<const char*, std::function<void(LoopOptions&)>>> changes = {
        {"--lr '0.1'; now it is '0.2'", [](LoopOptions& o) { o.rate = 0.2; }},
        {"--batch '16'; now it is '8'", [](LoopOptions& o) { o.batch = 8; }},
        {"--seed '3'", [](LoopOptions& o) { o.seed = 4; }},
        {"--augment", [](LoopOptions& o) { o.augment.clear(); }},
        {"--optimizer 'sgd momentum=0.9 weight_decay=0.001'", [](LoopOptions& o) { o.step.update.hyper["momentum"] = 0.8; }},
        {"--loss", [](LoopOptions& o) { o.step.loss.hyper["label_smoothing"] = 0.1; }},
        {"--schedule", [](LoopOptions& o) { o.epochs = 4; }},
        {"--accumulate", [](LoopOptions& o) { o.step.update.accumulate = 2; }},
        {"--ema", [](LoopOptions& o) { o.step.update.ema = 0; }},
        {"--metric ''", [](LoopOptions& o) { o.metric = "f1_macro"; }},
        {"--loss-scale 'none'; now it is '8'", [](LoopOptions& o) { o.step.scale.start = 8; }},
        {"--recompute", [](LoopOptions& o) { o.step.recompute.emplace(); }},
        {"--freeze ''", [](LoopOptions& o) { o.trainable.freeze = {"w"}; }},
    };
    for (const auto& [words, change] : changes) {
        const std::string said = refusal(change);
        EXPECT_TRUE(said.starts_with("train.resume: ") && said.find(words) != std::string::npos) << said;
    }
    EXPECT_EQ(error_of([&] { train::train(network(5), training, validation.get(), kept(true), {}); }), "train.resume");
    EXPECT_EQ(error_of([&] { train::train(network(), std::make_shared<Stripes>(90, 9), validation.get(), kept(true), {}); }), "train.resume");
    EXPECT_EQ(error_of([&] { train::train(network(), training, nullptr, kept(true), {}); }), "train.resume");
    EXPECT_EQ(error_of([&] { run(kept(false)); }), "train.unfinished");
    said_.clear();
    LoopHooks h = hooks();
    h.step = [](const StepInfo& s) { EXPECT_EQ(s.resumed_at, 6); };
    run(kept(true), h);
    EXPECT_EQ(error_of([&] { run(kept(false)); }), "");  // of a finished run they may go
}

TEST_F(Resume, AtTheNumberOfThreadsThatItBeganWith) {
    stop_after(kept(false), 6);
    LoopOptions o = kept(true);
    o.threads = 1;
    expect_same(run(o_), run(o), "with one thread given by default");
    EXPECT_NE(said_.find("goes on with 2 threads"), std::string::npos) << said_;
    std::filesystem::remove_all(folder_);
    stop_after(kept(false), 6);
    said_.clear();
    o.checkpoint.keep_threads = false;
    o.checkpoint.version = "0.0.1";
    run(o);
    EXPECT_NE(said_.find("version  of hone, 2 threads"), std::string::npos) << said_;
}

TEST_F(Resume, TheStepsOfAPlanAreChosenAsTheyWere) {
    const TrainingStep step = training_step(make_trainable(specialise(network(), {{16, 1, 8, 8}})), o_.step);
    ThreadPool pool(2);
    StepRunner fixed(step, &pool, {.threads = 2});
    const record::Texts choices = choices_of(fixed.plan());
    EXPECT_GT(choices.size(), 10u);
    StepRunner again(step, &pool, {.threads = 2, .choose = chosen_as(choices)});
    EXPECT_EQ(choices_of(again.plan()), choices);
    EXPECT_EQ(to_text(again.plan()), to_text(fixed.plan()));
    record::Texts one_thread = choices;  // what was chosen is done, not what the list would give
    for (auto& [node, text] : one_thread) text.replace(0, text.find(' '), "1");
    StepRunner other(step, &pool, {.threads = 2, .choose = chosen_as(one_thread)});
    EXPECT_EQ(choices_of(other.plan()), one_thread);
    EXPECT_NE(one_thread, choices);
    for (auto& [node, text] : one_thread) text = "1 0 sideways nonsense";  // a stranger's text is as none
    EXPECT_EQ(choices_of(StepRunner(step, &pool, {.threads = 2, .choose = chosen_as(one_thread)}).plan()), choices);
}
