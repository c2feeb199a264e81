// SPDX-License-Identifier: Apache-2.0
// hone.Attention: scaled dot-product attention (Vaswani et al., Attention Is All You Need, 2017) over strided views of
// its operands, so that splitting into heads and joining them again moves nothing.
#include <cmath>

#include "op/fused.h"
#include "op/list.h"

namespace hone {

AttentionSizes attention_sizes(const OpContext& c) {
    AttentionSizes s;
    const auto fill = [&](const char* name, std::initializer_list<int64_t*> to) {
        const std::vector<int64_t>& v = c.integers(name);
        if (v.size() != to.size()) c.refuse(cat(name, " has ", static_cast<unsigned long>(v.size()), " values"));
        size_t i = 0;
        for (int64_t* p : to) *p = v[i++];
    };
    const auto view = [&](const char* name, AttentionView& v) { fill(name, {&v.offset, &v.batch, &v.head, &v.row, &v.column}); };
    fill("sizes", {&s.batch, &s.heads, &s.queries, &s.keys, &s.depth, &s.value_depth});
    view("q", s.q);
    view("k", s.k);
    view("v", s.v);
    view("y", s.y);
    if (c.has("mask")) view("mask", s.mask);
    s.scale = c.real("scale");
    return s;
}

namespace ops {
namespace {

void infer(InferContext& c) {
    const AttentionSizes s = attention_sizes(c);
    const auto inside = [&](size_t input, const AttentionView& v, int64_t rows, int64_t columns) {
        if (!c.given(input) || !c.in[input].fixed()) return;
        const int64_t last = v.offset + (s.batch - 1) * v.batch + (s.heads - 1) * v.head + (rows - 1) * v.row + (columns - 1) * v.column;
        if (last < 0 || last >= count_of(dims_of(c.in[input].shape))) c.refuse(cat("a view leaves input ", static_cast<unsigned long>(input)));
    };
    inside(0, s.q, s.queries, s.depth);
    inside(1, s.k, s.keys, s.depth);
    inside(2, s.v, s.keys, s.value_depth);
    inside(3, s.mask, s.queries, s.keys);
    c.set(0, c.dtype(0), shape_of(Dims(c.integers("shape"))));
}

void run(RefContext& c) {
    const AttentionSizes s = attention_sizes(c);
    std::vector<double> p(static_cast<size_t>(s.keys));
    for (int64_t b = 0; b < s.batch; ++b)
        for (int64_t h = 0; h < s.heads; ++h)
            for (int64_t t = 0; t < s.queries; ++t) {
                double largest = -INFINITY, sum = 0;
                for (int64_t j = 0; j < s.keys; ++j) {
                    double dot = 0;
                    for (int64_t d = 0; d < s.depth; ++d) dot += c.in[0].at(s.q.at(b, h, t, d)) * c.in[1].at(s.k.at(b, h, j, d));
                    dot = dot * s.scale + (c.given(3) ? c.in[3].at(s.mask.at(b, h, t, j)) : 0.0);
                    p[static_cast<size_t>(j)] = dot;
                    largest = std::max(largest, dot);
                }
                for (double& v : p) sum += v = std::exp(v - largest);
                for (int64_t d = 0; d < s.value_depth; ++d) {
                    double y = 0;
                    for (int64_t j = 0; j < s.keys; ++j) y += p[static_cast<size_t>(j)] * c.in[2].at(s.v.at(b, h, j, d));
                    c.out[0].set(s.y.at(b, h, t, d), y / sum);
                }
            }
}

Cost cost(const CostContext& c) {
    const AttentionSizes s = attention_sizes(c);
    const double scores = static_cast<double>(s.batch * s.heads) * static_cast<double>(s.queries * s.keys);
    return {scores * static_cast<double>(s.depth + s.value_depth), scores * 4};
}
}  // namespace

std::vector<OpDecl> attention() {
    const auto list = [](const char* name, bool required = true) { return AttrSpec{name, AttrKind::integers, std::nullopt, required}; };
    return {{.domain = "hone", .name = "Attention", .min_inputs = 3, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
             .attributes = {list("sizes"), list("q"), list("k"), list("v"), list("y"), list("shape"), list("mask", false),
                            {"scale", AttrKind::real, 1.f}},
             .infer = infer, .reference = run, .cost = cost}};
}

}  // namespace ops
}  // namespace hone
