// SPDX-License-Identifier: Apache-2.0
// The end of the main job: finalists in fresh processes, the test part once, the answer written.
#include <stdio.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/search.h"
#include "optimize/start.h"
#include "optimize/words.h"
#include "record/hash.h"

namespace hone {

using namespace words;

namespace {

std::string stem(const std::string& path) {
    const std::string name = base_name(path);
    const size_t dot = name.rfind(".onnx");
    return dot == std::string::npos ? name : name.substr(0, dot);
}

void write_answer(const Trial& t, const Search& s, const std::string& path) { write_model(s.written(t), path); }

/// Where a trial's file is while it is timed: an unchanged original is its own file.
eval::TimedModel timed_model(const Trial& t, const Search& s, const std::string& candidate_path) {
    if (!t.quantized) return {s.request.model, t.precision};
    write_answer(t, s, candidate_path);
    return {candidate_path, t.precision};
}

record::Side side_of(const Search& s, double metric, Precision p, const Latency& latency, double load_ms, int64_t bytes) {
    record::Side side;
    side.metric = metric;
    side.precision = eval::precision_name(p);
    side.runtime = s.runtime->name();
    side.latency_ms = latency;
    side.load_ms = load_ms;
    side.bytes = bytes;
    for (const compress::Layer& l : s.layers) {
        side.parameters += l.parameters;
        side.macs += static_cast<int64_t>(l.macs);
    }
    return side;
}

/// A finalist and what fresh processes said of it.
struct Final {
    const Trial* trial = nullptr;
    const Trial* against = nullptr;  ///< the original at its best precision
    TimedPair timed;
};

class Conclusion {
  public:
    explicit Conclusion(Search& s) : s_(s), run_(s.run), candidate_path_(s.request.out + "/" + stem(s.request.model) + "_candidate.onnx") {}

    void run() {
        const std::optional<Final> answer = choose();
        if (answer) verdict(*answer);
        else keep_original();
        if (run_.accepted) ::remove(candidate_path_.c_str());
        else run_.model = run_.original;
        if (rejected_) note_rejected();
        fill_layers(s_, judged_, run_.accepted);
    }

  private:
    /// The first finalist that fresh processes find to meet the goal's time.
    std::optional<Final> choose() {
        const Trial* base = best_original();
        size_t timed = 0;
        for (const Trial* t : finalists(s_)) {
            if (timed++ == most_finalists) break;
            const Trial* against = t->quantized ? base : fp32_;
            if (t == against) {  // the original itself meets the bound
                Final f{t, fp32_, {}};
                f.timed = s_.timed_pair(cat(fp32_->key, "|", t->key), {s_.request.model, Precision::fp32}, {s_.request.model, t->precision});
                return f;
            }
            Final f{t, against, s_.timed_pair(cat(against->key, "|", t->key), {s_.request.model, against->precision}, timed_model(*t, s_, candidate_path_))};
            const eval::Speedup& v = f.timed.speedup;
            s_.decide(cat("timed in fresh processes: ", t->name),
                      cat(times(v.estimate), " as fast as ", against->name, " (", times(v.low), " to ", times(v.high), "), in ", s_.runtime->name()),
                      {{"speedup", v.estimate}, {"low", v.low}, {"high", v.high}});
            std::string why;
            if (s_.request.goal.max_latency) {
                const double bound = s_.request.goal.max_latency->share ? *s_.max_latency_share() * fp32_ms(f) : s_.request.goal.max_latency->value;
                if (f.timed.second.p50 > bound) why = cat("takes ", milliseconds(f.timed.second.p50), "; the bound is ", milliseconds(bound));
            } else if (!s_.request.goal.max_size && !v.faster()) {
                why = cat("not measured faster than ", against->name, ": ", milliseconds(f.timed.second.p50), " against ", milliseconds(f.timed.first.p50));
            }
            if (why.empty()) return f;
            s_.add_candidate(*t, false, why);
            if (!rejected_) {
                rejected_ = t;
                rejected_reason_ = why;
                rejected_timed_ = f.timed;
            }
        }
        return std::nullopt;
    }
    /// Of the original at the moment of `f`.
    double fp32_ms(const Final& f) const { return f.against == fp32_ ? f.timed.first.p50 : f.timed.first.p50 / f.against->latency; }

    /// Of the originals that promise the bound the fastest: what a change has to beat.
    const Trial* best_original() {
        const Trial* best = nullptr;
        for (const Trial& t : s_.trials) {
            if (t.quantized) continue;
            if (t.precision == Precision::fp32) fp32_ = &t;
            if (!best || (s_.promising(t) && t.latency < best->latency)) best = &t;
        }
        return best;
    }

    eval::Answers test_answers(const Trial& t) { return s_.runtime->answers({&t.graph, t.quantized ? "" : s_.request.model, t.precision}, *s_.parts.test); }
    double test_metric(const eval::Answers& a) const { return eval::metric_value(s_.request.metric, a, *s_.parts.test); }
    /// The bound in the metric's unit, once the original has been judged on the test part.
    void note_bound(double before) {
        if (s_.request.goal.max_drop) run_.goal.max_drop = s_.max_drop(before);
    }

    void verdict(const Final& f) {
        const Trial& t = *f.trial;
        judged_ = &t;
        const eval::Answers before = test_answers(*fp32_), after = t.key == fp32_->key ? before : test_answers(t);
        const eval::MetricVerdict v = s_.verdict(before, after, *s_.parts.test);
        note_bound(v.before);
        const double bound = s_.max_drop(v.before);
        record::Drop d;
        d.estimate = v.estimate;
        d.low = v.low;
        d.high = v.high;
        d.samples = v.samples;
        d.method = v.exact ? "exact" : "bootstrap";
        d.lost = v.counts.lost;
        d.gained = v.counts.gained;
        d.mcnemar_p = v.mcnemar_p;
        d.samples_needed = eval::samples_needed(v, bound);
        run_.drop = d;
        run_.accepted = v.accepted;
        TimedPair timed = f.timed;
        run_.before = side_of(s_, v.before, Precision::fp32, timed.first, timed.first_load_ms, s_.original_bytes);
        if (f.against != fp32_) {  // `before` is fp32: time that pair too
            run_.before_best = side_of(s_, test_metric(test_answers(*f.against)), f.against->precision, timed.first, timed.first_load_ms, s_.original_bytes);
            const double candidate_then = timed.second.p50;
            timed = s_.timed_pair(cat(fp32_->key, "|", t.key), {s_.request.model, Precision::fp32}, timed_model(t, s_, candidate_path_));
            // Two pairs at two moments: the first one's times are carried to the second by the candidate in both.
            const double carry = timed.second.p50 / candidate_then;
            for (double* ms : {&run_.before_best->latency_ms.min, &run_.before_best->latency_ms.p50, &run_.before_best->latency_ms.p99}) *ms *= carry;
            run_.before.latency_ms = timed.first;
            run_.before.load_ms = timed.first_load_ms;
        }
        run_.speedup = record::Interval{timed.speedup.estimate, timed.speedup.low, timed.speedup.high};
        run_.latency_samples = {timed.first_ms, timed.second_ms};
        s_.add_candidate(t, v.accepted, v.accepted ? "accepted" : "rejected by the verdict");
        const std::string limit = s_.request.goal.max_drop ? cat(", within the bound of ", s_.drop_text(bound)) : "";
        const std::string drop = s_.request.metric == eval::Metric::top1 ? "the drop" : error() ? cat("the growth of ", s_.metric_name()) : cat("the drop of ", s_.metric_name());
        if (v.accepted) {
            write(t, v.after, timed);
            std::vector<std::string> parts = {cat(drop, " is at most ", s_.drop_text(v.high), " (95 %)", limit), cat("measured ", times(timed.speedup.estimate), " as fast in ", s_.runtime->name())};
            if (s_.request.goal.max_latency) parts.push_back(cat(milliseconds(timed.second.p50), " a run: the most accurate that meets the bound on time"));
            if (const auto most = s_.max_bytes()) parts.push_back(cat(bytes(run_.after->bytes), " of at most ", bytes(*most)));
            run_.reason = join(parts, "; ");
        } else {
            run_.reason = std::isnan(v.before) ? cat("the test samples have no ", s_.metric_name(), ": are they all of one class?")
                          : std::isnan(v.high) ? cat(s_.metric_name(), " cannot be judged: some answers to the test samples are not finite")
                          : d.samples_needed ? cat("too few test samples to be sure: ", drop, " may be up to ", s_.drop_text(v.high), "; about ", *d.samples_needed, " samples would decide it")
                                           : cat(drop, " may be up to ", s_.drop_text(v.high), ", past the bound of ", s_.drop_text(bound));
            rejected_ = &t;
            rejected_reason_ = run_.reason;
            rejected_timed_ = timed;
        }
        s_.decide(v.accepted ? "accepted" : "rejected", run_.reason, {{"drop", v.estimate}, {"low", v.low}, {"high", v.high}});
        warn_when_trained_on(v.before);
        if (v.accepted) measure_robustness(s_, *fp32_, t);
    }
    bool error() const { return eval::info_of(s_.request.metric).regression; }

    void write(const Trial& t, double metric, const TimedPair& timed) {
        const std::string path = s_.request.out + "/" + stem(s_.request.model) + "_optimized.onnx";
        write_answer(t, s_, path);
        run_.model = absolute_path(path);
        run_.after = side_of(s_, metric, t.precision, timed.second, timed.second_load_ms, model_file_bytes(path));
        HONE_CHECK(!s_.max_bytes() || run_.after->bytes <= *s_.max_bytes(), run_.after->bytes, " of ", t.bytes, " counted");
        run_.hashes.emplace_back("result", record::sha256_hex(map_file(path).text()));
        run_.files.push_back(run_.model);
        if (s_.runtime->name() == "hone") leave_plan_beside(t.precision);
        else ::remove(default_plan_file(path).c_str());  // of an answer before this one
    }

    /// For the next start of the answer as it was timed.
    void leave_plan_beside(Precision precision) {
        StartRequest r{run_.model, default_plan_file(run_.model), s_.request.batch, {}};
        r.options.threads = s_.request.threads;
        r.options.precision = precision;
        std::string why;
        if (leave_plan(r, &why)) run_.files.push_back(r.plan_file);
        else s_.say(cat("no plan file beside the answer: ", why));
    }

    void keep_original() {
        if (!rejected_) find_rejected();
        judged_ = rejected_;
        const double metric = test_metric(test_answers(*fp32_));
        note_bound(metric);
        const Latency about{s_.original_ms, s_.original_ms, s_.original_ms};
        run_.before = side_of(s_, metric, Precision::fp32, rejected_ && rejected_->quantized && best_original() == fp32_ && rejected_timed_ ? rejected_timed_->first : about,
                              rejected_timed_ ? rejected_timed_->first_load_ms : 0, s_.original_bytes);
        run_.reason = !s_.refusal.empty() ? s_.refusal
                      : rejected_ ? cat("nothing ", s_.request.goal.max_latency ? "meets the goal" : "faster within the bound", ": the best candidate (", rejected_->name, ") ", rejected_reason_)
                                  : cat("nothing to try: ", run_.decisions.back().what, run_.decisions.back().why.empty() ? "" : ", ", run_.decisions.back().why);
        s_.decide("kept the original", run_.reason);
        warn_when_trained_on(metric);
    }

    /// No finalist: the candidate that came nearest, and which bound it misses.
    void find_rejected() {
        for (const Trial& t : s_.trials) {
            if (!t.quantized && t.precision == Precision::fp32) continue;
            if (rejected_ && rejected_->latency <= t.latency) continue;
            rejected_ = &t;
        }
        if (!rejected_) return;
        std::vector<std::string> misses;
        if (!s_.promising(*rejected_)) misses.push_back(missed_drop(*rejected_));
        if (!s_.fast_enough(*rejected_)) misses.push_back(cat("takes ", percent(rejected_->latency), " of the original's time, where the bound is ", percent(*s_.max_latency_share()), " less ", 100 * latency_margin, " % of it for noise"));
        if (!s_.small_enough(*rejected_)) misses.push_back(cat("takes ", bytes(rejected_->bytes), ", where the bound is ", bytes(*s_.max_bytes())));
        rejected_reason_ = join(misses, ", ");
    }

    std::string missed_drop(const Trial& t) const {
        const double bound = s_.max_drop(fp32_->metric);
        const int64_t samples = s_.parts.test->size();
        if (std::isnan(t.drop())) return cat("has no ", s_.metric_name(), " on validation: scores that are not finite, or samples of one class");
        std::string text = cat(error() ? "grows by " : "drops ", s_.drop_text(t.drop()), error() ? cat(" of ", s_.metric_name()) : "", " on validation");
        if (t.drop() <= bound) text += cat(", to be expected at most ", s_.drop_text(t.expected_high(samples)), " on ", samples, " test samples");
        text += cat(", where the bound is ", s_.drop_text(bound));
        const auto needed = s_.samples_needed(t);
        return needed && *needed > samples ? cat(text, " (about ", *needed, " test samples would do)") : text;
    }

    void note_rejected() {
        write_answer(*rejected_, s_, candidate_path_);
        record::Rejected r;
        r.file = absolute_path(candidate_path_);
        r.drop = judged_ == rejected_ && run_.drop ? run_.drop->estimate : rejected_->drop();
        r.speedup = rejected_timed_ ? rejected_timed_->speedup.estimate : rejected_->latency > 0 ? 1 / rejected_->latency : 0;
        r.reason = rejected_reason_;
        run_.best_rejected = r;
        s_.add_candidate(*rejected_, false, rejected_reason_);
        run_.files.push_back(r.file);
    }

    void warn_when_trained_on(double on_test) {
        if (error()) return;
        const double gap = fp32_->metric - on_test, n = static_cast<double>(std::min(s_.parts.validation->size(), s_.parts.test->size()));
        if (gap > 0.02 && gap > 4 * std::sqrt(on_test * (1 - on_test) / n + 1e-6))
            run_.warnings.push_back(cat("the original scores ", points(gap), " better on validation than on test: it may have been trained on the validation samples"));
    }

    Search& s_;
    record::Run& run_;
    const std::string candidate_path_;
    const Trial *fp32_ = nullptr, *judged_ = nullptr, *rejected_ = nullptr;
    std::string rejected_reason_;
    std::optional<TimedPair> rejected_timed_;
};

}  // namespace

void conclude(Search& s) { Conclusion(s).run(); }

}  // namespace hone
