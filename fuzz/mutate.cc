// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "fuzz/target.h"
#include "onnx/wire.h"

namespace hone::fuzz {

namespace {

constexpr size_t most_bytes = 1 << 16;

size_t below(Rng& rng, size_t n) { return n ? static_cast<size_t>(rng.below(n)) : 0; }

uint64_t extreme(Rng& rng) {
    static const uint64_t some[] = {0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
    return rng.below(3) ? some[below(rng, std::size(some))] : rng.below(1 << 20);
}

// A tree of fields. A payload that is itself well formed is taken for a message half of the time.
struct Field {
    uint32_t number = 1;
    int type = 0;  // of the wire: 0, 1, 2, 5
    uint64_t value = 0;
    std::string bytes;
    std::vector<Field> inner;
    bool message = false;
};

bool read_varint(const std::string& s, size_t& at, uint64_t& v) {
    v = 0;
    for (int shift = 0; shift < 64 && at < s.size(); shift += 7) {
        const auto b = static_cast<uint8_t>(s[at++]);
        v |= static_cast<uint64_t>(b & 127) << shift;
        if (b < 128) return true;
    }
    return false;
}

bool parse(const std::string& s, std::vector<Field>& out, int depth, Rng& rng) {
    for (size_t at = 0; at < s.size();) {
        uint64_t tag = 0;
        if (!read_varint(s, at, tag) || tag >> 3 == 0 || tag >> 3 > 5000) return false;
        Field f;
        f.number = static_cast<uint32_t>(tag >> 3);
        f.type = static_cast<int>(tag & 7);
        const size_t fixed = f.type == 1 ? 8 : f.type == 5 ? 4 : 0;
        if (f.type == 0) {
            if (!read_varint(s, at, f.value)) return false;
        } else if (fixed) {
            if (s.size() - at < fixed) return false;
            f.bytes = s.substr(at, fixed);
            at += fixed;
        } else if (f.type == 2) {
            uint64_t n = 0;
            if (!read_varint(s, at, n) || n > s.size() - at) return false;
            f.bytes = s.substr(at, n);
            at += n;
            if (depth < 8 && !f.bytes.empty() && rng.below(8) && parse(f.bytes, f.inner, depth + 1, rng)) f.message = true;
            else f.inner.clear();
        } else {
            return false;
        }
        out.push_back(std::move(f));
    }
    return true;
}

std::string written(const std::vector<Field>& fields) {
    std::string s;
    for (const Field& f : fields) {
        wire::append_varint(s, static_cast<uint64_t>(f.number) << 3 | static_cast<uint64_t>(f.type));
        if (f.type == 0) {
            wire::append_varint(s, f.value);
            continue;
        }
        const std::string payload = f.message ? written(f.inner) : f.bytes;
        if (f.type == 2) wire::append_varint(s, payload.size());
        s += payload;
    }
    return s;
}

void collect(std::vector<Field>& fields, std::vector<std::vector<Field>*>& all) {
    all.push_back(&fields);
    for (Field& f : fields)
        if (f.message) collect(f.inner, all);
}

void mutate_tree(std::vector<Field>& root, Rng& rng) {
    std::vector<std::vector<Field>*> all;
    collect(root, all);
    std::vector<Field>& list = *all[below(rng, all.size())];
    if (list.empty()) return;
    const size_t at = below(rng, list.size());
    switch (rng.below(9)) {
        case 0: list.erase(list.begin() + static_cast<std::ptrdiff_t>(at)); break;
        case 1: list.insert(list.begin() + static_cast<std::ptrdiff_t>(below(rng, list.size())), Field(list[at])); break;
        case 2: std::swap(list[at], list[below(rng, list.size())]); break;
        case 3: list[at].number = static_cast<uint32_t>(1 + rng.below(24)); break;
        case 4: {  // a part of elsewhere
            const std::vector<Field>& other = *all[below(rng, all.size())];
            if (!other.empty()) {
                const Field copy = other[below(rng, other.size())];
                list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), copy);
            }
            break;
        }
        case 5:
            if (list[at].type == 2 && list[at].message) {  // nested in itself
                const Field copy = list[at];
                list[at].inner.push_back(copy);
            }
            break;
        default:
            if (list[at].type == 0) list[at].value = extreme(rng);
            else if (!list[at].message) list[at].bytes = list[at].type == 2 ? mutate_bytes(list[at].bytes, rng) : list[at].bytes;
    }
}

}  // namespace

std::string mutate_bytes(const std::string& bytes, Rng& rng) {
    std::string s = bytes;
    for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
        if (s.empty()) return std::string(1 + below(rng, 16), static_cast<char>(rng.below(256)));
        const size_t at = below(rng, s.size());
        switch (rng.below(8)) {
            case 0: s[at] = static_cast<char>(s[at] ^ (1 << rng.below(8))); break;
            case 1: s[at] = static_cast<char>(rng.below(256)); break;
            case 2: s.resize(at); break;
            case 3: s.erase(at, 1 + below(rng, 8)); break;
            case 4: s.insert(at, s.substr(below(rng, s.size()), below(rng, 64))); break;
            case 5: {  // a number, in either byte order
                const uint64_t v = extreme(rng);
                const size_t n = size_t{1} << rng.below(4);
                const bool big = rng.below(2);
                for (size_t i = 0; i < n && at + i < s.size(); ++i) s[at + i] = static_cast<char>(v >> 8 * (big ? n - 1 - i : i));
                break;
            }
            case 6: s.insert(at, 1 + below(rng, 16), static_cast<char>(rng.below(256))); break;
            default: {  // headers come first
                const size_t near = below(rng, std::min<size_t>(s.size(), 64));
                s[near] = static_cast<char>(rng.below(2) ? rng.below(256) : 0xff);
            }
        }
    }
    if (s.size() > most_bytes) s.resize(most_bytes);
    return s;
}

std::string mutate_fields(const std::string& bytes, Rng& rng) {
    if (rng.below(16) == 0) return mutate_bytes(bytes, rng);
    std::vector<Field> root;
    if (!parse(bytes, root, 0, rng)) return mutate_bytes(bytes, rng);
    for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) mutate_tree(root, rng);
    std::string s = written(root);
    if (s.size() > most_bytes) s.resize(most_bytes);
    return s;
}

std::string mutate_text(const std::string& bytes, Rng& rng) {
    static const std::vector<std::string> tokens = {",", "\n", "\r\n", "\"", "\"\"", "label", "1e999", "-1e-999", "nan", "0x10", "99999999999999999999", "{", "}", "[", "]", "[[[[[[[[", ":", "null", "true", "-0", "\\u0000", "\\ud800", "\xff\xfe", "\xef\xbb\xbf", std::string(1, '\0'), " ", ";"};
    std::string s = bytes;
    for (uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
        if (rng.below(4) == 0) {
            s = mutate_bytes(s, rng);
            continue;
        }
        const size_t at = below(rng, s.size() + 1), cut = rng.below(2) ? below(rng, 6) : 0;
        const std::string& token = tokens[below(rng, tokens.size())];
        std::string repeated;
        for (uint64_t n = rng.below(8) ? 1 : 1 + rng.below(200); n > 0; --n) repeated += token;
        s.replace(at, cut, repeated);
    }
    if (s.size() > most_bytes) s.resize(most_bytes);
    return s;
}

std::string mutate_png(const std::string& bytes, Rng& rng) {
    if (bytes.size() < 20 || rng.below(8) == 0) return mutate_bytes(bytes, rng);
    auto big = [](const std::string& s, size_t at) {
        uint32_t v = 0;
        for (size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<uint8_t>(s[at + i]);
        return v;
    };
    struct Chunk {
        std::string name, data;
    };
    std::vector<Chunk> chunks;
    for (size_t at = 8; at + 12 <= bytes.size();) {
        const size_t n = big(bytes, at);
        if (n > bytes.size() - at - 12) break;
        chunks.push_back({bytes.substr(at + 4, 4), bytes.substr(at + 8, n)});
        at += n + 12;
    }
    if (chunks.empty()) return mutate_bytes(bytes, rng);
    for (uint64_t edits = 1 + rng.below(3); edits > 0 && !chunks.empty(); --edits) {
        Chunk& c = chunks[below(rng, chunks.size())];
        switch (rng.below(4)) {
            case 0: chunks.push_back(c); break;
            case 1: std::swap(c, chunks[below(rng, chunks.size())]); break;
            default: c.data = mutate_bytes(c.data, rng);
        }
    }
    std::string s = bytes.substr(0, 8);
    auto append = [&](uint32_t v) {
        for (int i = 3; i >= 0; --i) s += static_cast<char>(v >> 8 * i);
    };
    for (const Chunk& c : chunks) {
        append(static_cast<uint32_t>(c.data.size()));
        const std::string body = c.name + c.data;
        s += body;
        append(static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))));
    }
    if (s.size() > most_bytes) s.resize(most_bytes);
    return s;
}

}  // namespace hone::fuzz
