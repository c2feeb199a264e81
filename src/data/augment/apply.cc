// SPDX-License-Identifier: Apache-2.0
// Which random numbers a kind sees, and a list applied to a sample.
#include "base/error.h"
#include "data/augment.h"
#include "data/augment/text_kinds.h"
#include "data/hash.h"

namespace hone {

void check_augmentations(const Augmentations& list, const Dataset& data) {
    const TextEncoder* encoder = data.encoder();
    for (const Augmentation& a : list) {
        if (a.kind->text && !encoder)
            fail(ErrorKind::usage, "usage.augment", cat(a.kind->name, " works on texts; the samples are ", to_text(data.sample_dims()), " numbers"),
                 "Texts are files of lines `label<TAB>text`.", data.size() ? data.origin(0) : std::string());
        if (encoder && !a.kind->text)
            fail(ErrorKind::usage, "usage.augment", cat(a.kind->name, " does not work on texts, whose samples are numbers of words"),
                 "Kinds for texts: insert, delete, swap, replace, stop_words.", data.size() ? data.origin(0) : std::string());
        if (encoder && encoder->unit == TextUnit::character && a.kind->text == augment::stop_words_kind)
            fail(ErrorKind::usage, "usage.augment", "stop_words works on words; the vocabulary is of characters", "Leave it out, or take words.");
        if (a.kind->image && !data.has_pixels())
            fail(ErrorKind::usage, "usage.augment",
                 cat(a.kind->name, " works on 8-bit pictures; the samples are ", to_text(data.sample_dims()), " numbers"),
                 "Arrays take part as pictures when they are u8 [N,H,W] or [N,H,W,3]; rows and arrays of floats take mixup only.",
                 data.size() ? data.origin(0) : std::string());
    }
}

Rng augment_rng(const AugmentKind& kind, const SampleKey& key) {
    Hasher name;
    name.add(std::string_view(kind.name));
    return {derive_seed(key.seed, name.value(), key.epoch), key.index};
}

void augment_image(Image& image, const Augmentations& list, const SampleKey& key) {
    for (const Augmentation& a : list) {
        if (!a.kind->image) continue;
        Rng rng = augment_rng(*a.kind, key);
        if (rng.uniform() < a.values.back()) a.kind->image(image, a.values, rng);
    }
}

void augment_text(Tokens& tokens, const Augmentations& list, const SampleKey& key, const TextEncoder& encoder) {
    for (const Augmentation& a : list) {
        if (!a.kind->text) continue;
        Rng rng = augment_rng(*a.kind, key);
        if (rng.uniform() < a.values.back()) a.kind->text(tokens, a.values, rng, encoder);
    }
}

}  // namespace hone
