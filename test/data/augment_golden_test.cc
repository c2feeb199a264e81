// SPDX-License-Identifier: Apache-2.0
// What the kinds of augmentation do to a picture equals what Pillow does: golden/ is written by make_augment_golden.py.
#include <functional>
#include <map>
#include <set>

#include "data/augment/kinds.h"
#include "helpers.h"

using namespace hone;
namespace aug = hone::augment;

namespace {
const std::map<std::string, std::function<Image(Image)>>& operations() {
    static const std::map<std::string, std::function<Image(Image)>> all{
        {"flip_horizontal", [](Image i) { aug::flip_horizontally(i); return i; }},
        {"flip_vertical", [](Image i) { aug::flip_vertically(i); return i; }},
        {"rotate_10", [](Image i) { return aug::rotated(i, 10); }},
        {"rotate_-33.5", [](Image i) { return aug::rotated(i, -33.5); }},
        {"rotate_90", [](Image i) { return aug::rotated(i, 90); }},
        {"rotate_180", [](Image i) { return aug::rotated(i, 180); }},
        {"rotate_271.25", [](Image i) { return aug::rotated(i, 271.25); }},
        {"scale_0.8", [](Image i) { return aug::scaled(i, 0.8); }},
        {"scale_1.3", [](Image i) { return aug::scaled(i, 1.3); }},
        {"shift_3_-2", [](Image i) { return aug::shifted(i, 3, -2); }},
        {"shift_-5_4", [](Image i) { return aug::shifted(i, -5, 4); }},
        {"affine_shear", [](Image i) { return aug::affine(i, {1.05, 0.2, -3.25, -0.1, 0.93, 2.5}); }},
        {"crop_4_7_1", [](Image i) { return aug::padded_crop(i, 4, aug::Border::fill, 7, 1); }},
        {"resized_crop_3_5_14_11", [](Image i) { return aug::resized_crop(i, 3, 5, 14, 11); }},
        {"jpeg_10", [](Image i) { return aug::jpeg_round_trip(i, 10); }},
        {"jpeg_50", [](Image i) { return aug::jpeg_round_trip(i, 50); }},
        {"jpeg_95", [](Image i) { return aug::jpeg_round_trip(i, 95); }},
        {"sharpness_0.3", [](Image i) { return aug::adjusted_sharpness(i, 0.3); }},
        {"sharpness_1.7", [](Image i) { return aug::adjusted_sharpness(i, 1.7); }},
        {"saturation_0.3", [](Image i) { return aug::adjusted_saturation(i, 0.3); }},
        {"saturation_1.7", [](Image i) { return aug::adjusted_saturation(i, 1.7); }},
        {"brightness_0.3", [](Image i) { return aug::adjusted_brightness(i, 0.3); }},
        {"brightness_1.7", [](Image i) { return aug::adjusted_brightness(i, 1.7); }},
        {"contrast_0.3", [](Image i) { return aug::adjusted_contrast(i, 0.3); }},
        {"contrast_1.7", [](Image i) { return aug::adjusted_contrast(i, 1.7); }},
    };
    return all;
}

Image golden(const std::string& name) {
    const std::string bytes = read_file(source_path("test/data/golden/" + name));
    return decode_image(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), name);
}
}  // namespace

TEST(AugmentGolden, EqualsPillow) {
    std::set<std::string> unused;
    for (const std::string& f : list_directory(source_path("test/data/golden")))
        if (f.ends_with(".png")) unused.insert(f);
    for (const char* ground : {"colour", "grey"}) {
        const Image picture = golden(cat(ground, ".png"));
        ASSERT_EQ(picture.channels, ground[0] == 'c' ? 3 : 1);
        unused.erase(cat(ground, ".png"));
        for (const auto& [name, operation] : operations()) {
            const std::string file = cat(ground, "_", name, ".png");
            ASSERT_EQ(unused.erase(file), 1u) << file << " is absent";
            const Image mine = operation(picture), theirs = golden(file);
            ASSERT_EQ(mine.width, theirs.width);
            ASSERT_EQ(mine.height, theirs.height);
            ASSERT_EQ(mine.pixels.size(), theirs.pixels.size());
            int apart = 0, differing = 0;
            for (size_t i = 0; i < mine.pixels.size(); ++i) {
                apart = std::max(apart, std::abs(mine.pixels[i] - theirs.pixels[i]));
                differing += mine.pixels[i] != theirs.pixels[i];
            }
            EXPECT_EQ(apart, 0) << file << ": " << differing << " values differ";
            if (name.starts_with("saturation") && ground[0] == 'g') continue;
            EXPECT_NE(mine.pixels, picture.pixels) << file;
        }
    }
    EXPECT_TRUE(unused.empty()) << *unused.begin() << " has no case";
}
