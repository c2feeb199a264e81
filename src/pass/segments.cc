// SPDX-License-Identifier: Apache-2.0
#include "pass/segments.h"

#include <algorithm>
#include <limits>

namespace hone {
namespace {

constexpr size_t kLimits = 24;    ///< how many limits are tried

class Cutter {
  public:
    explicit Cutter(const SizedForward& forward) : forward_(forward), count_(forward.passing.size()), by_node_(count_), crossing_(count_ + 1, 0) {
        for (const SizedValue& v : forward.values) by_node_[v.made].push_back(&v);
        for (const SizedValue& v : forward.values)
            for (size_t end = v.made + 1; end <= v.last; ++end) crossing_[end] += v.bytes;
    }

    std::vector<Segments> all() const {
        std::vector<std::pair<double, Segments>> found;
        const double most = inside(0, count_, count_);
        for (size_t i = 1; i <= kLimits; ++i)
            if (Segments ends = within(most * static_cast<double>(i) / static_cast<double>(kLimits)); !ends.empty()) found.emplace_back(peak(ends), std::move(ends));
        auto best = *std::min_element(found.begin(), found.end());  // the last limit holds everything
        for (bool better = true; better;) {
            const std::vector<Segments> near = around(best.second);
            better = !near.empty() && peak(near[0]) < best.first;
            if (better) best = {peak(near[0]), near[0]};
        }
        found.push_back(std::move(best));
        return sorted(std::move(found));
    }
    std::vector<Segments> around(const Segments& from) const {
        std::vector<std::pair<double, Segments>> found;
        const auto add = [&](Segments ends) { found.emplace_back(peak(ends), std::move(ends)); };
        const auto with = [](Segments ends, size_t cut) {
            const auto at = std::lower_bound(ends.begin(), ends.end(), cut);
            if (*at != cut) ends.insert(at, cut);
            return ends;
        };
        std::vector<size_t> places;
        for (size_t cut = 1; cut < count_; ++cut)
            if (crossing_[cut] <= crossing_[cut - 1] && crossing_[cut] <= crossing_[cut + 1]) places.push_back(cut);
        for (size_t k = 0; k + 1 < from.size(); ++k) {
            Segments without = from;
            without.erase(without.begin() + static_cast<long>(k));
            const auto next = std::upper_bound(places.begin(), places.end(), from[k]), here = std::lower_bound(places.begin(), places.end(), from[k]);
            if (next != places.end()) add(with(without, *next));
            if (here != places.begin()) add(with(without, here[-1]));
            add(std::move(without));
        }
        for (const size_t cut : places)
            if (Segments more = with(from, cut); more != from) add(std::move(more));
        return sorted(std::move(found));
    }
    double peak(const std::vector<size_t>& ends) const {
        double kept = 0, most = 0;
        for (size_t k = 0; k < ends.size(); ++k) {
            kept += crossing_[ends[k]];
            const size_t begin = k ? ends[k - 1] : 0;
            const double passing = begin == ends[k] ? 0 : *std::max_element(forward_.passing.begin() + static_cast<long>(begin), forward_.passing.begin() + static_cast<long>(ends[k]));
            most = std::max(most, kept + inside(begin, ends[k], ends[k]) + passing);
        }
        return most;
    }

  private:
    static std::vector<Segments> sorted(std::vector<std::pair<double, Segments>> found) {
        std::sort(found.begin(), found.end());
        std::vector<Segments> out;
        for (auto& [bytes, ends] : found)
            if (out.empty() || out.back() != ends) out.push_back(std::move(ends));
        return out;
    }
    /// Of nodes [begin, end): what the way back reads and what does not cross `cut`.
    double inside(size_t begin, size_t end, size_t cut) const {
        double sum = 0;
        for (size_t i = begin; i < end; ++i)
            for (const SizedValue* v : by_node_[i])
                if (v->kept && v->last < cut) sum += v->bytes;
        return sum;
    }
    /// The cuts that keep least where no segment holds more than `limit`; empty when there are none.
    std::vector<size_t> within(double limit) const {
        constexpr double kNever = std::numeric_limits<double>::infinity();
        std::vector<double> cost(count_ + 1, kNever);
        std::vector<size_t> before(count_ + 1);
        cost[0] = 0;
        for (size_t to = 1; to <= count_; ++to) {
            double held = 0;
            for (size_t from = to; from-- > 0;) {
                held += inside(from, from + 1, to);
                if (held > limit) break;
                const double now = cost[from] + crossing_[to];
                if (now < cost[to]) cost[to] = now, before[to] = from;
            }
        }
        if (cost.back() == kNever) return {};
        std::vector<size_t> ends;
        for (size_t at = count_; at > 0; at = before[at]) ends.push_back(at);
        std::reverse(ends.begin(), ends.end());
        return ends;
    }

    const SizedForward& forward_;
    size_t count_;
    std::vector<std::vector<const SizedValue*>> by_node_;
    std::vector<double> crossing_;  ///< bytes that cross a cut before node i
};

}  // namespace

double segments_peak(const SizedForward& forward, const std::vector<size_t>& ends) { return Cutter(forward).peak(ends); }
std::vector<Segments> segmentations(const SizedForward& forward) { return Cutter(forward).all(); }
std::vector<Segments> neighbours(const SizedForward& forward, const Segments& from) { return Cutter(forward).around(from); }

}  // namespace hone
