// SPDX-License-Identifier: Apache-2.0
// The only file that knows libpng. Its longjmp ends here: between setjmp and the library nothing has a destructor.
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "base/error.h"
#include "data/image.h"

namespace hone {

namespace {
struct Shim {
    png_structp png;
    png_infop info;
    const uint8_t* next;
    size_t left;
    bool truncated;
    char message[200];
};

[[noreturn]] void leave(png_structp png, png_const_charp text) {
    auto* s = static_cast<Shim*>(png_get_error_ptr(png));
    std::snprintf(s->message, sizeof s->message, "%s", text);
    png_longjmp(png, 1);
}
void stay_silent(png_structp, png_const_charp) {}
void take(png_structp png, png_bytep out, size_t n) {
    auto* s = static_cast<Shim*>(png_get_io_ptr(png));
    if (n > s->left) {
        s->truncated = true;
        png_error(png, "end of data");
    }
    std::memcpy(out, s->next, n);
    s->next += n;
    s->left -= n;
}

// Text, profiles and the like are not wanted, and decompressing them is an attack's way in.
constexpr unsigned char kUnwanted[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0eXIf\0hIST\0pCAL";

bool read_header(Shim& s, png_uint_32 side) {
    if (setjmp(png_jmpbuf(s.png))) return false;
    png_set_read_fn(s.png, &s, take);
    png_set_user_limits(s.png, side, side);
    png_set_keep_unknown_chunks(s.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_set_keep_unknown_chunks(s.png, PNG_HANDLE_CHUNK_NEVER, kUnwanted, static_cast<int>(sizeof kUnwanted / 5));
    png_read_info(s.png, s.info);
    return true;
}

// To 8-bit grey or RGB: 16 bits keep their high byte, a palette is looked up, alpha is dropped, gamma is left alone.
bool ask_for_bytes(Shim& s) {
    if (setjmp(png_jmpbuf(s.png))) return false;
    png_set_strip_16(s.png);
    const int type = png_get_color_type(s.png, s.info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(s.png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(s.png);
    png_set_strip_alpha(s.png);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
    return true;
}

bool read_pixels(Shim& s, png_bytepp rows) {
    if (setjmp(png_jmpbuf(s.png))) return false;
    png_read_image(s.png, rows);
    png_read_end(s.png, nullptr);
    return true;
}

class Decoder {
  public:
    Decoder(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) : where_(where) {
        std::memset(&s_, 0, sizeof s_);
        s_.next = data;
        s_.left = size;
        s_.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s_, leave, stay_silent);
        if (!s_.png) fail(ErrorKind::budget, "memory.limit", "out of memory in libpng", {}, where);
        try {
            s_.info = png_create_info_struct(s_.png);
            if (!s_.info) fail(ErrorKind::budget, "memory.limit", "out of memory in libpng", {}, where);
            // The header's size is checked by us, so that an over-large one has our id.
            if (!read_header(s_, 0x7fffffff)) refuse();
            check_image_size(png_get_image_width(s_.png, s_.info), png_get_image_height(s_.png, s_.info), where, l);
        } catch (...) {
            free_png();
            throw;
        }
    }
    ~Decoder() { free_png(); }
    Decoder(const Decoder&) = delete;
    ImageInfo info() const {
        const bool colour = (png_get_color_type(s_.png, s_.info) & PNG_COLOR_MASK_COLOR) != 0;
        return {static_cast<int>(png_get_image_width(s_.png, s_.info)),
                static_cast<int>(png_get_image_height(s_.png, s_.info)), colour ? 3 : 1};
    }
    void pixels(Image& image) {
        if (!ask_for_bytes(s_)) refuse();
        const size_t stride = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
        HONE_CHECK(png_get_rowbytes(s_.png, s_.info) == stride, where_);
        image.pixels.resize(image.bytes());
        std::vector<png_bytep> rows(static_cast<size_t>(image.height));
        for (size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * stride;
        if (!read_pixels(s_, rows.data())) refuse();
    }

  private:
    void free_png() { png_destroy_read_struct(&s_.png, s_.info ? &s_.info : nullptr, nullptr); }
    [[noreturn]] void refuse() const {
        if (s_.truncated) fail(ErrorKind::data, "data.png.truncated", "the PNG picture ends too early", {}, where_);
        fail(ErrorKind::data, "data.png.corrupt", cat("not a valid PNG picture: ", s_.message), {}, where_);
    }
    const std::string& where_;
    Shim s_;
};
}  // namespace

bool is_png(const uint8_t* data, size_t size) { return size >= 4 && std::memcmp(data, "\x89PNG", 4) == 0; }

ImageInfo png_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    return Decoder(data, size, where, l).info();
}

Image decode_png(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    Decoder d(data, size, where, l);
    const ImageInfo i = d.info();
    Image image{i.width, i.height, i.channels, {}};
    d.pixels(image);
    return image;
}

std::vector<uint8_t> encode_png(const Image& image) {
    HONE_CHECK(image.channels == 1 || image.channels == 3);
    HONE_CHECK(image.width > 0 && image.height > 0 && image.pixels.size() == image.bytes());
    png_image p{};
    p.version = PNG_IMAGE_VERSION;
    p.width = static_cast<png_uint_32>(image.width);
    p.height = static_cast<png_uint_32>(image.height);
    p.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(p);
    std::vector<uint8_t> out(size);
    const int done = png_image_write_to_memory(&p, out.data(), &size, 0, image.pixels.data(), 0, nullptr);
    HONE_CHECK(done, p.message);
    out.resize(size);
    return out;
}

}  // namespace hone
