// SPDX-License-Identifier: Apache-2.0
// RNN, LSTM and GRU whose weights are values, and their gradients, on the planner's kernels against the references in double.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "kernel/isa_cap.h"
#include "op/builder.h"
#include "pass/autodiff.h"
#include "run/session.h"

namespace hone {
namespace {

struct Problem {
    std::string op = "LSTM", direction = "forward";
    bool linear = false;                   ///< linear_before_reset of GRU; of RNN: relu
    int64_t steps = 5, batch = 3, input = 9, hidden = 7;
    bool bias = true, states = true;
    std::vector<size_t> read = {0, 1, 2};  ///< outputs that the loss reads
    bool weights_only = false;             ///< X and the states are not differentiated
};

struct Built {
    Graph graph;
    std::vector<Tensor> inputs;
};
/// Outputs: those of the node, then the gradients.
Built build(const Problem& p) {
    Built r;
    Graph& g = r.graph;
    Rng rng(static_cast<uint64_t>(p.hidden * 100 + p.batch));
    const auto input = [&](const char* name, const Dims& d, double scale) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, scale * (2 * rng.uniform() - 1));
        r.inputs.push_back(t);
        return g.add_input(name, TypeInfo::of(t));
    };
    const int64_t gates = p.op == "LSTM" ? 4 : p.op == "GRU" ? 3 : 1, d = p.direction == "bidirectional" ? 2 : 1;
    const double k = 1.5 / std::sqrt(static_cast<double>(p.hidden));
    const ValueId x = input("x", {p.steps, p.batch, p.input}, 1.5), w = input("w", {d, gates * p.hidden, p.input}, k), u = input("r", {d, gates * p.hidden, p.hidden}, k);
    std::vector<ValueId> in{x, w, u, p.bias ? input("b", {d, 2 * gates * p.hidden}, 0.5) : kNone, kNone};
    if (p.states) in.push_back(input("h0", {d, p.batch, p.hidden}, 0.8));
    if (p.states && gates == 4) in.push_back(input("c0", {d, p.batch, p.hidden}, 0.8));
    std::vector<ValueId> wanted{w, u};
    if (p.bias) wanted.push_back(in[3]);
    if (!p.weights_only) {
        wanted.push_back(x);
        wanted.insert(wanted.end(), in.begin() + 5, in.end());
    }
    Attributes a{{"direction", p.direction}, {"hidden_size", p.hidden}};
    if (gates == 3) a["linear_before_reset"] = int64_t{p.linear};
    if (gates == 1 && p.linear) a["activations"] = std::vector<std::string>(static_cast<size_t>(d), "Relu");
    Builder b(g, "cell");
    const std::vector<ValueId> out = b.nodes(p.op, in, gates == 4 ? 3 : 2, a);
    std::vector<Seed> seeds;
    for (size_t i : p.read) {
        if (i >= out.size()) continue;
        seeds.push_back({out[i], input("seed", b.dims(out[i]), 1)});
        g.outputs.push_back(out[i]);
    }
    for (ValueId v : add_gradients(g, seeds, wanted)) g.outputs.push_back(v);
    return r;
}

/// A single unit of relu may be dead: then all is 0.
void expect_close(const std::vector<Tensor>& got, const std::vector<Tensor>& want, bool alive = true) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t k = 0; k < got.size(); ++k) {
        ASSERT_EQ(got[k].dims(), want[k].dims());
        double difference = 0, size = 0;
        for (int64_t i = 0; i < got[k].count(); ++i) {
            difference += std::pow(got[k].at(i) - want[k].at(i), 2);
            size += std::pow(want[k].at(i), 2);
        }
        EXPECT_TRUE(size > 0 || !alive) << k;
        EXPECT_LE(std::sqrt(difference), 3e-6 * std::sqrt(size)) << "output " << k;
    }
}

std::shared_ptr<const Plan> planned(const Built& b, const Problem& p, int threads) {
    std::vector<Dims> dims;
    for (const Tensor& t : b.inputs) dims.push_back(t.dims());
    PlanOptions options;
    options.threads = threads;
    std::shared_ptr<const Plan> plan = make_plan(b.graph, dims, options);
    int kernels = 0;
    for (const Step& s : plan->steps)
        if (s.op == p.op || s.op == "hone." + p.op + "Grad") kernels += s.kind == StepKind::kernel;
    EXPECT_EQ(kernels, 2) << to_text(*plan);
    return plan;
}
void expect_agreement(const Problem& p) {
    const Built b = build(p);
    SCOPED_TRACE(testing::Message() << p.op << " " << p.direction << (p.linear ? " linear" : "") << " steps " << p.steps << " batch " << p.batch << " input " << p.input << " hidden " << p.hidden);
    const std::vector<Tensor> want = interpret_graph(b.graph, b.inputs);
    expect_close(Session(planned(b, p, 1), nullptr).run(b.inputs), want, p.hidden > 1);
    ThreadPool pool(2);
    Session shared(planned(b, p, 2), &pool);
    const std::vector<Tensor> once = shared.run(b.inputs), again = shared.run(b.inputs);
    expect_close(once, want, p.hidden > 1);
    for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(std::equal(once[i].data<float>(), once[i].data<float>() + once[i].count(), again[i].data<float>())) << i;
}

constexpr const char* kOps[] = {"LSTM", "GRU", "GRU", "RNN", "RNN"};
// The greatest first: oneDNN keeps the first cap that it sees.
const std::vector<Isa> kIsas = {Isa::avx512, Isa::avx2};

TEST(RecurrentGradient, AgreesWithTheReference) {
    if (machine_isa() < Isa::avx2) GTEST_SKIP() << "AVX2 is not to be had here";
    for (Isa isa : kIsas) {
        if (isa > usable_isa()) continue;
        const Cap cap(isa);
        SCOPED_TRACE(isa_name(isa));
        for (int kind = 0; kind < 5; ++kind)
            for (const char* direction : {"forward", "reverse", "bidirectional"}) {
                Problem p{.op = kOps[kind], .direction = direction, .linear = kind == 2 || kind == 4};
                expect_agreement(p);
                p.batch = 1, p.input = 1, p.hidden = 1;
                expect_agreement(p);
                p.batch = 2, p.steps = 1, p.input = 28, p.hidden = 16;
                expect_agreement(p);
                p.batch = 35, p.steps = 3, p.input = 5, p.hidden = 33;
                expect_agreement(p);
                if (testing::Test::HasFailure()) return;
            }
    }
}

TEST(RecurrentGradient, TakesWhatIsGivenAndGivesWhatIsWanted) {
    if (machine_isa() < Isa::avx2) GTEST_SKIP() << "AVX2 is not to be had here";
    for (int kind = 0; kind < 5; ++kind) {
        Problem p{.op = kOps[kind], .linear = kind == 2 || kind == 4, .batch = 4, .hidden = 67};
        for (const std::vector<size_t>& read : {std::vector<size_t>{0}, {1}, {1, 2}}) {
            p.read = read;
            p.weights_only = read.size() == 1;
            p.bias = read[0] == 0;
            p.states = read[0] == 1;
            expect_agreement(p);
        }
        p.direction = "bidirectional", p.states = false;
        expect_agreement(p);
    }
}

TEST(RecurrentGradient, ConstantWeightsOfRnnArePackedOnce) {
    for (const char* function : {"Tanh", "Relu"})
        for (const char* direction : {"reverse", "bidirectional"}) {
            Graph g;
            Rng rng(4);
            const int64_t d = std::string(direction) == "reverse" ? 1 : 2;
            const auto values = [&](const Dims& dims) {
                Tensor t = Tensor::zeros(DType::f32, dims);
                for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.uniform() - 0.5);
                return t;
            };
            const Tensor x = values({6, 5, 9});
            const std::vector<ValueId> in{g.add_input("x", TypeInfo::of(x)), g.add_constant("w", values({d, 21, 9})), g.add_constant("r", values({d, 21, 21})), g.add_constant("b", values({d, 42}))};
            Builder b(g, "cell");
            g.outputs = b.nodes("RNN", in, 2, {{"direction", std::string(direction)}, {"activations", std::vector<std::string>(static_cast<size_t>(d), function)}});
            const std::shared_ptr<const Plan> plan = make_plan(g, {x.dims()}, {});
            ASSERT_EQ(plan->steps.size(), 1u);
            EXPECT_EQ(plan->steps[0].kernel->implementation(), "recurrent rnn");
            expect_close(Session(plan, nullptr).run({x}), interpret_graph(g, {x}));
        }
}

}  // namespace
}  // namespace hone
