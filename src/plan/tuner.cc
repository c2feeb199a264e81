// SPDX-License-Identifier: Apache-2.0
#include "plan/tuner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <set>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone {

namespace {

constexpr double kTinyWork = 4e6;  ///< operations and bytes up to which one thread may be as fast as all
constexpr int kRounds = 15, kFirstRounds = 4;
constexpr double kHopeless = 1.25;  ///< after the first rounds, by the least times
constexpr double kTurnSeconds = 2e-4;  ///< a turn lasts at least so long

std::string label(const Alternative& a) {
    return cat(a.choice.candidate, " ", a.choice.variant, " ", a.choice.layout == Layout::plain ? "plain" : "channels_last", " ", a.choice.threads, "|", a.implementation);
}

Tensor random_input(Rng& rng, const TypeInfo& type) {
    Tensor t = Tensor::zeros(type.dtype, dims_of(type.shape));
    if (t.dtype() == DType::u8 || t.dtype() == DType::i8)
        for (int64_t i = 0; i < t.count(); ++i) t.data<uint8_t>()[i] = static_cast<uint8_t>(rng.below(256));
    else if (is_float(t.dtype()))
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.normal());
    return t;  // indices are all zero
}

/// Read, in the current pool, by the threads that will work: what lies there is in the caches then.
void read_through(const void* data, size_t bytes) {
    const auto* p = static_cast<const volatile char*>(data);
    parallel_ranges(static_cast<int64_t>(bytes / 64), 1 << 12, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) (void)p[64 * i];
    });
}

/// What pushes a step's weights out of the caches before each run, as the other steps of a plan do whose weights are more
/// than these hold. There a kernel that reads more weights to multiply less (Winograd's) is slower than by itself.
class Flood {
  public:
    explicit Flood(const Graph& g) {
        size_t weights = 0;
        for (ValueId v = 0; v < g.value_count(); ++v)
            if (g.value(v).is_constant()) weights += g.value(v).constant.bytes();
        const auto l3 = static_cast<size_t>(std::max(0L, cache_sizes().l3));
        if (l3 == 0 || weights < l3 / 2) return;
        bytes_ = 2 * l3;
        memory_ = allocate_aligned(bytes_);
        std::memset(memory_.get(), 1, bytes_);
    }
    bool wanted() const { return bytes_ > 0; }
    void run() const { read_through(memory_.get(), bytes_); }

  private:
    size_t bytes_ = 0;
    std::shared_ptr<void> memory_;
};

/// One step taken out of its plan: inputs, outputs and kernels of its own.
class Bench {
  public:
    Bench(const Plan& fixed, const Step& step, const PlanOptions& options, ThreadPool* pool, const Flood& flood)
        : g_(fixed.graph), node_(g_.node(step.node)), step_(step), options_(options), pool_(pool), flood_(flood) {}

    /// What the fixed plan does comes first; kernels that turn out the same are left out.
    std::vector<Alternative> alternatives() {
        kernels_.clear();
        std::vector<Alternative> all;
        add(all, step_.candidate, 0, step_.layout, step_.threads);
        for (const Candidate& k : candidates_for(context(0, options_.threads))) {
            if (k.isa > usable_isa() || k.view) continue;
            const Layout layout = k.layout == LayoutRule::any ? step_.layout : k.layout == LayoutRule::plain ? Layout::plain : Layout::channels_last;
            for (int v = 0; v < k.variants; ++v) add(all, k.name, v, layout, options_.threads);
        }
        if (options_.threads > 1 && work_of(g_, node_, step_.cost) < kTinyWork && !all.empty()) add(all, step_.candidate, 0, step_.layout, 1);
        return all;
    }

    /// Fills in ms and wrong.
    void measure(std::vector<Alternative>& all) {
        Rng rng(1);
        for (ValueId v : node_.inputs) {
            if (v == kNone) plain_.emplace_back();
            else plain_.push_back(g_.value(v).is_constant() ? g_.value(v).constant : random_input(rng, g_.value(v).type));
        }
        const StepCheck check(g_, step_.node, plain_);
        std::vector<Tensor> fixed_out;
        std::vector<size_t> live;
        for (size_t i = 0; i < all.size(); ++i) {
            const std::vector<Tensor> out = run_once(i);
            std::string why = check.wrong(out);
            if (!check.possible() && i > 0) why = differs(out, fixed_out);
            if (i == 0) fixed_out = out;
            all[i].wrong = !why.empty();
            all[i].ms = std::numeric_limits<double>::quiet_NaN();
            if (!all[i].wrong) live.push_back(i);
        }
        time(all, live);
    }

  private:
    LowerContext context(int variant, int threads) const { return {g_, step_.node, node_, threads, variant}; }

    void add(std::vector<Alternative>& all, const std::string& name, int variant, Layout layout, int threads) {
        for (Candidate& k : candidates_for(context(variant, threads))) {
            if (k.name != name || k.isa > usable_isa() || k.view) continue;
            if (k.layout != LayoutRule::any && (k.layout == LayoutRule::plain) != (layout == Layout::plain)) continue;
            std::unique_ptr<StepKernel> kernel = k.make(layout);
            if (!kernel) continue;
            if (threads < options_.threads) kernel = on_one_thread(std::move(kernel));
            Alternative a{{name, variant, layout, threads}, kernel->implementation()};
            const bool seen = std::any_of(all.begin(), all.end(), [&](const Alternative& b) {
                return b.implementation == a.implementation && b.choice.layout == layout && b.choice.threads == threads;
            });
            if (seen) return;
            all.push_back(a);
            kernels_.push_back({std::move(kernel), std::move(k)});
            return;
        }
    }

    Layout layout_of(const Tensor& t, Layout wanted) const { return t.rank() >= 3 ? wanted : Layout::plain; }
    /// In the layout, as a tensor of plain dims.
    Tensor laid_out(const Tensor& t, Layout l) const { return t.defined() ? to_layout(t, layout_of(t, l)) : t; }
    Tensor plain_again(const Tensor& t, Layout l) const {
        if (layout_of(t, l) == Layout::plain || layout_free(t.dims())) return t;
        Tensor out = Tensor::zeros(t.dtype(), t.dims());
        vec::permute(vec::make_permute(physical(t.dims(), l), layout_permutation(t.rank(), Layout::plain)), dtype_size(t.dtype()), t.raw(), out.raw_mut());
        return out;
    }

    struct Args {
        std::vector<Tensor> in, out;
        std::vector<const void*> in_ptr;
        std::vector<void*> out_ptr;
        std::shared_ptr<void> scratch;
        StepArgs args() { return {in_ptr.data(), out_ptr.data(), scratch.get()}; }
    };
    Args arguments(size_t i, const std::vector<Tensor>& plain, Layout layout) const {
        Args a;
        const Candidate& k = kernels_[i].second;
        for (size_t p = 0; p < plain.size(); ++p) {
            const bool packed = std::find(k.packed.begin(), k.packed.end(), static_cast<int>(p)) != k.packed.end();
            a.in.push_back(packed ? Tensor() : laid_out(plain[p], k.in_layout(p, layout)));
            a.in_ptr.push_back(a.in.back().raw());
        }
        for (ValueId v : node_.outputs) {
            a.out.push_back(v == kNone ? Tensor() : Tensor::zeros(g_.value(v).type.dtype, dims_of(g_.value(v).type.shape)));
            a.out_ptr.push_back(a.out.back().raw_mut());
        }
        a.scratch = allocate_aligned(kernels_[i].first->scratch_bytes());
        return a;
    }

    std::vector<Tensor> run_once(size_t i) {
        Args a = arguments(i, plain_, layouts_[i] = layout_at(i));
        const ThreadPool::Use use(options_.threads > 1 ? pool_ : nullptr);
        kernels_[i].first->run(a.args());
        std::vector<Tensor> out;
        for (size_t p = 0; p < a.out.size(); ++p) {
            const Tensor& t = a.out[p];
            out.push_back(t.defined() ? plain_again(t, kernels_[i].second.out_layout(p, layouts_[i])) : t);
        }
        return out;
    }
    Layout layout_at(size_t i) const {
        const Candidate& k = kernels_[i].second;
        return k.layout == LayoutRule::any ? step_.layout : k.layout == LayoutRule::plain ? Layout::plain : Layout::channels_last;
    }

    static std::string differs(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
        for (size_t i = 0; i < a.size(); ++i) {
            if (!a[i].defined()) continue;
            double greatest = 1e-30, off = 0;
            for (int64_t k = 0; k < a[i].count(); ++k) {
                greatest = std::max(greatest, std::abs(b[i].at(k)));
                off = std::max(off, std::abs(a[i].at(k) - b[i].at(k)));
            }
            const bool exact = !is_float(a[i].dtype());
            if (!(off <= (exact ? 0 : a[i].dtype() == DType::f32 ? 2e-4 : 2e-2) * greatest)) return "it differs from the fixed plan's kernel";
        }
        return {};
    }

    /// A step in another layout than the fixed plan's pays for reorders at its borders.
    double reorder_ms(Layout from, Layout to) {
        if (from == to) return 0;
        double bytes = 0;
        for (size_t i = 0; i < node_.inputs.size(); ++i)
            if (plain_[i].rank() >= 3 && !g_.value(node_.inputs[i]).is_constant() && !layout_free(plain_[i].dims())) bytes += static_cast<double>(plain_[i].bytes());
        bytes += bytes_of(g_, node_.outputs);
        if (bytes == 0) return 0;
        // By a permutation of as many bytes as the first input has.
        const Tensor& x = plain_[0];
        if (x.rank() < 3) return 0;
        const vec::Permute p = vec::make_permute(x.dims(), layout_permutation(x.rank(), Layout::channels_last));
        Tensor y = Tensor::zeros(x.dtype(), x.dims());
        std::vector<double> ms;
        for (int i = 0; i < 5; ++i) {
            const double start = now_seconds();
            parallel_ranges(p.outer, std::max<int64_t>(1, p.outer / 8), [&](int64_t b, int64_t e) { vec::permute(p, dtype_size(x.dtype()), x.raw(), y.raw_mut(), b, e); });
            ms.push_back((now_seconds() - start) * 1e3);
        }
        return median(ms) * bytes / static_cast<double>(std::max<size_t>(x.bytes(), 1));
    }

    /// Milliseconds a run, of a turn of several.
    double turn(size_t i, Args& args) const {
        const StepArgs a = args.args();
        kernels_[i].first->run(a);
        int runs = 0;
        const double start = now_seconds();
        double now = start;
        do {
            kernels_[i].first->run(a);
            ++runs;
            now = now_seconds();
        } while (now - start < kTurnSeconds);
        return (now - start) * 1e3 / runs;
    }
    /// ... of one run that finds its inputs in the caches, where the step before left them, and its weights in memory.
    double after_flood(size_t i, Args& args) const {
        flood_.run();
        for (size_t k = 0; k < args.in.size(); ++k)
            if (args.in_ptr[k] && !g_.value(node_.inputs[k]).is_constant()) read_through(args.in_ptr[k], args.in[k].bytes());
        const StepArgs a = args.args();
        const double start = now_seconds();
        kernels_[i].first->run(a);
        return (now_seconds() - start) * 1e3;
    }

    void time(std::vector<Alternative>& all, std::vector<size_t> live) {
        const ThreadPool::Use use(options_.threads > 1 ? pool_ : nullptr);
        std::vector<Args> args(all.size());
        std::vector<std::vector<double>> ms(all.size());
        for (size_t i : live) {
            args[i] = arguments(i, plain_, layouts_[i]);
            const std::vector<InPlace>& places = kernels_[i].second.in_place;  // as in the plan: the residual lies where the result goes
            if (places.size() != 1 || places[0].output != 0) continue;
            const auto place = static_cast<size_t>(places[0].input);
            if (args[i].in[place].bytes() == args[i].out[0].bytes()) args[i].in_ptr[place] = args[i].out_ptr[0];
        }
        for (int round = 0; round < kRounds; ++round) {
            for (size_t i : live) {
                ms[i].push_back(flood_.wanted() ? after_flood(i, args[i]) : turn(i, args[i]));
            }
            if (round + 1 != kFirstRounds) continue;
            double best = std::numeric_limits<double>::infinity();
            for (size_t i : live) best = std::min(best, minimum(ms[i]));
            std::erase_if(live, [&](size_t i) { return i != 0 && minimum(ms[i]) > kHopeless * best; });
        }
        for (size_t i = 0; i < all.size(); ++i)
            if (!ms[i].empty()) all[i].ms = median(ms[i]) + reorder_ms(step_.layout, layouts_[i]);
    }

    const Graph& g_;
    const Node& node_;
    const Step& step_;
    const PlanOptions& options_;
    ThreadPool* pool_;
    const Flood& flood_;
    std::vector<Tensor> plain_;
    std::vector<std::pair<std::unique_ptr<StepKernel>, Candidate>> kernels_;
    std::map<size_t, Layout> layouts_;
};

/// The record of one kind of step: a line of text and a time for each alternative; NaN where it was wrong.
record::Journal::Noted noted(const std::vector<Alternative>& all) {
    record::Journal::Noted n;
    for (const Alternative& a : all) {
        n.values.push_back(a.ms);
        n.text += cat(n.text.empty() ? "" : "\n", a.wrong ? "wrong " : "right ", label(a));
    }
    return n;
}
/// Empty for a record that is not one.
std::vector<Alternative> alternatives_from(const record::Journal::Noted& n) {
    std::vector<Alternative> all;
    size_t at = 0;
    for (double ms : n.values) {
        if (at > n.text.size()) return {};
        const size_t end = std::min(n.text.find('\n', at), n.text.size());
        const std::string line = n.text.substr(at, end - at);
        at = end + 1;
        Alternative a;
        char verdict[8], name[64], layout[32];
        const size_t bar = line.find('|');
        if (bar == std::string::npos || std::sscanf(line.c_str(), "%7s %63s %d %31s %d|", verdict, name, &a.choice.variant, layout, &a.choice.threads) != 5) return {};
        a.wrong = std::string(verdict) == "wrong";
        a.choice.candidate = name;
        a.choice.layout = std::string(layout) == "plain" ? Layout::plain : Layout::channels_last;
        a.implementation = line.substr(bar + 1);
        a.ms = ms;
        all.push_back(std::move(a));
    }
    return all;
}

size_t best_of(const std::vector<Alternative>& all, double margin) {
    size_t best = 0;
    for (size_t i = 1; i < all.size(); ++i) {
        if (all[i].wrong || std::isnan(all[i].ms)) continue;
        if (std::isnan(all[best].ms) || all[i].ms < all[best].ms) best = i;
    }
    if (best == 0 || all[0].wrong) return best;
    return all[best].ms < all[0].ms * (1 - margin) ? best : 0;
}

}  // namespace

std::vector<std::string> wrong_kernels(const record::Journal& journal) {
    std::vector<std::string> all;
    for (const record::JournalEntry& e : journal.entries())
        if (e.key.starts_with("kernel"))
            for (const Alternative& a : alternatives_from({e.values, e.text}))
                if (a.wrong) all.push_back(cat(a.implementation, ", for ", e.key.substr(e.key.find('|') + 1)));
    return all;
}

std::string step_key(const Graph& g, NodeId id, int threads) {
    const Node& n = g.node(id);
    std::string key = cat(n.domain.empty() ? "" : n.domain + ".", n.op);
    for (const auto& [name, a] : n.attributes) key += cat(" ", name, "=", to_text(a));
    key += " (";
    for (ValueId v : n.inputs) {
        if (v == kNone) key += "-,";
        else key += cat(to_text(g.value(v).is_constant() ? TypeInfo::of(g.value(v).constant) : g.value(v).type), g.value(v).is_constant() ? " const," : ",");
    }
    // A value that is read twice cannot be overwritten in place.
    const std::set<ValueId> distinct(n.inputs.begin(), n.inputs.end());
    if (distinct.size() != n.inputs.size()) key += "again,";
    return cat(key, ") threads ", threads);
}

std::function<std::optional<Choice>(const Graph&, NodeId)> Tuning::chooser() const {
    std::map<std::string, Choice> by_key;
    int threads = 1;
    for (const TunedStep& s : steps) {
        if (s.chosen != 0) by_key[s.key] = s.alternatives[s.chosen].choice;
        threads = std::atoi(s.key.substr(s.key.rfind(' ') + 1).c_str());
    }
    return [by_key, threads](const Graph& g, NodeId id) -> std::optional<Choice> {
        const auto it = by_key.find(step_key(g, id, threads));
        return it == by_key.end() ? std::nullopt : std::optional(it->second);
    };
}

Tuning tune_steps(const Plan& fixed, const PlanOptions& options, ThreadPool* pool, record::Journal& journal, const TunerOptions& t) {
    struct Kind {
        const Step* first;
        int count = 0;
        double work = 0;
    };
    std::map<std::string, Kind> kinds;
    for (const Step& s : fixed.steps) {
        if (s.node == kNone || s.kind != StepKind::kernel) continue;
        Kind& k = kinds[step_key(fixed.graph, s.node, options.threads)];
        if (!k.first) k.first = &s;
        ++k.count;
        k.work += 2 * s.cost.macs + s.cost.flops;
    }
    std::vector<std::pair<std::string, Kind>> order(kinds.begin(), kinds.end());
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second.work > b.second.work; });
    Tuning tuning;
    const Flood flood(fixed.graph);
    const double start = now_seconds();
    for (const auto& [key, kind] : order) {
        // What time did not suffice for is recorded as that, so that a replay leaves it too.
        const auto n = journal.recall(cat(flood.wanted() ? "kernel after others|" : "kernel|", key), [&]() -> record::Journal::Noted {
            if (now_seconds() - start > t.max_seconds) return {};
            Bench bench(fixed, *kind.first, options, pool, flood);
            std::vector<Alternative> all = bench.alternatives();
            if (all.size() > 1) bench.measure(all);
            return noted(all);
        });
        TunedStep s;
        s.key = key;
        s.origins = kind.first->origins;
        s.count = kind.count;
        s.alternatives = alternatives_from(n);
        if (s.alternatives.size() < 2) continue;
        s.chosen = best_of(s.alternatives, t.margin);
        for (const Alternative& a : s.alternatives)
            if (a.wrong) tuning.wrong.push_back(cat(a.implementation, ", for ", key));
        tuning.steps.push_back(std::move(s));
    }
    tuning.seconds = now_seconds() - start;
    return tuning;
}

}  // namespace hone
