// SPDX-License-Identifier: Apache-2.0
#include "data/npy.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/error.h"
#include "base/limits.h"
#include "data/npy_header.h"

namespace hone {

namespace {
constexpr size_t kMostHeader = 65536;

struct Element {
    DType type;     ///< string for texts
    size_t width;   ///< bytes in the file
    size_t word;    ///< what a byte order applies to
    bool big = false, wide_text = false;
};

[[noreturn]] void bad_type(const std::string& type, const std::string& where) {
    const bool object = type.find('O') != std::string::npos;
    fail(ErrorKind::data, "data.npy.type",
         object ? "an array of Python objects: a pickle, which may hold a program, is not read"
                : cat("elements of type '", type.substr(0, 40), "'; whole and floating-point numbers, booleans and texts are read"),
         object ? "Save an array of numbers or of texts (dtype other than object)." : "Convert with .astype first.", where);
}

/// "<f4": byte order, kind, bytes (of 'U': characters of four bytes).
Element element_of(const std::string& type, const std::string& where) {
    size_t n = 0;
    const char* end = type.data() + type.size();
    if (type.size() < 3 || std::string_view("<>|=").find(type[0]) == std::string_view::npos) bad_type(type, where);
    const auto [rest, code] = std::from_chars(type.data() + 2, end, n);
    if (code != std::errc() || rest != end || n == 0) bad_type(type, where);
    const bool big = type[0] == '>';
    const auto number = [&](DType t) { return Element{t, n, n, big && n > 1, false}; };
    switch (type[1]) {
        case 'b': if (n == 1) return number(DType::boolean); break;
        case 'i':
            if (n == 1) return number(DType::i8);
            if (n == 2) return number(DType::i16);
            if (n == 4) return number(DType::i32);
            if (n == 8) return number(DType::i64);
            break;
        case 'u':
            if (n == 1) return number(DType::u8);
            if (n == 2) return number(DType::u16);
            if (n == 4) return number(DType::u32);
            if (n == 8) return number(DType::u64);
            break;
        case 'f':
            if (n == 2) return number(DType::f16);
            if (n == 4) return number(DType::f32);
            if (n == 8) return number(DType::f64);
            break;
        case 'S': if (n <= kMostHeader) return {DType::string, n, 1, false, false}; break;
        case 'U': if (n <= kMostHeader) return {DType::string, 4 * n, 4, big, true}; break;
        default: break;
    }
    bad_type(type, where);
}

[[noreturn]] void truncated(uint64_t offset, const std::string& expected, const std::string& where) {
    fail(ErrorKind::data, "data.npy.truncated", cat("the array ends at byte ", offset, "; expected ", expected),
         "Fetch or copy the file again.", where);
}

/// Reads magic, version and the dictionary; `begin` is where the elements stand.
NpyHeader read_header(ByteSource& in, const std::string& where, size_t& begin) {
    uint8_t h[12];
    if (const size_t got = in.read(h, 8); got < 8 || std::memcmp(h, "\x93NUMPY", 6) != 0) {
        if (got < 8 && std::memcmp(h, "\x93NUMPY", std::min<size_t>(got, 6)) == 0) truncated(got, "a header", where);
        fail(ErrorKind::data, "data.npy.magic", "not a NumPy array: it does not begin \\x93NUMPY", {}, where);
    }
    if (h[6] < 1 || h[6] > 3)
        fail(ErrorKind::data, "data.npy.version",
             cat("version ", unsigned{h[6]}, ".", unsigned{h[7]}, " of NumPy's format; 1 to 3 are read"), {}, where);
    const size_t width = h[6] == 1 ? 2 : 4;
    if (const size_t got = in.read(h, width); got < width) truncated(8 + got, "the length of the header", where);
    size_t length = 0;
    for (size_t i = width; i-- > 0;) length = length << 8 | h[i];
    if (length > kMostHeader)
        fail(ErrorKind::data, "data.npy.header", cat("a header of ", length, " bytes; at most ", kMostHeader), {}, where);
    std::string text(length, '\0');
    if (const size_t got = in.read(reinterpret_cast<uint8_t*>(text.data()), length); got < length)
        truncated(8 + width + got, cat("a header of ", length, " bytes"), where);
    begin = 8 + width + length;
    return parse_npy_header(text, where);
}

void put_utf8(std::string& out, uint32_t c) {
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = 0xFFFD;
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | c >> 6);
        tail(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | c >> 12);
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0 | c >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
}

/// A text without the zeros that fill it up.
std::string text_of(const uint8_t* p, const Element& e) {
    if (!e.wide_text) {
        size_t n = e.width;
        while (n > 0 && p[n - 1] == 0) --n;
        return std::string(reinterpret_cast<const char*>(p), n);
    }
    std::string out;
    for (size_t i = 0; i < e.width; i += 4) {
        uint32_t c;
        std::memcpy(&c, p + i, 4);
        if (c == 0) break;
        put_utf8(out, c);
    }
    return out;
}

/// out[C order] = in[Fortran order], elements of `width` bytes.
void to_c_order(const uint8_t* in, uint8_t* out, const Dims& dims, size_t width) {
    std::vector<size_t> step(dims.size()), at(dims.size(), 0);
    size_t all = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
        step[i] = all;
        all *= static_cast<size_t>(dims[i]);
    }
    size_t from = 0;
    for (size_t k = 0; k < all; ++k, out += width) {
        std::memcpy(out, in + from * width, width);
        for (size_t i = dims.size(); i-- > 0;) {
            from += step[i];
            if (++at[i] < static_cast<size_t>(dims[i])) break;
            from -= step[i] * at[i];
            at[i] = 0;
        }
    }
}
}  // namespace

Tensor read_npy(ByteSource& in, const std::string& where) {
    size_t begin = 0;
    const NpyHeader h = read_header(in, where, begin);
    const Element e = element_of(h.type, where);
    uint64_t total = e.width;
    for (const int64_t n : h.dims) {
        if (n == 0 || total > (uint64_t{1} << 62) / static_cast<uint64_t>(n))
            fail(ErrorKind::data, "data.npy.size", cat("an array of the impossible size ", to_text(h.dims)), {}, where);
        total *= static_cast<uint64_t>(n);
    }
    if (total > in.bound() - std::min<uint64_t>(in.bound(), begin))
        truncated(in.bound(), cat(begin + total, " bytes for ", to_text(h.dims), " of ", h.type), where);
    const bool text = e.type == DType::string;
    if (text && total / e.width > limits().memory_bytes / sizeof(std::string))
        fail(ErrorKind::budget, "memory.limit", cat(total / e.width, " texts need more than the memory limit"), {}, where);
    Tensor raw = text ? Tensor::zeros(DType::u8, {static_cast<int64_t>(total)}) : Tensor::zeros(e.type, h.dims);
    auto* bytes = static_cast<uint8_t*>(raw.raw_mut());
    if (const size_t got = in.read(bytes, total); got < total)
        truncated(begin + got, cat(begin + total, " bytes for ", to_text(h.dims), " of ", h.type), where);
    if (!in.at_end())
        fail(ErrorKind::data, "data.npy.trailing", cat("more data follows the ", to_text(h.dims), " announced"),
             "The header and the data do not belong together.", where);
    if (e.big)
        for (uint8_t* p = bytes; p < bytes + total; p += e.word) std::reverse(p, p + e.word);
    if (h.fortran_order && h.dims.size() > 1) {
        Tensor ordered = Tensor::zeros(raw.dtype(), raw.dims());
        to_c_order(bytes, static_cast<uint8_t*>(ordered.raw_mut()), h.dims, e.width);
        raw = std::move(ordered);
        bytes = static_cast<uint8_t*>(raw.raw_mut());
    }
    if (e.type == DType::boolean)
        for (size_t i = 0; i < total; ++i) bytes[i] = bytes[i] != 0;
    if (!text) return raw;
    std::vector<std::string> texts;
    for (uint64_t at = 0; at < total; at += e.width) texts.push_back(text_of(bytes + at, e));
    return Tensor::of_strings(std::move(texts), h.dims);
}

}  // namespace hone
