// SPDX-License-Identifier: Apache-2.0
#include "data/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <climits>

#include "base/error.h"

namespace hone {

struct GzipReader::State {
    z_stream z{};
    const uint8_t* next;
    size_t left;
    size_t total;
    std::string where;
    bool ended = false;
    bool has_ahead = false;  ///< one byte was read to see whether the stream goes on
    uint8_t ahead = 0;

    std::string place() const { return cat(where, ", byte ", total - left - z.avail_in); }
    void refill() {
        if (z.avail_in != 0 || left == 0) return;
        z.avail_in = static_cast<uInt>(std::min<size_t>(left, UINT_MAX / 2));
        z.next_in = const_cast<Bytef*>(next);
        next += z.avail_in;
        left -= z.avail_in;
    }
    /// A file may hold several members one after the other; zero padding after the last is allowed.
    void end_member() {
        refill();
        while (z.avail_in > 0 && *z.next_in == 0) {
            ++z.next_in;
            --z.avail_in;
            refill();
        }
        ended = z.avail_in == 0;
        if (!ended) inflateReset(&z);
    }
    size_t inflate_into(uint8_t* out, size_t n) {
        size_t got = 0;
        while (got < n && !ended) {
            refill();
            const auto want = static_cast<uInt>(std::min<size_t>(n - got, UINT_MAX / 2));
            z.next_out = out + got;
            z.avail_out = want;
            const int code = inflate(&z, Z_NO_FLUSH);
            got += want - z.avail_out;
            if (code == Z_STREAM_END)
                end_member();
            else if (code == Z_BUF_ERROR || (code == Z_OK && z.avail_in == 0 && left == 0 && z.avail_out > 0))
                fail(ErrorKind::data, "data.gzip.truncated", "the compressed data ends too early",
                     "Fetch or copy the file again.", place());
            else if (code != Z_OK)
                fail(ErrorKind::data, "data.gzip.corrupt",
                     cat("the compressed data is damaged: ", z.msg ? z.msg : "error in the stream"),
                     "Fetch or copy the file again.", place());
        }
        return got;
    }
};

bool is_gzip(const uint8_t* data, size_t size) { return size >= 2 && data[0] == 0x1F && data[1] == 0x8B; }

GzipReader::GzipReader(const uint8_t* data, size_t size, std::string where) : state_(std::make_unique<State>()) {
    state_->next = data;
    state_->left = state_->total = size;
    state_->where = std::move(where);
    if (inflateInit2(&state_->z, 16 + MAX_WBITS) != Z_OK)
        fail(ErrorKind::budget, "memory.limit", "out of memory in zlib", {}, state_->where);
}
GzipReader::~GzipReader() { inflateEnd(&state_->z); }

size_t GzipReader::read(uint8_t* out, size_t n) {
    if (n == 0) return 0;
    size_t got = 0;
    if (state_->has_ahead) {
        out[got++] = state_->ahead;
        state_->has_ahead = false;
    }
    return got + state_->inflate_into(out + got, n - got);
}

bool GzipReader::at_end() {
    if (!state_->has_ahead) state_->has_ahead = state_->inflate_into(&state_->ahead, 1) == 1;
    return !state_->has_ahead;
}

}  // namespace hone
