// SPDX-License-Identifier: Apache-2.0
#include "plan/memory.h"

#include <algorithm>
#include <map>

namespace hone {

namespace {
struct Life {
    int first = -1, last = -1;
    bool pinned = false;  ///< not of the arena, or read after the last step
};
struct Block {
    Life life;
    size_t bytes;
    size_t* offset;
};

/// Each in turn at the lowest offset that is free while it lives; returns what all take.
size_t place_in_order(const std::vector<Block>& order, std::vector<size_t>& offsets) {
    size_t all = 0;
    offsets.assign(order.size(), 0);
    for (size_t i = 0; i < order.size(); ++i) {
        std::vector<std::pair<size_t, size_t>> busy;
        for (size_t q = 0; q < i; ++q)
            if (order[i].life.first <= order[q].life.last && order[q].life.first <= order[i].life.last) busy.emplace_back(offsets[q], offsets[q] + (order[q].bytes + 63) / 64 * 64);
        std::sort(busy.begin(), busy.end());
        size_t offset = 0;
        for (const auto& [from, to] : busy) {
            if (offset + order[i].bytes <= from) break;
            offset = std::max(offset, to);
        }
        offsets[i] = offset;
        all = std::max(all, offset + (order[i].bytes + 63) / 64 * 64);
    }
    return all;
}

/// The largest first, or those first that fill most of memory and time, whichever takes less.
size_t place(std::vector<Block> pieces) {
    const auto area = [](const Block& x) { return static_cast<double>(x.bytes) * (x.life.last - x.life.first + 1); };
    std::stable_sort(pieces.begin(), pieces.end(), [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
    std::vector<size_t> offsets, others;
    size_t all = place_in_order(pieces, offsets);
    std::vector<Block> by_area = pieces;
    std::stable_sort(by_area.begin(), by_area.end(), [&](const Block& a, const Block& b) { return area(a) > area(b); });
    if (const size_t other = place_in_order(by_area, others); other < all) pieces = std::move(by_area), offsets = std::move(others), all = other;
    for (size_t i = 0; i < pieces.size(); ++i) *pieces[i].offset = offsets[i];
    return all;
}
}  // namespace

void plan_memory(Plan& p) {
    const int n_steps = static_cast<int>(p.steps.size());
    std::vector<Life> life(p.slots.size());
    auto at = [&](int slot) -> Life& { return life[static_cast<size_t>(slot)]; };
    auto slot = [&](int i) -> Slot& { return p.slots[static_cast<size_t>(i)]; };
    for (size_t i = 0; i < p.slots.size(); ++i) life[i].pinned = p.slots[i].kind != SlotKind::arena;
    for (int k = 0; k < n_steps; ++k) {
        for (int o : p.steps[static_cast<size_t>(k)].out)
            if (o >= 0) at(o).first = at(o).last = k;
        for (int i : p.steps[static_cast<size_t>(k)].in)
            if (i >= 0) at(i).last = k;
    }
    for (int o : p.outputs) at(o).last = n_steps;

    auto root = [&](int i) { return p.root_of(i); };
    auto share = [&](int from, int to) {
        const int r = root(from);
        slot(to).root = r;
        at(r).last = std::max(at(r).last, at(to).last);
    };
    std::multimap<size_t, InPlaceWish> wishes;
    for (const InPlaceWish& w : p.in_place_wishes) wishes.emplace(w.step, w);
    for (int k = 0; k < n_steps; ++k) {
        const Step& s = p.steps[static_cast<size_t>(k)];
        if (s.kind == StepKind::view) share(s.in[0], s.out[0]);
        const auto [begin, end] = wishes.equal_range(static_cast<size_t>(k));
        std::vector<int> taken;  // roots whose memory an output of this step has got
        for (auto it = begin; it != end; ++it) {
            const InPlaceWish& w = it->second;
            const int r = root(w.from);
            // No other operand of this step may lie in the memory that is about to be written; a value that the step
            // reads twice (a convolution's source and its residual) is another operand of itself.
            const bool clash = std::count_if(s.in.begin(), s.in.end(), [&](int i) { return i >= 0 && root(i) == r; }) > 1;
            if (slot(w.to).root == w.to && !at(r).pinned && at(r).last == k && !clash && std::find(taken.begin(), taken.end(), r) == taken.end() && slot(w.to).kind == SlotKind::arena) {
                share(w.from, w.to);
                taken.push_back(r);
            }
        }
    }

    std::vector<Block> pieces;
    for (size_t i = 0; i < p.slots.size(); ++i)
        if (p.slots[i].kind == SlotKind::arena && p.slots[i].root == static_cast<int>(i) && life[i].first >= 0) pieces.push_back({life[i], p.slots[i].bytes, &p.slots[i].offset});
    for (int k = 0; k < n_steps; ++k) {
        Step& s = p.steps[static_cast<size_t>(k)];
        const size_t scratch = s.kernel ? s.kernel->scratch_bytes() : 0;
        if (p.states.empty()) p.scratch_bytes = std::max(p.scratch_bytes, scratch);
        else if (scratch) pieces.push_back({{k, k, false}, scratch, &s.scratch_offset});
    }
    p.arena_bytes = place(pieces);
}

}  // namespace hone
