// SPDX-License-Identifier: Apache-2.0
// Products, reductions, softmax and the operators that move, pick and pad elements.
#include "gradient_case.h"

namespace hone {
namespace {

using Cases = std::vector<GradientCase>;

Tensor whole(const std::vector<int64_t>& v, const Dims& dims) { return Tensor::of_i64(v).reshaped(dims); }
Tensor list(const std::vector<int64_t>& v) { return Tensor::of_i64(v); }
Tensor narrow(const std::vector<int64_t>& v, const Dims& dims) {
    Tensor t = Tensor::zeros(DType::i32, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, v[static_cast<size_t>(i)]);
    return t;
}
Tensor bools(const std::vector<int64_t>& v) {
    Tensor t = Tensor::zeros(DType::boolean, {static_cast<int64_t>(v.size())});
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, v[static_cast<size_t>(i)]);
    return t;
}
Tensor with_zeros(Tensor t, const std::vector<int64_t>& at) {
    for (int64_t i : at) t.set(i, 0);
    return t;
}
Tensor single(const Tensor& t) {
    Tensor s = Tensor::zeros(DType::f32, t.dims());
    for (int64_t i = 0; i < t.count(); ++i) s.set(i, t.at(i));
    return s;
}
Tensor more(const Dims& d, uint64_t seed = 1) { return points(d, -2, 2, {}, seed); }
int64_t code(DType t) { return static_cast<int64_t>(t); }

void products(Cases& all) {
    const std::vector<std::pair<Dims, Dims>> matmuls{
        {{3, 5}, {5, 2}}, {{5}, {5}}, {{5}, {5, 3}}, {{3, 5}, {5}}, {{2, 1, 3, 5}, {4, 5, 2}}, {{3, 5}, {2, 5, 3}}, {{2, 3, 5}, {5, 4}},
        {{2, 3, 5}, {1, 5, 4}}, {{5}, {2, 5, 3}}, {{2, 3, 5}, {5}}, {{4, 3, 5}, {1, 1, 5, 2}}, {{2, 3, 5}, {2, 5, 1}}, {{1, 3, 5}, {2, 5, 3}}};
    for (const auto& [a, b] : matmuls)
        all.push_back({.op = "MatMul", .in = {points(a), more(b)}, .note = cat(to_text(a), to_text(b))});
    all.push_back({.op = "MatMul", .in = {points({2, 3, 5}), more({5, 2})}, .fixed = {0}, .note = "right"});
    all.push_back({.op = "MatMul", .in = {points({1, 3, 5}), more({2, 5, 2})}, .fixed = {1}, .note = "left"});
    for (int64_t ta : {0, 1})
        for (int64_t tb : {0, 1}) {
            const Dims a = ta ? Dims{5, 3} : Dims{3, 5}, b = tb ? Dims{2, 5} : Dims{5, 2};
            const std::vector<Dims> bias{{2}, {3, 1}, {1, 2}, {3, 2}};
            all.push_back({.op = "Gemm", .in = {points(a), more(b), more(bias[static_cast<size_t>(2 * ta + tb)], 2)},
                           .attributes = {{"alpha", 0.75f}, {"beta", -1.5f}, {"transA", ta}, {"transB", tb}}, .note = cat("trans", ta, tb)});
        }
    all.push_back({.op = "Gemm", .in = {points({3, 5}), more({5, 2})}, .note = "no_bias"});
    all.push_back({.op = "Gemm", .in = {points({3, 5}), more({5, 2}), more({}, 2)}, .fixed = {0, 1}, .note = "scalar_bias"});
    const auto einsum = [&](const char* equation, std::vector<Tensor> in, const char* note) {
        all.push_back({.op = "Einsum", .in = std::move(in), .attributes = {{"equation", std::string(equation)}}, .note = note});
    };
    einsum("bij,bjk->bik", {points({2, 3, 5}), more({2, 5, 2})}, "batched");
    einsum("ij,kj", {points({3, 5}), more({2, 5})}, "implicit");
    einsum("ij->i", {points({3, 5})}, "sum");
    einsum("ijk->", {points({3, 2, 5})}, "all");
    einsum("ii->i", {points({3, 3})}, "diagonal");
    einsum("ii", {points({4, 4})}, "trace");
    einsum("iji,j->ij", {points({3, 2, 3}), more({2})}, "inner_diagonal");
    einsum("...ij,...jk->...ik", {points({2, 1, 3, 5}), more({4, 5, 2})}, "ellipsis");
    einsum("...ij,j->i...", {points({2, 3, 5}), more({5})}, "turned_ellipsis");
    einsum("ij,ij->i", {points({1, 5}), more({3, 1})}, "broadcast");
    einsum("a,b,ac->bc", {points({3}), more({2}), more({3, 5}, 2)}, "three");
    einsum("ij,k->k", {points({3, 2}), more({5})}, "unrelated");
}

void reductions(Cases& all) {
    struct Kind {
        const char* op;
        Tensor x;
    };
    const Dims d{3, 2, 5};
    const std::vector<Kind> kinds{{"ReduceSum", points(d)}, {"ReduceMean", points(d)}, {"ReduceMax", distinct(d)}, {"ReduceMin", distinct(d)},
                                  {"ReduceProd", points(d, -1.5, 1.5)}, {"ReduceL1", points(d, -2, 2, {0})}, {"ReduceL2", points(d)},
                                  {"ReduceLogSum", points(d, 0.2, 2)}, {"ReduceLogSumExp", points(d)}, {"ReduceSumSquare", points(d)}};
    for (const Kind& k : kinds) {
        const auto add = [&](std::vector<Tensor> axes, int64_t keep, int64_t noop, const char* note) {
            axes.insert(axes.begin(), k.x);
            all.push_back({.op = k.op, .in = axes, .attributes = {{"keepdims", keep}, {"noop_with_empty_axes", noop}}, .note = note});
        };
        add({list({1})}, 1, 0, "one_kept");
        add({list({-1, 0})}, 0, 0, "two");
        add({list({1, 2})}, 0, 0, "last_two");
        add({}, 0, 0, "all");
        add({list({})}, 1, 0, "all_kept");
        add({list({})}, 1, 1, "none");
    }
    all.push_back({.op = "ReduceProd", .in = {with_zeros(points(d), {1, 5, 12}), list({2})}, .note = "a_zero"});
    all.push_back({.op = "ReduceProd", .in = {with_zeros(points(d), {0, 1, 17}), list({0, 2})}, .note = "zeros"});
    all.push_back({.op = "ReduceL1", .in = {points({}, 0.5, 1)}, .note = "scalar"});
    for (const char* op : {"Softmax", "LogSoftmax"})
        for (int64_t axis : {-1, 1, 0})
            all.push_back({.op = op, .in = {points({3, 2, 5})}, .attributes = {{"axis", axis}}, .note = cat("axis", axis)});
}

void shapes(Cases& all) {
    all.push_back({.op = "Identity", .in = {points({3, 5})}});
    all.push_back({.op = "Cast", .in = {points({3, 5})}, .attributes = {{"to", code(DType::f64)}}, .note = "same"});
    all.push_back({.op = "Cast", .in = {single(points({3, 5}))}, .attributes = {{"to", code(DType::f64)}}, .note = "single", .tolerance = 2e-3});
    all.push_back({.op = "CastLike", .in = {single(points({3, 5})), more({2})}, .fixed = {1}, .tolerance = 2e-3});
    all.push_back({.op = "Reshape", .in = {points({3, 2, 5}), list({0, -1})}});
    all.push_back({.op = "Flatten", .in = {points({3, 2, 5})}, .attributes = {{"axis", int64_t{-1}}}});
    all.push_back({.op = "Squeeze", .in = {points({3, 1, 5, 1}), list({-1, 1})}});
    all.push_back({.op = "Squeeze", .in = {points({1, 3, 1})}, .note = "all"});
    all.push_back({.op = "Unsqueeze", .in = {points({3, 5}), list({-1, 0})}});
    all.push_back({.op = "Transpose", .in = {points({3, 2, 5})}, .attributes = {{"perm", std::vector<int64_t>{2, 0, 1}}}});
    all.push_back({.op = "Transpose", .in = {points({3, 2, 5})}, .note = "reversed"});
    all.push_back({.op = "Expand", .in = {points({3, 1}), list({2, 1, 5})}});
    all.push_back({.op = "Expand", .in = {points({}), list({2, 3})}, .note = "scalar"});
    all.push_back({.op = "Tile", .in = {points({3, 1, 5}), list({2, 3, 1})}});
    all.push_back({.op = "Tile", .in = {points({3, 5}), list({1, 1})}, .note = "once"});
    all.push_back({.op = "Concat", .in = {points({3, 2, 5}), more({3, 1, 5}), more({3, 4, 5}, 2)}, .attributes = {{"axis", int64_t{-2}}}});
    all.push_back({.op = "Concat", .in = {points({3, 2}), more({1, 2}), more({2, 2}, 2)}, .attributes = {{"axis", int64_t{0}}}, .fixed = {0, 2}, .note = "middle"});
    all.push_back({.op = "Concat", .in = {points({3, 2})}, .attributes = {{"axis", int64_t{1}}}, .note = "one"});
    all.push_back({.op = "Split", .in = {points({3, 7}), list({2, 1, 4})}, .attributes = {{"axis", int64_t{-1}}}, .outputs = 3});
    all.push_back({.op = "Split", .in = {points({7, 2})}, .attributes = {{"num_outputs", int64_t{3}}}, .outputs = 3, .note = "chunks"});
    all.push_back({.op = "Split", .in = {points({7, 2})}, .attributes = {{"num_outputs", int64_t{3}}}, .outputs = 3, .unused = {1}, .note = "two_used"});
    all.push_back({.op = "Split", .in = {points({3, 7}), list({2, 1, 4})}, .attributes = {{"axis", int64_t{1}}}, .outputs = 3, .unused = {0, 2}, .note = "one_used"});
    all.push_back({.op = "DepthToSpace", .in = {points({2, 12, 3, 5})}, .attributes = {{"blocksize", int64_t{2}}}});
    all.push_back({.op = "DepthToSpace", .in = {points({2, 12, 3, 5})}, .attributes = {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}}, .note = "CRD"});
    all.push_back({.op = "SpaceToDepth", .in = {points({2, 3, 4, 6})}, .attributes = {{"blocksize", int64_t{2}}}});
    all.push_back({.op = "Trilu", .in = {points({2, 3, 5})}});
    all.push_back({.op = "Trilu", .in = {points({2, 3, 5}), list({-1}).reshaped({})}, .attributes = {{"upper", int64_t{0}}}, .note = "lower"});
}

void boxes(Cases& all) {
    const auto slice = [&](Tensor x, std::vector<Tensor> in, const char* note) {
        in.insert(in.begin(), std::move(x));
        all.push_back({.op = "Slice", .in = std::move(in), .note = note});
    };
    slice(points({5, 7}), {list({1, 2}), list({4, 6})}, "plain");
    slice(points({5, 7}), {list({-3}), list({1000}), list({-1})}, "axes");
    slice(points({9, 7}), {list({-1, 6}), list({-100, 1}), list({0, 1}), list({-1, -2})}, "backwards");
    slice(points({9, 7, 4}), {list({1, 0}), list({9, 7}), list({0, 1}), list({3, 2})}, "steps");
    slice(points({8, 3}), {list({7}), list({0}), list({0}), list({-3})}, "back_by_three");
    slice(points({8, 3}), {list({2}), list({3}), list({0}), list({5})}, "one_row");
    struct Padding {
        const char* mode;
        std::vector<int64_t> pads;
        const char* note;
    };
    for (const Padding& p : {Padding{"constant", {1, 0, 2, 3}, "constant"}, {"reflect", {2, 1, 3, 4}, "reflect"}, {"edge", {1, 0, 2, 3}, "edge"},
                             {"wrap", {3, 1, 2, 0}, "wrap"}, {"constant", {-1, 2, 1, -2}, "constant_cut"}, {"reflect", {-1, 2, 2, 0}, "reflect_cut"},
                             {"edge", {-1, -2, 2, 3}, "edge_cut"}})
        all.push_back({.op = "Pad", .in = {points({4, 5}), list(p.pads)}, .attributes = {{"mode", std::string(p.mode)}}, .note = p.note});
    all.push_back({.op = "Pad", .in = {points({4, 3, 5}), list({1, 2, 0, 3}), points({}, 0.5, 1, {}, 1), list({-1, 0})}, .note = "value"});
    all.push_back({.op = "Pad", .in = {points({4, 5}), list({-1, 2, 1, -2}), points({1}, 0.5, 1, {}, 1)}, .note = "value_cut"});
    all.push_back({.op = "Pad", .in = {points({2, 3}), list({1, -3, 0, 2}), points({}, 0.5, 1, {}, 1)}, .note = "value_only"});
}

void picks(Cases& all) {
    all.push_back({.op = "Gather", .in = {points({3, 4, 5}), whole({1, -1, 1, 0, 2, 1}, {2, 3})}, .attributes = {{"axis", int64_t{1}}}});
    all.push_back({.op = "Gather", .in = {points({4, 3}), narrow({3}, {})}, .attributes = {{"axis", int64_t{-2}}}, .note = "scalar"});
    all.push_back({.op = "GatherGradient", .domain = "hone", .in = {points({3, 2, 3, 5}), whole({1, -1, 1, 0, 2, 1}, {2, 3})},
                   .attributes = {{"axis", int64_t{1}}, {"size", int64_t{4}}}});
    all.push_back({.op = "GatherElements", .in = {points({3, 4}), whole({0, -1, 0, 3, 2, 2}, {2, 3})}, .attributes = {{"axis", int64_t{-1}}}});
    all.push_back({.op = "GatherElements", .in = {points({3, 4}), narrow({2, 2, 0, 2}, {1, 4})}, .note = "rows"});
    all.push_back({.op = "GatherND", .in = {points({3, 4, 2}), whole({0, -1, 2, 3, 0, 3}, {3, 2})}});
    all.push_back({.op = "GatherND", .in = {points({2, 3, 4, 2}), whole({0, 2, 2, 2, 1, 0, 1, -1, 0, 3, 0, 0}, {2, 3, 2, 1})}, .attributes = {{"batch_dims", int64_t{2}}}, .note = "batch"});
    all.push_back({.op = "ReverseSequence", .in = {points({4, 3, 2}), list({2, 4, 1})}});
    all.push_back({.op = "ReverseSequence", .in = {points({3, 4, 2}), list({0, 4, 3})}, .attributes = {{"time_axis", int64_t{1}}, {"batch_axis", int64_t{0}}}, .note = "batch_first"});
    const Tensor x = distinct({3, 5}), u = distinct({2, 4}, 3), rows = distinct({4, 5}, 4);
    // Elements 0.01 apart at least where extremes are taken of both.
    Tensor u_off = u.clone(), rows_off = rows.clone();
    for (Tensor* t : {&u_off, &rows_off})
        for (int64_t i = 0; i < t->count(); ++i) t->set(i, t->at(i) + 0.011);
    const Tensor once = whole({0, 2, 1, 4, 3, -1, 0, 1}, {2, 4}), twice = whole({0, 2, 0, 0, 3, -2, 3, 1}, {2, 4});
    for (const char* how : {"none", "add", "mul", "min", "max"}) {
        const std::string r = how;
        const bool extreme = r == "min" || r == "max";
        all.push_back({.op = "ScatterElements", .in = {x, r == "none" ? once : twice, extreme ? u_off : u}, .attributes = {{"axis", int64_t{-1}}, {"reduction", r}}, .note = how});
        all.push_back({.op = "ScatterND", .in = {x, r == "none" ? whole({2, 0}, {2, 1}) : whole({2, 0, 2, -1}, {4, 1}), r == "none" ? distinct({2, 5}, 4) : extreme ? rows_off : rows},
                       .attributes = {{"reduction", r}}, .note = how});
    }
    all.push_back({.op = "ScatterElements", .in = {x, twice, u}, .attributes = {{"axis", int64_t{1}}, {"reduction", std::string("add")}}, .fixed = {0}, .note = "updates"});
    all.push_back({.op = "ScatterElements", .in = {with_zeros(points({3, 5}), {0, 8}), twice, with_zeros(more({2, 4}), {0, 6})},
                   .attributes = {{"axis", int64_t{1}}, {"reduction", std::string("mul")}}, .note = "mul_zeros"});
    all.push_back({.op = "ScatterND", .in = {points({3, 5}), whole({1, 2, 0, 4, 1, -3}, {3, 2}), with_zeros(more({3}), {2})}, .attributes = {{"reduction", std::string("mul")}}, .note = "points"});
    all.push_back({.op = "Compress", .in = {points({3, 5, 2}), bools({1, 0, 1, 1})}, .attributes = {{"axis", int64_t{-2}}}});
    all.push_back({.op = "Compress", .in = {points({3, 2}), bools({0, 1, 1, 0, 0, 1})}, .note = "flat"});
    all.push_back({.op = "TopK", .in = {distinct({3, 7}), list({3})}, .outputs = 2});
    all.push_back({.op = "TopK", .in = {distinct({7, 3}), list({2})}, .attributes = {{"axis", int64_t{0}}, {"largest", int64_t{0}}}, .note = "least"});
    all.push_back({.op = "OneHot", .in = {whole({2, -1, 7, 0, 1, 2}, {2, 3}), list({4}).reshaped({}), points({2})}, .attributes = {{"axis", int64_t{1}}}});
}

void running(Cases& all) {
    for (int64_t exclusive : {0, 1})
        for (int64_t reverse : {0, 1}) {
            const Attributes a{{"exclusive", exclusive}, {"reverse", reverse}};
            const std::string note = cat(exclusive, reverse);
            all.push_back({.op = "CumSum", .in = {points({3, 5, 2}), list({-2}).reshaped({})}, .attributes = a, .note = note});
            all.push_back({.op = "CumProd", .in = {points({3, 5, 2}), list({-2}).reshaped({})}, .attributes = a, .note = note});
            all.push_back({.op = "CumProd", .in = {with_zeros(points({2, 6}), {2, 8, 10}), list({1}).reshaped({})}, .attributes = a, .note = "zeros" + note});
        }
    all.push_back({.op = "Det", .in = {points({3, 4, 4})}});
    all.push_back({.op = "Det", .in = {with_zeros(points({3, 3}), {3, 4, 5})}, .note = "singular"});
    all.push_back({.op = "Det", .in = {points({2, 1, 1})}, .note = "one"});
}

}  // namespace

std::vector<GradientCase> move_gradient_cases() {
    Cases all;
    for (auto* family : {products, reductions, shapes, boxes, picks, running}) family(all);
    return all;
}

}  // namespace hone
