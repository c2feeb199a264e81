// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "plan/lower.h"
#include "plan/memory.h"

namespace hone {
namespace {

class Binder {
  public:
    explicit Binder(Plan& p) : p_(p) {}

    void run() {
        find_roots();
        for (const State& s : p_.states) {
            const int from = p_.inputs[s.input], to = p_.outputs[s.output];
            if (to == from) continue;
            if (!bind_in_place(from, to)) copies_.push_back({to, from});
        }
        // A new value that lies in the memory of an old one (two states that change places) is read before any is written.
        for (auto& [from, to] : copies_)
            if (p_.slots[static_cast<size_t>(roots_[static_cast<size_t>(from)])].kind == SlotKind::input) from = append_copy(from, temporary(from));
        for (const auto& [from, to] : copies_) append_copy(from, to);
    }

  private:
    /// Where each slot lies when only views share memory.
    void find_roots() {
        roots_.resize(p_.slots.size());
        for (size_t i = 0; i < roots_.size(); ++i) roots_[i] = static_cast<int>(i);
        for (const Step& s : p_.steps)
            if (s.kind == StepKind::view) roots_[static_cast<size_t>(s.out[0])] = roots_[static_cast<size_t>(s.in[0])];
    }
    bool lies_in(int slot, int root) const { return slot >= 0 && roots_[static_cast<size_t>(slot)] == root; }

    bool bind_in_place(int from, int to) {
        for (const InPlaceWish& w : p_.in_place_wishes) {
            if (w.from != from || w.to != to) continue;
            const Step& s = p_.steps[w.step];
            if (std::count_if(s.in.begin(), s.in.end(), [&](int i) { return lies_in(i, from); }) > 1) return false;
            for (size_t k = w.step + 1; k < p_.steps.size(); ++k)
                if (std::any_of(p_.steps[k].in.begin(), p_.steps[k].in.end(), [&](int i) { return lies_in(i, from); })) return false;
            for (int o : p_.outputs)
                if (lies_in(o, from)) return false;
            p_.slots[static_cast<size_t>(to)].root = from;
            roots_[static_cast<size_t>(to)] = from;
            return true;
        }
        return false;
    }
    int temporary(int like) {
        Slot s = p_.slots[static_cast<size_t>(like)];
        s.kind = SlotKind::arena;
        s.root = static_cast<int>(p_.slots.size());
        s.input = -1;
        p_.slots.push_back(s);
        roots_.push_back(s.root);
        return s.root;
    }
    int append_copy(int from, int to) {
        const size_t bytes = p_.slots[static_cast<size_t>(from)].bytes;
        HONE_CHECK(bytes == p_.slots[static_cast<size_t>(to)].bytes, p_.slots[static_cast<size_t>(to)].name);
        Step s;
        s.op = "store";
        s.in = {from};
        s.out = {to};
        s.kernel = step_kernel("copy", [bytes](const StepArgs& a) {
            if (bytes) std::memcpy(a.out[0], a.in[0], bytes);
        });
        p_.steps.push_back(std::move(s));
        return to;
    }

    Plan& p_;
    std::vector<int> roots_;
    std::vector<std::pair<int, int>> copies_;
};

}  // namespace

void bind_states(Plan& p) { Binder(p).run(); }

}  // namespace hone
