// SPDX-License-Identifier: Apache-2.0
// MatMul -> [scale] -> [mask Add] -> Softmax -> MatMul becomes hone.Attention. Its operands are traced back through the
// Reshapes, Transposes, Splits, Slices and Gathers that only move values, to a strided view of what lies before them; a
// Transpose behind joins likewise.
#include <algorithm>
#include <array>

#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {

/// Value v, seen as a strided view of `base`, times `scale`.
struct Traced {
    ValueId base = kNone;
    Dims dims, strides;
    int64_t offset = 0;
    double scale = 1;
    std::vector<NodeId> taken = {};
};

/// Strides of the same elements with other dims, or nothing where no strides give them.
std::optional<Dims> reshaped_strides(const Dims& dims, const Dims& strides, const Dims& to) {
    Dims d, s;  // runs of axes that are dense among themselves
    for (size_t i = 0; i < dims.size(); ++i) {
        if (dims[i] == 1) continue;
        if (!d.empty() && s.back() == strides[i] * dims[i]) {
            d.back() *= dims[i];
            s.back() = strides[i];
        } else {
            d.push_back(dims[i]);
            s.push_back(strides[i]);
        }
    }
    Dims out(to.size(), 0);
    size_t run = d.size();
    int64_t left = 1, step = 0;
    for (size_t i = to.size(); i-- > 0;) {
        if (to[i] == 1) continue;
        if (left == 1) {
            if (run == 0) return std::nullopt;
            --run;
            left = d[run];
            step = s[run];
        }
        if (left % to[i] != 0) return std::nullopt;
        out[i] = step;
        step *= to[i];
        left /= to[i];
    }
    if (run != 0 || left != 1) return std::nullopt;
    return out;
}

/// How often tracing goes back; deeper chains stay where they are.
constexpr int kDeepest = 16;

Traced trace(const Graph& g, ValueId v, int depth = 0) {
    const TypeInfo& type = g.value(v).type;
    const Dims dims = dims_of(type.shape);
    const Traced self{v, dims, strides_of(dims)};
    const NodeId id = g.value(v).producer;
    if (id == kNone || depth == kDeepest || g.is_output(v)) return self;
    const Node& n = g.node(id);
    if (!n.domain.empty() || n.inputs.empty() || n.in(0) == kNone || !g.value(n.in(0)).type.fixed() || g.value(n.in(0)).type.dtype != DType::f32) return self;
    const auto inner = [&] {
        Traced t = trace(g, n.in(0), depth + 1);
        t.taken.push_back(id);
        return t;
    };
    const auto axis = [&](int64_t a) { return static_cast<size_t>(a < 0 ? a + static_cast<int64_t>(g.value(n.in(0)).type.shape.size()) : a); };
    double c = 0;
    if ((n.op == "Mul" || n.op == "Div") && scalar_constant(g, n.in(1), &c) && c != 0 && same_fixed_shape(g, n.in(0), v)) {
        Traced t = inner();
        t.scale *= n.op == "Mul" ? c : 1 / c;
        return t;
    }
    if (n.op == "Reshape" || n.op == "Squeeze" || n.op == "Unsqueeze" || n.op == "Flatten" || n.op == "Identity") {
        Traced t = inner();
        const auto strides = reshaped_strides(t.dims, t.strides, dims);
        if (!strides) return self;
        t.dims = dims;
        t.strides = *strides;
        return t;
    }
    if (n.op == "Transpose") {
        Traced t = inner();
        const auto it = n.attributes.find("perm");
        const Traced before = t;
        for (size_t i = 0; i < dims.size(); ++i) {
            const size_t from = it == n.attributes.end() ? dims.size() - 1 - i : static_cast<size_t>(std::get<std::vector<int64_t>>(it->second)[i]);
            t.dims[i] = before.dims[from];
            t.strides[i] = before.strides[from];
        }
        return t;
    }
    if (n.op == "Split") {
        Traced t = inner();
        const size_t a = axis(int_attribute(n, "axis", 0));
        int64_t start = 0;
        for (ValueId o : n.outputs) {
            if (o == v) break;
            if (o == kNone || !g.value(o).type.fixed()) return self;
            start += dims_of(g.value(o).type.shape)[a];
        }
        t.offset += start * t.strides[a];
        t.dims = dims;
        return t;
    }
    if (n.op == "Gather") {
        const Tensor* index = constant_of(g, n.in(1));
        if (!index || index->rank() != 0) return self;
        Traced t = inner();
        const size_t a = axis(int_attribute(n, "axis", 0));
        const int64_t i = index->at_int(0) + (index->at_int(0) < 0 ? t.dims[a] : 0);
        if (i < 0 || i >= t.dims[a]) return self;
        t.offset += i * t.strides[a];
        t.dims.erase(t.dims.begin() + static_cast<long>(a));
        t.strides.erase(t.strides.begin() + static_cast<long>(a));
        return t;
    }
    if (n.op == "Slice") {
        const Tensor *starts = constant_of(g, n.in(1)), *axes = constant_of(g, n.in(3)), *steps = constant_of(g, n.in(4));
        if (!starts || starts->count() != 1 || (n.in(3) != kNone && !axes) || (n.in(4) != kNone && (!steps || steps->at_int(0) != 1))) return self;
        Traced t = inner();
        const size_t a = axis(axes ? axes->at_int(0) : 0);
        const int64_t start = starts->at_int(0) + (starts->at_int(0) < 0 ? t.dims[a] : 0);
        t.offset += std::clamp<int64_t>(start, 0, t.dims[a]) * t.strides[a];
        t.dims = dims;
        return t;
    }
    return self;
}

/// [offset, batch, head, row, column] of a view whose leading dims broadcast to `batch` (rank 0 to 2).
std::optional<std::vector<int64_t>> as_view(const Traced& t, const Dims& batch, bool swapped) {
    const size_t rank = t.dims.size();
    if (rank < 2 || rank > batch.size() + 2) return std::nullopt;
    std::vector<int64_t> v = {t.offset, 0, 0, t.strides[rank - 2], t.strides[rank - 1]};
    if (swapped) std::swap(v[3], v[4]);
    for (size_t i = 0; i + 2 < rank; ++i) {
        const size_t to = batch.size() - (rank - 2) + i;
        if (t.dims[i] != 1 && t.dims[i] != batch[to]) return std::nullopt;
        v[to + (batch.size() == 1 ? 2 : 1)] = t.dims[i] == 1 ? 0 : t.strides[i];
    }
    return v;
}

struct Scores {
    NodeId product = kNone;
    ValueId mask = kNone;
    double scale = 1;
    std::vector<NodeId> taken;
};
/// What lies between the first product and the Softmax, walked upwards from the Softmax's input.
std::optional<Scores> scores_of(const Graph& g, ValueId v) {
    Scores s;
    for (int i = 0; i < 4; ++i) {
        const NodeId id = g.value(v).producer;
        if (id == kNone || g.sole_user(v) == kNone) return std::nullopt;
        const Node& n = g.node(id);
        s.taken.push_back(id);
        double c = 0;
        if (n.is("MatMul")) {
            s.product = id;
            std::reverse(s.taken.begin(), s.taken.end());
            return s;
        }
        if ((n.is("Mul") || n.is("Div")) && scalar_constant(g, n.in(1), &c) && c != 0) {
            s.scale *= n.is("Mul") ? c : 1 / c;
            v = n.in(0);
        } else if (n.is("Mul") && scalar_constant(g, n.in(0), &c)) {
            s.scale *= c;
            v = n.in(1);
        } else if (n.is("Add") && s.mask == kNone && s.scale == 1) {
            // The side that a product makes is the scores; the other is the mask.
            const auto computed = [&](ValueId side) {
                for (int k = 0; k < 3; ++k) {
                    const NodeId p = g.value(side).producer;
                    if (p == kNone) return false;
                    if (g.node(p).is("MatMul")) return same_fixed_shape(g, side, n.out());
                    if (!g.node(p).is("Mul") && !g.node(p).is("Div")) return false;
                    side = g.value(g.node(p).in(0)).is_constant() ? g.node(p).in(1) : g.node(p).in(0);
                }
                return false;
            };
            const bool first = computed(n.in(0));
            if (!first && !computed(n.in(1))) return std::nullopt;
            s.mask = n.in(first ? 1 : 0);
            v = n.in(first ? 0 : 1);
            if (!same_fixed_shape(g, v, n.out())) return std::nullopt;
        } else {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

bool fuse(Graph& g, NodeId softmax_id) {
    const Node softmax = g.node(softmax_id);
    if (!softmax.is("Softmax") || !g.value(softmax.out()).type.fixed() || g.value(softmax.out()).type.dtype != DType::f32) return false;
    const Dims scores = dims_of(g.value(softmax.out()).type.shape);
    const auto rank = static_cast<int64_t>(scores.size());
    const int64_t axis = int_attribute(softmax, "axis", -1);
    if (rank < 2 || rank > 4 || (axis != -1 && axis != rank - 1) || count_of(scores) == 0) return false;
    const NodeId last_id = g.sole_user(softmax.out());
    if (last_id == kNone || !g.node(last_id).is("MatMul") || g.node(last_id).in(0) != softmax.out()) return false;
    const auto s = scores_of(g, softmax.in(0));
    if (!s || !same_fixed_shape(g, g.node(s->product).out(), softmax.out())) return false;
    const Node product = g.node(s->product), last = g.node(last_id);
    for (ValueId v : {product.in(0), product.in(1), last.in(1), last.out()})
        if (!g.value(v).type.fixed() || g.value(v).type.dtype != DType::f32) return false;
    const Dims y = dims_of(g.value(last.out()).type.shape);
    const Dims batch(scores.begin(), scores.end() - 2);
    if (y.size() != scores.size() || !std::equal(batch.begin(), batch.end(), y.begin())) return false;

    const Traced q = trace(g, product.in(0)), k = trace(g, product.in(1)), v = trace(g, last.in(1));
    if (v.scale != 1 || q.dims.size() < 2) return false;
    const auto q_view = as_view(q, batch, false), k_view = as_view(k, batch, true), v_view = as_view(v, batch, false);
    if (!q_view || !k_view || !v_view) return false;
    std::vector<ValueId> inputs = {q.base, k.base, v.base};
    const int64_t outer = batch.size() == 2 ? batch[0] : 1, heads = batch.empty() ? 1 : batch.back();
    Attributes a = {{"sizes", std::vector<int64_t>{outer, heads, scores[scores.size() - 2], scores.back(), q.dims.back(), y.back()}},
                    {"q", *q_view}, {"k", *k_view}, {"v", *v_view}, {"scale", static_cast<float>(s->scale * q.scale * k.scale)}};
    if (s->mask != kNone) {
        const TypeInfo& type = g.value(s->mask).type;
        if (!type.fixed() || type.dtype != DType::f32 || type.shape.size() > scores.size()) return false;
        Traced m{s->mask, dims_of(type.shape), {}};
        while (m.dims.size() < 2) m.dims.insert(m.dims.begin(), 1);
        m.strides = strides_of(m.dims);
        for (size_t i : {m.dims.size() - 2, m.dims.size() - 1})
            if (m.dims[i] == 1) m.strides[i] = 0;
        const auto view = as_view(m, batch, false);
        if (!view) return false;
        a["mask"] = *view;
        inputs.push_back(s->mask);
    }

    std::vector<NodeId> taken = q.taken;
    for (const std::vector<NodeId>* more : {&k.taken, &v.taken, &s->taken}) taken.insert(taken.end(), more->begin(), more->end());
    taken.insert(taken.end(), {softmax_id, last_id});
    // A Transpose that leaves the last axis where it is becomes strides of the result.
    ValueId result = last.out();
    Dims shape = y, strides = strides_of(y);
    const NodeId user = g.sole_user(result);
    if (user != kNone && g.node(user).is("Transpose")) {
        const auto it = g.node(user).attributes.find("perm");
        const auto perm = it == g.node(user).attributes.end() ? std::vector<int64_t>{} : std::get<std::vector<int64_t>>(it->second);
        if (perm.size() == y.size() && perm.back() == static_cast<int64_t>(y.size()) - 1) {
            for (size_t i = 0; i < y.size(); ++i) shape[i] = y[static_cast<size_t>(perm[i])];
            const Dims dense = strides_of(shape);
            for (size_t i = 0; i < y.size(); ++i) strides[static_cast<size_t>(perm[i])] = dense[i];
            result = g.node(user).out();
            taken.push_back(user);
        }
    }
    const auto y_view = as_view({kNone, y, strides}, batch, false);
    if (!y_view) return false;
    a["y"] = *y_view;
    a["shape"] = shape;
    std::sort(taken.begin(), taken.end());
    taken.erase(std::unique(taken.begin(), taken.end()), taken.end());
    const NodeId fused = g.add_node("hone", "Attention", inputs, 1, a, softmax.name + ":attention", join_origins(g, taken));
    g.value(g.node(fused).out()).type = g.value(result).type;
    g.replace_uses(result, g.node(fused).out());
    return true;
}
}  // namespace

bool fuse_attention(Graph& g, const PassOptions&) { return rewrite_nodes(g, fuse); }

}  // namespace hone::passes
