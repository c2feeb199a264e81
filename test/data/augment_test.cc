// SPDX-License-Identifier: Apache-2.0
// Lists of augmentations: what is read and refused, that each kind stays within its ranges and depends on nothing but
// seed, epoch, sample and kind, and mixup's draws.
#include "data/augment.h"

#include <cmath>
#include <numeric>
#include <set>

#include "data/augment/kinds.h"
#include "data/open.h"
#include "helpers.h"

using namespace hone;

namespace {
/// Distinct values everywhere, away from black.
Image picture(int w = 13, int h = 11, int channels = 3) {
    Image out{w, h, channels, {}};
    out.pixels.resize(out.bytes());
    Rng rng(3);
    for (uint8_t& v : out.pixels) v = static_cast<uint8_t>(40 + rng.below(180));
    return out;
}
Image one(const std::string& list, const SampleKey& key, Image image = picture()) {
    augment_image(image, parse_augmentations(list), key);
    return image;
}
std::string message_of(const std::string& list) {
    try {
        parse_augmentations(list);
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "usage.augment");
        EXPECT_EQ(e.kind, ErrorKind::usage);
        return e.what();
    }
    return "";
}
}  // namespace

TEST(Augment, ListsAreRead) {
    const Augmentations list = parse_augmentations("flip,shift=2,rotate=10:0.5,crop=3:reflect:p=0.25,scale=high=1.5,mixup");
    ASSERT_EQ(list.size(), 6u);
    EXPECT_EQ(list[0].values, std::vector<double>{0.5});
    EXPECT_EQ(list[1].values, (std::vector<double>{2, 1}));
    EXPECT_EQ(list[2].values, (std::vector<double>{10, 0.5}));
    EXPECT_EQ(list[3].values, (std::vector<double>{3, 2, 0.25}));
    EXPECT_EQ(list[4].values, (std::vector<double>{0.9, 1.5, 1}));
    EXPECT_EQ(mixup_of(list), &list[5]);
    EXPECT_EQ(to_text(list), "flip=0.5,shift=2:1,rotate=10:0.5,crop=3:reflect:0.25,scale=0.9:1.5:1,mixup=0.2:1");
    EXPECT_EQ(to_text(parse_augmentations(to_text(list))), to_text(list));
    EXPECT_TRUE(parse_augmentations("none").empty());
    EXPECT_EQ(to_text(Augmentations{}), "none");
}

TEST(Augment, WrongListsSayWhatIsNear) {
    EXPECT_NE(message_of("flip,rotat=3").find("rotate"), std::string::npos);
    EXPECT_NE(message_of("rotate=degree=3").find("degrees"), std::string::npos);
    EXPECT_NE(message_of("crop=4:reflct").find("reflect"), std::string::npos);
    EXPECT_NE(message_of("shift=1.5").find("whole number of 0 to 1024"), std::string::npos);
    for (const char* bad : {"", ",", "flip,", "flip,flip", "shift=", "shift=x", "shift=-1", "shift=2:1:1", "shift=pixels=1:pixels=2",
                            "flip=1.1", "flip=nan", "scale=1.2:0.8", "compression=90:30", "cutout=0", "mixup=0", "rotate==3", "none,flip"})
        EXPECT_NE(message_of(bad), "") << bad;
}

TEST(Augment, TheListIsWhole) {
    std::set<std::string> names;
    const std::string help = augment_help();
    for (const AugmentKind& k : augment_kinds()) {
        EXPECT_TRUE(names.insert(k.name).second) << k.name;
        EXPECT_NE(help.find(cat(k.name, ": ", k.help)), std::string::npos);
        ASSERT_FALSE(k.parameters.empty());
        EXPECT_EQ(std::string(k.parameters.back().name), "p") << k.name;
        for (const AugmentParameter& p : k.parameters) {
            EXPECT_TRUE(p.low <= p.initial && p.initial <= p.high) << k.name << " " << p.name;
            if (!p.choices.empty()) EXPECT_EQ(p.high, static_cast<double>(p.choices.size() - 1));
        }
    }
    for (const char* n : {"crop", "flip", "rotate", "scale", "shift", "compression", "sharpen", "saturation", "brightness", "contrast",
                          "noise", "cutout", "mixup"})
        EXPECT_TRUE(names.contains(n)) << n;
}

TEST(Augment, OnlySeedEpochSampleAndKindDecide) {
    for (const AugmentKind& k : augment_kinds()) {
        if (!k.image) continue;
        std::set<std::vector<uint8_t>> seen;
        for (uint64_t i = 0; i < 12; ++i) {
            const Image a = one(k.name, {1, 0, i});
            EXPECT_EQ(a.pixels, one(k.name, {1, 0, i}).pixels) << k.name;
            EXPECT_EQ(a.width, 13);
            EXPECT_EQ(a.height, 11);
            EXPECT_EQ(a.pixels.size(), a.bytes());
            seen.insert(a.pixels);
        }
        const bool two = std::string(k.name).starts_with("flip");
        EXPECT_GE(seen.size(), two ? 2u : 6u) << k.name;
        bool by_seed = false, by_epoch = false;
        for (uint64_t i = 0; i < 12; ++i) {
            by_seed |= one(k.name, {1, 0, i}).pixels != one(k.name, {2, 0, i}).pixels;
            by_epoch |= one(k.name, {1, 0, i}).pixels != one(k.name, {1, 1, i}).pixels;
        }
        EXPECT_TRUE(by_seed && by_epoch) << k.name;
        EXPECT_EQ(one(cat(k.name, "=p=0"), {1, 0, 3}).pixels, picture().pixels) << k.name;
    }
    // What one kind draws does not depend on the others of the list, nor on its place.
    for (uint64_t i = 0; i < 6; ++i) {
        Image steps = one("rotate=20", {5, 2, i});
        steps = one("noise", {5, 2, i}, steps);
        EXPECT_EQ(one("rotate=20,noise", {5, 2, i}).pixels, steps.pixels);
    }
}

TEST(Augment, KindsWorkOnEverySize) {
    for (const AugmentKind& k : augment_kinds()) {
        if (!k.image) continue;
        for (const int channels : {1, 3})
            for (const auto& [w, h] : std::vector<std::pair<int, int>>{{1, 1}, {1, 9}, {9, 1}, {2, 3}, {64, 5}})
                for (uint64_t i = 0; i < 3; ++i) {
                    const Image out = one(cat(k.name, "=p=1"), {1, 1, i}, picture(w, h, channels));
                    ASSERT_TRUE(out.width == w && out.height == h && out.channels == channels && out.pixels.size() == out.bytes()) << k.name;
                }
    }
}

TEST(Augment, DrawsFillTheirRanges) {
    // A white picture tells where a shift and a cutout went.
    std::set<std::pair<int, int>> places;
    int flips = 0;
    std::set<size_t> holes;
    for (uint64_t i = 0; i < 1000; ++i) {
        const Image white{9, 9, 1, std::vector<uint8_t>(81, 255)};
        const Image moved = one("shift=1", {1, 0, i}, white);
        places.insert({moved.pixels[4] ? (moved.pixels[76] ? 0 : -1) : 1, moved.pixels[36] ? (moved.pixels[44] ? 0 : -1) : 1});
        const Image cut = one("cutout=3", {1, 0, i}, white);
        holes.insert(static_cast<size_t>(std::count(cut.pixels.begin(), cut.pixels.end(), 0)));
        Image arrow = white;
        arrow.pixels[0] = 0;
        flips += one("flip", {1, 0, i}, arrow).pixels[0] == 255;
    }
    EXPECT_EQ(places.size(), 9u);
    EXPECT_EQ(holes, (std::set<size_t>{4, 6, 9}));  // a corner, an edge, inside
    EXPECT_NEAR(flips, 500, 60);
    // Noise of 0.1 of the range.
    const Image grey{100, 100, 1, std::vector<uint8_t>(10000, 128)};
    const Image noisy = one("noise=0.1", {1, 0, 0}, grey);
    double sum = 0, squares = 0;
    for (const uint8_t v : noisy.pixels) sum += v - 128, squares += (v - 128.0) * (v - 128.0);
    EXPECT_NEAR(sum / 1e4, 0, 1);
    EXPECT_NEAR(std::sqrt(squares / 1e4), 25.5, 0.8);
    // Factors of 1 - amount to 1 + amount.
    double low = 9, high = 0;
    for (uint64_t i = 0; i < 300; ++i) {
        const double factor = one("brightness=0.5", {1, 0, i}, grey).pixels[0] / 128.0;
        low = std::min(low, factor);
        high = std::max(high, factor);
    }
    EXPECT_NEAR(low, 0.5, 0.03);
    EXPECT_NEAR(high, 1.5, 0.03);
}

TEST(Augment, PaddedCropsHaveTheirBorders) {
    const Image line{4, 1, 1, {1, 2, 3, 4}};
    using augment::Border;
    EXPECT_EQ(augment::padded_crop(line, 2, Border::fill, 2, 0).pixels, (std::vector<uint8_t>{0, 0, 1, 2}));
    EXPECT_EQ(augment::padded_crop(line, 2, Border::edge, 2, 0).pixels, (std::vector<uint8_t>{1, 1, 1, 2}));
    EXPECT_EQ(augment::padded_crop(line, 2, Border::reflect, 2, 0).pixels, (std::vector<uint8_t>{3, 2, 1, 2}));
    EXPECT_EQ(augment::padded_crop(line, 2, Border::reflect, 0, 4).pixels, (std::vector<uint8_t>{3, 4, 3, 2}));
    EXPECT_EQ(augment::padded_crop(line, 9, Border::reflect, 9, 0).pixels, (std::vector<uint8_t>{4, 3, 2, 1}));
}

TEST(Augment, MixupDrawsBeta) {
    for (const double alpha : {0.01, 0.2, 1.0, 4.0}) {
        const Augmentations list = parse_augmentations(cat("mixup=", alpha));
        double sum = 0, squares = 0;
        constexpr int kDraws = 4000;
        for (int i = 0; i < kDraws; ++i) {
            const Mixup m = draw_mixup(list[0], 8, {1, 0, static_cast<uint64_t>(i)});
            ASSERT_TRUE(m.lambda >= 0 && m.lambda <= 1);
            sum += m.lambda;
            squares += m.lambda * m.lambda;
            if (i) continue;
            ASSERT_EQ(m.partner.size(), 8u);
            EXPECT_EQ(std::set<int64_t>(m.partner.begin(), m.partner.end()).size(), 8u);
        }
        const double mean = sum / kDraws;
        EXPECT_NEAR(mean, 0.5, 0.03) << alpha;
        EXPECT_NEAR(squares / kDraws - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.012) << alpha;  // Beta's variance
    }
    EXPECT_FALSE(draw_mixup(parse_augmentations("mixup=p=0")[0], 8, {}).mixes());
    EXPECT_FALSE(draw_mixup(parse_augmentations("mixup")[0], 1, {}).mixes());
    float row[2] = {1, 0};
    const float other[2] = {0, 4};
    mix(row, other, 2, 0.75);
    EXPECT_EQ(row[0], 0.75f);
    EXPECT_EQ(row[1], 1.f);
}

TEST(Augment, PixelsOfADataSetComeBackAsItsSamples) {
    TemporaryFolder t;
    std::string pixels, labels;
    for (int i = 0; i < 6; ++i) {
        labels += static_cast<char>(i % 2);
        for (int k = 0; k < 20; ++k) pixels += static_cast<char>(i * 20 + k);
    }
    t.write("grey/images-idx3-ubyte", make_idx({6, 4, 5}, pixels));
    t.write("grey/labels-idx1-ubyte", make_idx({6}, labels));
    t.write("colour/a/1.png", flat_png(3, 2, 10, 20, 30));
    t.write("colour/b/1.png", flat_png(3, 2, 200, 100, 50));
    t.write("rows.csv", "a,b,label\n1,2,x\n3,4,y\n5,6,x\n");
    for (const char* name : {"grey", "colour"}) {
        DataOptions o;
        o.preprocess.mean = {0.25};
        o.preprocess.std = {0.5};
        const DataParts p = open_data(t / name, o);
        for (const DatasetPtr& d : {p.whole, subset(p.whole, {1, 0}, "two")}) {
            ASSERT_TRUE(d->has_pixels());
            Image image;
            std::vector<float> direct(static_cast<size_t>(d->sample_count())), by_pixels = direct;
            for (int64_t i = 0; i < d->size(); ++i) {
                d->load(i, direct.data());
                d->load_pixels(i, image);
                d->normalise(image, by_pixels.data());
                EXPECT_EQ(direct, by_pixels) << name;
            }
        }
        check_augmentations(parse_augmentations("flip,mixup"), *p.whole);
    }
    const DataParts rows = open_data(t / "rows.csv", {});
    EXPECT_FALSE(rows.whole->has_pixels());
    EXPECT_EQ(id_of([&] { check_augmentations(parse_augmentations("mixup,flip"), *rows.whole); }), "usage.augment");
    check_augmentations(parse_augmentations("mixup"), *rows.whole);
}
