// SPDX-License-Identifier: Apache-2.0
#include "run/profile.h"

#include <algorithm>
#include <numeric>

#include "base/interrupt.h"
#include "base/timing.h"

namespace hone {

namespace {
constexpr size_t kMostMarks = 40'000'000;  // kept in memory, 8 bytes each

double mean_of(const std::vector<double>& v, const std::vector<size_t>& which) {
    double sum = 0;
    for (const size_t i : which) sum += v[i];
    return sum / static_cast<double>(which.size());
}
}  // namespace

double Profile::steps_ms() const { return std::accumulate(step_ms.begin(), step_ms.end(), 0.0); }

std::vector<size_t> middle_half(const std::vector<double>& whole) {
    std::vector<size_t> order(whole.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return whole[a] < whole[b]; });
    const size_t cut = whole.size() / 4;
    return {order.begin() + static_cast<std::ptrdiff_t>(cut), order.end() - static_cast<std::ptrdiff_t>(cut)};
}

Profile profile_runs(Session& session, const std::vector<Tensor>& inputs, const ProfileOptions& o) {
    const size_t steps = session.plan().steps.size();
    seconds_between(0, 0);  // the clock is calibrated before anything is timed
    auto run = [&](bool timers) {
        session.profile(timers);
        const double before = now_seconds();
        session.execute(inputs);
        return (now_seconds() - before) * 1e3;
    };
    for (int i = 0; i < 6; ++i) run(i % 2 == 1);
    std::vector<double> plain, timed;
    std::vector<uint64_t> marks;
    const size_t most = std::max<size_t>(kMostMarks / (steps + 1), 3);
    const double start = now_seconds();
    for (double spent = 0; timed.size() < most; spent = now_seconds() - start) {
        const auto runs = static_cast<int>(timed.size());
        if (runs >= o.least_runs && spent >= o.seconds) break;
        if (runs >= 3 && spent >= o.most_seconds) break;
        check_interrupt();
        plain.push_back(run(false));
        timed.push_back(run(true));
        marks.insert(marks.end(), session.marks().begin(), session.marks().end());
    }
    session.profile(false);

    Profile p;
    p.runs = static_cast<int64_t>(timed.size());
    p.whole_ms = mean_of(plain, middle_half(plain));
    const std::vector<size_t> middle = middle_half(timed);
    p.timed_ms = mean_of(timed, middle);
    std::vector<double> ms(timed.size());
    for (size_t k = 0; k < steps; ++k) {
        for (size_t r = 0; r < timed.size(); ++r) {
            const uint64_t* m = &marks[r * (steps + 1) + k];
            ms[r] = seconds_between(m[0], m[1]) * 1e3;
        }
        p.step_ms.push_back(mean_of(ms, middle));
        p.step_median_ms.push_back(median(ms));
    }
    for (size_t i = 0; i < std::min(static_cast<size_t>(std::max(o.traced, 0)), middle.size()); ++i) {
        const uint64_t* m = &marks[middle[i] * (steps + 1)];
        std::vector<double>& at = p.traced.emplace_back();
        for (size_t k = 0; k <= steps; ++k) at.push_back(seconds_between(m[0], m[k]));
    }
    return p;
}

}  // namespace hone
