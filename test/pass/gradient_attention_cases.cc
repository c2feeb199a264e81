// SPDX-License-Identifier: Apache-2.0
// Attention in all its forms and RotaryEmbedding.
#include <limits>

#include "gradient_case.h"

namespace hone {
namespace {

Attribute one() { return int64_t{1}; }
/// Every third key forbidden; with `whole`, all keys of the first query too.
Tensor forbidding(const Dims& d, bool whole) {
    Tensor t = Tensor::zeros(DType::boolean, d);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, i % 3 != 1 && !(whole && i < d.back()));
    return t;
}
Tensor forbidding_numbers(const Dims& d) {
    const Tensor allowed = forbidding(d, false);
    Tensor t = points(d, -1, 1, {}, 31);
    for (int64_t i = 0; i < t.count(); ++i)
        if (!allowed.at_int(i)) t.set(i, -std::numeric_limits<double>::infinity());
    return t;
}
Tensor integers(const Dims& d, const std::vector<int64_t>& v) {
    Tensor t = Tensor::zeros(DType::i64, d);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, v[static_cast<size_t>(i)]);
    return t;
}

struct Form {
    std::string note;
    Attributes attributes = {};
    Tensor mask = {};
    Dims heads = {2, 2};      ///< of Q, of K and V
    int64_t past = 0;
    Tensor known = {};
    bool packed = false;
    int outputs = 1;
    std::set<size_t> unused = {}, fixed = {};
};
constexpr int64_t kBatch = 2, kQueries = 3, kKeys = 5, kSize = 4, kValueSize = 3;

GradientCase attention(const Form& f) {
    const auto operand = [&](int64_t heads, int64_t length, int64_t size, uint64_t seed) {
        return points(f.packed ? Dims{kBatch, length, heads * size} : Dims{kBatch, heads, length, size}, -1.5, 1.5, {}, seed);
    };
    GradientCase c{.op = "Attention", .in = {}, .attributes = f.attributes, .outputs = f.outputs, .fixed = f.fixed, .unused = f.unused, .note = f.note};
    c.in = {operand(f.heads[0], kQueries, kSize, 1), operand(f.heads[1], kKeys, kSize, 2), operand(f.heads[1], kKeys, kValueSize, 3), f.mask,
            f.past ? points({kBatch, f.heads[1], f.past, kSize}, -1.5, 1.5, {}, 4) : Tensor(),
            f.past ? points({kBatch, f.heads[1], f.past, kValueSize}, -1.5, 1.5, {}, 5) : Tensor(), f.known};
    while (!c.in.back().defined()) c.in.pop_back();
    if (f.packed) {
        c.attributes["q_num_heads"] = f.heads[0];
        c.attributes["kv_num_heads"] = f.heads[1];
    }
    return c;
}

GradientCase rotary(std::string note, const Dims& x, const Dims& cache, Attributes a = {}, Tensor positions = {}) {
    GradientCase c{.op = "RotaryEmbedding", .in = {points(x), points(cache, -1, 1, {}, 1), points(cache, -1, 1, {}, 2)}, .attributes = std::move(a), .note = std::move(note)};
    if (positions.defined()) c.in.push_back(positions);
    return c;
}

}  // namespace

std::vector<GradientCase> attention_gradient_cases() {
    const Attributes causal{{"is_causal", one()}}, capped{{"softcap", 0.8f}, {"scale", 0.7f}};
    const auto shows = [](int64_t mode, Attributes more = {}) {
        more["qk_matmul_output_mode"] = mode;
        return more;
    };
    std::vector<GradientCase> all;
    for (const Form& f : std::vector<Form>{
             {.note = "plain"},
             {.note = "packed", .packed = true},
             {.note = "scale_and_softcap", .attributes = capped},
             {.note = "causal", .attributes = causal},
             {.note = "causal_past", .attributes = causal, .past = 2},
             {.note = "grouped_heads", .heads = {6, 2}},
             {.note = "grouped_heads_packed_past", .heads = {6, 2}, .past = 2, .packed = true, .outputs = 3},
             {.note = "one_head_of_keys_causal", .attributes = causal, .heads = {3, 1}, .packed = true},
             {.note = "mask_of_numbers", .mask = points({kQueries, kKeys}, -1, 1, {}, 30)},
             {.note = "mask_of_numbers_for_each_head", .mask = points({kBatch, 2, kQueries, kKeys}, -1, 1, {}, 30), .packed = true},
             {.note = "mask_for_each_sample", .mask = points({kBatch, 1, 1, kKeys}, -1, 1, {}, 30)},
             {.note = "mask_of_one_key", .mask = points({2, kQueries, 1}, -1, 1, {}, 30), .fixed = {3}},
             {.note = "mask_ends_early", .mask = points({kQueries, kKeys - 2}, -1, 1, {}, 30)},
             {.note = "mask_with_infinity", .mask = forbidding_numbers({kQueries, kKeys}), .fixed = {3}},
             {.note = "mask_of_bools", .mask = forbidding({kQueries, kKeys}, false)},
             {.note = "mask_of_bools_ends_early", .mask = forbidding({kQueries, kKeys - 1}, false), .heads = {4, 2}},
             {.note = "row_without_keys", .attributes = causal, .mask = forbidding({kBatch, 1, kQueries, kKeys + 1}, true), .past = 1},
             {.note = "known_keys", .known = integers({kBatch}, {2, 5})},
             {.note = "known_keys_causal", .attributes = causal, .heads = {4, 2}, .known = integers({kBatch}, {2, 5}), .packed = true},
             {.note = "shows_scaled", .attributes = shows(0, capped), .outputs = 4},
             {.note = "shows_capped", .attributes = shows(1, capped), .heads = {4, 2}, .outputs = 4},
             {.note = "shows_masked", .attributes = shows(2, capped), .mask = points({kQueries, kKeys + 2}, -1, 1, {}, 30), .past = 2, .outputs = 4},
             {.note = "shows_probabilities", .attributes = shows(3, causal), .outputs = 4},
             {.note = "reads_only_scores", .attributes = shows(0), .outputs = 4, .unused = {0, 1, 2}},
             {.note = "reads_only_presents", .past = 2, .outputs = 3, .unused = {0}},
             {.note = "only_values", .fixed = {0, 1}},
             {.note = "only_queries", .fixed = {1, 2}},
         })
        all.push_back(attention(f));
    all.push_back(rotary("halves", {2, 3, 4, 6}, {2, 4, 3}));
    all.push_back(rotary("interleaved", {2, 3, 4, 6}, {2, 4, 3}, {{"interleaved", one()}}));
    all.push_back(rotary("packed_part", {2, 4, 18}, {2, 4, 2}, {{"num_heads", int64_t{3}}, {"rotary_embedding_dim", int64_t{4}}}));
    all.push_back(rotary("positions", {2, 3, 4, 6}, {7, 3}, {}, integers({2, 4}, {0, 3, 6, 3, 1, 3, 2, 5})));
    all.push_back(rotary("interleaved_part_positions", {2, 4, 18}, {7, 2}, {{"num_heads", int64_t{3}}, {"rotary_embedding_dim", int64_t{4}}, {"interleaved", one()}},
                         integers({2, 4}, {0, 3, 6, 3, 1, 3, 2, 5})));
    return all;
}

}  // namespace hone
