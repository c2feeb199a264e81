// SPDX-License-Identifier: Apache-2.0
// The optimisers' operators: first steps by hand, skipping, types, refusals. PyTorch is their oracle in test/train.
#include "op/run_node.h"

using namespace hone;

namespace {

Tensor real(double v) { return of(DType::f64, {v}, {}); }
std::vector<Tensor> update(const std::string& op, std::vector<Tensor> in, Attributes attributes = {}) {
    std::set<size_t> omitted;
    for (size_t i = 0; i < in.size(); ++i)
        if (!in[i].defined()) omitted.insert(i);
    const size_t outputs = 1 + (in.size() < 5 ? 0 : in.size() - 5);
    return interpret_node(*find_op("hone", op), node_of(op, in.size(), std::move(attributes), outputs, omitted), in);
}
const Tensor kLr = real(0.5), kFirst = Tensor::scalar_i64(0);
Tensor f64(const std::vector<double>& v) { return of(DType::f64, v, {static_cast<int64_t>(v.size())}); }

TEST(Update, FirstStepsByHand) {
    expect_values(update("Sgd", {f64({1, 2}), f64({2, -4}), kLr, kFirst})[0], {2}, {0, 4});
    const auto sgd = update("Sgd", {f64({1}), f64({2}), kLr, Tensor::scalar_i64(3), Tensor(), f64({10})}, {{"momentum", real(0.5)}, {"weight_decay", real(1)}});
    expect_values(sgd[1], {1}, {8});
    expect_values(sgd[0], {1}, {-3});
    const auto adagrad = update("Adagrad", {f64({1}), f64({-3}), kLr, kFirst, Tensor(), f64({16})}, {{"epsilon", real(1)}});
    expect_values(adagrad[1], {1}, {25});
    expect_values(adagrad[0], {1}, {1.25});
    const auto adam = update("Adam", {f64({1}), f64({-3}), kLr, kFirst, Tensor(), f64({0}), f64({0})});
    expect_values(adam[0], {1}, {1.5}, 1e-8);  // the first step is the rate
    expect_values(adam[1], {1}, {-0.3}, 1e-15);
    expect_values(adam[2], {1}, {0.009}, 1e-15);  // 1 - 0.999 to the last digits
}

TEST(Update, NotAppliedItChangesNothing) {
    for (const bool apply : {false, true}) {
        const std::vector<Tensor> in{f64({1, 2}), f64({NAN, 1}), kLr, kFirst, of(DType::boolean, {apply ? 1. : 0.}, {}), f64({3, 4}), f64({5, 6})};
        const auto out = update("Adam", in);
        EXPECT_EQ(out[0].same_bits(in[0]), !apply);
        EXPECT_EQ(out[1].same_bits(in[5]), !apply);
        EXPECT_EQ(out[2].same_bits(in[6]), !apply);
    }
}

TEST(Update, EachTensorHasItsType) {
    const auto out = update("RmsProp", {Tensor::of_f32({1}), of(DType::bf16, {2}, {1}), Tensor::of_f32({0.5f}), kFirst, Tensor(), f64({0})});
    EXPECT_EQ(out[0].dtype(), DType::f32);
    EXPECT_EQ(out[1].dtype(), DType::f64);
    expect_values(out[1], {1}, {0.04});
    expect_values(out[0], {1}, {-4});
}

TEST(Update, RefusesStatesThatDoNotFit) {
    const Tensor w = f64({1, 2});
    const auto error = [&](const std::string& op, std::vector<Tensor> states, Attributes a = {}) {
        std::vector<Tensor> in{w, w, kLr, kFirst, Tensor()};
        in.insert(in.end(), states.begin(), states.end());
        return error_of([&] { update(op, in, a); });
    };
    EXPECT_EQ(error("Sgd", {}), "");
    EXPECT_EQ(error("Sgd", {w}), "op.invalid");
    EXPECT_EQ(error("Sgd", {}, {{"momentum", real(0.9)}}), "op.invalid");
    EXPECT_EQ(error("Adam", {w}), "op.arity");
    EXPECT_EQ(error("Adam", {w, w, w}), "op.arity");
    EXPECT_EQ(error("Adam", {w, f64({1})}), "op.invalid");
    EXPECT_EQ(error("RmsProp", {w}, {{"centred", int64_t{1}}}), "op.invalid");
    EXPECT_EQ(error("RmsProp", {w, w, w}, {{"centred", int64_t{1}}, {"momentum", real(0.9)}}), "");
    EXPECT_EQ(error("Adam", {w, w}, {{"beta1", f64({1, 2})}}), "op.invalid");
    EXPECT_EQ(error_of([&] { update("Sgd", {w, f64({1}), kLr, kFirst}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { update("Sgd", {w, w, w, kFirst}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { update("Sgd", {w, w, kLr, kLr}); }), "op.invalid");
}

}  // namespace
