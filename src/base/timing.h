// SPDX-License-Identifier: Apache-2.0
// Wall-clock seconds (monotonic) and robust statistics of samples.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

double now_seconds();
/// The finest clock: the processor's own counter where it ticks evenly (some 10 ns to read), else the monotonic clock.
/// Only differences mean something, and only within this process.
uint64_t ticks();
double seconds_between(uint64_t from, uint64_t to);
double minimum(const std::vector<double>& v);
/// Linear-interpolated quantile, q in [0,1]; v need not be sorted; v not empty.
double quantile(std::vector<double> v, double q);
double median(const std::vector<double>& v);
double mean(const std::vector<double>& v);
/// Spearman's rank correlation, ties with their mean rank; NaN for fewer than 2 pairs or where one side is all equal.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// {min, p50, p99} in the unit of the samples; what every `latency_ms` is.
struct Latency {
    double min = 0, p50 = 0, p99 = 0;
};
Latency latency_of(const std::vector<double>& samples);

/// For the rest of `total` at the rate of what was done beyond `before` in so many seconds; NaN where nothing was.
double seconds_left(double elapsed, double done, double before, double total);

/// Progress line on stderr with an ETA; silent for the first two seconds, when stderr is not a terminal it prints a
/// line every ten seconds. Honours `set_quiet`.
class Progress {
  public:
    Progress(std::string what, double total);
    ~Progress();
    Progress(const Progress&) = delete;
    /// `before`: how much of it had been done when this began, which says nothing of the time.
    void update(double done, double before = 0);
    void add(double done) { update(done_ + done); }

  private:
    std::string what_;
    double total_, done_ = 0, start_, last_ = 0;
    bool shown_ = false;
};
void set_quiet(bool quiet);
std::string human_seconds(double s);  ///< "0.4 s", "2 min 5 s"
std::string human_bytes(double b);    ///< "1.2 MB"

}  // namespace hone
