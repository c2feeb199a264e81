// SPDX-License-Identifier: Apache-2.0
#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace hone {

namespace {
constexpr int kBits = 32 - 8 - 2;

/// For every output position: the first input position, how many follow, and their weights.
struct Taps {
    int most = 0;  ///< weights kept for one output
    std::vector<int> first, count;
    std::vector<int> weights;
};

constexpr double kPi = 3.14159265358979323846;

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }
double triangle(double x) {
    x = std::fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}
double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(x * kPi) / (x * kPi); }
double hamming(double x) {
    x = std::fabs(x);
    return x < 1.0 ? sinc(x) * (0.54 + 0.46 * std::cos(x * kPi)) : 0.0;
}
/// Keys' cubic with a = -1/2.
double cubic(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}
double lanczos3(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

struct Filter {
    double (*weight)(double);
    double support;
};
Filter filter_of(Resample r) {
    switch (r) {
        case Resample::box: return {box, 0.5};
        case Resample::hamming: return {hamming, 1.0};
        case Resample::bicubic: return {cubic, 2.0};
        case Resample::lanczos: return {lanczos3, 3.0};
        default: return {triangle, 1.0};
    }
}

Taps make_taps(int in, int out, const Filter& filter) {
    const double scale = static_cast<double>(in) / out;
    const double filter_scale = std::max(scale, 1.0);
    const double support = filter.support * filter_scale;
    const double inverse = 1.0 / filter_scale;
    Taps t;
    t.most = static_cast<int>(std::ceil(support)) * 2 + 1;
    t.first.resize(static_cast<size_t>(out));
    t.count.resize(static_cast<size_t>(out));
    t.weights.resize(static_cast<size_t>(out) * static_cast<size_t>(t.most));
    std::vector<double> w(static_cast<size_t>(t.most));
    for (int o = 0; o < out; ++o) {
        const double center = (o + 0.5) * scale;
        const int first = std::max(static_cast<int>(center - support + 0.5), 0);
        const int count = std::min(static_cast<int>(center + support + 0.5), in) - first;
        double sum = 0;
        for (int i = 0; i < count; ++i) {
            w[static_cast<size_t>(i)] = filter.weight((i + first - center + 0.5) * inverse);
            sum += w[static_cast<size_t>(i)];
        }
        int* fixed = t.weights.data() + static_cast<size_t>(o) * static_cast<size_t>(t.most);
        for (int i = 0; i < count; ++i) {
            const double v = sum != 0.0 ? w[static_cast<size_t>(i)] / sum : w[static_cast<size_t>(i)];
            fixed[i] = static_cast<int>((v < 0 ? -0.5 : 0.5) + v * (1 << kBits));
        }
        t.first[static_cast<size_t>(o)] = first;
        t.count[static_cast<size_t>(o)] = count;
    }
    return t;
}

uint8_t to_byte(int v) { return static_cast<uint8_t>(std::clamp(v >> kBits, 0, 255)); }

Image across(const Image& in, int width, const Filter& filter) {
    const Taps t = make_taps(in.width, width, filter);
    const auto c = static_cast<size_t>(in.channels);
    Image out{width, in.height, in.channels, {}};
    out.pixels.resize(out.bytes());
    uint8_t* to = out.pixels.data();
    for (size_t y = 0; y < static_cast<size_t>(in.height); ++y) {
        const uint8_t* row = in.pixels.data() + y * static_cast<size_t>(in.width) * c;
        for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
            const int* w = t.weights.data() + x * static_cast<size_t>(t.most);
            const uint8_t* from = row + static_cast<size_t>(t.first[x]) * c;
            for (size_t k = 0; k < c; ++k) {
                int sum = 1 << (kBits - 1);
                for (size_t i = 0; i < static_cast<size_t>(t.count[x]); ++i) sum += from[i * c + k] * w[i];
                *to++ = to_byte(sum);
            }
        }
    }
    return out;
}

Image down(const Image& in, int height, const Filter& filter) {
    const Taps t = make_taps(in.height, height, filter);
    const size_t stride = static_cast<size_t>(in.width) * static_cast<size_t>(in.channels);
    Image out{in.width, height, in.channels, {}};
    out.pixels.resize(out.bytes());
    std::vector<int> sums(stride);
    for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
        const int* w = t.weights.data() + y * static_cast<size_t>(t.most);
        std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
        for (size_t i = 0; i < static_cast<size_t>(t.count[y]); ++i) {
            const uint8_t* from = in.pixels.data() + (static_cast<size_t>(t.first[y]) + i) * stride;
            for (size_t x = 0; x < stride; ++x) sums[x] += from[x] * w[i];
        }
        uint8_t* to = out.pixels.data() + y * stride;
        for (size_t x = 0; x < stride; ++x) to[x] = to_byte(sums[x]);
    }
    return out;
}

/// The source position of every output, stepped as Pillow steps it so that ties fall alike.
std::vector<size_t> nearest_positions(int in, int out) {
    const double step = static_cast<double>(in) / out;
    std::vector<size_t> at;
    double x = step * 0.5;
    for (int o = 0; o < out; ++o, x += step) at.push_back(static_cast<size_t>(std::min(static_cast<int>(x), in - 1)));
    return at;
}

Image pick_nearest(const Image& in, int height, int width) {
    const std::vector<size_t> xs = nearest_positions(in.width, width), ys = nearest_positions(in.height, height);
    const auto c = static_cast<size_t>(in.channels);
    Image out{width, height, in.channels, {}};
    out.pixels.resize(out.bytes());
    uint8_t* to = out.pixels.data();
    for (const size_t y : ys) {
        const uint8_t* row = in.pixels.data() + y * static_cast<size_t>(in.width) * c;
        for (const size_t x : xs)
            for (size_t k = 0; k < c; ++k) *to++ = row[x * c + k];
    }
    return out;
}

int half_to_even(int margin) { return margin / 2 + (margin % 4 == 3 ? 1 : 0); }
}  // namespace

Image resize_image(const Image& image, int height, int width, Resample resample) {
    HONE_CHECK(height > 0 && width > 0 && image.width > 0 && image.height > 0);
    if (width == image.width && height == image.height) return image;
    if (resample == Resample::nearest) return pick_nearest(image, height, width);
    const Filter filter = filter_of(resample);
    if (width == image.width) return down(image, height, filter);
    const bool overshoots = resample == Resample::bicubic || resample == Resample::lanczos;
    if (overshoots && height < image.height && image.height - height > 2 * (image.width - width))
        return across(down(image, height, filter), width, filter);
    Image wide = across(image, width, filter);
    return height == image.height ? wide : down(wide, height, filter);
}

Image crop_center(const Image& image, int height, int width, const std::string& where) {
    if (height > image.height || width > image.width)
        fail(ErrorKind::data, "data.image.crop",
             cat("a picture of ", image.height, "x", image.width, " cannot be cropped to ", height, "x", width),
             "Give a larger --resize, or a smaller --crop.", where);
    Image out{width, height, image.channels, {}};
    out.pixels.resize(out.bytes());
    const size_t row = static_cast<size_t>(width) * static_cast<size_t>(image.channels);
    const auto left = static_cast<size_t>(half_to_even(image.width - width));
    const auto top = static_cast<size_t>(half_to_even(image.height - height));
    for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
        const size_t from = ((top + y) * static_cast<size_t>(image.width) + left) * static_cast<size_t>(image.channels);
        std::memcpy(out.pixels.data() + y * row, image.pixels.data() + from, row);
    }
    return out;
}

}  // namespace hone
