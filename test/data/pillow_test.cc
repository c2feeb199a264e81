// SPDX-License-Identifier: Apache-2.0
// Against Pillow itself, in the peers' virtual environment: $HONE_PEERS (its folder or its python) or .venv/peers.
#include <array>
#include <map>

#include "data/image.h"
#include "data/open.h"
#include "data/resize.h"
#include "helpers.h"

using namespace hone;

namespace {
std::string peers_python() {
    const char* given = std::getenv("HONE_PEERS");
    std::string p = given ? given : source_path(".venv/peers");
    if (is_directory(p)) p += "/bin/python";
    return file_exists(p) ? p : "";
}

class Records {
  public:
    explicit Records(const std::string& path) : text_(read_file(path)) {}
    bool more() const { return at_ < text_.size(); }
    int number() {
        int32_t v;
        std::memcpy(&v, take(4).data(), 4);
        return v;
    }
    std::string_view take(size_t n) {
        const std::string_view s = std::string_view(text_).substr(at_, n);
        at_ += n;
        return s;
    }
    std::vector<uint8_t> bytes(int n) {
        const std::string_view s = take(static_cast<size_t>(n));
        return {s.begin(), s.end()};
    }

  private:
    std::string text_;
    size_t at_ = 0;
};

class Pillow : public ::testing::Test {
  protected:
    void SetUp() override {
        const std::string python = peers_python();
        HONE_REQUIRE(!python.empty(), "the peers' virtual environment");
        if (const std::string g = source_path("../shared/data/glyphs.tar"); file_exists(g)) glyphs_ = g;
        const std::string command = cat("'", python, "' '", source_path("test/data/pillow.py"), "' '", out_.path(),
                                        "' ", glyphs_.empty() ? "" : cat("'", glyphs_, "'"));
        ASSERT_EQ(std::system(command.c_str()), 0);
    }
    TemporaryFolder out_;
    std::string glyphs_;
};
}  // namespace

TEST_F(Pillow, ResizePEER) {
    int cases = 0;
    for (Records r(out_ / "resize.bin"); r.more(); ++cases) {
        const int h = r.number(), w = r.number(), c = r.number(), to_h = r.number(), to_w = r.number();
        const Image in{w, h, c, r.bytes(h * w * c)};
        ASSERT_EQ(resize_image(in, to_h, to_w).pixels, r.bytes(to_h * to_w * c))
            << h << "x" << w << "x" << c << " to " << to_h << "x" << to_w;
    }
    EXPECT_EQ(cases, 140);
}

TEST_F(Pillow, FiltersPEER) {
    int cases = 0;
    std::array<int, 6> worst{};
    for (Records r(out_ / "filters.bin"); r.more(); ++cases) {
        const int f = r.number(), h = r.number(), w = r.number(), c = r.number(), to_h = r.number(), to_w = r.number();
        const Image in{w, h, c, r.bytes(h * w * c)};
        const std::vector<uint8_t> mine = resize_image(in, to_h, to_w, static_cast<Resample>(f)).pixels;
        const std::vector<uint8_t> theirs = r.bytes(to_h * to_w * c);
        ASSERT_EQ(mine.size(), theirs.size());
        for (size_t i = 0; i < mine.size(); ++i)
            worst[static_cast<size_t>(f)] = std::max(worst[static_cast<size_t>(f)], std::abs(mine[i] - theirs[i]));
    }
    EXPECT_EQ(cases, 600);
    for (size_t f = 0; f < 6; ++f) {
        std::printf("%s: at most %d of 255 from Pillow\n", resample_names()[f].c_str(), worst[f]);
        EXPECT_LE(worst[f], f == 0 || f >= 4 ? 0 : 1) << resample_names()[f];
    }
}

// The peers' libjpeg-turbo is another, but decodes these alike: none is subsampled.
TEST_F(Pillow, JpegsPEER) {
    int n = 0, worst = 0;
    for (; file_exists(out_ / cat("j", n, ".jpg")); ++n) {
        const MappedFile m = in_memory(read_file(out_ / cat("j", n, ".jpg")));
        const Image im = convert_channels(decode_image(bytes_of(m), m.size, cat(n)), 3);
        Records r(out_ / cat("j", n, ".rgb"));
        const int w = r.number(), h = r.number();
        ASSERT_EQ(im.width, w) << n;
        ASSERT_EQ(im.height, h) << n;
        EXPECT_EQ(image_info(bytes_of(m), m.size, cat(n)).width, w) << n;
        const std::vector<uint8_t> theirs = r.bytes(w * h * 3);
        for (size_t i = 0; i < theirs.size(); ++i) worst = std::max(worst, std::abs(im.pixels[i] - theirs[i]));
    }
    std::printf("%d pictures, at most %d of 255 from Pillow\n", n, worst);
    EXPECT_EQ(n, 38);
    EXPECT_LE(worst, 1);
}

TEST_F(Pillow, PngsPEER) {
    int n = 0;
    for (; file_exists(out_ / cat(n, ".png")); ++n) {
        const MappedFile m = in_memory(read_file(out_ / cat(n, ".png")));
        const Image im = decode_image(bytes_of(m), m.size, cat(n));
        const auto expected = [&](const char* mode) {
            const std::string s = read_file(out_ / cat(n, mode));
            return std::vector<uint8_t>(s.begin(), s.end());
        };
        EXPECT_EQ(convert_channels(im, 3).pixels, expected(".rgb")) << n;
        EXPECT_EQ(convert_channels(im, 1).pixels, expected(".l")) << n;
    }
    EXPECT_EQ(n, 84);
}

// Decoding may differ by a step where Pillow brings another libjpeg-turbo; the rest may not.
TEST_F(Pillow, GlyphsPEER) {
    HONE_REQUIRE(!glyphs_.empty(), "glyphs.tar");
    DataOptions o;
    o.channels = 3;
    o.preprocess.resize = ImageSize{32, 32};
    o.preprocess.mean = {0.5};
    o.preprocess.std = {0.5};
    const DataParts p = open_data(glyphs_, o);
    std::map<std::string, std::pair<DatasetPtr, int64_t>> places;
    for (const DatasetPtr& d : {p.training, p.validation, p.test})
        for (int64_t i = 0; i < d->size(); ++i) places[d->origin(i)] = {d, i};
    int pictures = 0, apart = 0;
    float worst = 0;
    std::vector<float> mine(3072), expected(3072);
    for (Records r(out_ / "glyphs.bin"); r.more(); ++pictures) {
        const std::string path(r.take(static_cast<size_t>(r.number())));
        const int h = r.number(), w = r.number();
        const Image decoded{w, h, 3, r.bytes(h * w * 3)};
        ASSERT_EQ(resize_image(decoded, 32, 32).pixels, r.bytes(3072)) << path;
        std::memcpy(expected.data(), r.take(3072 * 4).data(), 3072 * 4);
        ASSERT_TRUE(places.count(glyphs_ + ":" + path)) << path;
        const auto& [d, i] = places[glyphs_ + ":" + path];
        d->load(i, mine.data());
        bool same = true;
        for (size_t k = 0; k < 3072; ++k) {
            worst = std::max(worst, std::abs(mine[k] - expected[k]));
            same &= mine[k] == expected[k];
        }
        apart += !same;
    }
    EXPECT_GT(pictures, 1600);
    RecordProperty("pictures", pictures);
    RecordProperty("apart", apart);
    std::printf("%d pictures, %d differ from Pillow's, worst by %g\n", pictures, apart, static_cast<double>(worst));
    EXPECT_LE(worst, 3.0f / 127.5f);
}
