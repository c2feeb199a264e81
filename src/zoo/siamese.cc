// SPDX-License-Identifier: Apache-2.0
// A siamese pair (Bromley et al., "Signature verification using a siamese time delay neural network", NIPS 1993; Hadsell et
// al., "Dimensionality reduction by learning an invariant mapping", CVPR 2006): one encoder over two pictures, every parameter
// one constant that both branches read. No batch normalisation, whose statistics would be those of one branch.
#include "zoo/build.h"
#include "zoo/encoder.h"

namespace hone::zoo {

std::vector<Network> siamese(const Request& r) {
    Builder b("siamese", r.seed, torch_rules);
    const Encoder e{.stages = r.depth, .base = scaled(32, r.width), .embedding = r.embedding};
    const Shape shape{Dim::named("N"), r.input[0], r.input[1], r.input[2]};
    const ValueId pictures[] = {b.input("a", DType::f32, shape), b.input("b", DType::f32, shape)};
    b.branch("a.");
    const ValueId first = picture_encoder(b, pictures[0], e);
    b.branch("b.");
    const ValueId second = picture_encoder(b, pictures[1], e);
    b.branch("");
    const ValueId apart = b.add("Sub", "apart", {first, second});
    const ValueId squares = b.add("ReduceSum", "sum", {b.add("Mul", "square", {apart, apart}), b.fixed("last_axis", Tensor::of_i64({-1}))},
                                  {{"keepdims", int64_t{0}}});
    // The root of 0 has no gradient.
    const ValueId distance = b.add("Sqrt", "root", {b.sum("shift", squares, b.scalar("least_square", 1e-12F))});
    std::vector<Network> out;
    out.push_back(b.finish({{"distance", distance}, {"embedding_a", first}, {"embedding_b", second}}));
    return out;
}

}  // namespace hone::zoo
