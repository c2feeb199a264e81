// SPDX-License-Identifier: Apache-2.0
#include "data/tar.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace hone {

namespace {
constexpr size_t kBlock = 512;

std::string_view until_nul(std::string_view s) { return s.substr(0, s.find('\0')); }

class Walker {
  public:
    Walker(const MappedFile& file, const std::string& where) : text_(file.text()), where_(where) {}

    std::vector<TarEntry> walk() {
        std::vector<TarEntry> out;
        for (at_ = 0;;) {
            if (text_.size() - at_ < kBlock) truncated("another header or the end mark");
            block_ = text_.substr(at_, kBlock);
            if (std::all_of(block_.begin(), block_.end(), [](char c) { return c == 0; })) return out;
            check_sum();
            const size_t size = data_size();
            if (size > text_.size() - at_ - kBlock) truncated(cat("an entry of ", size, " bytes"));
            take(out, text_.substr(at_ + kBlock, size));
            const size_t padded = (size + kBlock - 1) / kBlock * kBlock;
            if (padded > text_.size() - at_ - kBlock) truncated("a whole number of blocks");
            at_ += kBlock + padded;
        }
    }

  private:
    std::string place() const { return cat(where_, ", byte ", at_); }
    [[noreturn]] void truncated(const std::string& expected) const {
        fail(ErrorKind::data, "data.tar.truncated", cat("the archive ends too early; expected ", expected),
             "Fetch or copy the archive again.", place());
    }
    [[noreturn]] void bad_header(const std::string& what) const {
        fail(ErrorKind::data, "data.tar.header", what, {}, place());
    }
    /// Octal text, or GNU's base-256 where the top bit is set.
    uint64_t number(size_t offset, size_t length) const {
        const std::string_view s = block_.substr(offset, length);
        uint64_t v = 0;
        if (static_cast<unsigned char>(s[0]) & 0x80) {
            v = static_cast<unsigned char>(s[0]) & 0x7F;
            for (const char c : s.substr(1)) {
                if (v >> 55) bad_header("a number in the header is out of range");
                v = v << 8 | static_cast<unsigned char>(c);
            }
            return v;
        }
        std::string_view digits = until_nul(s);
        digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
        digits = digits.substr(0, digits.find(' '));
        for (const char c : digits) {
            if (c < '0' || c > '7') bad_header("a number in the header is not octal");
            v = v << 3 | static_cast<uint64_t>(c - '0');
        }
        return v;
    }
    void check_sum() const {
        uint64_t sum = 0;
        for (size_t i = 0; i < kBlock; ++i)
            sum += i >= 148 && i < 156 ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(block_[i]);
        if (sum != number(148, 8))
            fail(ErrorKind::data, "data.tar.checksum", cat("a header sums to ", sum, "; it says ", number(148, 8)),
                 "The archive is damaged, or it is compressed or not a tar.", place());
    }
    char type() const { return block_[156]; }
    size_t data_size() const {
        const bool extension = type() == 'x' || type() == 'g' || type() == 'L' || type() == 'K';
        if (pax_size_ && !extension) return *pax_size_;
        // Links, devices and folders carry no data whatever their size field says.
        if (type() >= '1' && type() <= '6') return 0;
        return number(124, 12);
    }
    std::string path() {
        if (long_path_) return *std::exchange(long_path_, std::nullopt);
        std::string p(until_nul(block_.substr(0, 100)));
        if (block_.substr(257, 6) == std::string_view("ustar\0", 6)) {
            const std::string_view prefix = until_nul(block_.substr(345, 155));
            if (!prefix.empty()) p = cat(prefix, "/", p);
        }
        return p;
    }
    void take(std::vector<TarEntry>& out, std::string_view data) {
        switch (type()) {
            case 'g':
            case 'K': return;
            case 'L': long_path_ = until_nul(data); return;
            case 'x': take_pax(data); return;
            case 'S':
                fail(ErrorKind::data, "data.tar.unsupported", "a sparse file in the archive",
                     "Pack it without --sparse.", place());
            case '\0':
            case '0':
            case '7': {
                std::string p = path();
                while (p.starts_with("./")) p.erase(0, 2);
                // The oldest tars mark a folder by a slash only.
                if (!p.empty() && p.back() != '/') out.push_back({std::move(p), at_ + kBlock, data.size()});
                break;
            }
            default: break;
        }
        long_path_.reset();
        pax_size_.reset();
    }
    /// Records "length key=value\n" (POSIX.1-2001).
    void take_pax(std::string_view data) {
        while (!data.empty()) {
            size_t length = 0;
            const auto [end, code] = std::from_chars(data.data(), data.data() + data.size(), length);
            const auto digits = static_cast<size_t>(end - data.data());
            if (code != std::errc() || length > data.size() || length < digits + 3 || data[digits] != ' ' ||
                data[length - 1] != '\n')
                bad_header("a malformed pax record");
            const std::string_view record = data.substr(digits + 1, length - digits - 2);
            const size_t equals = record.find('=');
            if (equals == std::string_view::npos) bad_header("a malformed pax record");
            const std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
            if (key == "path") long_path_ = until_nul(value);
            if (key == "size") take_pax_size(value);
            if (key.starts_with("GNU.sparse"))
                fail(ErrorKind::data, "data.tar.unsupported", "a sparse file in the archive",
                     "Pack it without --sparse.", place());
            data.remove_prefix(length);
        }
    }
    void take_pax_size(std::string_view value) {
        size_t n = 0;
        const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), n);
        if (code != std::errc() || end != value.data() + value.size()) bad_header("a malformed pax size");
        pax_size_ = n;
    }

    std::string_view text_, block_;
    const std::string& where_;
    size_t at_ = 0;
    std::optional<std::string> long_path_;
    std::optional<size_t> pax_size_;
};
}  // namespace

bool is_tar(const MappedFile& file) { return file.size >= kBlock && file.text().substr(257, 5) == "ustar"; }

std::vector<TarEntry> read_tar_index(const MappedFile& file, const std::string& where) {
    return Walker(file, where).walk();
}

}  // namespace hone
