// SPDX-License-Identifier: Apache-2.0
#include "eval/paired_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "base/error.h"

namespace hone::eval {

namespace {
class Mean : public PairedStatistic {
  public:
    explicit Mean(std::vector<double> d) : d_(std::move(d)) {}
    int64_t size() const override { return static_cast<int64_t>(d_.size()); }
    double worse(std::span<const int32_t> w) const override {
        double sum = 0, n = 0;
        for (size_t i = 0; i < d_.size(); ++i) {
            sum += w[i] * d_[i];
            n += w[i];
        }
        return sum / n;
    }
    std::vector<double> influence() const override { return d_; }
    std::unique_ptr<PairedStatistic> with_adverse() const override {
        return with(*std::max_element(d_.begin(), d_.end()));
    }
    std::unique_ptr<PairedStatistic> with_favourable() const override {
        return with(*std::min_element(d_.begin(), d_.end()));
    }

  private:
    std::unique_ptr<PairedStatistic> with(double one) const {
        std::vector<double> d = d_;
        d.push_back(one);
        return std::make_unique<Mean>(std::move(d));
    }
    std::vector<double> d_;
};

/// Samples of the same label and answers are alike: groups of them are counted.
class MacroMeans : public PairedStatistic {
  public:
    using Kind = std::tuple<int, int, int>;  ///< label, answer before, answer after; -1: none
    MacroMeans(const std::vector<Kind>& samples, int64_t classes, Macro which) : classes_(classes), which_(which) {
        std::map<Kind, size_t> place;
        for (const Kind& k : samples) {
            const auto [at, is_new] = place.try_emplace(k, kinds_.size());
            if (is_new) {
                kinds_.push_back(k);
                counts_.push_back(0);
            }
            of_sample_.push_back(at->second);
            counts_[at->second] += 1;
        }
    }
    int64_t size() const override { return static_cast<int64_t>(of_sample_.size()); }
    double worse(std::span<const int32_t> w) const override {
        std::vector<double> counts(kinds_.size(), 0);
        for (size_t i = 0; i < of_sample_.size(); ++i) counts[of_sample_[i]] += w[i];
        return of_counts(counts);
    }
    std::vector<double> influence() const override {
        std::vector<double> of_kind(kinds_.size()), out;
        const double here = of_counts(counts_);
        for (size_t k = 0; k < kinds_.size(); ++k) of_kind[k] = slope(kinds_[k], here);
        for (const size_t k : of_sample_) out.push_back(of_kind[k]);
        return out;
    }
    std::unique_ptr<PairedStatistic> with_adverse() const override { return with(true); }
    std::unique_ptr<PairedStatistic> with_favourable() const override { return with(false); }

  private:
    double of_counts(const std::vector<double>& counts, const Kind* extra = nullptr, double weight = 0) const {
        const auto n = static_cast<size_t>(classes_);
        const MacroCounts none{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)};
        MacroCounts before = none, after = none;
        const auto add = [&](const Kind& kind, double w) {
            const auto& [label, a, b] = kind;
            before.labels[static_cast<size_t>(label)] += w;
            after.labels[static_cast<size_t>(label)] += w;
            if (a >= 0) before.answers[static_cast<size_t>(a)] += w;
            if (b >= 0) after.answers[static_cast<size_t>(b)] += w;
            if (a == label) before.right[static_cast<size_t>(label)] += w;
            if (b == label) after.right[static_cast<size_t>(label)] += w;
        };
        for (size_t k = 0; k < kinds_.size(); ++k) add(kinds_[k], counts[k]);
        if (extra) add(*extra, weight);
        return macro_mean(before, which_) - macro_mean(after, which_);
    }
    double slope(const Kind& kind, double here) const {
        constexpr double little = 1e-4;
        return (of_counts(counts_, &kind, little) - here) / little;
    }
    /// Of every class that has samples, one more that the better model gets right and the other takes for the class that
    /// it most often answers wrongly (or simply the next).
    std::unique_ptr<PairedStatistic> with(bool adverse) const {
        std::vector<double> wrong(static_cast<size_t>(classes_), 0), labels(static_cast<size_t>(classes_), 0);
        for (size_t k = 0; k < kinds_.size(); ++k) {
            const auto& [label, a, b] = kinds_[k];
            labels[static_cast<size_t>(label)] += counts_[k];
            if (a >= 0 && a != label) wrong[static_cast<size_t>(a)] += counts_[k];
            if (b >= 0 && b != label) wrong[static_cast<size_t>(b)] += counts_[k];
        }
        const double here = of_counts(counts_);
        Kind best{};
        double most = -1;
        for (int label = 0; label < classes_; ++label) {
            if (labels[static_cast<size_t>(label)] == 0) continue;
            int other = label == 0 && classes_ > 1 ? 1 : 0;
            for (int c = 0; c < classes_; ++c)
                if (c != label && wrong[static_cast<size_t>(c)] > wrong[static_cast<size_t>(other)]) other = c;
            const Kind kind = adverse ? Kind{label, label, other} : Kind{label, other, label};
            const double effect = slope(kind, here) * (adverse ? 1 : -1);
            if (effect > most) {
                most = effect;
                best = kind;
            }
        }
        std::vector<Kind> samples;
        for (const size_t k : of_sample_) samples.push_back(kinds_[k]);
        samples.push_back(best);
        return std::make_unique<MacroMeans>(samples, classes_, which_);
    }

    int64_t classes_;
    Macro which_;
    std::vector<Kind> kinds_;
    std::vector<double> counts_;
    std::vector<size_t> of_sample_;
};

/// Scores of one class against the rest under one model, in rising order.
struct Ranked {
    std::vector<uint32_t> order;
    std::vector<uint8_t> positive;  ///< by sample
    std::vector<uint8_t> ties;      ///< by place: equal to the one before
    Ranked(const Tensor& p, std::span<const int> labels, int64_t column, int wanted) {
        const int64_t columns = p.dim(1);
        const double* v = p.data<double>() + column;
        const auto score = [&](uint32_t i) { return v[static_cast<int64_t>(i) * columns]; };
        order.resize(labels.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
            return score(a) != score(b) ? score(a) < score(b) : a < b;
        });
        for (const int l : labels) positive.push_back(l == wanted);
        for (size_t k = 0; k < order.size(); ++k) ties.push_back(k > 0 && score(order[k]) == score(order[k - 1]));
    }
    /// NaN without positives or negatives.
    double area(std::span<const int32_t> w) const {
        double below = 0, positives = 0, pairs = 0, tied_p = 0, tied_n = 0;
        for (size_t k = 0; k <= order.size(); ++k) {
            if (k == order.size() || !ties[k]) {
                pairs += tied_p * (below + tied_n / 2);
                below += tied_n;
                positives += tied_p;
                tied_p = tied_n = 0;
            }
            if (k < order.size()) (positive[order[k]] ? tied_p : tied_n) += w[order[k]];
        }
        return pairs / (positives * below);
    }
    /// Adds `factor` times each sample's influence on the area: its placement (DeLong, DeLong & Clarke-Pearson,
    /// Biometrics 44, 1988, 837-845) less the area, over the share of its kind.
    void add_placements(double factor, std::vector<double>& to) const {
        const double n = static_cast<double>(order.size());
        const double positives = static_cast<double>(std::accumulate(positive.begin(), positive.end(), 0));
        const double negatives = n - positives;
        const double mean = area(std::vector<int32_t>(order.size(), 1));
        double p = 0, q = 0;  // so far, below the run of ties
        for (size_t k = 0; k < order.size();) {
            size_t end = k;
            double tied_p = 0, tied_n = 0;
            do {
                (positive[order[end]] ? tied_p : tied_n) += 1;
            } while (++end < order.size() && ties[end]);
            for (size_t i = k; i < end; ++i) {
                const bool is_positive = positive[order[i]];
                const double place = is_positive ? (q + tied_n / 2) / negatives : (positives - p - tied_p / 2) / positives;
                to[order[i]] += factor * (place - mean) * n / (is_positive ? positives : negatives);
            }
            p += tied_p;
            q += tied_n;
            k = end;
        }
    }
};

class Areas : public PairedStatistic {
  public:
    Areas(std::vector<int> labels, Tensor before, Tensor after)
        : labels_(std::move(labels)), before_(std::move(before)), after_(std::move(after)) {
        HONE_CHECK(before_.dims() == after_.dims() && before_.rank() == 2 && before_.dtype() == DType::f64);
        const int64_t columns = before_.dim(1);
        for (int64_t c = columns <= 2 ? columns - 1 : 0; c < columns; ++c) {
            const int wanted = columns == 1 ? 1 : static_cast<int>(c);
            const auto positives = static_cast<size_t>(std::count(labels_.begin(), labels_.end(), wanted));
            if (positives == 0 || positives == labels_.size()) continue;
            a_.emplace_back(before_, labels_, c, wanted);
            b_.emplace_back(after_, labels_, c, wanted);
        }
    }
    int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
    double worse(std::span<const int32_t> w) const override {
        double sum = 0, present = 0;
        for (size_t c = 0; c < a_.size(); ++c) {
            const double d = a_[c].area(w) - b_[c].area(w);
            if (std::isnan(d)) continue;  // a draw without one of the kinds
            sum += d;
            ++present;
        }
        return present > 0 ? sum / present : 0;
    }
    std::vector<double> influence() const override {
        std::vector<double> out(labels_.size(), 0.0);
        for (const Ranked& r : a_) r.add_placements(1, out);
        for (const Ranked& r : b_) r.add_placements(-1, out);
        return out;
    }
    std::unique_ptr<PairedStatistic> with_adverse() const override { return with(true); }
    std::unique_ptr<PairedStatistic> with_favourable() const override { return with(false); }

  private:
    std::unique_ptr<PairedStatistic> with(bool adverse) const {
        const std::vector<double> u = influence();
        const auto at = adverse ? std::max_element(u.begin(), u.end()) : std::min_element(u.begin(), u.end());
        const auto copied = static_cast<int64_t>(at - u.begin());
        std::vector<int> labels = labels_;
        labels.push_back(labels_[static_cast<size_t>(copied)]);
        return std::make_unique<Areas>(std::move(labels), more(before_, copied), more(after_, copied));
    }
    static Tensor more(const Tensor& t, int64_t row) {
        const int64_t n = t.dim(0), c = t.dim(1);
        Tensor out = Tensor::zeros(DType::f64, {n + 1, c});
        std::copy_n(t.data<double>(), n * c, out.data<double>());
        std::copy_n(t.data<double>() + row * c, c, out.data<double>() + n * c);
        return out;
    }
    std::vector<int> labels_;
    Tensor before_, after_;
    std::vector<Ranked> a_, b_;
};
}  // namespace

std::unique_ptr<PairedStatistic> mean_statistic(std::span<const double> before, std::span<const double> after) {
    HONE_CHECK(before.size() == after.size() && !before.empty());
    std::vector<double> d;
    for (size_t i = 0; i < before.size(); ++i) d.push_back(after[i] - before[i]);
    return std::make_unique<Mean>(std::move(d));
}

std::unique_ptr<PairedStatistic> macro_statistic(std::span<const int> labels, std::span<const int> before,
                                                 std::span<const int> after, int64_t classes, Macro which) {
    HONE_CHECK(labels.size() == before.size() && labels.size() == after.size());
    std::vector<MacroMeans::Kind> samples;
    for (size_t i = 0; i < labels.size(); ++i) samples.emplace_back(labels[i], before[i], after[i]);
    return std::make_unique<MacroMeans>(samples, classes, which);
}

std::unique_ptr<PairedStatistic> auc_statistic(std::span<const int> labels, const Tensor& before, const Tensor& after) {
    return std::make_unique<Areas>(std::vector<int>(labels.begin(), labels.end()), before, after);
}

}  // namespace hone::eval
