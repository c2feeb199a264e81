// SPDX-License-Identifier: Apache-2.0
// The memory plan, layouts, views and in-place results, shapes that depend on values, and what sessions promise.
#include <cmath>
#include <functional>
#include <thread>

#include "base/limits.h"
#include "base/rng.h"
#include "run/session.h"
#include "shared_models.h"

using namespace hone;

namespace {

using Ints = std::vector<int64_t>;

struct Net : Graph {
    Rng rng;
    explicit Net(uint64_t seed = 1) : rng(seed) {}
    ValueId op(const std::string& name, std::vector<ValueId> in, Attributes a = {}) {
        const ValueId v = node(add_node("", name, std::move(in), 1, std::move(a), name)).out();
        infer_graph(*this);
        return v;
    }
    Tensor normal(const Dims& d, double scale = 1) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, scale * rng.normal());
        return t;
    }
    ValueId constant(const Dims& d, double scale = 1) { return add_constant("c", normal(d, scale)); }
    ValueId ints(const Ints& v) { return add_constant("i", Tensor::of_i64(v)); }
    ValueId input(const Dims& d) { return add_input("x", TypeInfo::tensor(DType::f32, shape_of(d))); }
    Dims dims(ValueId v) const { return dims_of(value(v).type.shape); }
    void output(ValueId v) { outputs.push_back(v); }
};

std::string error_id(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.id;
    }
    return "";
}

PlanOptions with_threads(int n) {
    PlanOptions o;
    o.threads = n;
    return o;
}

int root_of(const Plan& p, int i) {
    while (p.slots[static_cast<size_t>(i)].root != i) i = p.slots[static_cast<size_t>(i)].root;
    return i;
}

/// Executes the plan on marks instead of numbers: every value that a step reads must still lie where its producer put
/// it. Bytes belong to the slot that wrote them last; a view's and an in-place result's bytes pass to it.
void expect_sound_memory(const Plan& p) {
    std::vector<int> owner(p.arena_bytes, -1);
    auto range = [&](int slot) {
        const Slot& root = p.slots[static_cast<size_t>(root_of(p, slot))];
        return std::pair(root.offset, root.offset + p.slots[static_cast<size_t>(slot)].bytes);
    };
    auto in_arena = [&](int slot) { return slot >= 0 && p.slots[static_cast<size_t>(root_of(p, slot))].kind == SlotKind::arena; };
    auto read = [&](int slot, const std::string& who) {
        if (!in_arena(slot)) return;
        const auto [from, to] = range(slot);
        ASSERT_LE(to, p.arena_bytes);
        for (size_t b = from; b < to; ++b) {
            int held = owner[b];
            // A view shares bytes with what it views: either may be read.
            const bool shared = held >= 0 && root_of(p, held) == root_of(p, slot);
            ASSERT_TRUE(held == slot || shared) << who << " reads %" << p.slots[static_cast<size_t>(slot)].name << ", whose bytes " << (held < 0 ? "nobody wrote" : "belong to %" + p.slots[static_cast<size_t>(held)].name);
        }
    };
    std::vector<std::vector<size_t>> readers(p.slots.size());
    for (size_t k = 0; k < p.steps.size(); ++k)
        for (int i : p.steps[k].in)
            if (i >= 0) readers[static_cast<size_t>(i)].push_back(k);
    for (int o : p.outputs) readers[static_cast<size_t>(o)].push_back(p.steps.size());
    for (size_t k = 0; k < p.steps.size(); ++k) {
        const Step& s = p.steps[k];
        for (int i : s.in) read(i, s.op);
        for (int o : s.out) {
            if (!in_arena(o)) continue;
            const auto [from, to] = range(o);
            for (int i : s.in) {  // nothing is written over an input, except by a view or by an in-place kernel
                if (!in_arena(i) || root_of(p, i) == root_of(p, o)) continue;
                const auto [f, t] = range(i);
                ASSERT_TRUE(t <= from || to <= f || f == t || from == to) << s.op << " writes %" << p.slots[static_cast<size_t>(o)].name << " over its input";
            }
            for (int other : s.out) {
                if (other == o || !in_arena(other)) continue;
                const auto [f, t] = range(other);
                ASSERT_TRUE(t <= from || to <= f || f == t || from == to) << s.op << " has two outputs in one place";
            }
            for (size_t b = from; b < to; ++b) owner[b] = o;
            if (s.kind == StepKind::view) continue;
            // What shares the memory of a result that was written in place must not be read any more.
            for (size_t other = 0; other < p.slots.size(); ++other) {
                if (static_cast<int>(other) == o || !in_arena(static_cast<int>(other)) || root_of(p, static_cast<int>(other)) != root_of(p, o)) continue;
                bool written_before = false;
                for (size_t before = 0; before < k; ++before)
                    for (int w : p.steps[before].out) written_before |= w == static_cast<int>(other);
                if (!written_before) continue;
                for (size_t reader : readers[other]) ASSERT_LE(reader, k) << "%" << p.slots[other].name << " is read after " << s.op << " wrote in its place";
            }
        }
    }
    for (int o : p.outputs) read(o, "the caller");
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
        if (!a[i].same_bits(b[i])) return false;
    return true;
}
double error(const Tensor& want, const Tensor& got) {
    if (want.dims() != got.dims() || want.dtype() != got.dtype()) return INFINITY;
    double worst = 0, scale = 1e-3;
    for (int64_t i = 0; i < want.count(); ++i) {
        worst = std::max(worst, std::fabs(want.at(i) - got.at(i)));
        scale = std::max(scale, std::fabs(want.at(i)));
    }
    return worst / scale;
}
std::vector<Tensor> inputs_for(const std::vector<Dims>& dims, uint64_t seed) {
    std::vector<Tensor> in;
    Net n(seed);
    for (const Dims& d : dims) in.push_back(n.normal(d));
    return in;
}

/// Session at 1 and 2 threads against the references; the memory plan sound in both.
void check_against_references(const Graph& g, const std::vector<Tensor>& in, double tolerance = 1e-4) {
    std::vector<Dims> dims;
    for (const Tensor& t : in) dims.push_back(t.dims());
    const std::vector<Tensor> want = interpret_graph(specialise(g, dims), in);
    ThreadPool pool(2);
    for (int threads : {1, 2}) {
        const auto plan = make_plan(g, dims, with_threads(threads));
        ASSERT_NO_FATAL_FAILURE(expect_sound_memory(*plan)) << to_text(*plan);
        Session s(plan, &pool);
        for (int round = 0; round < 2; ++round) {
            const std::vector<Tensor> got = s.run(in);
            for (size_t i = 0; i < want.size(); ++i) ASSERT_LE(error(want[i], got[i]), tolerance) << "output " << i << " at " << threads << " threads\n" << to_text(*plan);
        }
    }
}

/// A random network of convolutions, residuals, concats, splits of attention, transposes, reshapes and activations.
Graph random_graph(uint64_t seed) {
    Net g(seed);
    std::vector<ValueId> pool = {g.input({2, 4, 6, 6})};
    auto pick = [&] { return pool[static_cast<size_t>(g.rng.below(pool.size()))]; };
    for (int i = 0; i < 14; ++i) {
        const ValueId v = pick();
        const Dims d = g.dims(v);
        ValueId out = kNone;
        switch (g.rng.below(11)) {
            case 0: out = g.op("Conv", {v, g.constant({d[1], d[1], 3, 3}, 0.3 / static_cast<double>(d[1]))}, {{"pads", Ints{1, 1, 1, 1}}}); break;
            case 1: out = g.op("Conv", {v, g.constant({4, d[1], 1, 1}, 0.5 / static_cast<double>(d[1])), g.constant({4})}); break;
            case 2: out = g.op("Relu", {v}); break;
            case 3: out = g.op("Sigmoid", {v}); break;
            case 4: {  // a residual, of two equal values at times
                ValueId w = pick();
                for (int t = 0; t < 6 && g.dims(w) != d; ++t) w = pick();
                if (g.dims(w) == d) out = g.op("Add", {v, w});
                break;
            }
            case 5: {
                ValueId w = pick();
                const Dims e = g.dims(w);
                if (e[2] == d[2] && e[3] == d[3] && d[1] + e[1] <= 32) out = g.op("Concat", {v, w}, {{"axis", int64_t{1}}});
                break;
            }
            case 6: out = g.op("Transpose", {v}, {{"perm", Ints{0, 1, 3, 2}}}); break;
            case 7: {
                const ValueId flat = g.op("Reshape", {v, g.ints({d[0], -1})});
                out = g.op("Reshape", {g.op("Tanh", {flat}), g.ints(d)});
                break;
            }
            case 8: out = g.op("Reshape", {g.op("Reshape", {v, g.ints({d[0], d[1], d[2] * d[3]})}), g.ints(d)}); break;
            case 9: out = g.op("MaxPool", {v}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}); break;
            default: out = g.op("Slice", {g.op("Concat", {v, v}, {{"axis", int64_t{1}}}), g.ints({0}), g.ints({d[1]}), g.ints({1})}); break;
        }
        if (out != kNone) pool.push_back(out);
    }
    for (size_t i = pool.size() > 3 ? pool.size() - 3 : 1; i < pool.size(); ++i)
        if (!g.is_output(pool[i])) g.output(pool[i]);
    if (g.outputs.empty()) g.output(g.op("Neg", {pool[0]}));
    g.output(g.op("Neg", {pick()}));
    return g;
}

/// A QDQ network with a residual and two heads.
Graph int8_graph() {
    Net g(5);
    auto qdq = [&](ValueId v, double s) {
        const ValueId scale = g.add_constant("s", Tensor::scalar_f32(static_cast<float>(s))), zero = g.add_constant("z", Tensor::zeros(DType::u8, {}));
        return g.op("DequantizeLinear", {g.op("QuantizeLinear", {v, scale, zero}), scale, zero});
    };
    auto weights = [&](const Dims& d) {
        Tensor w = Tensor::zeros(DType::i8, d);
        for (int64_t i = 0; i < w.count(); ++i) w.set_int(i, static_cast<int64_t>(g.rng.below(127)) - 63);
        return g.op("DequantizeLinear", {g.add_constant("w", w), g.add_constant("ws", Tensor::scalar_f32(0.004f)), g.add_constant("wz", Tensor::zeros(DType::i8, {}))});
    };
    ValueId v = qdq(g.op("Relu", {g.input({2, 8, 12, 12})}), 0.02);
    for (int i = 0; i < 3; ++i) {
        const ValueId c = qdq(g.op("Relu", {g.op("Conv", {v, weights({8, 8, 3, 3})}, {{"pads", Ints{1, 1, 1, 1}}})}), 0.02);
        const ValueId d = g.op("Conv", {c, weights({8, 8, 3, 3})}, {{"pads", Ints{1, 1, 1, 1}}});
        v = qdq(g.op("Relu", {g.op("Add", {d, v})}), 0.03);
    }
    g.output(g.op("MatMul", {qdq(g.op("Flatten", {v}), 0.03), weights({8 * 144, 10})}));
    return g;
}

class SharedModel : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override { HONE_REQUIRE(!shared_folder().empty(), "the shared folder"); }
};

}  // namespace

TEST_P(SharedModel, NoTwoLiveValuesShareMemory) {
    const Graph g = shared_model(GetParam());
    for (int64_t batch : {1, 3})
        for (int threads : {1, 2}) {
            const auto plan = make_plan(g, input_dims(g, batch), with_threads(threads));
            ASSERT_NO_FATAL_FAILURE(expect_sound_memory(*plan)) << batch << " " << threads;
            size_t sum = 0, largest = 0;
            for (const Slot& s : plan->slots)
                if (s.kind == SlotKind::arena) {
                    sum += (s.bytes + 63) / 64 * 64;
                    largest = std::max(largest, s.bytes);
                }
            EXPECT_GE(plan->arena_bytes, largest);
            EXPECT_LT(plan->arena_bytes, sum) << "nothing is shared";
            for (const Step& s : plan->steps)
                if (s.kernel) EXPECT_LE(s.kernel->scratch_bytes(), plan->scratch_bytes);
        }
}

TEST_P(SharedModel, SameBitsOverRunsAndNearTheReferencesOverThreads) {
    const Graph g = shared_model(GetParam());
    const std::vector<Dims> dims = input_dims(g, 3);
    const std::vector<Tensor> in = inputs_for(dims, 9);
    const std::vector<Tensor> want = interpret_graph(specialise(g, dims), in);
    ThreadPool pool(2);
    for (int threads : {1, 2}) {
        Session s(make_plan(g, dims, with_threads(threads)), &pool);
        const std::vector<Tensor> first = s.run(in);
        EXPECT_LE(error(want[0], first[0]), 1e-4);
        for (int i = 0; i < 4; ++i) ASSERT_TRUE(same_bits(first, s.run(in))) << threads;
    }
}
INSTANTIATE_TEST_SUITE_P(All, SharedModel, testing::ValuesIn(shared_models()), [](const auto& info) { return info.param; });

TEST(Plan, AProductTooSmallForTwoThreadsTakesOne) {
    Net g;
    const ValueId x = g.input({1, 16});
    const ValueId small = g.op("MatMul", {x, g.constant({16, 512}, 0.1)});  // 8 K products, 35 kB
    const ValueId large = g.op("MatMul", {small, g.constant({512, 1024}, 0.1)});
    g.output(large);
    const auto one = make_plan(g, {{1, 16}}, with_threads(1)), two = make_plan(g, {{1, 16}}, with_threads(2));
    std::vector<int> threads;
    for (const Step& s : two->steps)
        if (s.cost.macs > 0) threads.push_back(s.threads);
    EXPECT_EQ(threads, (std::vector<int>{1, 2})) << to_text(*two);
    ThreadPool pool(2);
    const Tensor in = g.normal({1, 16});
    const Tensor a = Session(one, nullptr).run({in})[0], b = Session(two, &pool).run({in})[0];
    for (int64_t i = 0; i < a.count(); ++i) EXPECT_NEAR(a.at(i), b.at(i), 1e-4);
}

TEST(Plan, RandomGraphsAgreeWithTheReferences) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        const Graph g = random_graph(seed);
        ASSERT_NO_FATAL_FAILURE(check_against_references(g, inputs_for({{2, 4, 6, 6}}, seed))) << "seed " << seed << "\n" << to_text(g);
    }
}

TEST(Plan, AResidualThatIsAlsoTheSourceKeepsItsMemory) {
    Net g;
    ValueId v = g.op("Relu", {g.input({1, 8, 9, 9})});
    for (int i = 0; i < 3; ++i) v = g.op("Add", {g.op("Conv", {v, g.constant({8, 8, 3, 3}, 0.1)}, {{"pads", Ints{1, 1, 1, 1}}}), v});
    g.output(v);
    check_against_references(g, inputs_for({{1, 8, 9, 9}}, 2));
}

TEST(Plan, AResidualIsWrittenInPlace) {
    Net g;
    const ValueId x = g.op("Relu", {g.input({1, 8, 9, 9})});
    const ValueId r = g.op("Conv", {x, g.constant({8, 8, 1, 1})});
    const ValueId c = g.op("Conv", {g.op("Relu", {g.op("Conv", {x, g.constant({8, 8, 3, 3}, 0.1)}, {{"pads", Ints{1, 1, 1, 1}}})}), g.constant({8, 8, 3, 3}, 0.1)}, {{"pads", Ints{1, 1, 1, 1}}});
    g.output(g.op("Relu", {g.op("Add", {c, r})}));
    const auto plan = make_plan(g, {{1, 8, 9, 9}}, {});
    bool shared = false;
    for (size_t i = 0; i < plan->slots.size(); ++i) shared |= plan->slots[i].kind == SlotKind::arena && plan->slots[i].root != static_cast<int>(i);
    if (usable_isa() >= Isa::avx2) EXPECT_TRUE(shared) << to_text(*plan);  // a reference writes nothing in place
    check_against_references(g, inputs_for({{1, 8, 9, 9}}, 3));
}

TEST(Plan, ViewsCostNothingAndKeepTheirSourceAlive) {
    Net g;
    const ValueId x = g.input({2, 3, 4, 5});
    const ValueId a = g.op("Exp", {x});
    const ValueId flat = g.op("Flatten", {a});
    const ValueId other = g.op("Neg", {g.op("Sigmoid", {a})});
    g.output(g.op("Add", {g.op("Reshape", {flat, g.ints({2, 3, 4, 5})}), other}));
    g.output(g.op("Reshape", {x, g.ints({120})}));       // a view of an input
    g.output(g.op("Unsqueeze", {flat, g.ints({0})}));     // a view that is an output
    const auto plan = make_plan(g, {{2, 3, 4, 5}}, {});
    int views = 0;
    for (const Step& s : plan->steps) views += s.kind == StepKind::view;
    EXPECT_EQ(views, 4) << to_text(*plan);
    check_against_references(g, inputs_for({{2, 3, 4, 5}}, 4));
    // The view of an input follows the caller's tensor.
    Session s(plan, nullptr);
    for (uint64_t seed : {5, 6, 5}) {
        const std::vector<Tensor> in = inputs_for({{2, 3, 4, 5}}, seed);
        EXPECT_TRUE(s.run(in)[1].same_bits(in[0].reshaped({120})));
    }
}

TEST(Plan, OutputsMayBeInputsConstantsAndRepeated) {
    Net g;
    const ValueId x = g.input({1, 3, 4, 4}), c = g.constant({2, 3});
    const ValueId y = g.op("Relu", {x});
    for (ValueId v : {x, c, y, y}) g.output(v);
    const std::vector<Tensor> in = inputs_for({{1, 3, 4, 4}}, 6);
    Session s(make_plan(g, {{1, 3, 4, 4}}, {}), nullptr);
    const std::vector<Tensor> out = s.run(in);
    ASSERT_EQ(out.size(), 4u);
    EXPECT_TRUE(out[0].same_bits(in[0]));
    EXPECT_TRUE(out[1].same_bits(g.value(c).constant));
    EXPECT_TRUE(out[2].same_bits(out[3]));
    check_against_references(g, in);
}

TEST(Plan, ChannelsLastStaysBetweenConvsAndOutputsArePlain) {
    Net g;
    ValueId v = g.input({1, 8, 10, 10});
    for (int i = 0; i < 3; ++i) v = g.op("Relu", {g.op("Conv", {v, g.constant({8, 8, 3, 3}, 0.1)}, {{"pads", Ints{1, 1, 1, 1}}})});
    g.output(v);
    const auto plan = make_plan(g, {{1, 8, 10, 10}}, {});
    int reorders = 0;
    for (const Step& s : plan->steps) reorders += s.op == "reorder";
    if (usable_isa() >= Isa::avx2) EXPECT_EQ(reorders, 2) << to_text(*plan);
    for (int o : plan->outputs) EXPECT_EQ(plan->slots[static_cast<size_t>(o)].layout, Layout::plain);
    check_against_references(g, inputs_for({{1, 8, 10, 10}}, 7));
}

TEST(Plan, BroadcastsInChannelsLast) {
    Net g;
    const ValueId v = g.op("Conv", {g.input({2, 6, 5, 7}), g.constant({6, 6, 1, 1})});
    const ValueId gate = g.op("Sigmoid", {g.op("Conv", {g.op("GlobalAveragePool", {v}), g.constant({6, 6, 1, 1})})});
    ValueId y = g.op("Mul", {v, gate});
    y = g.op("Add", {y, g.constant({6, 1, 1})});
    y = g.op("Mul", {g.constant({1, 6, 1, 1}), y});
    y = g.op("Sub", {y, g.constant({1})});
    y = g.op("Add", {y, g.constant({5, 7})});
    y = g.op("Add", {y, g.constant({7})});
    g.output(y);
    check_against_references(g, inputs_for({{2, 6, 5, 7}}, 8));
}

TEST(Plan, ShapesThatDependOnValues) {
    Net g;
    const ValueId x = g.input({2, 5});
    const ValueId flat = g.op("Reshape", {x, g.ints({-1})});
    const ValueId where = g.op("NonZero", {g.op("Relu", {flat})});
    const ValueId kept = g.op("Gather", {flat, g.op("Squeeze", {where, g.ints({0})})});
    g.output(g.op("Mul", {g.op("Exp", {kept}), g.add_constant("two", Tensor::scalar_f32(2))}));
    g.output(g.op("ReduceSum", {kept}, {{"keepdims", int64_t{0}}}));
    const auto plan = make_plan(g, {{2, 5}}, {});
    Session s(plan, nullptr);
    for (const std::vector<float>& v : {std::vector<float>{1, -1, 2, 0, 3, -1, -2, 4, 0, 5}, std::vector<float>(10, -1.f), std::vector<float>(10, 1.f)}) {
        const Tensor in = Tensor::of_f32(v, {2, 5});
        const std::vector<Tensor> want = interpret_graph(g, {in}), got = s.run({in});
        EXPECT_EQ(got[0].dims(), want[0].dims());
        for (size_t i = 0; i < 2; ++i) EXPECT_LE(error(want[i], got[i]), 1e-5);
    }
}

TEST(Session, WrongInputsAreErrors) {
    Net g;
    g.output(g.op("Relu", {g.input({2, 3})}));
    const auto plan = make_plan(g, {{2, 3}}, {});
    Session s(plan, nullptr);
    EXPECT_EQ(error_id([&] { s.run({}); }), "input.count");
    EXPECT_EQ(error_id([&] { s.run({Tensor::zeros(DType::f32, {2, 4})}); }), "input.shape");
    EXPECT_EQ(error_id([&] { s.run({Tensor::zeros(DType::f32, {6})}); }), "input.shape");
    EXPECT_EQ(error_id([&] { s.run({Tensor::zeros(DType::f64, {2, 3})}); }), "input.shape");
    EXPECT_EQ(error_id([&] { s.run({Tensor::zeros(DType::f32, {2, 3})}); }), "");
}

TEST(Plan, AWrongSizeIsAnErrorBeforeAnythingRuns) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3}));
    g.outputs = {g.node(g.add_node("", "Relu", {x}, 1)).out()};
    EXPECT_NE(error_id([&] { make_plan(g, {{2, 4}}, {}); }), "");
    EXPECT_NE(error_id([&] { make_plan(g, {{2}}, {}); }), "");
    EXPECT_NE(error_id([&] { make_plan(g, {}, {}); }), "");
    EXPECT_EQ(error_id([&] { make_plan(g, {{7, 3}}, {}); }), "");
}

TEST(Plan, AnEmptyBatchRuns) {
    Net g;
    g.output(g.op("Relu", {g.op("MatMul", {g.input({0, 3}), g.constant({3, 2})})}));
    Session s(make_plan(g, {{0, 3}}, {}), nullptr);
    EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {0, 3})})[0].dims(), (Dims{0, 2}));
}

TEST(Plan, MemoryIsHeldAgainstTheLimit) {
    Net g;
    g.output(g.op("Exp", {g.op("Softmax", {g.input({1024, 1024})})}));
    const size_t before = limits().memory_bytes;
    limits().memory_bytes = 1 << 20;
    EXPECT_EQ(error_id([&] { make_plan(g, {{1024, 1024}}, {}); }), "memory.limit");
    limits().memory_bytes = before;
    EXPECT_GE(make_plan(g, {{1024, 1024}}, {})->memory_bytes(), size_t{4} << 20);
}

TEST(Session, Int8GivesTheSameBitsAtEveryThreadCountAndRun) {
    const Graph g = int8_graph();
    const std::vector<Tensor> in = inputs_for({{2, 8, 12, 12}}, 10);
    Graph low = specialise(g, {{2, 8, 12, 12}});
    run_passes(low, Stage::runtime);
    const std::vector<Tensor> want = interpret_graph(low, in);
    ThreadPool pool(2);
    for (int threads : {1, 2}) {
        const auto plan = make_plan(g, {{2, 8, 12, 12}}, with_threads(threads));
        expect_sound_memory(*plan);
        bool int8 = false;
        for (const Step& s : plan->steps) int8 |= s.op == "hone.QConv";
        EXPECT_TRUE(int8) << to_text(*plan);
        Session s(plan, &pool);
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(same_bits(want, s.run(in))) << threads << " threads, run " << i;
    }
}

TEST(Session, TwoOfOnePlanAtOnce) {
    for (const Graph& g : {int8_graph(), random_graph(3)}) {
        const Dims d = input_dims(g, 2)[0];
        const auto plan = make_plan(g, {d}, {});
        std::vector<std::vector<Tensor>> in, want;
        for (uint64_t seed : {21, 22}) {
            in.push_back(inputs_for({d}, seed));
            want.push_back(Session(plan, nullptr).run(in.back()));
        }
        EXPECT_FALSE(same_bits(want[0], want[1]));
        std::vector<int> wrong(2, 0);
        std::vector<std::thread> threads;
        for (size_t t = 0; t < 2; ++t)
            threads.emplace_back([&, t] {
                Session s(plan, nullptr);
                for (int i = 0; i < 50; ++i) wrong[t] += !same_bits(want[t], s.run(in[t]));
            });
        for (std::thread& t : threads) t.join();
        EXPECT_EQ(wrong, (std::vector<int>{0, 0}));
    }
}

TEST(Session, ProfilesStepsAndShowsSlots) {
    Net g;
    g.output(g.op("Exp", {g.op("Neg", {g.input({3})})}));
    const auto plan = make_plan(g, {{3}}, {.disabled_passes = {"fuse_chains"}});
    Session s(plan, nullptr);
    s.step_seconds();
    std::vector<size_t> seen;
    std::vector<Tensor> values;
    s.observe([&](size_t step) {
        seen.push_back(step);
        values.push_back(s.slot_tensor(plan->steps[step].out[0]).clone());
    });
    s.run({Tensor::of_f32({0, 1, -1})});
    EXPECT_EQ(seen, (std::vector<size_t>{0, 1}));
    EXPECT_EQ(values[0].to_f64(), (std::vector<double>{0, -1, 1}));
    EXPECT_NEAR(values[1].at(2), std::exp(1.0), 1e-5);
    const std::vector<double> seconds = s.step_seconds();
    ASSERT_EQ(seconds.size(), 2u);
    for (double t : seconds) EXPECT_GT(t, 0);
}
