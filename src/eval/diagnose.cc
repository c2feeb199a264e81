// SPDX-License-Identifier: Apache-2.0
#include "eval/diagnose.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "base/rng.h"
#include "eval/renormalised.h"
#include "eval/verdict.h"

namespace hone::eval {

namespace {

constexpr double sure = 1e-4, least_gain = 0.01;

std::string percent(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", v * 100);
    return text;
}
std::string list(const std::vector<double>& v) {
    std::vector<std::string> parts;
    for (double x : v) {
        char text[32];
        std::snprintf(text, sizeof text, "%.4g", x);
        parts.push_back(text);
    }
    return join(parts, ",");
}
std::vector<double> times(std::vector<double> v, double by) {
    for (double& x : v) x *= by;
    return v;
}

/// Mean and standard deviation of the pixels behind preprocessed samples, a channel.
void pixel_statistics(const Dataset& data, std::span<const int64_t> indices, const Preprocess& given, std::vector<double>* mean, std::vector<double>* std) {
    Preprocess plain = given;
    plain.scale = 1;
    plain.mean = {0};
    plain.std = {1};
    const Renormalised pixels(data, given, plain, false);
    const int64_t channels = data.sample_dims()[0], size = data.sample_count() / channels;
    std::vector<double> sum(static_cast<size_t>(channels)), squares(sum.size());
    std::vector<float> x(static_cast<size_t>(data.sample_count()));
    for (int64_t i : indices) {
        pixels.load(i, x.data());
        for (int64_t k = 0; k < data.sample_count(); ++k) {
            const double v = x[static_cast<size_t>(k)];
            sum[static_cast<size_t>(k / size)] += v;
            squares[static_cast<size_t>(k / size)] += v * v;
        }
    }
    const double n = static_cast<double>(indices.size()) * static_cast<double>(size);
    for (size_t c = 0; c < sum.size(); ++c) {
        mean->push_back(sum[c] / n);
        std->push_back(std::sqrt(std::max(1e-6, squares[c] / n - mean->back() * mean->back())));
    }
}

}  // namespace

std::vector<Alternative> alternatives(const Preprocess& given, const std::vector<double>& pixel_mean, const std::vector<double>& pixel_std) {
    std::vector<Alternative> all;
    auto add = [&](std::string fault, std::string title, std::string advice, Preprocess p, bool swap = false) {
        if (p == given && !swap) return;
        all.push_back({std::move(fault), std::move(title), std::move(advice), std::move(p), swap});
    };
    if (pixel_mean.size() == 3) add("channel_order", "the colours are swapped: the network expects BGR", "Feed the channels in the order blue, green, red, or swap the first layer's input channels in the model.", given, true);
    for (const double scale : {1.0, 1.0 / 255})
        if (std::abs(given.scale / scale - 1) > 1e-6) {
            Preprocess p = given;
            p.scale = scale;
            add("scale", scale == 1 ? "the pixels are scaled, but the network expects 0 to 255" : "the pixels are not scaled to 0 to 1", cat("--scale ", scale == 1 ? "1" : "1/255"), p);
        }
    // Means: of these very pixels, of ImageNet, the middle, none; with the deviation as given.
    const std::vector<double> own = times(pixel_mean, given.scale), imagenet = times({0.485, 0.456, 0.406}, 255 * given.scale);
    std::vector<std::vector<double>> means = {own, {0.5 * 255 * given.scale}, {0}};
    if (pixel_mean.size() == 3) means.push_back(imagenet);
    for (const std::vector<double>& mean : means) {
        Preprocess p = given;
        p.mean = mean;
        add("mean", "the mean that is subtracted is another than the network was trained with", cat("--mean ", list(mean)), p);
    }
    // Both at once, as they go together.
    const std::vector<std::tuple<std::vector<double>, std::vector<double>, double>> ways = {
        {times(pixel_mean, 1.0 / 255), times(pixel_std, 1.0 / 255), 1.0 / 255}, {{0.5}, {0.5}, 1.0 / 255}, {{0}, {1}, 1.0 / 255}, {{0}, {1}, 1.0}};
    for (const auto& [mean, std, scale] : ways) {
        Preprocess p = given;
        p.mean = mean;
        p.std = std;
        p.scale = scale;
        add("normalisation", "the pixels are normalised in another way than the network was trained with", cat("--scale ", scale == 1 ? "1" : "1/255", " --mean ", list(mean), " --std ", list(std)), p);
    }
    return all;
}

std::vector<record::Finding> diagnose_data(const Graph& g, const Dataset& data, const Preprocess& given, const EvalOptions& options, int64_t samples, uint64_t seed) {
    if (given.kind != DataKind::image || data.regression() || data.size() == 0 || data.sample_dims().size() != 3) return {};
    std::vector<int64_t> indices = Rng(seed, 55).permutation(data.size());
    indices.resize(static_cast<size_t>(std::min(samples, data.size())));
    std::sort(indices.begin(), indices.end());
    EvalOptions o = options;
    o.progress = "looking for faults of the data path";
    const Answers as_given = evaluate(g, data, o, indices);
    std::vector<double> mean, std;
    pixel_statistics(data, indices, given, &mean, &std);
    std::vector<record::Finding> found;
    for (const Alternative& a : alternatives(given, mean, std)) {
        const Renormalised other(data, given, a.preprocess, a.swap_channels);
        const Answers answers = evaluate(g, other, o, indices);
        const PairedCounts counts = count_pairs(as_given.right, answers.right);
        const double gain = answers.top1() - as_given.top1();
        if (gain < least_gain || mcnemar_mid_p(counts.lost, counts.gained) > sure) continue;
        record::Finding f;
        f.fault = a.fault;
        f.title = a.title;
        f.evidence = cat("top-1 is ", percent(answers.top1()), " in this way and ", percent(as_given.top1()), " as the samples are given, on the same ", indices.size(), " samples");
        f.advice = a.advice;
        f.weight = gain;
        // Of one fault the best way; among faults that gain alike the first, which is the smallest change.
        const auto same = std::find_if(found.begin(), found.end(), [&](const record::Finding& x) { return x.fault == f.fault; });
        if (same == found.end()) found.push_back(std::move(f));
        else if (f.weight > same->weight) *same = std::move(f);
    }
    const auto rank = [](const record::Finding& f) { return std::llround(f.weight / 0.01); };
    std::stable_sort(found.begin(), found.end(), [&](const record::Finding& a, const record::Finding& b) { return rank(a) > rank(b); });
    return found;
}

}  // namespace hone::eval
