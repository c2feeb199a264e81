// SPDX-License-Identifier: Apache-2.0
// Dropout whose ratio and mode are the graph's inputs: the gradient follows the mask that the forward pass drew.
#include <gtest/gtest.h>

#include "gradient_case.h"
#include "op/builder.h"
#include "pass/autodiff.h"

namespace hone {

TEST(DropoutGradient, FollowsTheMaskInEitherMode) {
    Graph g;
    const Tensor x = points({5, 7});
    const ValueId in = g.add_input("x", TypeInfo::of(x)), ratio = g.add_input("ratio", TypeInfo::tensor(DType::f32, Shape{})),
                  training = g.add_input("training", TypeInfo::tensor(DType::boolean, Shape{}));
    Builder b(g);
    const ValueId y = b.node("Dropout", {in, ratio, training}, {{"seed", int64_t{11}}});
    const std::vector<ValueId> d = add_gradients(g, {{y}}, {in});
    g.outputs = {y, d[0]};
    g.check_structure();
    for (bool mode : {false, true}) {
        Tensor on = Tensor::zeros(DType::boolean, {});
        on.set_int(0, mode);
        const std::vector<Tensor> got = interpret_graph(g, {x, Tensor::scalar_f32(0.25f), on});
        int64_t dropped = 0;
        for (int64_t i = 0; i < x.count(); ++i) {
            EXPECT_NEAR(got[1].at(i), got[0].at(i) / x.at(i), 1e-12);
            dropped += got[1].at(i) == 0;
        }
        EXPECT_EQ(dropped > 0, mode);
        EXPECT_LT(dropped, x.count());
    }
}

}  // namespace hone
