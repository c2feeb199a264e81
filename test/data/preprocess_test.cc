// SPDX-License-Identifier: Apache-2.0
#include "data/preprocess.h"

#include "base/limits.h"
#include "data/pixels.h"
#include "helpers.h"

using namespace hone;

TEST(Preprocess, MapRoundTripIsExact) {
    Preprocess p;
    p.mean = {0.485, 0.456, 1.0 / 3};
    p.std = {0.229};
    p.resize = ImageSize{32, 48};
    p.crop = ImageSize{28, 28};
    p.channels = 3;
    p.resample = Resample::lanczos;
    const auto map = to_map(p);
    EXPECT_EQ(map.at("resample"), "lanczos");
    EXPECT_EQ(map.at("schema"), "1");
    EXPECT_EQ(map.at("resize"), "32x48");
    EXPECT_EQ(preprocess_from_map(map), p);
    Preprocess t;
    t.kind = DataKind::table;
    t.scale = 1;
    EXPECT_EQ(preprocess_from_map(to_map(t)), t);
}

TEST(Preprocess, HostileMapsAreRefused) {
    EXPECT_EQ(id_of([] { preprocess_from_map({}); }), "preprocess.schema");
    EXPECT_EQ(id_of([] { preprocess_from_map({{"schema", "2"}}); }), "preprocess.schema");
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"mean", ""},        {"mean", "1,,2"},    {"mean", "1,"},  {"std", "0"},      {"std", "nan"},
        {"scale", "0"},      {"scale", "1e999"},  {"scale", "1x"}, {"resize", "0x4"}, {"resize", "-3x3"},
        {"resize", "99999"}, {"resize", "4x4x4"}, {"crop", "x"},   {"channels", "2"}, {"channels", "99999999999"},
        {"kind", "sound"},   {"std", "1,2"},      {"mean", "inf"},     {"resample", "Bilinear"}};
    for (const auto& [key, value] : bad) {
        std::map<std::string, std::string> m{{"schema", "1"}, {"channels", "3"}};
        m[key] = value;
        try {
            preprocess_from_map(m);
            ADD_FAILURE() << key << " = " << value << " was accepted";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind, ErrorKind::model) << key;
        }
    }
}

TEST(Preprocess, FiltersByName) {
    for (const std::string& name : resample_names()) EXPECT_EQ(to_text(parse_resample(name)), name);
    EXPECT_EQ(id_of([] { parse_resample("bilinaer"); }), "preprocess.resample");
    // What a model of before says nothing of is bilinear; a flag that differs is said.
    EXPECT_EQ(preprocess_from_map({{"schema", "1"}, {"resize", "8x8"}}).resample, Resample::bilinear);
    PreprocessOptions flags, stored;
    stored.resize = ImageSize{8, 8};
    stored.resample = Resample::bilinear;
    flags.resample = Resample::bicubic;
    std::vector<std::string> warnings;
    EXPECT_EQ(resolve(merge(flags, stored, &warnings), DataKind::image, 3).resample, Resample::bicubic);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("--resample bicubic"), std::string::npos);
}

TEST(Preprocess, FlagsWinWithAWarning) {
    PreprocessOptions flags, stored;
    flags.mean = {0.5};
    flags.scale = 1.0;
    stored.mean = {0.25};
    stored.std = {2.0};
    stored.scale = 1.0;
    std::vector<std::string> warnings;
    const PreprocessOptions m = merge(flags, stored, &warnings);
    EXPECT_EQ(m.mean->at(0), 0.5);
    EXPECT_EQ(m.std->at(0), 2.0);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("--mean 0.5"), std::string::npos);
    EXPECT_EQ(options_of(resolve(m, DataKind::image, 1)).mean, m.mean);
}

TEST(Preprocess, DefaultsAndChecks) {
    EXPECT_EQ(resolve({}, DataKind::image, 3).scale, 1.0 / 255);
    EXPECT_EQ(resolve({}, DataKind::table, 16).scale, 1.0);
    PreprocessOptions o;
    o.mean = {1, 2};
    EXPECT_EQ(id_of([&] { resolve(o, DataKind::image, 3); }), "preprocess.mean");
    o.mean = {1};
    o.std = {0};
    EXPECT_EQ(id_of([&] { resolve(o, DataKind::image, 3); }), "preprocess.std");
    EXPECT_EQ(parse_size("224x192"), (ImageSize{224, 192}));
    EXPECT_EQ(parse_size("32"), (ImageSize{32, 32}));
    EXPECT_EQ(id_of([] { parse_size("axb"); }), "preprocess.size");
}

TEST(Pixels, EveryByteIsNormalisedAsWritten) {
    Preprocess p;
    p.channels = 3;
    p.mean = {0.485, 0.456, 0.406};
    p.std = {0.229, 0.224, 0.225};
    const PixelPipeline pipeline(p, {16, 16});
    std::vector<uint8_t> in(768);
    std::vector<float> out(768);
    for (size_t i = 0; i < 768; ++i) in[i] = static_cast<uint8_t>(i);
    pipeline.normalise(in.data(), out.data());
    for (size_t c = 0; c < 3; ++c)
        for (size_t v = 0; v < 256; ++v)
            ASSERT_EQ(out[c * 256 + v], static_cast<float>((static_cast<double>(v) / 255 - p.mean[c]) / p.std[c]));
}

TEST(Pixels, AResizeBeyondTheMemoryLimitIsRefused) {
    Preprocess p;
    p.channels = 3;
    p.resize = ImageSize{16384, 16384};
    const size_t before = limits().memory_bytes;
    limits().memory_bytes = size_t{1} << 30;
    EXPECT_EQ(id_of([&] { PixelPipeline(p, {1, 1}); }), "memory.limit");
    limits().memory_bytes = before;
}
