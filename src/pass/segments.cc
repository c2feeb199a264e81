// SPDX-License-Identifier: Apache-2.0
#include "pass/segments.h"

#include <algorithm>
#include <limits>

namespace hone {
namespace {

constexpr double kGradients = 3;  ///< of the largest value: what arrives, what is passed on, and a branch's
constexpr size_t kLimits = 24;    ///< how many limits are tried

class Cutter {
  public:
    explicit Cutter(const std::vector<SizedValue>& values) : values_(values) {
        for (const SizedValue& v : values) count_ = std::max(count_, v.last + 1);
        by_node_.resize(count_);
        for (const SizedValue& v : values) by_node_[v.made].push_back(&v);
        crossing_.assign(count_ + 1, 0);
        for (const SizedValue& v : values)
            for (size_t end = v.made + 1; end <= v.last; ++end) crossing_[end] += v.bytes;
        // Between two cuts the cheaper will do: those that neither neighbour undercuts.
        cuts_.push_back(0);
        for (size_t end = 1; end < count_; ++end)
            if (crossing_[end] <= crossing_[end - 1] && crossing_[end] <= crossing_[end + 1]) cuts_.push_back(end);
        cuts_.push_back(count_);
    }

    std::vector<size_t> best() const {
        std::vector<size_t> ends{count_};
        double least = peak(ends);
        std::vector<double> limits;
        const double all = inside(0, count_, count_);
        for (size_t i = 1; i <= kLimits; ++i) limits.push_back(all * static_cast<double>(i) / static_cast<double>(kLimits + 1));
        for (const double limit : limits) {
            const std::vector<size_t> here = within(limit);
            if (here.empty()) continue;
            if (const double now = peak(here); now < least) least = now, ends = here;
        }
        return ends;
    }
    double peak(const std::vector<size_t>& ends) const {
        double kept = 0, most = 0;
        for (size_t k = 0; k < ends.size(); ++k) {
            kept += crossing_[ends[k]];
            const size_t begin = k ? ends[k - 1] : 0;
            double largest = 0;
            for (size_t i = begin; i < ends[k]; ++i)
                for (const SizedValue* v : by_node_[i]) largest = std::max(largest, v->bytes);
            most = std::max(most, kept + inside(begin, ends[k], ends[k]) + kGradients * largest);
        }
        return most;
    }

  private:
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
        std::vector<double> cost(cuts_.size(), kNever);
        std::vector<size_t> before(cuts_.size());
        cost[0] = 0;
        for (size_t to = 1; to < cuts_.size(); ++to) {
            double held = 0;
            for (size_t from = to; from-- > 0;) {
                held += inside(cuts_[from], cuts_[from + 1], cuts_[to]);
                if (held > limit) break;
                const double now = cost[from] + crossing_[cuts_[to]];
                if (now < cost[to]) cost[to] = now, before[to] = from;
            }
        }
        if (cost.back() == kNever) return {};
        std::vector<size_t> ends;
        for (size_t at = cuts_.size() - 1; at > 0; at = before[at]) ends.push_back(cuts_[at]);
        std::reverse(ends.begin(), ends.end());
        return ends;
    }

    const std::vector<SizedValue>& values_;
    size_t count_ = 0;
    std::vector<std::vector<const SizedValue*>> by_node_;
    std::vector<double> crossing_;  ///< bytes that cross a cut before node i
    std::vector<size_t> cuts_;
};

}  // namespace

double segments_peak(const std::vector<SizedValue>& values, const std::vector<size_t>& ends) { return Cutter(values).peak(ends); }
std::vector<size_t> segment_ends(const std::vector<SizedValue>& values) { return Cutter(values).best(); }

}  // namespace hone
