// SPDX-License-Identifier: Apache-2.0
// What the data tests share: a folder that goes away, byte helpers, small files of each format made by hand.
#pragma once
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "support.h"

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string p = (std::filesystem::temp_directory_path() / "hone_data_XXXXXX").string();
        path_ = ::mkdtemp(p.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }
    void write(const std::string& name, const std::string& bytes) const {
        hone::make_directories(hone::parent_directory(*this / name));
        std::ofstream(*this / name, std::ios::binary) << bytes;
    }

  private:
    std::string path_;
};

inline hone::MappedFile in_memory(const std::string& s) {
    // An exact allocation, so that a sanitizer sees one byte too many.
    std::shared_ptr<char[]> copy(new char[s.size() + (s.empty() ? 1 : 0)]);
    std::memcpy(copy.get(), s.data(), s.size());
    return {reinterpret_cast<const std::byte*>(copy.get()), s.size(), copy};
}
inline const uint8_t* bytes_of(const hone::MappedFile& m) { return reinterpret_cast<const uint8_t*>(m.data); }

inline std::string from_hex(const std::string& hex) {
    std::string out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

inline uint64_t fnv(const std::vector<uint8_t>& v) {
    uint64_t h = 0xCBF29CE484222325u;
    for (const uint8_t b : v) h = (h ^ b) * 0x100000001B3u;
    return h;
}

inline std::string big_endian(uint32_t v) {
    return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

/// IDX of u8.
inline std::string make_idx(const std::vector<uint32_t>& dims, const std::string& values, char type = 8) {
    std::string s{0, 0, type, static_cast<char>(dims.size())};
    for (const uint32_t d : dims) s += big_endian(d);
    return s + values;
}

inline std::string gzip(const std::string& s) {
    z_stream z{};
    deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&z, s.size()) + 32, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(s.data()));
    z.avail_in = static_cast<uInt>(s.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

inline std::string png_chunk(const std::string& name, const std::string& data) {
    const std::string body = name + data;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(static_cast<uint32_t>(crc));
}
/// `rows` with their filter bytes; `extra` chunks before the data.
inline std::string make_png(uint32_t w, uint32_t h, int bits, int colour, const std::string& rows,
                            const std::string& extra = {}) {
    std::string packed(compressBound(rows.size()), '\0');
    uLongf n = packed.size();
    compress(reinterpret_cast<Bytef*>(packed.data()), &n, reinterpret_cast<const Bytef*>(rows.data()), rows.size());
    packed.resize(n);
    const std::string header =
        big_endian(w) + big_endian(h) + std::string{static_cast<char>(bits), static_cast<char>(colour), 0, 0, 0};
    return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + extra + png_chunk("IDAT", packed) + png_chunk("IEND", "");
}
/// One colour.
inline std::string flat_png(int w, int h, int r, int g, int b) {
    std::string rows;
    for (int y = 0; y < h; ++y) {
        rows += '\0';
        for (int x = 0; x < w; ++x) rows += {static_cast<char>(r), static_cast<char>(g), static_cast<char>(b)};
    }
    return make_png(static_cast<uint32_t>(w), static_cast<uint32_t>(h), 8, 2, rows);
}

inline std::string tar_header(const std::string& name, size_t size, char type = '0') {
    std::string h(512, '\0');
    h.replace(0, std::min<size_t>(name.size(), 100), name.substr(0, 100));
    char field[13];
    std::snprintf(field, sizeof field, "%011zo", size);
    h.replace(124, 11, field);
    h[156] = type;
    h.replace(257, 8,
              std::string("ustar\0"
                          "00",
                          8));
    unsigned sum = 8 * ' ';
    for (const char c : h) sum += static_cast<unsigned char>(c);
    std::snprintf(field, sizeof field, "%06o", sum);
    h.replace(148, 8, std::string(field) + std::string("\0 ", 2));
    return h;
}
inline std::string tar_entry(const std::string& name, const std::string& data, char type = '0') {
    return tar_header(name, data.size(), type) + data + std::string((512 - data.size() % 512) % 512, '\0');
}
inline std::string tar_end() { return std::string(1024, '\0'); }

/// The id of the error that `f` throws; "" when it throws none.
inline std::string id_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const hone::Error& e) {
        return e.id;
    }
    return "";
}
/// Its id and its place, "data.classes at pictures/tea".
inline std::string id_and_place_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const hone::Error& e) {
        return e.id + " at " + e.where;
    }
    return "";
}
/// Runs `f` on every proper prefix of `whole`; each must throw an error of kind data.
inline void every_cut_is_refused(const std::string& whole, const std::function<void(const std::string&)>& f) {
    for (size_t n = 0; n < whole.size(); ++n) {
        try {
            f(whole.substr(0, n));
            ADD_FAILURE() << "accepted when cut to " << n << " of " << whole.size() << " bytes";
        } catch (const hone::Error& e) {
            ASSERT_EQ(e.kind, hone::ErrorKind::data) << "cut to " << n << ": " << e.what();
        }
    }
}
/// Flips every bit; `f` may accept or throw an error of kind data or budget.
inline void every_flip_is_survived(const std::string& whole, const std::function<void(const std::string&)>& f) {
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string s = whole;
        s[bit / 8] = static_cast<char>(s[bit / 8] ^ (1 << bit % 8));
        try {
            f(s);
        } catch (const hone::Error& e) {
            ASSERT_TRUE(e.kind == hone::ErrorKind::data || e.kind == hone::ErrorKind::budget) << e.what();
        }
    }
}
