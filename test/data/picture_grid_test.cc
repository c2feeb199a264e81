// SPDX-License-Identifier: Apache-2.0
// Pictures written: PNG reads back to the bit; a batch becomes one picture again.
#include "base/error.h"
#include "data/picture_grid.h"
#include "helpers.h"

using namespace hone;

TEST(Png, ReadsBackToTheBit) {
    for (const int channels : {1, 3})
        for (const int width : {1, 7, 300}) {
            Image im{width, 5, channels, {}};
            for (size_t i = 0; i < im.bytes(); ++i) im.pixels.push_back(static_cast<uint8_t>(i * 37 + i / 11));
            const std::vector<uint8_t> png = encode_png(im);
            ASSERT_TRUE(is_png(png.data(), png.size()));
            const Image back = decode_image(png.data(), png.size(), "it");
            EXPECT_EQ(back.width, width);
            EXPECT_EQ(back.height, 5);
            EXPECT_EQ(back.channels, channels);
            EXPECT_EQ(back.pixels, im.pixels);
        }
}

TEST(PictureGrid, TurnsNormalisingBack) {
    Preprocess p;
    p.mean = {0.5, 0.25, 0.1};
    p.std = {0.2, 0.3, 0.4};
    Tensor x = Tensor::zeros(DType::f32, {3, 3, 2, 2});  // pixel of picture i, channel c, place k: 80 i + 20 c + k
    for (int64_t i = 0; i < 3; ++i)
        for (int64_t c = 0; c < 3; ++c)
            for (int64_t k = 0; k < 4; ++k) x.set((i * 3 + c) * 4 + k, (static_cast<double>(80 * i + 20 * c + k) / 255 - p.mean[static_cast<size_t>(c)]) / p.std[static_cast<size_t>(c)]);
    const Image grid = picture_grid(x, p);
    ASSERT_EQ(grid.width, 5);
    ASSERT_EQ(grid.height, 5);
    ASSERT_EQ(grid.channels, 3);
    const auto at = [&](int y, int column, int c) { return grid.pixels[static_cast<size_t>((y * 5 + column) * 3 + c)]; };
    EXPECT_EQ(at(0, 0, 0), 0);
    EXPECT_EQ(at(1, 1, 2), 43);
    EXPECT_EQ(at(0, 3, 1), 100);
    EXPECT_EQ(at(4, 1, 2), 203);
    EXPECT_EQ(at(2, 1, 0), 0);  // the line between
    EXPECT_EQ(at(4, 4, 0), 0);  // no fourth picture
}

TEST(PictureGrid, KeepsWithinBytesAndShowsTheFirst) {
    Tensor x = Tensor::zeros(DType::f32, {40, 1, 1, 1});
    for (int64_t i = 0; i < 40; ++i) x.set(i, i % 2 ? 3.0 : -1.0);
    const Image grid = picture_grid(x, {}, 4);
    EXPECT_EQ(grid.width, 3);
    EXPECT_EQ(grid.height, 3);
    EXPECT_EQ(grid.pixels, (std::vector<uint8_t>{0, 0, 255, 0, 0, 0, 0, 0, 255}));
}
