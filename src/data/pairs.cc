// SPDX-License-Identifier: Apache-2.0
#include "data/pairs.h"

#include <algorithm>

#include "base/error.h"
#include "data/loader.h"

namespace hone {

namespace {
constexpr uint64_t kPairs = 0x7061697273;  // apart from the streams of order and augmentation
}

Partners::Partners(std::span<const int> labels) : labels_(labels.begin(), labels.end()), place_(labels.size()) {
    int classes = 0;
    for (const int l : labels_) classes = std::max(classes, l + 1);
    begin_.resize(static_cast<size_t>(classes) + 1);
    for (const int l : labels_) ++begin_[static_cast<size_t>(l) + 1];
    const int64_t most = *std::max_element(begin_.begin(), begin_.end());
    for (size_t c = 1; c < begin_.size(); ++c) begin_[c] += begin_[c - 1];
    const auto n = static_cast<int64_t>(labels_.size());
    if (most == n || most < 2)
        fail(ErrorKind::data, "data.pairs", cat("pairs need samples of two classes, and two samples of one; all ", n, " samples are of ", most == n ? "one class" : "different classes"),
             "Give data whose labels are classes.");
    sorted_.resize(labels_.size());
    std::vector<int64_t> next(begin_.begin(), begin_.end() - 1);
    for (int64_t i = 0; i < n; ++i) {
        int64_t& at = next[static_cast<size_t>(labels_[static_cast<size_t>(i)])];
        place_[static_cast<size_t>(i)] = at;
        sorted_[static_cast<size_t>(at++)] = i;
    }
}

int64_t Partners::of_class(int64_t sample, Rng& rng) const {
    const auto c = static_cast<size_t>(labels_[static_cast<size_t>(sample)]);
    const int64_t others = begin_[c + 1] - begin_[c] - 1;
    if (others == 0) return -1;
    const int64_t at = begin_[c] + static_cast<int64_t>(rng.below(static_cast<uint64_t>(others)));
    return sorted_[static_cast<size_t>(at + (at >= place_[static_cast<size_t>(sample)]))];
}

int64_t Partners::of_another(int64_t sample, Rng& rng) const {
    const auto c = static_cast<size_t>(labels_[static_cast<size_t>(sample)]);
    const int64_t own = begin_[c + 1] - begin_[c], all = static_cast<int64_t>(labels_.size());
    const int64_t at = static_cast<int64_t>(rng.below(static_cast<uint64_t>(all - own)));
    return sorted_[static_cast<size_t>(at >= begin_[c] ? at + own : at)];
}

std::vector<int64_t> Partners::pairs(uint64_t seed, int64_t epoch) const {
    Rng rng(derive_seed(seed, kPairs, static_cast<uint64_t>(epoch)));
    std::vector<int64_t> out;
    for (const int64_t anchor : epoch_order(static_cast<int64_t>(labels_.size()), true, seed, epoch)) {
        const int64_t partner = out.size() % 4 == 0 ? of_class(anchor, rng) : -1;
        out.insert(out.end(), {anchor, partner < 0 ? of_another(anchor, rng) : partner});
    }
    return out;
}

std::vector<int64_t> Partners::triplets(uint64_t seed, int64_t epoch) const {
    Rng rng(derive_seed(seed, kPairs, static_cast<uint64_t>(epoch)));
    std::vector<int64_t> out;
    for (const int64_t anchor : epoch_order(static_cast<int64_t>(labels_.size()), true, seed, epoch)) {
        const int64_t partner = of_class(anchor, rng);
        out.insert(out.end(), {anchor, partner < 0 ? anchor : partner, of_another(anchor, rng)});
    }
    return out;
}

}  // namespace hone
