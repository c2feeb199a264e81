// SPDX-License-Identifier: Apache-2.0
// The kinds of augmentation, one declaration each: name, help, parameters (name, default, lowest, highest, help), function.
#include "data/augment.h"
#include "data/augment/kinds.h"
#include "data/augment/text_kinds.h"

namespace hone {

namespace {
AugmentParameter p_of(double initial) { return {"p", initial, 0, 1, "how often it is applied"}; }
AugmentParameter share_of(double initial, const char* help) { return {"share", initial, 0, 1, help}; }

const std::vector<AugmentKind>& kinds() {
    using namespace augment;
    const AugmentParameter always = p_of(1), half = p_of(0.5);
    static const std::vector<AugmentKind> all{
        {"crop", "pads the picture and cuts its size out anywhere",
         {{"pad", 4, 1, 1024, "pixels on each side", true}, {"border", 0, 0, 2, "what is padded with", true, {"fill", "edge", "reflect"}}, always},
         crop_kind},
        {"resized_crop", "cuts out a part of random area and shape, brought to the picture's size",
         {{"low", 0.25, 0.01, 1, "smallest share of the area"}, {"high", 1, 0.01, 1, "largest share of the area"},
          {"ratio", 4.0 / 3, 1, 8, "width to height between 1/ratio and ratio"}, always},
         resized_crop_kind},
        {"flip", "mirrors left and right", {half}, flip_kind},
        {"flip_vertical", "mirrors top and bottom", {half}, flip_vertical_kind},
        {"rotate", "turns about the middle", {{"degrees", 10, 0, 180, "at most, either way"}, always}, rotate_kind},
        {"scale", "shrinks or grows about the middle",
         {{"low", 0.9, 0.1, 10, "smallest factor"}, {"high", 1.1, 0.1, 10, "largest factor"}, always}, scale_kind},
        {"shift", "moves by whole pixels; what comes in is black", {{"pixels", 2, 0, 1024, "at most, along each axis", true}, always},
         shift_kind},
        {"compression", "writes a JPEG and reads it",
         {{"low", 30, 1, 100, "lowest quality", true}, {"high", 95, 1, 100, "highest quality", true}, always}, compression_kind},
        {"sharpen", "sharpness times 1 - amount to 1 + amount", {{"amount", 0.5, 0, 10, "at most"}, always}, sharpen_kind},
        {"saturation", "saturation times 1 - amount to 1 + amount; grey pictures stay as they are",
         {{"amount", 0.4, 0, 10, "at most"}, always}, saturation_kind},
        {"brightness", "brightness times 1 - amount to 1 + amount", {{"amount", 0.4, 0, 10, "at most"}, always}, brightness_kind},
        {"contrast", "contrast times 1 - amount to 1 + amount", {{"amount", 0.4, 0, 10, "at most"}, always}, contrast_kind},
        {"noise", "adds normal noise", {{"deviation", 0.05, 0, 1, "standard deviation, as a share of the range"}, always}, noise_kind},
        {"cutout", "gives a square one value",
         {{"side", 8, 1, 4096, "pixels", true}, {"value", 0, 0, 255, "of the square", true}, always}, cutout_kind},
        {"mixup", "mixes pairs of a batch and their labels", {{"alpha", 0.2, 0.01, 100, "of Beta(alpha, alpha)"}, always}, nullptr},
        {"insert", "puts words of the vocabulary into a text", {share_of(0.1, "words put in, as a share of the text; at least one"), always},
         nullptr, insert_kind},
        {"delete", "takes words out of a text", {share_of(0.1, "how probably each goes"), always}, nullptr, delete_kind},
        {"swap", "lets words of a text change places", {share_of(0.1, "pairs, as a share of the text; at least one"), always}, nullptr,
         swap_kind},
        {"replace", "replaces words by words of the vocabulary", {share_of(0.1, "how probably each is replaced"), always}, nullptr,
         replace_kind},
        {"stop_words", "takes English stop words out of a text", {share_of(1, "how probably each goes"), always}, nullptr, stop_words_kind},
    };
    return all;
}
}  // namespace

std::span<const AugmentKind> augment_kinds() { return kinds(); }

const AugmentKind* find_augment_kind(std::string_view name) {
    for (const AugmentKind& k : kinds())
        if (name == k.name) return &k;
    return nullptr;
}

}  // namespace hone
