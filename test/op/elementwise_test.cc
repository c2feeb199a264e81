// SPDX-License-Identifier: Apache-2.0
// One and two element operators, Cast, Clip, Dropout, random operators: values by hand, exact integers, opset history.
#include "base/rng.h"
#include "op/run_node.h"

using namespace hone;

namespace {

constexpr int64_t kLow = std::numeric_limits<int64_t>::min();

Tensor ints(const std::vector<int64_t>& v, DType t = DType::i64) {
    Tensor r = Tensor::zeros(t, {static_cast<int64_t>(v.size())});
    for (size_t i = 0; i < v.size(); ++i) r.set_int(static_cast<int64_t>(i), v[i]);
    return r;
}

TEST(Unary, RoundsHalfToEvenAndIsStable) {
    expect_values(run("Round", {Tensor::of_f32({0.5f, 1.5f, -2.5f, 2.6f})})[0], {4}, {0, 2, -2, 3});
    expect_values(run("Sigmoid", {Tensor::of_f32({-1000, 0, 1000})})[0], {3}, {0, 0.5, 1});
    expect_values(run("Softplus", {Tensor::of_f32({-1000, 0, 1000})})[0], {3}, {0, std::log(2.), 1000});
    expect_values(run("Relu", {Tensor::of_f32({-1, 2, NAN})})[0], {3}, {0, 2, NAN});
    expect_values(run("HardSwish", {Tensor::of_f32({-4, -1, 5})})[0], {3}, {0, -1. / 3, 5});
    expect_values(run("Gelu", {Tensor::of_f32({1})})[0], {1}, {0.8413447});
    expect_values(run("Gelu", {Tensor::of_f32({1})}, {{"approximate", std::string("tanh")}})[0], {1}, {0.8411920});
    expect_values(run("LeakyRelu", {of(DType::bf16, {-2, 3}, {2})}, {{"alpha", 0.5f}})[0], {2}, {-1, 3});
    EXPECT_EQ(error_of([] { run("Exp", {ints({1})}); }), "op.invalid");
}

TEST(Unary, IntegersAreExact) {
    EXPECT_EQ(run("Abs", {ints({kLow, -5})})[0].to_i64(), (Dims{kLow, 5}));
    EXPECT_EQ(run("Abs", {ints({-1}, DType::u64)})[0].to_i64(), (Dims{-1}));
    EXPECT_EQ(run("Sign", {ints({-1, 0}, DType::u64)})[0].to_i64(), (Dims{1, 0}));
    EXPECT_EQ(run("Neg", {ints({(int64_t{1} << 53) + 1})})[0].to_i64(), (Dims{-(int64_t{1} << 53) - 1}));
    EXPECT_EQ(run("BitwiseNot", {ints({5}, DType::u8)})[0].to_i64(), (Dims{250}));
}

TEST(Clip, LimitsAndHistory) {
    const Tensor x = Tensor::of_f32({-3, 0, 3}), one = Tensor::scalar_f32(1);
    expect_values(run("Clip", {x, Tensor(), one})[0], {3}, {-3, 0, 1});
    expect_values(run("Clip", {x, one, Tensor::scalar_f32(-1)})[0], {3}, {-1, -1, -1});  // max wins
    EXPECT_EQ(run("Clip", {ints({kLow, 7}), Tensor::scalar_i64(kLow + 1)})[0].to_i64(), (Dims{kLow + 1, 7}));
    Graph g;
    const ValueId in = g.add_input("x", f32({2}));
    const NodeId n = g.add_node("", "Clip", {in}, 1, {{"max", 6.f}});
    const OpDecl* clip = find_op("", "Clip");
    clip->upgrade(g, n, 7);
    ASSERT_EQ(g.node(n).inputs.size(), 3u);
    EXPECT_EQ(g.node(n).inputs[1], kNone);
    EXPECT_EQ(clip->downgrade(g, n, 11), 11);
    EXPECT_EQ(clip->downgrade(g, n, 9), 9);
    EXPECT_EQ(std::get<float>(g.node(n).attributes["max"]), 6.f);
    EXPECT_EQ(g.node(n).inputs.size(), 1u);
    g.check_structure();
    const NodeId moving = g.add_node("", "Clip", {in, g.add_input("low", f32({}))}, 1);
    EXPECT_EQ(clip->downgrade(g, moving, 9), 11);
}

TEST(Binary, BroadcastsAndKeepsSymbols) {
    expect_values(run("Add", {iota({2, 1}), iota({3}, 10)})[0], {2, 3}, {10, 11, 12, 11, 12, 13});
    EXPECT_EQ(inferred("Mul", {f32({Dim::named("N"), 1, 4}), f32({3, 1})}), "f32[N,3,4]");
    EXPECT_EQ(inferred("Add", {TypeInfo::tensor(DType::f32), f32({3})}), "f32[*]");
    EXPECT_EQ(inferred("Less", {f32({Dim::named("N")}), f32({1})}), "bool[N]");
    EXPECT_EQ(error_of([] { inferred("Add", {f32({2}), f32({3})}); }), "op.invalid");
    EXPECT_EQ(error_of([] { inferred("PRelu", {f32({1}), f32({3})}); }), "op.invalid");
    expect_values(run("Where", {of(DType::boolean, {1, 0}, {2, 1}), iota({2}), iota({1}, 9)})[0], {2, 2}, {0, 1, 9, 9});
    EXPECT_EQ(
        run("Where", {of(DType::boolean, {0}, {1}), Tensor::of_strings({"a"}, {1}), Tensor::of_strings({"b"}, {1})})[0]
            .str(0),
        "b");
}

TEST(Binary, IntegersAreExactAndNeverTrap) {
    EXPECT_EQ(run("Div", {ints({7, -7, 5, kLow}), ints({2, 2, 0, -1})})[0].to_i64(), (Dims{3, -3, 0, kLow}));
    EXPECT_EQ(run("Div", {ints({-2}, DType::u64), ints({2}, DType::u64)})[0].to_i64(),
              (Dims{std::numeric_limits<int64_t>::max()}));
    EXPECT_EQ(run("Mod", {ints({-7, 7, 3}), ints({3, -3, 0})})[0].to_i64(), (Dims{2, -2, 0}));
    EXPECT_EQ(run("Mod", {ints({-7, kLow}), ints({3, -1})}, {{"fmod", int64_t{1}}})[0].to_i64(), (Dims{-1, 0}));
    EXPECT_EQ(run("Mul", {ints({3}), ints({(int64_t{1} << 53) + 1})})[0].at_int(0), 3 * ((int64_t{1} << 53) + 1));
    EXPECT_EQ(run("Pow", {ints({3, 2, -1}), ints({39, -1, -3})})[0].to_i64(), (Dims{4052555153018976267, 0, -1}));
    EXPECT_EQ(run("Add", {ints({250}, DType::u8), ints({10}, DType::u8)})[0].at_int(0), 4);
    EXPECT_EQ(run("Greater", {ints({-1}, DType::u64), ints({1}, DType::u64)})[0].at_int(0), 1);
    EXPECT_EQ(run("Max", {ints({-1, 1}, DType::u64), ints({5, 5}, DType::u64)})[0].to_i64(), (Dims{-1, 5}));
    EXPECT_EQ(
        run("BitShift", {ints({1, 1}, DType::u8), ints({7, 70}, DType::u8)}, {{"direction", std::string("LEFT")}})[0]
            .to_i64(),
        (Dims{128, 0}));
    EXPECT_EQ(error_of([] { run("Mod", {iota({1}), iota({1}, 1)}); }), "op.invalid");
    expect_values(run("Mean", {iota({2}), iota({2}, 1), iota({2}, 5)})[0], {2}, {2, 3});
    expect_values(run("Min", {Tensor::of_f32({NAN, 1}), Tensor::of_f32({0, 0})})[0], {2}, {NAN, 0});
}

TEST(Cast, NumbersAndStrings) {
    const auto to = [](DType t) { return Attributes{{"to", static_cast<int64_t>(t)}}; };
    EXPECT_EQ(run("Cast", {Tensor::of_f32({-1.9f, 2.9f, 1e30f})}, to(DType::i32))[0].to_i64(),
              (Dims{-1, 2, 2147483647}));
    EXPECT_EQ(run("Cast", {ints({300, -1})}, to(DType::u8))[0].to_i64(), (Dims{44, 255}));
    EXPECT_EQ(run("Cast", {Tensor::of_f32({0.5f, 0})}, to(DType::boolean))[0].to_i64(), (Dims{1, 0}));
    EXPECT_EQ(run("Cast", {ints({(int64_t{1} << 55) + (int64_t{1} << 31) + 1})}, to(DType::f32))[0].at(0),
              36028801313931264.0);
    const Tensor s = run("Cast", {Tensor::of_f32({0.1f, -INFINITY, 3})}, to(DType::string))[0];
    EXPECT_EQ(s.str(0), "0.1");
    EXPECT_EQ(s.str(1), "-INF");
    EXPECT_EQ(s.str(2), "3");
    expect_values(run("Cast", {Tensor::of_strings({"1e-2", " +INF ", "nan"}, {3})}, to(DType::f32))[0], {3},
                  {0.01, INFINITY, NAN});
    EXPECT_EQ(error_of([&] { run("Cast", {Tensor::of_strings({"x"}, {1})}, to(DType::f32)); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("Cast", {iota({1})}, {{"to", int64_t{17}}}); }), "op.unsupported");
    EXPECT_EQ(inferred("CastLike", {f32({Dim::named("N")}), TypeInfo::tensor(DType::i64)}), "i64[N]");
}

TEST(Dropout, InferenceTrainingAndHistory) {
    const auto y = run("Dropout", {iota({3})}, {}, 2);
    expect_values(y[0], {3}, {0, 1, 2});
    expect_values(y[1], {3}, {1, 1, 1});
    const Tensor on = of(DType::boolean, {1}, {}), x = of(DType::f32, std::vector<double>(1000, 1), {1000});
    const auto t = run("Dropout", {x, Tensor::scalar_f32(0.25f), on}, {{"seed", int64_t{7}}}, 2);
    double kept = 0;
    for (int64_t i = 0; i < 1000; ++i) {
        kept += t[1].at(i);
        EXPECT_NEAR(t[0].at(i), t[1].at(i) / 0.75, 1e-6);
    }
    EXPECT_NEAR(kept, 750, 60);
    EXPECT_EQ(error_of([&] { run("Dropout", {x, Tensor::scalar_f32(1), on}); }), "op.invalid");

    Graph g;
    const NodeId n = g.add_node("", "Dropout", {g.add_input("x", f32({2}))}, 2, {{"ratio", 0.25f}});
    g.outputs = g.node(n).outputs;
    find_op("", "Dropout")->upgrade(g, n, 7);
    infer_graph(g);
    g.check_structure();
    EXPECT_EQ(to_text(g.value(g.outputs[1]).type), "f32[2]");  // a mask of the data's type, by CastLike
    EXPECT_EQ(find_op("", "Dropout")->downgrade(g, n, 10), 10);
    EXPECT_EQ(std::get<float>(g.node(n).attributes["ratio"]), 0.25f);
}

TEST(Random, ShapesTypesAndMoments) {
    const Tensor u = run("RandomUniform", {}, {{"shape", Ints{2000}}, {"low", 2.f}, {"high", 4.f}, {"seed", 3.f}})[0];
    const Tensor n = run("RandomNormal", {}, {{"shape", Ints{2000}}, {"mean", 1.f}, {"dtype", int64_t{11}}})[0];
    double mu = 0, mn = 0;
    for (int64_t i = 0; i < 2000; ++i) mu += u.at(i) / 2000, mn += n.at(i) / 2000;
    EXPECT_NEAR(mu, 3, 0.05);
    EXPECT_NEAR(mn, 1, 0.1);
    EXPECT_EQ(n.dtype(), DType::f64);
    const Tensor m =
        run("Multinomial", {Tensor::of_f32({0, -1000, 0, -1000, 5, -1000}, {2, 3})}, {{"sample_size", int64_t{50}}})[0];
    EXPECT_EQ(m.dims(), (Dims{2, 50}));
    for (int64_t i = 0; i < 50; ++i) EXPECT_TRUE(m.at_int(i) != 1 && m.at_int(50 + i) == 1);
    EXPECT_EQ(error_of([] { run("RandomUniform", {}, {{"shape", Ints{-1}}}); }), "op.invalid");
}

}  // namespace
