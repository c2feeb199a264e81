// SPDX-License-Identifier: Apache-2.0
// Augmentation: samples of the training part changed at random before the network sees them. A user lists kinds with
// their parameters; the loader (loader.h) applies them in that order. What is drawn is a function of the seed, the epoch,
// the sample's index and the kind alone: neither workers nor order show. Kinds of pictures work on 8-bit pixels, channels
// last, after resize and crop and before normalising, and keep the picture's size. Kinds of texts work on words (or
// characters) before these are numbered.
//
//   const Augmentations list = parse_augmentations("flip,shift=2,rotate=10,cutout=8");
//   check_augmentations(list, *parts.training);
//   augment_image(image, list, {seed, epoch, index});
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "data/dataset.h"
#include "data/text.h"

namespace hone {

struct AugmentParameter {
    const char* name;
    double initial, low, high;  ///< the default; the range, ends included
    const char* help;
    bool whole = false;                      ///< an integer
    std::vector<const char*> choices = {};   ///< written as one of these; the value is its number
};

/// One kind: a line of the list in augment/list.cc. The last parameter of each is `p`, how probable it is that the kind
/// is applied to a sample (of mixup: to a batch). Of a kind without a function the loader itself applies what it says.
struct AugmentKind {
    const char* name;
    const char* help;
    std::vector<AugmentParameter> parameters;
    void (*image)(Image& image, std::span<const double> values, Rng& rng);
    void (*text)(Tokens& tokens, std::span<const double> values, Rng& rng, const TextEncoder& encoder) = nullptr;
};
std::span<const AugmentKind> augment_kinds();
const AugmentKind* find_augment_kind(std::string_view name);  ///< null: there is none
/// A line a kind with its parameters, defaults and ranges, for `--help` and the documents.
std::string augment_help();

struct Augmentation {
    const AugmentKind* kind = nullptr;
    std::vector<double> values;  ///< one a parameter
};
using Augmentations = std::vector<Augmentation>;

/// kind[=value[:value...]] with commas between; values in the order of the parameters, or `name=value` from anywhere on:
/// "flip,rotate=10,brightness=0.4:p=0.5". "none" is the empty list. Throws usage "usage.augment" with the nearest name.
Augmentations parse_augmentations(const std::string& list);
/// What parse_augmentations reads to the same list; every value is written.
std::string to_text(const Augmentations& list);
/// Throws usage "usage.augment" where a kind does not work on such samples: those of pictures need 8-bit pixels,
/// those of texts need texts.
void check_augmentations(const Augmentations& list, const Dataset& data);

struct SampleKey {
    uint64_t seed = 0, epoch = 0, index = 0;
};
/// The stream of random numbers of one kind for one sample.
Rng augment_rng(const AugmentKind& kind, const SampleKey& key);
/// Applies the kinds of pictures in the list's order.
void augment_image(Image& image, const Augmentations& list, const SampleKey& key);
/// Those of texts; `encoder`'s vocabulary gives the words that come in.
void augment_text(Tokens& tokens, const Augmentations& list, const SampleKey& key, const TextEncoder& encoder);

/// Zhang et al., "mixup: Beyond empirical risk minimization" (ICLR 2018): row i of a batch becomes
/// lambda * row i + (1 - lambda) * row partner[i], and its label likewise.
struct Mixup {
    double lambda = 1;
    std::vector<int64_t> partner;
    bool mixes() const { return lambda != 1; }
};
/// Where the list has it, else null.
const Augmentation* mixup_of(const Augmentations& list);
/// lambda from Beta(alpha, alpha) and a permutation of the `rows`; `key.index` is the batch's number in its epoch.
Mixup draw_mixup(const Augmentation& mixup, int64_t rows, const SampleKey& key);
/// row = lambda * row + (1 - lambda) * other, `n` floats.
void mix(float* row, const float* other, int64_t n, double lambda);

}  // namespace hone
