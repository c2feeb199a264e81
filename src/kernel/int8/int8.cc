// SPDX-License-Identifier: Apache-2.0
#include "kernel/int8/int8.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/tensor.h"
#include "base/thread_pool.h"

namespace hone::int8 {

namespace {
constexpr int64_t kMostRows = 12;
constexpr int64_t kBlockTiles = 24;         ///< tiles whose sources stay in the caches while the panels pass
constexpr int64_t kChunkMacs = 100000;      ///< of work worth a chunk: 1 to 3 us
constexpr int64_t kMostChunks = 32;

void in_chunks(int64_t n, int64_t most, const std::function<void(int64_t, int64_t)>& f) {
    const int64_t chunks = std::clamp<int64_t>(std::min(n, most), 1, kMostChunks);
    ThreadPool* pool = ThreadPool::current();
    if (chunks == 1 || !pool) return f(0, n);
    pool->run(static_cast<int>(chunks), [&](int i) { f(n * i / chunks, n * (i + 1) / chunks); });
}

bool by_bytes(const Spec& s) {
    // One pixel a product and whole groups of four bytes: nothing to widen or to pad, the zero point goes into the bias.
    return usable_isa() >= Isa::avx512_vnni && s.src == DType::u8 && s.groups == 1 && s.kernel_h == 1 && s.kernel_w == 1 && s.pad_top == 0 && s.pad_left == 0 &&
           s.in_channels % 4 == 0 && (s.out_h - 1) * s.stride_h < s.h && (s.out_w - 1) * s.stride_w < s.w;
}

class Product final : public Kernel {
  public:
    Product(const Spec& s, const int8_t* weights, const int32_t* bias, bool transposed) : s_(s) {
        const Isa isa = usable_isa();
        bytes_as_they_are_ = by_bytes(s);
        t_ = bytes_as_they_are_ ? &table_avx512vnni() : isa >= Isa::avx512 ? &table_avx512() : &table_avx2();
        name_ = bytes_as_they_are_ ? "int8 avx512_vnni" : isa >= Isa::avx512 ? "int8 avx512 madd" : "int8 avx2 madd";
        group_ = bytes_as_they_are_ ? 4 : 2;
        in_each_ = s.in_channels / s.groups;
        out_each_ = s.out_channels / s.groups;
        padded_h_ = std::max((s.out_h - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1, s.h + s.pad_top);
        padded_w_ = std::max((s.out_w - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1, s.w + s.pad_left);
        // One run a row of the kernel where its words lie side by side, else one a tap.
        merged_ = s.groups == 1 && s.dilation_w == 1;
        const int64_t words = merged_ ? s.kernel_w * s.in_channels : in_each_;
        pairs_ = (words + group_ - 1) / group_;
        for (int64_t kh = 0; kh < s.kernel_h; ++kh)
            for (int64_t kw = 0; kw < (merged_ ? 1 : s.kernel_w); ++kw)
                runs_.push_back(static_cast<int32_t>((kh * s.dilation_h * padded_w_ + kw * s.dilation_w) * s.in_channels));
        panels_ = (out_each_ + t_->width - 1) / t_->width;
        pack(weights, bias, transposed);
        e_ = {.bias = nullptr, .scales = nullptr, .out = s.dst == DType::f32 ? Out::f32 : s.dst == DType::u8 ? Out::u8 : Out::s8,
              .residual = s.residual, .clamp = false, .leaky = s.act == Act::leaky_relu, .residual_scale = s.residual_scale,
              .low = -std::numeric_limits<float>::infinity(), .high = std::numeric_limits<float>::infinity(), .slope = s.alpha,
              .zero = s.y_zero, .residual_signed = s.dst == DType::i8};
        if (e_.out != Out::f32) {
            const int low = e_.out == Out::u8 ? 0 : -128;
            e_.low = static_cast<float>(low - s.y_zero);
            e_.high = static_cast<float>(low + 255 - s.y_zero);
        }
        if (s.act == Act::relu) e_.low = std::max(e_.low, 0.f);
        if (s.act == Act::clip) e_.low = std::max(e_.low, s.alpha), e_.high = std::min(e_.high, s.beta);
        e_.clamp = e_.out != Out::f32 || s.act == Act::relu || s.act == Act::clip;
    }
    bool sound() const { return e_.low <= e_.high; }

    void run(const Arguments& a) const override {
        if (!bytes_as_they_are_) widen(a.x, static_cast<int16_t*>(a.scratch));
        const void* x = bytes_as_they_are_ ? a.x : a.scratch;
        const int64_t pixels = s_.n * s_.out_h * s_.out_w, tiles = (pixels + t_->most_rows - 1) / t_->most_rows;
        const int64_t macs = pixels * s_.out_channels * in_each_ * s_.kernel_h * s_.kernel_w, chunks = macs / kChunkMacs;
        const int64_t all = panels_ * s_.groups;
        if (tiles >= 8 || tiles >= all) in_chunks(tiles, chunks, [&](int64_t b, int64_t e) { multiply(a, x, b, e, 0, all); });
        else in_chunks(all, chunks, [&](int64_t b, int64_t e) { multiply(a, x, 0, tiles, b, e); });
    }
    size_t scratch_bytes() const override { return bytes_as_they_are_ ? 0 : static_cast<size_t>(words() + 64) * sizeof(int16_t); }
    size_t packed_bytes() const override { return bytes_; }
    std::string implementation() const override { return name_; }

  private:
    int64_t words() const { return s_.n * padded_h_ * padded_w_ * s_.in_channels; }

    void pack(const int8_t* weights, const int32_t* bias, bool transposed) {
        const int64_t width = t_->width, all = panels_ * s_.groups, taps = s_.kernel_h * s_.kernel_w;
        panel_bytes_ = static_cast<int64_t>(runs_.size()) * pairs_ * width * group_;
        const size_t w_bytes = static_cast<size_t>(all * panel_bytes_), lanes = static_cast<size_t>(all * width) * 4;
        bytes_ = w_bytes + 2 * lanes;
        memory_ = allocate_aligned(bytes_ + 64);
        std::memset(memory_.get(), 0, bytes_ + 64);
        w_ = static_cast<int8_t*>(memory_.get());
        bias_ = reinterpret_cast<int32_t*>(w_ + w_bytes);
        scales_ = reinterpret_cast<float*>(w_ + w_bytes + lanes);
        const int64_t run_words = merged_ ? s_.kernel_w * s_.in_channels : in_each_;
        for (int64_t p = 0; p < all; ++p)
            for (int64_t j = 0; j < width; ++j) {
                const int64_t within = p % panels_ * width + j, o = p / panels_ * out_each_ + within;
                if (within >= out_each_) continue;
                bias_[p * width + j] = bias ? bias[o] : 0;
                scales_[p * width + j] = s_.scales[s_.scale_count == 1 ? 0 : o];
                for (int64_t r = 0; r < static_cast<int64_t>(runs_.size()); ++r)
                    for (int64_t k = 0; k < run_words; ++k) {
                        const int64_t tap = merged_ ? r * s_.kernel_w + k / s_.in_channels : r, c = merged_ ? k % s_.in_channels : k;
                        const int8_t v = transposed ? weights[c * s_.out_channels + o] : weights[(o * in_each_ + c) * taps + tap];
                        w_[p * panel_bytes_ + ((r * pairs_ + k / group_) * width + j) * group_ + k % group_] = v;
                        if (bytes_as_they_are_) bias_[p * width + j] -= s_.x_zero * v;
                    }
            }
    }

    /// The source as 16-bit words less its zero point, padded with zeros.
    void widen(const void* source, int16_t* x) const {
        const int64_t row = padded_w_ * s_.in_channels, inside = s_.w * s_.in_channels, left = s_.pad_left * s_.in_channels;
        const auto* bytes = static_cast<const uint8_t*>(source);
        const auto copy = [&](const uint8_t* from, int16_t* to, int64_t n) {
            if (s_.src == DType::u8) t_->widen_u8(from, s_.x_zero, to, n);
            else t_->widen_s8(reinterpret_cast<const int8_t*>(from), s_.x_zero, to, n);
        };
        std::memset(x + words(), 0, 64 * sizeof(int16_t));
        if (padded_h_ == s_.h && padded_w_ == s_.w)
            return in_chunks(s_.n * s_.h, words() / (kChunkMacs / 4), [&](int64_t b, int64_t e) { copy(bytes + b * inside, x + b * row, (e - b) * inside); });
        in_chunks(s_.n * padded_h_, words() / (kChunkMacs / 4), [&](int64_t b, int64_t e) {
            for (int64_t i = b; i < e; ++i) {
                const int64_t n = i / padded_h_, h = i % padded_h_ - s_.pad_top;
                int16_t* to = x + i * row;
                if (h < 0 || h >= s_.h) {
                    std::memset(to, 0, static_cast<size_t>(row) * sizeof(int16_t));
                    continue;
                }
                std::memset(to, 0, static_cast<size_t>(left) * sizeof(int16_t));
                copy(bytes + (n * s_.h + h) * inside, to + left, inside);
                std::memset(to + left + inside, 0, static_cast<size_t>(row - left - inside) * sizeof(int16_t));
            }
        });
    }

    /// Tiles [tile, tile_end) of output pixels times panels [panel, panel_end).
    void multiply(const Arguments& a, const void* x, int64_t tile, int64_t tile_end, int64_t panel, int64_t panel_end) const {
        const int64_t most = t_->most_rows, pixels = s_.n * s_.out_h * s_.out_w, size = e_.out == Out::f32 ? 4 : 1, word = bytes_as_they_are_ ? 1 : 2, stride = s_.out_channels * size;
        for (; tile < tile_end; tile += kBlockTiles) {
            const int64_t first = tile * most, last = std::min({pixels, tile_end * most, (tile + kBlockTiles) * most});
            const void* rows[kBlockTiles * kMostRows];
            for (int64_t i = first, ow = i % s_.out_w, oh = i / s_.out_w % s_.out_h, n = i / (s_.out_w * s_.out_h); i < last; ++i) {
                rows[i - first] = static_cast<const char*>(x) + ((n * padded_h_ + oh * s_.stride_h) * padded_w_ + ow * s_.stride_w) * s_.in_channels * word;
                if (++ow < s_.out_w) continue;
                ow = 0;
                if (++oh == s_.out_h) oh = 0, ++n;
            }
            for (int64_t p = panel; p < panel_end; ++p) {
                const int64_t group = p / panels_, within = p % panels_ * t_->width, channel = group * out_each_ + within;
                Epilogue e = e_;
                e.bias = bias_ + p * t_->width;
                e.scales = scales_ + p * t_->width;
                Tile t = {.rows = nullptr, .offset = group * in_each_, .runs = runs_.data(), .run_count = static_cast<int64_t>(runs_.size()), .pairs = pairs_,
                          .w = w_ + p * panel_bytes_, .y = nullptr, .residual = nullptr, .stride = stride, .lanes = std::min<int64_t>(t_->width, out_each_ - within)};
                for (int64_t i = first; i < last; i += most) {
                    const int64_t at = i * stride + channel * size;
                    t.rows = rows + (i - first);
                    t.y = static_cast<char*>(a.y) + at;
                    t.residual = a.residual ? static_cast<const char*>(a.residual) + at : nullptr;
                    t_->tile(t, e, std::min(most, last - i));
                }
            }
        }
    }

    Spec s_;
    const Table* t_;
    bool bytes_as_they_are_, merged_;
    const char* name_;
    int64_t group_;
    int64_t in_each_, out_each_, padded_h_, padded_w_, pairs_, panels_, panel_bytes_ = 0;
    std::vector<int32_t> runs_;
    size_t bytes_ = 0;
    std::shared_ptr<void> memory_;
    int8_t* w_ = nullptr;
    int32_t* bias_ = nullptr;
    float* scales_ = nullptr;
    Epilogue e_;
};
}  // namespace

std::unique_ptr<Kernel> make(const Spec& s, const int8_t* weights, const int32_t* bias, bool transposed) {
    if (usable_isa() < Isa::avx2 || (s.act == Act::leaky_relu && s.dst != DType::f32)) return nullptr;
    HONE_CHECK(s.scale_count == 1 || s.scale_count == s.out_channels, s.scale_count, " scales");
    auto k = std::make_unique<Product>(s, weights, bias, transposed);
    if (!k->sound()) return nullptr;
    return k;
}

}  // namespace hone::int8
