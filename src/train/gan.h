// SPDX-License-Identifier: Apache-2.0
// Generative adversarial training (Goodfellow et al., "Generative adversarial nets", NIPS 2014), in the order of steps and
// with the non-saturating loss of Radford et al. (DCGAN, ICLR 2016): a step of the discriminator on a batch of real and one
// of generated samples, each normalised by its own statistics; a step of the generator through the discriminator as it then
// is, whose weights are inputs of that graph and stay. Both step graphs read one set of weights.
//
//   const Gan g = train_gan(generator, discriminator, parts.training, options, hooks);
//   write_model(g.generator, "generator_trained.onnx");
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "train/loop.h"

namespace hone::train {

/// Adam with beta1 0.5 at a rate of 2e-4, as Radford et al. 2016, for both networks.
LoopOptions dcgan_options();

struct GanOptions {
    LoopOptions loop = dcgan_options();  ///< but for loss, freezing, metric and patience
    double label_smoothing = 0;          ///< real samples count as 1 - this (Salimans et al. 2016)
    int64_t samples = 64;                ///< made of the same latent numbers after every epoch; 0: none
};

/// The two training steps, and the generator as the discriminator's step sees it.
struct GanSteps {
    /// Inputs: real samples, generated ones. Output 0: the logits [2N,1] of both. Its target is 1 for real, 0 for generated.
    TrainingStep discriminator;
    /// Inputs: latent numbers, then the discriminator's parameters in the order of `discriminator_parameters`. Its
    /// target is 1: what it makes is to be taken for real.
    TrainingStep generator;
    std::vector<std::string> discriminator_parameters;
    /// Inputs: latent numbers, then the generator's parameters. Normalises by the batch, as the generator's step does.
    Graph sampler;
    std::vector<std::string> generator_parameters;
};
/// Throws model "train.gan" unless the generator has one float input and its first output is the discriminator's only
/// input, and the discriminator gives one number a sample; what training_step throws.
GanSteps gan_steps(const Graph& generator, const Graph& discriminator, const GanOptions& options);

/// An epoch's loss is the generator's, -log D(G(z)); its metrics are "discriminator_loss", -log D(x) - log(1 - D(G(z))), "real"
/// and "fake", D(x) and D(G(z)) in the discriminator's steps: all means over the steps that were done.
struct GanHooks : LoopHooks {
    /// Called before `epoch`: [samples, C, H, W] by the generator as it is written, normalised by its running statistics.
    std::function<void(int64_t epoch, const Tensor& samples)> samples;
};

struct Gan {
    Graph generator, discriminator;
    std::vector<Epoch> history;
    int64_t parameters = 0, samples = 0;  ///< trained, of both; real samples seen
    double seconds = 0, waited = 0;
    std::string stopped{};                ///< "time" where the time was over before the last epoch was done
    int64_t resumed_at = 0;               ///< the step of the checkpoint that it went on from
};

/// Throws what gan_steps and batches_of throw; data "data.shape", "train.diverged"; usage "train.validation" for the schedule
/// plateau; with options.loop.checkpoint what RunCheckpoints throws (resume.h).
Gan train_gan(const Graph& generator, const Graph& discriminator, DatasetPtr real, const GanOptions& options, const GanHooks& hooks);

/// f32 [rows, latent dims]: standard normal, by seed and number alone.
Tensor latent(const Graph& generator, int64_t rows, uint64_t seed, uint64_t number);
/// `rows` samples of the generator as it is, of latent(generator, rows, seed, 0).
Tensor generate(const Graph& generator, int64_t rows, uint64_t seed, int threads);

}  // namespace hone::train
