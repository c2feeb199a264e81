// SPDX-License-Identifier: Apache-2.0
// The only file that knows libjpeg. Its longjmp ends here: between setjmp and the library nothing has a destructor.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <jpeglib.h>

#include <jerror.h>

#include "base/error.h"
#include "base/limits.h"
#include "data/exif.h"
#include "data/image.h"

namespace hone {

namespace {
constexpr int kMostScans = 500;  // a progressive file of thousands of scans is an attack on time

struct Shim {
    jpeg_decompress_struct c;
    jpeg_error_mgr errors;
    jpeg_source_mgr source;
    jpeg_progress_mgr progress;
    std::jmp_buf back;
    bool truncated;
    char message[JMSG_LENGTH_MAX];
};

Shim& shim_of(j_common_ptr c) { return *static_cast<Shim*>(c->client_data); }

[[noreturn]] void leave(j_common_ptr c) {
    Shim& s = shim_of(c);
    (*c->err->format_message)(c, s.message);
    std::longjmp(s.back, 1);
}
[[noreturn]] void leave_truncated(j_decompress_ptr c) {
    Shim& s = shim_of(reinterpret_cast<j_common_ptr>(c));
    s.truncated = true;
    std::longjmp(s.back, 1);
}
void stay_silent(j_common_ptr, int) {}
void no_output(j_common_ptr) {}
void begin_source(j_decompress_ptr) {}
boolean fill_source(j_decompress_ptr c) { leave_truncated(c); }
void skip_source(j_decompress_ptr c, long n) {
    if (n <= 0) return;
    if (static_cast<size_t>(n) > c->src->bytes_in_buffer) leave_truncated(c);
    c->src->next_input_byte += n;
    c->src->bytes_in_buffer -= static_cast<size_t>(n);
}
void end_source(j_decompress_ptr) {}
void watch_scans(j_common_ptr c) {
    auto* d = reinterpret_cast<j_decompress_ptr>(c);
    if (!c->is_decompressor || d->input_scan_number <= kMostScans) return;
    Shim& s = shim_of(c);
    std::snprintf(s.message, sizeof s.message, "more than %d scans", kMostScans);
    std::longjmp(s.back, 1);
}

bool read_header(Shim& s, const uint8_t* data, size_t size) {
    if (setjmp(s.back)) return false;
    jpeg_create_decompress(&s.c);
    s.c.mem->max_memory_to_use = static_cast<long>(limits().memory_bytes / 2);
    s.c.client_data = &s;
    s.c.progress = &s.progress;
    s.progress.progress_monitor = watch_scans;
    s.c.src = &s.source;
    s.source.init_source = begin_source;
    s.source.fill_input_buffer = fill_source;
    s.source.skip_input_data = skip_source;
    s.source.resync_to_restart = jpeg_resync_to_restart;
    s.source.term_source = end_source;
    s.source.next_input_byte = data;
    s.source.bytes_in_buffer = size;
    jpeg_save_markers(&s.c, JPEG_APP0 + 1, 0xFFFF);  // Exif
    jpeg_read_header(&s.c, TRUE);
    return true;
}

// Pillow leaves the library's defaults: accurate integer DCT, fancy upsampling, block smoothing.
bool read_pixels(Shim& s, uint8_t* out) {
    if (setjmp(s.back)) return false;
    const int n = s.c.num_components;
    s.c.out_color_space = n == 1 ? JCS_GRAYSCALE : n == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&s.c);
    const size_t stride = size_t{s.c.output_width} * static_cast<size_t>(s.c.output_components);
    while (s.c.output_scanline < s.c.output_height) {
        JSAMPROW row = out + s.c.output_scanline * stride;
        jpeg_read_scanlines(&s.c, &row, 1);
    }
    jpeg_finish_decompress(&s.c);
    return true;
}

// As Pillow: the bytes are taken as Adobe writes them, inverted, whether or not its marker is there. What remains of
// white after black is multiplied by what remains after the ink, rounded.
void cmyk_to_rgb(Image& image) {
    const uint8_t* in = image.pixels.data();
    uint8_t* out = image.pixels.data();
    for (size_t i = image.pixels.size() / 4; i > 0; --i, in += 4) {
        const unsigned white = in[3];
        for (size_t c = 0; c < 3; ++c) {
            const unsigned ink = 255u - in[c], product = ink * white + 128;
            *out++ = static_cast<uint8_t>(white - ((product >> 8) + product) / 256);
        }
    }
    image.channels = 3;
    image.pixels.resize(image.bytes());
}

class Decoder {
  public:
    Decoder(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) : where_(where) {
        std::memset(&s_, 0, sizeof s_);
        s_.c.err = jpeg_std_error(&s_.errors);
        s_.c.client_data = &s_;
        s_.errors.error_exit = leave;
        s_.errors.emit_message = stay_silent;
        s_.errors.output_message = no_output;
        if (!read_header(s_, data, size)) refuse();
        try {
            check(l);
        } catch (...) {
            jpeg_destroy_decompress(&s_.c);
            throw;
        }
    }
    ~Decoder() { jpeg_destroy_decompress(&s_.c); }
    Decoder(const Decoder&) = delete;
    int components() const { return s_.c.num_components; }
    int width() const { return static_cast<int>(s_.c.image_width); }
    int height() const { return static_cast<int>(s_.c.image_height); }
    int orientation() const {
        for (const jpeg_marker_struct* m = s_.c.marker_list; m; m = m->next)
            if (m->marker == JPEG_APP0 + 1 && m->data_length >= 6 && std::memcmp(m->data, "Exif\0", 6) == 0)
                return exif_orientation(m->data, m->data_length);
        return 1;
    }
    void pixels(uint8_t* out) {
        if (!read_pixels(s_, out)) refuse_kept();
    }

  private:
    void check(const ImageLimits& l) const {
        check_image_size(s_.c.image_width, s_.c.image_height, where_, l);
        const int n = s_.c.num_components;
        if (n != 1 && n != 3 && n != 4)
            fail(ErrorKind::data, "data.jpeg.components",
                 cat("a JPEG of ", n, " components; grey (1), RGB (3) and CMYK (4) are read"), "Convert it to RGB first.",
                 where_);
    }
    [[noreturn]] void refuse() {
        jpeg_destroy_decompress(&s_.c);
        refuse_kept();
    }
    [[noreturn]] void refuse_kept() const {
        if (s_.truncated) fail(ErrorKind::data, "data.jpeg.truncated", "the JPEG picture ends too early", {}, where_);
        fail(ErrorKind::data, "data.jpeg.corrupt", cat("not a valid JPEG picture: ", s_.message), {}, where_);
    }
    const std::string& where_;
    Shim s_;
};

struct Writer {
    jpeg_compress_struct c;
    jpeg_error_mgr errors;
    std::jmp_buf back;
    unsigned char* bytes;
    unsigned long size;
    char message[JMSG_LENGTH_MAX];
};
[[noreturn]] void leave_writer(j_common_ptr c) {
    Writer& w = *static_cast<Writer*>(c->client_data);
    (*c->err->format_message)(c, w.message);
    std::longjmp(w.back, 1);
}
bool write_pixels(Writer& w, const Image& image, int quality) {
    if (setjmp(w.back)) return false;
    jpeg_create_compress(&w.c);
    w.c.client_data = &w;
    jpeg_mem_dest(&w.c, &w.bytes, &w.size);
    w.c.image_width = static_cast<JDIMENSION>(image.width);
    w.c.image_height = static_cast<JDIMENSION>(image.height);
    w.c.input_components = image.channels;
    w.c.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&w.c);
    jpeg_set_quality(&w.c, quality, TRUE);
    jpeg_start_compress(&w.c, TRUE);
    const size_t stride = size_t{w.c.image_width} * static_cast<size_t>(image.channels);
    while (w.c.next_scanline < w.c.image_height) {
        JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + w.c.next_scanline * stride);
        jpeg_write_scanlines(&w.c, &row, 1);
    }
    jpeg_finish_compress(&w.c);
    return true;
}
}  // namespace

std::vector<uint8_t> encode_jpeg(const Image& image, int quality) {
    HONE_CHECK((image.channels == 1 || image.channels == 3) && image.pixels.size() == image.bytes() && !image.pixels.empty());
    HONE_CHECK(quality >= 1 && quality <= 100);
    Writer w;
    std::memset(&w, 0, sizeof w);
    w.c.err = jpeg_std_error(&w.errors);
    w.c.client_data = &w;
    w.errors.error_exit = leave_writer;
    w.errors.emit_message = stay_silent;
    w.errors.output_message = no_output;
    const bool done = write_pixels(w, image, quality);
    jpeg_destroy_compress(&w.c);
    // After a failure the library may have freed what `bytes` points to.
    const std::unique_ptr<unsigned char, void (*)(void*)> owned(done ? w.bytes : nullptr, std::free);
    if (!done) fail(ErrorKind::data, "data.jpeg.write", cat("a picture cannot be written as JPEG: ", w.message));
    return {owned.get(), owned.get() + w.size};
}

bool is_jpeg(const uint8_t* data, size_t size) { return size >= 2 && data[0] == 0xFF && data[1] == 0xD8; }

ImageInfo jpeg_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    const Decoder d(data, size, where, l);
    const int channels = d.components() == 1 ? 1 : 3;
    if (d.orientation() >= 5) return {d.height(), d.width(), channels};
    return {d.width(), d.height(), channels};
}

Image decode_jpeg(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    Decoder d(data, size, where, l);
    Image image{d.width(), d.height(), d.components(), {}};
    image.pixels.resize(image.bytes());
    const int orientation = d.orientation();  // the library drops it with the last row
    d.pixels(image.pixels.data());
    if (image.channels == 4) cmyk_to_rgb(image);
    return upright(std::move(image), orientation);
}

}  // namespace hone
