// SPDX-License-Identifier: Apache-2.0
// hone.Chain: its operators one after another on a tile that stays in the first cache, by the vector kernels. Inputs and
// results of 16 bits are cast a tile at a time.
#include <algorithm>
#include <map>

#include "pass/match.h"
#include "plan/elementwise.h"

namespace hone::lower {

namespace {

constexpr int64_t kTile = 1024;    // elements: 4 kB a value
constexpr int64_t kGrain = 16384;  // elements a chunk
constexpr int kMostValues = 48;

/// One operator. Operands: inputs first, then tiles; `to` is a tile, or -1 for the result.
struct Instruction {
    enum class Kind { unary, vv, vs, sv, nd, widen, narrow } kind;
    int op = 0, a = 0, b = 0, to = -1;
    float alpha = 0, beta = 0;
    vec::Broadcast broadcast = {};
    void (*widen)(const uint16_t*, float*, int64_t) = nullptr;
    void (*narrow)(const float*, uint16_t*, int64_t) = nullptr;
};
struct Program {
    std::vector<Instruction> code;
    std::vector<bool> whole;  ///< input i has the dims of the result, so that it moves with the tile
    int inputs = 0, tiles = 0;
    int64_t count = 0;
};

void run_tile(const Program& p, const StepArgs& args, float* tiles, int64_t begin, int64_t end) {
    const vec::Table& t = vec::table();
    const int64_t n = end - begin;
    /// Where element `begin` of an operand lies.
    const auto at = [&](int v) -> const float* {
        if (v >= p.inputs) return tiles + (v - p.inputs) * kTile;
        return in<float>(args, static_cast<size_t>(v)) + (p.whole[static_cast<size_t>(v)] ? begin : 0);
    };
    for (const Instruction& i : p.code) {
        float* y = i.to < 0 ? out<float>(args) + begin : tiles + i.to * kTile;
        switch (i.kind) {
            case Instruction::Kind::widen: i.widen(in<uint16_t>(args, static_cast<size_t>(i.a)) + begin, y, n); break;
            case Instruction::Kind::narrow: i.narrow(at(i.a), out<uint16_t>(args) + begin, n); break;
            case Instruction::Kind::unary: t.unary[i.op](at(i.a), y, n, i.alpha, i.beta); break;
            case Instruction::Kind::vv: t.binary[i.op].vv(at(i.a), at(i.b), y, n); break;
            case Instruction::Kind::vs: t.binary[i.op].vs(at(i.a), *at(i.b), y, n); break;
            case Instruction::Kind::sv: t.binary[i.op].sv(*at(i.a), at(i.b), y, n); break;
            case Instruction::Kind::nd: {
                // It speaks of element 0 of values that are whole.
                const auto base = [&](int v) { return at(v) - (v >= p.inputs || p.whole[static_cast<size_t>(v)] ? begin : 0); };
                t.binary[i.op].nd(i.broadcast, base(i.a), base(i.b), y - begin, begin, end);
                break;
            }
        }
    }
}

bool is_widening(const Graph& body, const Node& n) {
    return n.is("Cast") && body.value(n.in(0)).producer == kNone && is_narrow_float(body.value(n.in(0)).type.dtype) && body.value(n.out()).type.dtype == DType::f32;
}
bool is_narrowing(const Graph& body, const Node& n) {
    return n.is("Cast") && n.out() == body.outputs[0] && body.value(n.in(0)).type.dtype == DType::f32 && is_narrow_float(body.value(n.out()).type.dtype);
}

/// Empty code: not possible.
Program compile(const LowerContext& c, Layout layout) {
    const Graph& body = c.op().graph("body");
    const Dims y = c.out();
    Program p;
    p.inputs = static_cast<int>(body.inputs.size());
    p.count = count_of(y);
    std::map<ValueId, int> place, uses;
    for (size_t i = 0; i < body.inputs.size(); ++i) {
        place[body.inputs[i]] = static_cast<int>(i);
        p.whole.push_back(c.in(i) == y);
    }
    const std::vector<NodeId> order = body.order();
    for (NodeId id : order)
        for (ValueId v : body.node(id).inputs) ++uses[v];
    std::vector<int> free;
    for (NodeId id : order) {
        const Node& n = body.node(id);
        const LowerContext at{body, id, n, c.threads};
        Instruction i{};
        const bool widens = is_widening(body, n), narrows = is_narrowing(body, n), casts = widens || narrows;
        if ((!casts && !passes::vector_elementwise(body, n)) || !at.out_type().fixed() || at.out() != y || !place.contains(n.in(0))) return {};
        const auto binary = casts ? std::nullopt : binary_of(n);
        const auto unary = casts || binary ? std::nullopt : unary_of(at);
        if (!binary && ((!unary && !casts) || at.in(0) != y)) return {};
        i.a = place.at(n.in(0));
        const vec::Table& t = vec::table();
        if (widens) {
            i.kind = Instruction::Kind::widen;
            i.widen = at.in_dtype(0) == DType::bf16 ? t.bf16_to_f32 : t.f16_to_f32;
        } else if (narrows) {
            i.kind = Instruction::Kind::narrow;
            i.narrow = at.out_dtype() == DType::bf16 ? t.f32_to_bf16 : t.f32_to_f16;
        } else if (unary) {
            i.kind = Instruction::Kind::unary;
            i.op = static_cast<int>(unary->op);
            i.alpha = unary->alpha;
            i.beta = unary->beta;
        } else {
            const auto a = operand_dims(at.in(0), y, layout), b = operand_dims(at.in(1), y, layout);
            if (!a || !b || !place.contains(n.in(1))) return {};
            i.b = place.at(n.in(1));
            i.op = static_cast<int>(*binary);
            const bool a_whole = at.in(0) == y, b_whole = at.in(1) == y;
            i.kind = a_whole && b_whole ? Instruction::Kind::vv
                     : a_whole && count_of(*b) == 1 ? Instruction::Kind::vs
                     : b_whole && count_of(*a) == 1 ? Instruction::Kind::sv : Instruction::Kind::nd;
            if (i.kind == Instruction::Kind::nd) i.broadcast = vec::make_broadcast(physical(y, layout), *a, *b);
        }
        // A value's tile is free once its last reader has run; an operator may write over what it reads.
        for (ValueId v : n.inputs)
            if (v != kNone && --uses[v] == 0 && place.contains(v) && place[v] >= p.inputs) free.push_back(place[v] - p.inputs);
        if (n.out() == body.outputs[0]) {
            i.to = -1;
        } else {
            if (free.empty()) free.push_back(p.tiles++);
            i.to = free.back();
            free.pop_back();
            place[n.out()] = p.inputs + i.to;
        }
        p.code.push_back(i);
    }
    // The result is written last: an input may lie in its memory.
    if (p.tiles > kMostValues || p.code.empty() || body.node(order.back()).out() != body.outputs[0]) return {};
    return p;
}
}  // namespace

void chain(const LowerContext& c, std::vector<Candidate>& list) {
    const Graph& body = c.op().graph("body");
    const Dims y = c.out();
    bool any = true;
    for (size_t i = 0; i < body.inputs.size(); ++i)
        if (c.in_dtype(i) != DType::f32 && !(is_narrow_float(c.in_dtype(i)) && c.in(i) == y)) return;
    for (NodeId id : body.order()) {
        if (is_widening(body, body.node(id)) || is_narrowing(body, body.node(id))) continue;
        if (!passes::vector_elementwise(body, body.node(id))) return;
        const LowerContext at{body, id, body.node(id), c.threads};
        if (binary_of(at.node))
            for (size_t i : {0u, 1u}) any &= operand_dims(at.in(i), y, Layout::channels_last).has_value();
    }
    Candidate k;
    k.name = "chain";
    k.layout = any ? LayoutRule::any : LayoutRule::plain;
    for (size_t i = 0; i < body.inputs.size(); ++i)
        if (c.in(i) == y) k.in_place.push_back(static_cast<int>(i));
    k.make = [c](Layout layout) -> std::unique_ptr<StepKernel> {
        const auto p = std::make_shared<const Program>(compile(c, layout));
        if (p->code.empty()) return nullptr;
        return step_kernel(cat("vector chain of ", static_cast<unsigned long>(p->code.size())), [p](const StepArgs& a) {
            parallel_ranges(p->count, kGrain, [&](int64_t begin, int64_t end) {
                alignas(64) float tiles[8 * kTile];
                std::vector<float> more;
                if (p->tiles > 8) more.resize(static_cast<size_t>(p->tiles * kTile));
                float* memory = p->tiles > 8 ? more.data() : tiles;
                for (int64_t i = begin; i < end; i += kTile) run_tile(*p, a, memory, i, std::min(end, i + kTile));
            });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
