// SPDX-License-Identifier: Apache-2.0
// Random operators. The reference draws from the counter-based generator with the node's seed (0 when absent): shapes,
// types and distribution are the standard's, the values are ours.
#include <bit>
#include <cmath>

#include "base/rng.h"
#include "op/elements.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

Rng rng(const OpContext& c) { return Rng(c.has("seed") ? std::bit_cast<uint32_t>(c.real("seed")) : 0); }

DType type_attribute(const OpContext& c, bool (*accepts)(DType)) {
    const auto t = static_cast<DType>(c.integer("dtype"));
    if (!accepts(t)) c.refuse(cat("attribute 'dtype' is ", c.integer("dtype"), "; the operator does not make it"));
    return t;
}

void infer_shaped(InferContext& c) {
    for (int64_t d : c.integers("shape"))
        if (d < 0) c.refuse(cat("attribute 'shape' has entry ", d));
    c.set(0, type_attribute(c, is_float), shape_of(c.integers("shape")));
}
void infer_like(InferContext& c, bool (*accepts)(DType)) {
    DType t = c.dtype(0);
    if (c.has("dtype"))
        t = type_attribute(c, accepts);
    else if (t != DType::undefined && !accepts(t))
        c.refuse(cat("input 0 is ", dtype_name(t), "; give a dtype"));
    if (c.rank_known(0))
        c.set(0, t, c.shape(0));
    else
        c.set(0, t);
}
void infer_float_like(InferContext& c) { infer_like(c, is_float); }
void infer_bernoulli(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    infer_like(c, is_number_or_bool);
}

void run_normal(RefContext& c) {
    Rng r = rng(c);
    for (int64_t i = 0; i < c.out[0].count(); ++i) c.out[0].set(i, c.real("mean") + c.real("scale") * r.normal());
}
void run_uniform(RefContext& c) {
    Rng r = rng(c);
    const double low = c.real("low"), high = c.real("high");
    for (int64_t i = 0; i < c.out[0].count(); ++i) c.out[0].set(i, low + (high - low) * r.uniform());
}
void run_bernoulli(RefContext& c) {
    Rng r = rng(c);
    for (int64_t i = 0; i < c.out[0].count(); ++i) c.out[0].set_int(i, r.uniform() < c.in[0].at(i));
}

void infer_multinomial(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    require_rank(c, 0, 2, 2);
    const int64_t n = c.integer("sample_size");
    if (n < 0) c.refuse(cat("sample_size is ", n));
    c.set(0, type_attribute(c, is_index), {c.rank_known(0) ? c.shape(0)[0] : Dim(), n});
}
/// Input: log-probabilities, not normalised.
void run_multinomial(RefContext& c) {
    Rng r = rng(c);
    const int64_t classes = c.in[0].dim(1), n = c.out[0].dim(1);
    if (classes == 0 && c.out[0].count()) c.refuse("there are no classes to draw from");
    for (int64_t b = 0; b < c.out[0].dim(0); ++b) {
        double most = -INFINITY, total = 0;
        for (int64_t k = 0; k < classes; ++k) most = std::fmax(most, c.in[0].at(b * classes + k));
        std::vector<double> weight;
        for (int64_t k = 0; k < classes; ++k) {
            weight.push_back(std::exp(c.in[0].at(b * classes + k) - most));
            total += weight.back();
        }
        for (int64_t i = 0; i < n; ++i) {
            double at = r.uniform() * total;
            int64_t k = 0;
            while (k + 1 < classes && at >= weight[static_cast<size_t>(k)]) at -= weight[static_cast<size_t>(k++)];
            c.out[0].set_int(b * n + i, k);
        }
    }
}

OpDecl op(const char* name, int inputs, void (*infer)(InferContext&), void (*reference)(RefContext&),
          std::vector<AttrSpec> attributes, int since = 1) {
    attributes.push_back({"seed", AttrKind::real});
    return {.name = name,
            .min_inputs = inputs,
            .max_inputs = inputs,
            .min_outputs = 1,
            .max_outputs = 1,
            .attributes = std::move(attributes),
            .infer = infer,
            .reference = reference,
            .random = true,
            .flat = true,  // shapes and probabilities only: what is drawn does not follow them smoothly
            .since = since};
}

}  // namespace

std::vector<OpDecl> random() {
    const AttrSpec mean{"mean", AttrKind::real, 0.f}, scale{"scale", AttrKind::real, 1.f},
        low{"low", AttrKind::real, 0.f}, high{"high", AttrKind::real, 1.f},
        shape{"shape", AttrKind::integers, std::nullopt, true}, any_type{"dtype", AttrKind::integer},
        f32_type{"dtype", AttrKind::integer, int64_t{1}};
    return {
        op("RandomNormal", 0, infer_shaped, run_normal, {mean, scale, shape, f32_type}),
        op("RandomUniform", 0, infer_shaped, run_uniform, {low, high, shape, f32_type}),
        op("RandomNormalLike", 1, infer_float_like, run_normal, {mean, scale, any_type}),
        op("RandomUniformLike", 1, infer_float_like, run_uniform, {low, high, any_type}),
        op("Bernoulli", 1, infer_bernoulli, run_bernoulli, {any_type}, 15),
        op("Multinomial", 1, infer_multinomial, run_multinomial,
           {{"sample_size", AttrKind::integer, int64_t{1}}, {"dtype", AttrKind::integer, int64_t{6}}}, 7),
    };
}

}  // namespace hone::ops
