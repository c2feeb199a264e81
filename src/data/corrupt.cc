// SPDX-License-Identifier: Apache-2.0
#include "data/corrupt.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/rng.h"

namespace hone {

namespace {
constexpr int kSeverities = 5;
constexpr double kAmounts[4][kSeverities] = {{0.04, 0.08, 0.12, 0.18, 0.26},
                                             {0.015, 0.02, 0.03, 0.04, 0.055},
                                             {0.04, 0.07, 0.11, 0.16, 0.22},
                                             {0.75, 0.5, 0.4, 0.3, 0.15}};

[[noreturn]] void bad(const std::string& what) {
    fail(ErrorKind::usage, "usage.corrupt", what,
         cat("Write for example noise,blur:3,shift:1-5, or all. Corruptions: ", join(corruption_names(), ", "),
             "; severities 1 to 5."));
}

/// "3" or "1-5"; 1, 3, 5 for none.
std::vector<int> severities(std::string_view text, const std::string& whole) {
    if (text.empty()) return {1, 3, 5};
    const size_t dash = text.find('-');
    const auto one = [&](std::string_view s) {
        int v = 0;
        const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), v);
        if (s.empty() || code != std::errc() || end != s.data() + s.size() || v < 1 || v > kSeverities)
            bad(cat("`", whole, "` has no severity of 1 to ", kSeverities));
        return v;
    };
    const int first = one(text.substr(0, dash)), last = dash == std::string_view::npos ? first : one(text.substr(dash + 1));
    if (last < first) bad(cat("`", whole, "` ends before it begins"));
    std::vector<int> out;
    for (int s = first; s <= last; ++s) out.push_back(s);
    return out;
}

/// One sample, planes of one picture or a row of numbers, in the space where it is corrupted.
struct Sample {
    std::vector<float> v;
    int64_t channels, height, width;
    float* plane(int64_t c) { return v.data() + c * height * width; }
};

void add_noise(Sample& s, double deviation, Rng& rng) {
    for (float& x : s.v) x += static_cast<float>(deviation * rng.normal());
}

/// Gaussian, cut at three deviations; the border is repeated.
void blur(Sample& s, double deviation) {
    const auto reach = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(3 * deviation)));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t k = -reach; k <= reach; ++k) {
        weights.push_back(std::exp(-0.5 * static_cast<double>(k * k) / (deviation * deviation)));
        sum += weights.back();
    }
    std::vector<float> line;
    const auto along = [&](float* at, int64_t n, int64_t step) {
        line.resize(static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i) {
            double v = 0;
            for (int64_t k = -reach; k <= reach; ++k)
                v += weights[static_cast<size_t>(k + reach)] * at[std::clamp<int64_t>(i + k, 0, n - 1) * step];
            line[static_cast<size_t>(i)] = static_cast<float>(v / sum);
        }
        for (int64_t i = 0; i < n; ++i) at[i * step] = line[static_cast<size_t>(i)];
    };
    for (int64_t c = 0; c < s.channels; ++c) {
        for (int64_t y = 0; y < s.height; ++y) along(s.plane(c) + y * s.width, s.width, 1);
        for (int64_t x = 0; x < s.width; ++x) along(s.plane(c) + x, s.height, s.width);
    }
}

/// By this distance into a random direction, at least one step; what comes in repeats the border.
void shift(Sample& s, double distance, Rng& rng) {
    const double angle = 2 * std::numbers::pi * rng.uniform(), d = std::max(1.0, distance);
    const auto dx = static_cast<int64_t>(std::llround(d * std::cos(angle))), dy = static_cast<int64_t>(std::llround(d * std::sin(angle)));
    const std::vector<float> old = s.v;
    for (int64_t c = 0, at = 0; c < s.channels; ++c)
        for (int64_t y = 0; y < s.height; ++y)
            for (int64_t x = 0; x < s.width; ++x) {
                const int64_t from_y = std::clamp<int64_t>(y - dy, 0, s.height - 1), from_x = std::clamp<int64_t>(x - dx, 0, s.width - 1);
                s.v[static_cast<size_t>(at++)] = old[static_cast<size_t>((c * s.height + from_y) * s.width + from_x)];
            }
}

void lower_contrast(Sample& s, double factor) {
    double mean = 0;
    for (const float x : s.v) mean += x;
    mean /= static_cast<double>(s.v.size());
    for (float& x : s.v) x = static_cast<float>(mean + factor * (x - mean));
}

class Corrupted : public Dataset {
  public:
    Corrupted(DatasetPtr of, const Preprocess& p, const Corruption& c, uint64_t seed)
        : of_(std::move(of)), p_(p), c_(c), seed_(seed) {
        name_ = to_text(c);
        labels_ = of_->labels();
        class_names_ = of_->class_names();
        targets_ = of_->targets();
        set_sample_dims(of_->sample_dims());
        const Dims& d = sample_dims();
        channels_ = d.size() == 3 ? d[0] : 1;
        height_ = d.size() == 3 ? d[1] : 1;
        width_ = sample_count() / (channels_ * height_);
        pixels_ = p.kind == DataKind::image;
        range_ = pixels_ || c.kind != CorruptionKind::noise ? 255 : deviation();
    }
    void load(int64_t i, float* out) const override {
        of_->load(i, out);
        Sample s{std::vector<float>(out, out + sample_count()), channels_, height_, width_};
        if (pixels_) each(s, [](double x, double mean, double std, double scale) { return (x * std + mean) / scale; });
        Rng rng(seed_, (static_cast<uint64_t>(c_.kind) * 8 + static_cast<uint64_t>(c_.severity)) << 48 | static_cast<uint64_t>(i));
        const double amount = amount_of(c_), side = static_cast<double>(std::min(height_, width_));
        switch (c_.kind) {
            case CorruptionKind::noise: add_noise(s, amount * range_, rng); break;
            case CorruptionKind::blur: blur(s, amount * side); break;
            case CorruptionKind::shift: shift(s, amount * side, rng); break;
            case CorruptionKind::contrast: lower_contrast(s, amount); break;
        }
        if (pixels_)
            each(s, [](double x, double mean, double std, double scale) {
                return (std::clamp(std::nearbyint(x), 0.0, 255.0) * scale - mean) / std;
            });
        std::copy(s.v.begin(), s.v.end(), out);
    }
    std::string origin(int64_t i) const override { return of_->origin(i); }
    uint64_t content(int64_t i) const override { return of_->content(i); }

  private:
    template <class F>
    void each(Sample& s, F f) const {
        for (int64_t c = 0; c < channels_; ++c) {
            const auto k = static_cast<size_t>(c);
            const double mean = p_.mean[p_.mean.size() == 1 ? 0 : k], std = p_.std[p_.std.size() == 1 ? 0 : k];
            for (int64_t i = 0; i < height_ * width_; ++i) {
                float& x = s.plane(c)[i];
                x = static_cast<float>(f(x, mean, std, p_.scale));
            }
        }
    }
    /// Of the values of up to 1000 samples.
    double deviation() const {
        const int64_t n = std::min<int64_t>(of_->size(), 1000);
        std::vector<float> v(static_cast<size_t>(sample_count()));
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n; ++i) {
            of_->load(i * of_->size() / n, v.data());
            for (const float x : v) {
                sum += x;
                squares += double{x} * x;
            }
        }
        const double count = static_cast<double>(n * sample_count());
        return count > 0 ? std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count))) : 0;
    }

    DatasetPtr of_;
    Preprocess p_;
    Corruption c_;
    uint64_t seed_;
    int64_t channels_, height_, width_;
    bool pixels_;
    double range_;
};
}  // namespace

const std::vector<std::string>& corruption_names() {
    static const std::vector<std::string> names{"noise", "blur", "shift", "contrast"};
    return names;
}

std::string to_text(const Corruption& c) { return cat(corruption_names()[static_cast<size_t>(c.kind)], ":", c.severity); }

double amount_of(const Corruption& c) { return kAmounts[static_cast<size_t>(c.kind)][c.severity - 1]; }

std::vector<Corruption> parse_corruptions(const std::string& list) {
    std::vector<Corruption> out;
    std::string_view rest = list;
    for (bool more = true; more;) {
        const size_t comma = rest.find(',');
        const std::string_view item = rest.substr(0, comma), name = item.substr(0, item.find(':'));
        const std::string_view level = name.size() == item.size() ? std::string_view() : item.substr(name.size() + 1);
        if (name.size() != item.size() && level.empty()) bad(cat("`", item, "` has no severity after the colon"));
        bool known = false;
        for (size_t k = 0; k < corruption_names().size(); ++k) {
            if (name != corruption_names()[k] && name != "all") continue;
            known = true;
            for (const int s : severities(level, std::string(item)))
                if (const Corruption c{static_cast<CorruptionKind>(k), s}; std::find(out.begin(), out.end(), c) == out.end())
                    out.push_back(c);
        }
        if (!known) {
            const std::vector<std::string> near = nearest(name, corruption_names());
            bad(cat("`", name, "` is no corruption", near.empty() ? "" : cat("; nearest: ", join(near, ", "))));
        }
        more = comma != std::string_view::npos;
        if (more) rest.remove_prefix(comma + 1);
    }
    return out;
}

bool applies(const Corruption& c, const Dataset& data) {
    if (data.sample_type() != DType::f32) return false;
    return c.kind == CorruptionKind::noise || data.sample_dims().size() == 3;
}

DatasetPtr corrupted(DatasetPtr of, const Preprocess& preprocess, const Corruption& c, uint64_t seed) {
    if (!applies(c, *of))
        fail(ErrorKind::usage, "usage.corrupt",
             cat(corruption_names()[static_cast<size_t>(c.kind)], " needs pictures; the samples are ", to_text(of->sample_dims())),
             "Rows of numbers take noise, texts nothing.");
    return std::make_shared<Corrupted>(std::move(of), preprocess, c, seed);
}

}  // namespace hone
