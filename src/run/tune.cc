// SPDX-License-Identifier: Apache-2.0
#include "run/tune.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/rng.h"
#include "base/timing.h"
#include "record/fast_hash.h"
#include "run/session.h"

namespace hone {

namespace {

constexpr int kLeastTurns = 15, kMostTurns = 200;
constexpr double kTurnsSeconds = 2;   ///< of each plan
constexpr double kFaster = 0.99, kWins = 0.6;

std::vector<Tensor> inputs_for(const Plan& p) {
    Rng rng(1);
    std::vector<Tensor> x;
    for (size_t i = 0; i < p.inputs.size(); ++i) {
        Tensor t = Tensor::zeros(p.input_types[i], p.input_dims[i]);
        if (is_float(t.dtype()))
            for (int64_t k = 0; k < t.count(); ++k) t.set(k, rng.normal());
        x.push_back(std::move(t));
    }
    return x;
}

/// {median of a, median of b, share of turns in which b was faster}.
std::vector<double> by_turns(const std::shared_ptr<const Plan>& a, const std::shared_ptr<const Plan>& b, ThreadPool* pool) {
    Session sa(a, pool), sb(b, pool);
    const std::vector<Tensor> x = inputs_for(*a);
    for (int i = 0; i < 3; ++i) sa.execute(x), sb.execute(x);
    std::vector<double> ta, tb;
    double wins = 0;
    auto timed = [&](Session& s) {
        const double start = now_seconds();
        s.execute(x);
        return (now_seconds() - start) * 1e3;
    };
    const double start = now_seconds();
    for (int i = 0; i < kMostTurns && (i < kLeastTurns || now_seconds() - start < 2 * kTurnsSeconds); ++i) {
        const bool swap = i % 2 != 0;  // neither always follows the other's caches
        const double first = timed(swap ? sb : sa), second = timed(swap ? sa : sb);
        ta.push_back(swap ? second : first);
        tb.push_back(swap ? first : second);
        wins += tb.back() < ta.back();
    }
    return {median(ta), median(tb), wins / static_cast<double>(ta.size())};
}

/// The network without its weights, and what was chosen.
std::string whole_key(const Plan& fixed, const Tuning& tuning) {
    std::string text = cat("threads ", fixed.threads);
    for (NodeId id : fixed.graph.order()) text += "\n" + step_key(fixed.graph, id, fixed.threads);
    for (const TunedStep& s : tuning.steps) {
        const Choice& c = s.alternatives[s.chosen].choice;
        text += cat("\n", s.key, " ", c.candidate, " ", c.variant, " ", static_cast<int>(c.layout), " ", c.threads);
    }
    return "whole|" + record::fast_hash_hex(text);
}

}  // namespace

TunedPlan tune_plan(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options, ThreadPool* pool,
                    record::Journal& journal, const TunerOptions& t) {
    HONE_CHECK(!options.choose && !options.references);
    TunedPlan out;
    const std::shared_ptr<Plan> fixed = plan_lowered(lower_graph(g, input_dims, options), options);
    out.plan = fixed;
    if (std::any_of(fixed->steps.begin(), fixed->steps.end(), [](const Step& s) { return s.kind == StepKind::dynamic; })) return out;
    out.tuning = tune_steps(*fixed, options, pool, journal, t);
    const bool changed = std::any_of(out.tuning.steps.begin(), out.tuning.steps.end(), [](const TunedStep& s) { return s.chosen != 0; });
    if (!changed) return out;
    PlanOptions chosen = options;
    chosen.choose = out.tuning.chooser();
    const std::shared_ptr<Plan> tuned = plan_lowered(fixed->graph, chosen);
    const std::vector<double> whole = journal.numbers(whole_key(*fixed, out.tuning), [&] { return by_turns(fixed, tuned, pool); });
    if (whole.size() != 3) return out;
    out.fixed_ms = whole[0];
    out.tuned_ms = whole[1];
    out.tuned = whole[1] < kFaster * whole[0] && whole[2] >= kWins;
    if (out.tuned) out.plan = tuned;
    return out;
}

std::string to_text(const TunedPlan& t) {
    std::string text;
    for (const TunedStep& s : t.tuning.steps) {
        text += cat("  ", s.count, " x ", s.key, s.origins.empty() ? "" : "  # " + s.origins[0], "\n");
        for (size_t i = 0; i < s.alternatives.size(); ++i) {
            const Alternative& a = s.alternatives[i];
            char ms[32];
            std::snprintf(ms, sizeof ms, "%9.4f ms", a.ms);
            text += cat("    ", i == s.chosen ? "* " : "  ", a.wrong ? "    wrong   " : std::isnan(a.ms) ? "            " : ms, "  ", a.implementation,
                        a.choice.layout == Layout::plain ? " plain" : " channels last", i == 0 ? ", of the fixed plan" : "", "\n");
        }
    }
    return text;
}

std::string cache_folder() {
    const char* xdg = std::getenv("XDG_CACHE_HOME");
    if (xdg && xdg[0] == '/') return std::string(xdg) + "/hone";
    const char* home = std::getenv("HOME");
    return home && home[0] == '/' ? std::string(home) + "/.cache/hone" : "";
}

}  // namespace hone
