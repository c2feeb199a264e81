// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace hone::train {
namespace {

using C = ScheduleContext;
constexpr double kMost = std::numeric_limits<double>::infinity();

/// Half a cosine from `a` to `b`; `part` is the way done.
double half_cosine(double a, double b, double part) { return b + (a - b) / 2 * (1 + std::cos(std::numbers::pi * part)); }

double constant(const C& c) { return c.rate; }
double steps(const C& c) { return c.rate * std::pow(c.at("gamma"), std::floor(static_cast<double>(c.step) / c.at("every"))); }
double multi_step(const C& c) {
    const auto passed = std::upper_bound(c.milestones.begin(), c.milestones.end(), c.step) - c.milestones.begin();
    return c.rate * std::pow(c.at("gamma"), static_cast<double>(passed));
}
/// Loshchilov and Hutter 2017, one descent: it stays at the minimum.
double cosine(const C& c) { return half_cosine(c.rate, c.at("minimum"), std::fmin(static_cast<double>(c.step) / c.at("steps"), 1)); }
/// Smith and Topin 2018: from rate / div up to the rate, then down to rate / (div * final_div).
double one_cycle(const C& c) {
    const double total = c.at("steps"), first = c.rate / c.at("div"), last = first / c.at("final_div");
    const double top = c.at("rise") * total - 1, end = total - 1, step = std::fmin(static_cast<double>(c.step), end);
    return top > 0 && step <= top ? half_cosine(first, c.rate, step / top) : half_cosine(c.rate, last, (step - top) / (end - top));
}

std::vector<Hyper> with_warmup(std::vector<Hyper> h) {
    h.push_back({"warmup", 0, 0, 9e15, true});
    h.push_back({"warmup_from", 1. / 3, 0, 1});
    return h;
}

}  // namespace

const std::vector<ScheduleDecl>& schedules() {
    static const Hyper steps_ahead{"steps", 0, 1, 9e15, true}, gamma{"gamma", 0.1, 0, kMost};
    static const std::vector<ScheduleDecl> all = {
        {"constant", "the rate as it is", with_warmup({}), constant},
        {"step", "times gamma every so many steps", with_warmup({{"every", 0, 1, 9e15, true}, gamma}), steps},
        {"multi_step", "times gamma at each milestone", with_warmup({gamma}), multi_step},
        {"cosine", "half a cosine down to the minimum", with_warmup({steps_ahead, {"minimum", 0, 0, kMost}}), cosine},
        {"one_cycle", "up to the rate and far down again, by half cosines",
         with_warmup({steps_ahead, {"rise", 0.3, 0, 1}, {"div", 25, 1, kMost}, {"final_div", 1e4, 1, kMost}}), one_cycle},
        {"plateau", "times gamma when a metric no longer gets better",
         with_warmup({gamma, {"patience", 10, 0, 9e15, true}, {"threshold", 1e-4, 0, kMost}, {"absolute", 0, 0, 2, true},
                      {"largest", 0, 0, 2, true}, {"cooldown", 0, 0, 9e15, true}, {"minimum", 0, 0, kMost}}), constant},
    };
    return all;
}

Schedule::Schedule(ScheduleSpec spec, double rate) : spec_(std::move(spec)), decl_(&find_declared(schedules(), spec_.name, "schedule")), rate_(rate) {
    spec_.hyper = resolve(decl_->hyper, spec_.hyper, cat("schedule '", spec_.name, "'"));
    for (const Hyper& h : decl_->hyper)
        if (h.whole && h.low == 1 && spec_.hyper[h.name] == 0)
            fail(ErrorKind::usage, "train.hyper", cat("the schedule '", spec_.name, "' needs '", h.name, "'"), "Give the number of steps.");
    if (!std::is_sorted(spec_.milestones.begin(), spec_.milestones.end()))
        fail(ErrorKind::usage, "train.milestones", "the milestones do not rise", "List them in order.");
}

double Schedule::at(int64_t step) const {
    const double warmup = spec_.hyper.at("warmup"), from = spec_.hyper.at("warmup_from"), done = static_cast<double>(step);
    const double part = done < warmup ? from + (1 - from) * done / warmup : 1;
    const int64_t behind = std::max<int64_t>(0, step - static_cast<int64_t>(warmup));
    return part * plateau_.factor * decl_->rate({rate_, behind, spec_.hyper, spec_.milestones});
}

bool Schedule::observe(double metric) {
    if (spec_.name != "plateau") return false;
    const HyperValues& h = spec_.hyper;
    const bool largest = h.at("largest") != 0;
    const double sign = largest ? 1 : -1, threshold = h.at("threshold");
    const double bar = h.at("absolute") != 0 ? plateau_.best + sign * threshold : plateau_.best + sign * threshold * std::abs(plateau_.best);
    PlateauState& p = plateau_;
    if (p.begun ? (largest ? metric > bar : metric < bar) : !std::isnan(metric)) {
        p.begun = true;
        p.best = metric;
        p.bad = 0;
    } else {
        ++p.bad;
    }
    if (p.cooldown > 0) {
        --p.cooldown;
        p.bad = 0;
    }
    if (p.bad <= static_cast<int64_t>(h.at("patience"))) return false;
    p.cooldown = static_cast<int64_t>(h.at("cooldown"));
    p.bad = 0;
    const double now = rate_ * p.factor, next = std::fmax(now * h.at("gamma"), h.at("minimum"));
    if (now - next <= 1e-8) return false;
    p.factor = next / rate_;
    return true;
}

ScheduleSpec with_steps(ScheduleSpec s, int64_t steps) {
    const auto warmup = s.hyper.find("warmup");
    const double behind = std::fmax(1, static_cast<double>(steps) - (warmup == s.hyper.end() ? 0 : warmup->second));
    for (const ScheduleDecl& d : schedules())
        if (s.name == d.name)
            for (const Hyper& h : d.hyper)
                if (std::string_view(h.name) == "steps" && !s.hyper.contains("steps")) s.hyper["steps"] = behind;
    if (s.name == "plateau") s.hyper.emplace("largest", 1);
    return s;
}

}  // namespace hone::train
