// SPDX-License-Identifier: Apache-2.0
#include "data/zip.h"

#include <zlib.h>

#include <climits>

#include "base/error.h"
#include "data/gzip.h"

namespace hone {

namespace {
constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr uint16_t kStored = 0, kDeflated = 8, kEncrypted = 1;

const char* const kAgain = "Fetch or copy the file again.";

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
    fail(ErrorKind::data, "data.zip.corrupt", cat("the zip archive is damaged: ", what), kAgain, where);
}

/// Little-endian numbers of a checked range.
class Bytes {
  public:
    Bytes(const uint8_t* data, size_t size, const std::string& where) : data_(data), size_(size), where_(where) {}
    size_t size() const { return size_; }
    const std::string& where() const { return where_; }
    const uint8_t* range(uint64_t at, uint64_t n, const char* what) const {
        if (at > size_ || n > size_ - at)
            fail(ErrorKind::data, "data.zip.truncated",
                 cat(what, " of ", n, " bytes at byte ", at, " lies outside the archive of ", size_, " bytes"), kAgain,
                 where_);
        return data_ + at;
    }
    bool has(uint64_t at, size_t n, uint32_t signature) const {
        return at <= size_ && n <= size_ - at && number(data_ + at, 4) == signature;
    }
    static uint64_t number(const uint8_t* p, size_t width) {
        uint64_t v = 0;
        for (size_t i = width; i-- > 0;) v = v << 8 | p[i];
        return v;
    }

  private:
    const uint8_t* data_;
    size_t size_;
    const std::string& where_;
};

uint64_t u16(const uint8_t* p) { return Bytes::number(p, 2); }
uint64_t u32(const uint8_t* p) { return Bytes::number(p, 4); }
uint64_t u64(const uint8_t* p) { return Bytes::number(p, 8); }

struct Directory {
    uint64_t entries, bytes, offset;
};

/// The end record stands before a comment of at most 65535 bytes, which must fill the rest.
Directory find_directory(const Bytes& in) {
    const size_t most = std::min<size_t>(in.size(), kEndBytes + 65535);
    for (size_t back = kEndBytes; back <= most; ++back) {
        const size_t at = in.size() - back;
        if (!in.has(at, kEndBytes, kEnd)) continue;
        const uint8_t* p = in.range(at, kEndBytes, "the end record");
        if (u16(p + 20) != back - kEndBytes) continue;
        Directory d{u16(p + 10), u32(p + 12), u32(p + 16)};
        if (at >= kLocatorBytes && in.has(at - kLocatorBytes, kLocatorBytes, kLocator64)) {
            const uint64_t end64 = u64(in.range(at - kLocatorBytes, kLocatorBytes, "the zip64 locator") + 8);
            const uint8_t* q = in.range(end64, kEnd64Bytes, "the zip64 end record");
            if (u32(q) != kEnd64) corrupt("no zip64 end record where the locator points", in.where());
            d = {u64(q + 32), u64(q + 40), u64(q + 48)};
        }
        return d;
    }
    fail(ErrorKind::data, "data.zip.format", "no zip archive, or cut: its end record is missing", kAgain, in.where());
}

/// The zip64 extra field holds, in this order, those of size, packed and offset that did not fit.
void widen(ZipEntry& e, const uint8_t* extra, size_t n, const std::string& where) {
    while (n >= 4) {
        const size_t id = u16(extra), length = u16(extra + 2);
        extra += 4;
        n -= 4;
        if (length > n) return;  // padding of other writers
        if (id == 1) {
            size_t at = 0;
            for (uint64_t* v : {&e.size, &e.packed, &e.offset}) {
                if (*v != 0xFFFFFFFF) continue;
                if (length - at < 8) corrupt(cat("the zip64 field of `", e.name, "` is short"), where);
                *v = u64(extra + at);
                at += 8;
            }
            return;
        }
        extra += length;
        n -= length;
    }
}
}  // namespace

bool is_zip(const uint8_t* data, size_t size) {
    return size >= 4 && (u32(data) == kLocal || (size >= kEndBytes && u32(data) == kEnd));
}

std::vector<ZipEntry> read_zip_index(const uint8_t* data, size_t size, const std::string& where) {
    const Bytes in(data, size, where);
    const Directory d = find_directory(in);
    const uint8_t* p = in.range(d.offset, d.bytes, "the directory");
    if (d.entries > d.bytes / kCentralBytes)
        corrupt(cat(d.entries, " entries cannot stand in a directory of ", d.bytes, " bytes"), where);
    std::vector<ZipEntry> out;
    uint64_t left = d.bytes;
    for (uint64_t i = 0; i < d.entries; ++i) {
        if (left < kCentralBytes || u32(p) != kCentral) corrupt(cat("entry ", i, " of the directory"), where);
        const size_t name = u16(p + 28), extra = u16(p + 30), comment = u16(p + 32);
        const size_t all = kCentralBytes + name + extra + comment;
        if (left < all) corrupt(cat("entry ", i, " of the directory ends too early"), where);
        ZipEntry e;
        e.flags = static_cast<uint16_t>(u16(p + 8));
        e.method = static_cast<uint16_t>(u16(p + 10));
        e.crc = static_cast<uint32_t>(u32(p + 16));
        e.packed = u32(p + 20);
        e.size = u32(p + 24);
        e.offset = u32(p + 42);
        e.name.assign(reinterpret_cast<const char*>(p) + kCentralBytes, name);
        widen(e, p + kCentralBytes + name, extra, where);
        out.push_back(std::move(e));
        p += all;
        left -= all;
    }
    return out;
}

struct ZipReader::State {
    ZipEntry entry;
    std::string where;
    const uint8_t* next = nullptr;
    uint64_t left = 0;  ///< packed bytes not yet given to zlib
    uint64_t got = 0;
    uLong sum = 0;
    z_stream z{};
    bool open = false, ended = false;

    size_t copy(uint8_t* out, size_t n) {
        const auto take = static_cast<size_t>(std::min<uint64_t>(n, left));
        if (take) std::memcpy(out, next, take);
        next += take;
        left -= take;
        return take;
    }
    size_t inflate_into(uint8_t* out, size_t n) {
        size_t made = 0;
        while (made < n && !ended) {
            if (z.avail_in == 0 && left > 0) {
                z.avail_in = static_cast<uInt>(std::min<uint64_t>(left, UINT_MAX / 2));
                z.next_in = const_cast<Bytef*>(next);
                next += z.avail_in;
                left -= z.avail_in;
            }
            const auto want = static_cast<uInt>(std::min<size_t>(n - made, UINT_MAX / 2));
            z.next_out = out + made;
            z.avail_out = want;
            const int code = inflate(&z, Z_NO_FLUSH);
            made += want - z.avail_out;
            ended = code == Z_STREAM_END;
            if (code == Z_BUF_ERROR || (code == Z_OK && z.avail_in == 0 && left == 0 && z.avail_out > 0))
                fail(ErrorKind::data, "data.zip.truncated", "the compressed data ends too early", kAgain, where);
            if (code != Z_OK && code != Z_STREAM_END) corrupt(z.msg ? z.msg : "error in the compressed data", where);
        }
        return made;
    }
    size_t some(uint8_t* out, size_t n) {
        const size_t made = open ? inflate_into(out, n) : copy(out, n);
        for (size_t at = 0; at < made; at += UINT_MAX / 2)
            sum = crc32(sum, out + at, static_cast<uInt>(std::min<size_t>(made - at, UINT_MAX / 2)));
        got += made;
        if (got > entry.size) corrupt(cat("more than the ", entry.size, " bytes announced"), where);
        return made;
    }
};

ZipReader::ZipReader(const uint8_t* data, size_t size, const ZipEntry& entry, std::string where)
    : state_(std::make_unique<State>()) {
    State& s = *state_;
    s.entry = entry;
    s.where = std::move(where);
    const Bytes in(data, size, s.where);
    if (entry.flags & kEncrypted)
        fail(ErrorKind::data, "data.zip.encrypted", "the archive is encrypted", "Write it without a password.", s.where);
    if (entry.method != kStored && entry.method != kDeflated)
        fail(ErrorKind::data, "data.zip.method",
             cat("compressed by method ", unsigned{entry.method}, "; stored (0) and deflated (8) entries are read"),
             "Write it with numpy.savez or numpy.savez_compressed.", s.where);
    const uint8_t* local = in.range(entry.offset, kLocalBytes, "a local header");
    if (u32(local) != kLocal) corrupt("no local header where the directory points", s.where);
    // Within the archive by the check above, so that the sum cannot wrap.
    const uint64_t begin = entry.offset + kLocalBytes + u16(local + 26) + u16(local + 28);
    s.next = in.range(begin, entry.packed, "an entry");
    s.left = entry.packed;
    if (entry.method == kStored && entry.packed != entry.size)
        corrupt(cat("stored in ", entry.packed, " bytes, of ", entry.size), s.where);
    if (entry.method == kStored) return;
    if (inflateInit2(&s.z, -MAX_WBITS) != Z_OK)
        fail(ErrorKind::budget, "memory.limit", "out of memory in zlib", {}, s.where);
    s.open = true;
}

ZipReader::~ZipReader() {
    if (state_->open) inflateEnd(&state_->z);
}

size_t ZipReader::read(uint8_t* out, size_t n) { return n ? state_->some(out, n) : 0; }

bool ZipReader::at_end() {
    State& s = *state_;
    if (s.got < s.entry.size) return false;
    uint8_t more;
    s.some(&more, 1);  // deflate's end mark; throws when a byte comes
    if (static_cast<uint32_t>(s.sum) != s.entry.crc) corrupt("the checksum does not fit", s.where);
    return true;
}

uint64_t ZipReader::bound() const {
    const ZipEntry& e = state_->entry;
    return e.method == kStored || e.packed > e.size / kMostDeflateRatio ? e.size : e.packed * kMostDeflateRatio;
}

}  // namespace hone
