// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "train/gan.h"
#include "train/runner.h"

namespace hone::train {
namespace {

std::vector<Dims> input_dims(const Graph& g) {
    std::vector<Dims> out;
    for (ValueId v : g.inputs) out.push_back(dims_of(g.value(v).type.shape));
    return out;
}

/// A network's values out of its step's states.
std::map<std::string, Tensor> values_of(const Graph& model, const StepRunner& runner) {
    std::map<std::string, Tensor> out;
    for (const auto& [name, value] : runner.states())
        if (const ValueId v = model.find_value(name); v != kNone && model.value(v).is_constant()) out[name] = value.clone();
    return out;
}

Tensor column(int64_t ones, int64_t zeros, double one) {
    Tensor t = Tensor::zeros(DType::f32, {ones + zeros, 1});
    for (int64_t i = 0; i < ones; ++i) t.set(i, one);
    return t;
}

class Loop {
  public:
    Loop(const Graph& generator, const Graph& discriminator, DatasetPtr real, const GanOptions& o, const GanHooks& hooks)
        : generator_(generator), discriminator_(discriminator), o_(o), hooks_(hooks), pool_(o.threads), steps_(real->size() / o.batch),
          schedule_(with_steps(o.schedule, steps_ * o.epochs), o.rate), graphs_(gan_steps(generator, discriminator, o)) {
        if (steps_ < 1) fail(ErrorKind::data, "train.few", cat(real->size(), " training samples are fewer than a batch of ", o.batch), "Give a smaller --batch.");
        eval::input_dims_for(discriminator, real->sample_dims(), o.batch);
        const PlanOptions plan{.threads = o.threads};
        judge_ = std::make_unique<StepRunner>(graphs_.discriminator, &pool_, plan);
        maker_ = std::make_unique<StepRunner>(graphs_.generator, &pool_, plan);
        sampler_ = std::make_unique<Session>(make_plan(graphs_.sampler, input_dims(graphs_.sampler), plan), &pool_);
        loader_ = std::make_unique<Loader>(real, LoaderOptions{.batch = o.batch, .drop_last = true, .seed = o.seed, .augment = o.augment});
        // The weights of one are inputs of the other's graph, in the memory where they are trained.
        latent_then_judge_ = {Tensor()};
        for (const std::string& name : graphs_.discriminator_parameters) latent_then_judge_.push_back(judge_->states().at(name));
        latent_then_maker_ = {Tensor()};
        for (const std::string& name : graphs_.generator_parameters) latent_then_maker_.push_back(maker_->states().at(name));
        real_then_fake_ = {column(o.batch, o.batch, 1 - o.label_smoothing)};
        all_real_ = {column(o.batch, 0, 1)};
    }

    Gan run() {
        Gan out;
        for (const auto* list : {&graphs_.discriminator_parameters, &graphs_.generator_parameters})
            for (const std::string& name : *list) out.parameters += (list == &graphs_.discriminator_parameters ? judge_ : maker_)->states().at(name).count();
        for (int64_t e = 0; e < o_.epochs; ++e) {
            GanEpoch epoch = train_epoch(e);
            out.seconds += epoch.seconds;
            out.samples += steps_ * o_.batch;
            epoch.model = with_values(generator_, values_of(generator_, *maker_));
            if (o_.samples > 0) epoch.samples = generate(epoch.model, o_.samples, o_.seed, o_.threads);
            if (hooks_.epoch) hooks_.epoch(epoch);
        }
        out.waited = loader_->seconds_waited();
        out.generator = with_values(generator_, values_of(generator_, *maker_));
        out.discriminator = with_values(discriminator_, values_of(discriminator_, *judge_));
        return out;
    }

  private:
    GanEpoch train_epoch(int64_t e) {
        GanEpoch epoch{.epoch = e + 1, .model = {}, .samples = {}};
        const double start = now_seconds(), share = 1 / static_cast<double>(steps_);
        for (int64_t k = 0; k < steps_; ++k) {
            check_interrupt();
            loader_->next(batch_);
            epoch.rate = schedule_.at(e * steps_ + k);
            const Tensor z = latent(generator_, o_.batch, o_.seed, static_cast<uint64_t>(1 + e * steps_ + k));
            latent_then_maker_[0] = latent_then_judge_[0] = z;
            sampler_->execute(latent_then_maker_);
            const double judged = judge_->run({batch_.x, sampler_->output(0)}, real_then_fake_, epoch.rate);
            note_judgement(epoch, share);
            const double made = maker_->run(latent_then_judge_, all_real_, epoch.rate);
            if (!std::isfinite(judged) || !std::isfinite(made))
                fail(ErrorKind::data, "train.diverged", cat("the losses are ", judged, " (discriminator) and ", made, " (generator) in epoch ", e + 1, ", step ", k + 1), "A smaller --lr often helps.");
            epoch.discriminator += 2 * judged * share;  // the step's is the mean over both halves
            epoch.generator += made * share;
            if (hooks_.step) hooks_.step(e * steps_ + k + 1, steps_ * o_.epochs);
        }
        epoch.seconds = now_seconds() - start;
        return epoch;
    }

    void note_judgement(GanEpoch& epoch, double share) const {
        const Tensor logits = judge_->output(0);
        for (int64_t i = 0; i < 2 * o_.batch; ++i)
            (i < o_.batch ? epoch.real : epoch.fake) += share / static_cast<double>(o_.batch) / (1 + std::exp(-logits.at(i)));
    }

    const Graph &generator_, &discriminator_;
    const GanOptions& o_;
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
};

}  // namespace

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
