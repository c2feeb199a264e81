// SPDX-License-Identifier: Apache-2.0
#include "data/image.h"

#include "data/exif.h"
#include "data/resize.h"
#include "helpers.h"
#include "small_jpegs.h"

using namespace hone;

namespace {
/// Adobe's transform 2: the same bytes as YCCK.
std::string as_ycck(std::string s) {
    s[s.find("Adobe") + 11] = 2;
    return s;
}

/// An Exif marker after the start of the file: a directory of two entries, little or big endian.
std::string with_orientation(const std::string& jpeg, int orientation, bool big) {
    const auto number = [&](uint32_t v, int width) {
        std::string out;
        for (int i = 0; i < width; ++i) out += static_cast<char>(v >> 8 * (big ? width - 1 - i : i));
        return out;
    };
    const std::string tiff = (big ? std::string("MM\0*", 4) : std::string("II*\0", 4)) + number(8, 4) + number(2, 2) +
                             number(0x0100, 2) + number(3, 2) + number(1, 4) + number(7, 2) + number(0, 2) +
                             number(0x0112, 2) + number(3, 2) + number(1, 4) +
                             number(static_cast<uint32_t>(orientation), 2) + number(0, 2) + number(0, 4);
    const std::string body = std::string("Exif\0\0", 6) + tiff;
    const size_t length = body.size() + 2;
    return jpeg.substr(0, 2) + "\xff\xe1" + static_cast<char>(length >> 8) + static_cast<char>(length) + body +
           jpeg.substr(2);
}

Image decode(const std::string& file) {
    const MappedFile m = in_memory(file);
    return decode_image(bytes_of(m), m.size, "picture");
}
Image pattern(int h, int w, int c) {
    Image im{w, h, c, {}};
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x)
            for (int k = 0; k < c; ++k)
                im.pixels.push_back(static_cast<uint8_t>(x * 37 + y * 91 + k * 53 + (x * y) % 17 * 11));
    return im;
}
void just_decode(const std::string& file) { decode(file); }
}  // namespace

TEST(Image, JpegsDecodeAsPillowDoes) {
    const Image colour = decode(from_hex(kColourJpeg));
    EXPECT_EQ((ImageInfo{colour.width, colour.height, colour.channels}), (ImageInfo{11, 9, 3}));
    EXPECT_EQ(fnv(colour.pixels), 0xb2e12debd0e2909au);
    EXPECT_EQ(fnv(decode(from_hex(kProgressiveJpeg)).pixels), 0xa56f43a85cfe13a7u);
    const Image grey = decode(from_hex(kGreyJpeg));
    EXPECT_EQ(grey.channels, 1);
    EXPECT_EQ(fnv(grey.pixels), 0x09875195dff26e57u);
}

TEST(Image, JpegsCutOrFlipped) {
    const std::string ink = from_hex(kInkJpeg);
    for (const std::string& jpeg : {from_hex(kColourJpeg), from_hex(kProgressiveJpeg), ink, as_ycck(ink),
                                    with_orientation(from_hex(kGreyJpeg), 6, false)}) {
        every_cut_is_refused(jpeg, just_decode);
        every_flip_is_survived(jpeg, just_decode);
    }
}

TEST(Image, InksBecomeColoursAsPillowConvertsThem) {
    const std::string ink = from_hex(kInkJpeg);
    EXPECT_EQ(image_info(reinterpret_cast<const uint8_t*>(ink.data()), ink.size(), ""), (ImageInfo{9, 7, 3}));
    EXPECT_EQ(fnv(decode(ink).pixels), 0xa1534c0eeeec1cc5u);
    EXPECT_EQ(fnv(decode(as_ycck(ink)).pixels), 0x82c5552a6cec298fu);
}

TEST(Image, JpegOfTwoComponentsIsRefusedClearly) {
    std::string s = from_hex(kGreyJpeg);
    const size_t frame = s.find("\xff\xc0");
    s.replace(frame, 13, from_hex("ffc0000e080009000b02011100021100"));
    EXPECT_EQ(id_of([&] { decode(s); }), "data.jpeg.components");
}

// Exif 2.32, tag Orientation: where the stored row 0 and the stored column 0 are when the picture is upright.
TEST(Image, JpegsAreTurnedUpright) {
    const std::string jpeg = from_hex(kGreyJpeg);
    const Image stored = decode(jpeg);
    const int w = stored.width, h = stored.height;
    for (const bool big : {false, true})
        for (int o = 0; o <= 9; ++o) {
            const std::string file = with_orientation(jpeg, o, big);
            const Image im = decode(file);
            const bool row_is_vertical = o >= 5 && o <= 8;
            ASSERT_EQ(im.width, row_is_vertical ? h : w) << o;
            ASSERT_EQ(im.height, row_is_vertical ? w : h) << o;
            const ImageInfo info = image_info(reinterpret_cast<const uint8_t*>(file.data()), file.size(), "");
            EXPECT_EQ(info, (ImageInfo{im.width, im.height, 1}));
            const bool right = o == 2 || o == 3 || o == 6 || o == 7, bottom = o == 3 || o == 4 || o == 7 || o == 8;
            for (int row = 0; row < h; ++row)
                for (int column = 0; column < w; ++column) {
                    int x = row_is_vertical ? row : column, y = row_is_vertical ? column : row;
                    if (right) x = im.width - 1 - x;
                    if (bottom) y = im.height - 1 - y;
                    ASSERT_EQ(im.pixels[static_cast<size_t>(y * im.width + x)],
                              stored.pixels[static_cast<size_t>(row * w + column)])
                        << o;
                }
        }
}

TEST(Image, DamagedExifIsNoOrientation) {
    const std::string whole = with_orientation("....", 6, true).substr(6, 44);
    const auto orientation = [](const std::string& s) {
        const MappedFile m = in_memory(s);
        return exif_orientation(bytes_of(m), m.size);
    };
    ASSERT_EQ(orientation(whole), 6);
    for (size_t n = 0; n < 42; ++n) EXPECT_EQ(orientation(whole.substr(0, n)), n < 38 ? 1 : 6) << n;
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string s = whole;
        s[bit / 8] = static_cast<char>(s[bit / 8] ^ (1 << bit % 8));
        const int o = orientation(s);
        ASSERT_TRUE(o >= 1 && o <= 8);
    }
    // A directory at the end of what a 32-bit offset can say, of 65535 entries.
    std::string far = whole;
    far.replace(10, 4, "\xff\xff\xff\xf0");
    EXPECT_EQ(orientation(far), 1);
}

TEST(Image, HugeHeadersAreRefusedBeforeAllocating) {
    std::string s = from_hex(kGreyJpeg);
    s.replace(s.find("\xff\xc0") + 5, 4, from_hex("ffdcffdc"));
    EXPECT_EQ(id_of([&] { decode(s); }), "data.image.limit");
    EXPECT_EQ(id_of([&] { decode(make_png(0x7fffffff, 0x7fffffff, 8, 2, "")); }), "data.image.limit");
    EXPECT_EQ(id_of([&] { decode(make_png(60000, 60000, 8, 2, "")); }), "data.image.limit");
}

TEST(Image, PngTypes) {
    const std::string palette = png_chunk("PLTE", from_hex("0a0b0c646566c8c9ca"));
    const Image p = decode(make_png(3, 1, 2, 3, from_hex("0018"), palette + png_chunk("tRNS", from_hex("0080"))));
    EXPECT_EQ(p.pixels, (std::vector<uint8_t>{10, 11, 12, 100, 101, 102, 200, 201, 202}));
    const Image bits = decode(make_png(8, 1, 1, 0, from_hex("00a5")));
    EXPECT_EQ(bits.pixels, (std::vector<uint8_t>{255, 0, 255, 0, 0, 255, 0, 255}));
    const Image nibbles = decode(make_png(2, 1, 4, 0, from_hex("005f")));
    EXPECT_EQ(nibbles.pixels, (std::vector<uint8_t>{0x55, 0xff}));
    const Image deep = decode(make_png(2, 1, 16, 0, from_hex("001234fffe")));
    EXPECT_EQ(deep.pixels, (std::vector<uint8_t>{0x12, 0xff}));
    const Image deep_colour = decode(make_png(1, 1, 16, 2, from_hex("0012ff340056aa")));
    EXPECT_EQ(deep_colour.pixels, (std::vector<uint8_t>{0x12, 0x34, 0x56}));
    const Image alpha = decode(make_png(1, 1, 8, 6, from_hex("0001020300")));
    EXPECT_EQ(alpha.pixels, (std::vector<uint8_t>{1, 2, 3}));
    const Image grey_alpha = decode(make_png(1, 1, 8, 4, from_hex("000900")));
    EXPECT_EQ(grey_alpha.pixels, (std::vector<uint8_t>{9}));
}

TEST(Image, PngsCutOrFlipped) {
    const std::string palette = png_chunk("PLTE", from_hex("0a0b0c646566c8c9ca"));
    for (const std::string& s : {flat_png(5, 4, 1, 2, 3), make_png(3, 1, 2, 3, from_hex("0018"), palette)}) {
        every_cut_is_refused(s, just_decode);
        every_flip_is_survived(s, just_decode);
    }
}

TEST(Image, TooFewRowsAndPaletteOutOfRange) {
    EXPECT_EQ(id_of([] { decode(make_png(4, 4, 8, 2, "abc")); }), "data.png.corrupt");
    const std::string palette = png_chunk("PLTE", from_hex("0a0b0c"));
    EXPECT_NO_THROW(decode(make_png(3, 1, 8, 3, from_hex("0000ff80"), palette)));
}

TEST(Image, OtherFilesAreNamed) {
    EXPECT_EQ(id_of([] { decode("GIF89a..."); }), "data.image.format");
    EXPECT_EQ(id_of([] { decode(""); }), "data.image.format");
}

TEST(Image, GreyIsPillowsFormula) {
    EXPECT_EQ(fnv(convert_channels(pattern(40, 50, 3), 1).pixels), 0x1406ba4de8f3e918u);
    const Image back = convert_channels(Image{1, 1, 1, {7}}, 3);
    EXPECT_EQ(back.pixels, (std::vector<uint8_t>{7, 7, 7}));
}

TEST(Resize, MatchesValuesFromPillow) {
    struct Case {
        int h, w, c, to_h, to_w;
        uint64_t hash;
    };
    const Case cases[] = {{28, 28, 1, 32, 32, 0xe1198bbf0b2aed82u},   {72, 40, 3, 32, 32, 0x5e53b389b342d915u},
                          {31, 47, 3, 7, 64, 0xea3ad9479c0cf604u},    {5, 3, 1, 64, 1, 0x9137598787a2c8c1u},
                          {1, 1, 3, 9, 5, 0xed8e2f213ee24e38u},       {640, 3, 1, 2, 3, 0xb9a00945de5658bcu},
                          {33, 17, 3, 33, 5, 0x2a2b010a6a2de187u},    {33, 17, 3, 4, 17, 0x0068bb836edc90d2u},
                          {100, 100, 1, 99, 101, 0x2536889ae633f12bu}};
    for (const Case& k : cases) {
        EXPECT_EQ(fnv(resize_image(pattern(k.h, k.w, k.c), k.to_h, k.to_w).pixels), k.hash)
            << k.h << "x" << k.w << " to " << k.to_h << "x" << k.to_w;
    }
}

TEST(Resize, EveryFilterMatchesValuesFromPillow) {
    struct Case {
        Resample filter;
        uint64_t hashes[3];
    };
    const Case cases[] = {
        {Resample::nearest, {0x45b6d09cb490297cu, 0xfb0d8bdf64b7a2abu, 0xb407ef637082e485u}},
        {Resample::box, {0x62e607660ece7e6du, 0xfb0d8bdf64b7a2abu, 0xd833e2bfdf2cda9eu}},
        {Resample::bilinear, {0xea3ad9479c0cf604u, 0x714adef45aeb5492u, 0x02cd74c7919e5893u}},
        {Resample::hamming, {0xc513aff6ec255091u, 0x4bb4ff49f6b3ee40u, 0xe8d7788e1810fa92u}},
        {Resample::bicubic, {0xaacde8f1d8172a44u, 0x712fb5184a9e4400u, 0xc50e77b3d2db6ec3u}},
        {Resample::lanczos, {0xeb57853432ceb06au, 0x02f5dcb412a5f81eu, 0xe0a90b1842994969u}}};
    const int sizes[3][5] = {{31, 47, 3, 7, 64}, {33, 17, 1, 50, 23}, {61, 9, 3, 12, 11}};
    for (const Case& k : cases)
        for (size_t i = 0; i < 3; ++i) {
            const auto& [h, w, c, to_h, to_w] = sizes[i];
            EXPECT_EQ(fnv(resize_image(pattern(h, w, c), to_h, to_w, k.filter).pixels), k.hashes[i])
                << to_text(k.filter) << " " << i;
        }
}

TEST(Resize, CropIsTheMiddle) {
    Image im{5, 4, 1, {}};
    for (int i = 0; i < 20; ++i) im.pixels.push_back(static_cast<uint8_t>(i));
    EXPECT_EQ(crop_center(im, 2, 2).pixels, (std::vector<uint8_t>{7, 8, 12, 13}));
    EXPECT_EQ(id_of([&] { crop_center(im, 5, 5); }), "data.image.crop");
}
