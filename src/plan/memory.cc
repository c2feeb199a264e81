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

    struct Piece {
        Life life;
        size_t bytes;
        size_t* offset;
    };
    std::vector<Piece> order, placed;
    for (size_t i = 0; i < p.slots.size(); ++i)
        if (p.slots[i].kind == SlotKind::arena && p.slots[i].root == static_cast<int>(i) && life[i].first >= 0) order.push_back({life[i], p.slots[i].bytes, &p.slots[i].offset});
    for (int k = 0; k < n_steps; ++k) {
        Step& s = p.steps[static_cast<size_t>(k)];
        const size_t scratch = s.kernel ? s.kernel->scratch_bytes() : 0;
        if (p.states.empty()) p.scratch_bytes = std::max(p.scratch_bytes, scratch);
        else if (scratch) order.push_back({{k, k, false}, scratch, &s.scratch_offset});
    }
    std::stable_sort(order.begin(), order.end(), [](const Piece& a, const Piece& b) { return a.bytes > b.bytes; });
    for (const Piece& piece : order) {
        std::vector<std::pair<size_t, size_t>> busy;
        for (const Piece& q : placed)
            if (piece.life.first <= q.life.last && q.life.first <= piece.life.last) busy.emplace_back(*q.offset, *q.offset + (q.bytes + 63) / 64 * 64);
        std::sort(busy.begin(), busy.end());
        size_t offset = 0;
        for (const auto& [from, to] : busy) {
            if (offset + piece.bytes <= from) break;
            offset = std::max(offset, to);
        }
        *piece.offset = offset;
        p.arena_bytes = std::max(p.arena_bytes, offset + (piece.bytes + 63) / 64 * 64);
        placed.push_back(piece);
    }
}

}  // namespace hone
