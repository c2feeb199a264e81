// SPDX-License-Identifier: Apache-2.0
#include "base/timing.h"

#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace hone {

double now_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {
#if defined(__x86_64__)
bool even_counter() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);  // invariant TSC
}
uint64_t counter() { return __rdtsc(); }
#else
bool even_counter() { return false; }
uint64_t counter() { return 0; }
#endif
uint64_t monotonic_ns() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}
/// Both clocks at one moment: the closest of a few readings, since a thread may lose its core between two.
std::pair<uint64_t, uint64_t> both_clocks() {
    uint64_t ns = 0, at = 0, closest = ~uint64_t{0};
    for (int i = 0; i < 8; ++i) {
        const uint64_t before = counter(), now = monotonic_ns(), gap = counter() - before;
        if (gap < closest) closest = gap, ns = now, at = before + gap / 2;
    }
    return {ns, at};
}
/// Seconds a tick, from 10 ms, to some 1e-5.
double tick_seconds() {
    if (!even_counter()) return 1e-9;
    const auto [ns, at] = both_clocks();
    while (monotonic_ns() - ns < 10'000'000) {}
    const auto [later, then] = both_clocks();
    return static_cast<double>(later - ns) * 1e-9 / static_cast<double>(then - at);
}
}  // namespace

uint64_t ticks() {
    static const bool even = even_counter();
    return even ? counter() : monotonic_ns();
}
double seconds_between(uint64_t from, uint64_t to) {
    static const double scale = tick_seconds();
    return static_cast<double>(static_cast<int64_t>(to - from)) * scale;
}

double minimum(const std::vector<double>& v) {
    HONE_CHECK(!v.empty());
    return *std::min_element(v.begin(), v.end());
}
double quantile(std::vector<double> v, double q) {
    HONE_CHECK(!v.empty());
    std::sort(v.begin(), v.end());
    const double at = q * static_cast<double>(v.size() - 1);
    const auto low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, v.size() - 1);
    return v[low] + (at - std::floor(at)) * (v[high] - v[low]);
}
double median(const std::vector<double>& v) { return quantile(v, 0.5); }
double mean(const std::vector<double>& v) {
    HONE_CHECK(!v.empty());
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}
namespace {
std::vector<double> ranks(const std::vector<double>& v) {
    std::vector<size_t> order(v.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return v[a] < v[b]; });
    std::vector<double> rank(v.size());
    for (size_t from = 0, to = 0; from < order.size(); from = to) {
        while (to < order.size() && v[order[to]] == v[order[from]]) ++to;
        for (size_t i = from; i < to; ++i) rank[order[i]] = static_cast<double>(from + to - 1) / 2;
    }
    return rank;
}
}  // namespace

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
    HONE_CHECK(a.size() == b.size());
    if (a.size() < 2) return std::nan("");
    const std::vector<double> x = ranks(a), y = ranks(b);
    const double middle = mean(x);
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - middle) * (y[i] - middle);
        xx += (x[i] - middle) * (x[i] - middle);
        yy += (y[i] - middle) * (y[i] - middle);
    }
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : std::nan("");
}

Latency latency_of(const std::vector<double>& s) { return {minimum(s), median(s), quantile(s, 0.99)}; }

namespace {
bool quiet = false;
}
void set_quiet(bool q) { quiet = q; }

Progress::Progress(std::string what, double total)
    : what_(std::move(what)), total_(total), start_(now_seconds()), last_(start_) {}

double seconds_left(double elapsed, double done, double before, double total) {
    return done > before ? elapsed * std::max(0.0, total - done) / (done - before) : std::numeric_limits<double>::quiet_NaN();
}

void Progress::update(double done, double before) {
    done_ = done;
    const double now = now_seconds();
    const bool terminal = ::isatty(2);
    if (quiet || now - start_ < 2 || now - last_ < (terminal ? 0.2 : 10)) return;
    last_ = now;
    shown_ = true;
    const double share = total_ > 0 ? std::clamp(done_ / total_, 0.0, 1.0) : 0;
    const double left = seconds_left(now - start_, done_, before, total_);
    std::fprintf(stderr, "%s%s: %3.0f %%, %s left%s", terminal ? "\r\033[K" : "", what_.c_str(), 100 * share,
                 left >= 0 ? human_seconds(left).c_str() : "?", terminal ? "" : "\n");
}
Progress::~Progress() {
    if (shown_ && ::isatty(2)) std::fprintf(stderr, "\r\033[K");
}

std::string human_seconds(double s) {
    char b[64];
    if (s < 60) std::snprintf(b, sizeof b, "%.1f s", s);
    else std::snprintf(b, sizeof b, "%d min %d s", static_cast<int>(s / 60), static_cast<int>(std::fmod(s, 60)));
    return b;
}
std::string human_bytes(double v) {
    char b[64];
    if (v < 1e3) std::snprintf(b, sizeof b, "%.0f B", v);
    else if (v < 1e6) std::snprintf(b, sizeof b, "%.1f kB", v / 1e3);
    else if (v < 1e9) std::snprintf(b, sizeof b, "%.2f MB", v / 1e6);
    else std::snprintf(b, sizeof b, "%.2f GB", v / 1e9);
    return b;
}

}  // namespace hone
