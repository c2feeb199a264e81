// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "train/gan.h"
#include "train/identity.h"
#include "train/resume.h"
#include "train/runner.h"

namespace hone::train {
namespace {

std::vector<Dims> input_dims(const Graph& g) {
    std::vector<Dims> out;
    for (ValueId v : g.inputs) out.push_back(dims_of(g.value(v).type.shape));
    return out;
}

Tensor column(int64_t ones, int64_t zeros, double one) {
    Tensor t = Tensor::zeros(DType::f32, {ones + zeros, 1});
    for (int64_t i = 0; i < ones; ++i) t.set(i, one);
    return t;
}

constexpr const char *kGenerator = "generator/", *kDiscriminator = "discriminator/";  ///< of states in checkpoints

class Loop {
  public:
    Loop(const Graph& generator, const Graph& discriminator, DatasetPtr real, const GanOptions& options, const GanHooks& hooks)
        : kept_(options.loop, hooks), generator_(generator), discriminator_(discriminator), samples_(options.samples), o_(options.loop), hooks_(hooks), pool_(kept_.threads()),
          steps_(batches_of(real->size(), o_, hooks)), schedule_(with_steps(o_.schedule, steps_ * o_.epochs), o_.rate), graphs_(gan_steps(generator, discriminator, options)) {
        if (o_.schedule.name == "plateau") fail(ErrorKind::usage, "train.validation", "the schedule 'plateau' goes by a validation metric, and adversarial training has none", "Choose another --schedule.");
        eval::input_dims_for(discriminator, real->sample_dims(), o_.batch);
        o_.threads = pool_.threads();
        judge_ = std::make_unique<StepRunner>(graphs_.discriminator, &pool_, PlanOptions{.threads = o_.threads, .choose = kept_.choose(kDiscriminator)});
        maker_ = std::make_unique<StepRunner>(graphs_.generator, &pool_, PlanOptions{.threads = o_.threads, .choose = kept_.choose(kGenerator)});
        sampler_ = std::make_unique<Session>(make_plan(graphs_.sampler, input_dims(graphs_.sampler), {.threads = o_.threads}), &pool_);
        const auto identity = [&, real] {
            record::Texts t = identity_of(generator_, *real, nullptr, o_, with_steps(o_.schedule, steps_ * o_.epochs));
            t.emplace_back("discriminator", graph_hash(discriminator_));
            t.emplace_back("label-smoothing", cat(options.label_smoothing));
            return t;
        };
        kept_.begin({identity, graph_hash(graphs_.discriminator.graph) + graph_hash(graphs_.generator.graph), steps_, state_, schedule_, {{kDiscriminator, judge_.get()}, {kGenerator, maker_.get()}}});
        waited_before_ = state_.waited;
        loader_ = std::make_unique<Loader>(real, LoaderOptions{.batch = o_.batch, .drop_last = true, .seed = o_.seed, .augment = o_.augment}, LoaderState{done() / steps_, done() % steps_});
        // The weights of one are inputs of the other's graph, in the memory where they are trained.
        latent_then_judge_ = {Tensor()};
        for (const std::string& name : graphs_.discriminator_parameters) latent_then_judge_.push_back(judge_->states().at(name));
        latent_then_maker_ = {Tensor()};
        for (const std::string& name : graphs_.generator_parameters) latent_then_maker_.push_back(maker_->states().at(name));
        real_then_fake_ = {column(o_.batch, o_.batch, 1 - options.label_smoothing)};
        all_real_ = {column(o_.batch, 0, 1)};
    }

    Gan run() {
        began_ = now_seconds();
        return kept_.guard([&] {
            while (!ended() && train_epoch()) end_epoch();
            kept_.ended(ended());
            return result();
        });
    }

  private:
    int64_t done() const { return state_.done(steps_); }
    bool ended() const { return static_cast<int64_t>(state_.history.size()) >= o_.epochs; }

    /// The rest of the epoch; false when the time is over before its end.
    bool train_epoch() {
        Epoch& epoch = state_.open;
        epoch.epoch = static_cast<int64_t>(state_.history.size()) + 1;
        const double share = 1 / static_cast<double>(steps_);
        while (state_.batch < steps_) {
            check_interrupt();
            const double start = now_seconds();
            if (o_.time_budget > 0 && start - began_ >= o_.time_budget) return false;
            loader_->next(batch_);
            epoch.rate = schedule_.at(done());
            latent_then_maker_[0] = latent_then_judge_[0] = latent(generator_, o_.batch, o_.seed, static_cast<uint64_t>(1 + done()));
            sampler_->execute(latent_then_maker_);
            const double judged = judge_->run({batch_.x, sampler_->output(0)}, real_then_fake_, epoch.rate);
            note_judgement(epoch.metrics, share);
            const double made = maker_->run(latent_then_judge_, all_real_, epoch.rate);
            if (!std::isfinite(judged) || !std::isfinite(made))
                fail(ErrorKind::data, "train.diverged", cat("the losses are ", judged, " (discriminator) and ", made, " (generator) in epoch ", epoch.epoch, ", step ", state_.batch + 1), "A smaller --lr often helps.");
            epoch.metrics["discriminator_loss"] += 2 * judged * share;  // the step's is the mean over both halves
            epoch.loss += made * share;
            epoch.seconds += now_seconds() - start;
            state_.waited = waited_before_ + loader_->seconds_waited();
            ++state_.batch;
            if (hooks_.step) hooks_.step({done(), steps_ * o_.epochs, kept_.resumed_at(), made, epoch.rate, state_.waited});
            kept_.step_done();
        }
        return true;
    }
    void note_judgement(Metrics& metrics, double share) const {
        const Tensor logits = judge_->output(0);
        for (int64_t i = 0; i < 2 * o_.batch; ++i) metrics[i < o_.batch ? "real" : "fake"] += share / static_cast<double>(o_.batch) / (1 + std::exp(-logits.at(i)));
    }
    void end_epoch() {
        const Epoch epoch = state_.open;
        state_.history.push_back(epoch);
        state_.open = {};
        state_.batch = 0;
        show(epoch);
        if (!ended()) kept_.epoch_done();
    }
    void show(const Epoch& epoch) {
        if (hooks_.weights) hooks_.weights(epoch.epoch, trained_values(generator_, maker_->states()));
        if (hooks_.samples && samples_ > 0) hooks_.samples(epoch.epoch, generate(with_values(generator_, trained_values(generator_, maker_->states())), samples_, o_.seed, o_.threads));
        if (hooks_.epoch) hooks_.epoch(epoch);
    }

    Gan result() {
        Gan out;
        out.samples = done() * o_.batch;
        if (state_.batch > 0) {  // the time was over within an epoch
            Epoch part = state_.open;
            const double more = static_cast<double>(steps_) / static_cast<double>(state_.batch);
            part.loss *= more;
            for (auto& [name, v] : part.metrics) v *= more;
            state_.history.push_back(part);
            show(part);
        }
        out.history = state_.history;
        for (const auto& [names, runner] : {std::pair{&graphs_.discriminator_parameters, judge_.get()}, std::pair{&graphs_.generator_parameters, maker_.get()}})
            for (const std::string& name : *names) out.parameters += runner->states().at(name).count();
        for (const Epoch& e : out.history) out.seconds += e.seconds;
        out.waited = state_.waited;
        out.stopped = out.samples < steps_ * o_.epochs * o_.batch ? "time" : "";
        out.resumed_at = kept_.resumed_at();
        out.generator = with_values(generator_, trained_values(generator_, maker_->states()));
        out.discriminator = with_values(discriminator_, trained_values(discriminator_, judge_->states()));
        return out;
    }

    RunCheckpoints kept_;
    double began_ = 0;
    const Graph &generator_, &discriminator_;
    const int64_t samples_;
    LoopOptions o_;
    const GanHooks& hooks_;
    ThreadPool pool_;
    int64_t steps_;
    Schedule schedule_;
    GanSteps graphs_;
    std::unique_ptr<StepRunner> judge_, maker_;
    std::unique_ptr<Session> sampler_;
    std::unique_ptr<Loader> loader_;
    std::vector<Tensor> latent_then_judge_, latent_then_maker_, real_then_fake_, all_real_;
    Batch batch_;
    LoopState state_;
    double waited_before_ = 0;
};

}  // namespace

LoopOptions dcgan_options() {
    LoopOptions o;
    o.step.update = {.optimizer = "adam", .hyper = {{"beta1", 0.5}}};
    o.rate = 2e-4;
    return o;
}

Tensor generate(const Graph& generator, int64_t rows, uint64_t seed, int threads) {
    constexpr int64_t kChunk = 100;
    const Tensor z = latent(generator, rows, seed, 0);
    ThreadPool pool(threads);
    Tensor out;
    std::unique_ptr<Session> session;
    for (int64_t at = 0; at < rows; at += kChunk) {
        check_interrupt();
        const Tensor some = z.rows(at, std::min(rows, at + kChunk));
        if (!session || session->plan().input_dims[0] != some.dims()) session = std::make_unique<Session>(make_plan(generator, {some.dims()}, {.threads = threads}), &pool);
        session->execute({some});
        const Tensor made = session->output(0);
        if (!out.defined()) {
            Dims d = made.dims();
            d[0] = rows;
            out = Tensor::zeros(made.dtype(), d);
        }
        std::copy_n(made.data<float>(), made.count(), out.data<float>() + at * (made.count() / some.dim(0)));
    }
    return out;
}

Gan train_gan(const Graph& generator, const Graph& discriminator, DatasetPtr real, const GanOptions& options, const GanHooks& hooks) {
    return Loop(generator, discriminator, std::move(real), options, hooks).run();
}

}  // namespace hone::train
