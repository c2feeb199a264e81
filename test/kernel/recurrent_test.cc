// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU against ONNX's equations in double, for each instruction set that this machine has.
#include "kernel/recurrent/recurrent.h"

#include <cmath>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "isa_cap.h"
#include "support.h"

namespace hone::recurrent {
namespace {

struct Problem {
    Spec spec;
    int64_t steps, batch, dirs, gates;
    std::vector<float> x, w, r, b, h0, c0;
    Problem(const Spec& s, int64_t t, int64_t n) : spec(s), steps(t), batch(n) {
        dirs = s.direction == Direction::bidirectional ? 2 : 1;
        gates = s.cell == Cell::lstm ? 4 : 3;
        Rng rng(5);
        const auto fill = [&rng](int64_t count, double scale) {
            std::vector<float> v(static_cast<size_t>(count));
            for (float& f : v) f = static_cast<float>((rng.uniform() * 2 - 1) * scale);
            return v;
        };
        const double k = 1.5 / std::sqrt(static_cast<double>(s.hidden));
        x = fill(t * n * s.input, 2);
        w = fill(dirs * gates * s.hidden * s.input, k);
        r = fill(dirs * gates * s.hidden * s.hidden, k);
        b = fill(dirs * 2 * gates * s.hidden, 0.5);
        h0 = fill(dirs * n * s.hidden, 0.5);
        c0 = fill(dirs * n * s.hidden, 0.5);
    }
};
struct Result {
    std::vector<float> y, h, c;
};

Result reference(const Problem& p, bool bias, bool initial) {
    const int64_t hidden = p.spec.hidden, input = p.spec.input, n = p.gates * hidden;
    Result out;
    out.y.resize(static_cast<size_t>(p.steps * p.dirs * p.batch * hidden));
    out.h.resize(static_cast<size_t>(p.dirs * p.batch * hidden));
    out.c.resize(out.h.size());
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    for (int64_t d = 0; d < p.dirs; ++d)
        for (int64_t s = 0; s < p.batch; ++s) {
            std::vector<double> h(static_cast<size_t>(hidden)), c = h;
            const int64_t state = (d * p.batch + s) * hidden;
            for (int64_t u = 0; initial && u < hidden; ++u) h[u] = p.h0[state + u], c[u] = p.c0[state + u];
            const auto from_x = [&](int64_t t, int64_t g, int64_t u) {
                double v = bias ? p.b[d * 2 * n + g * hidden + u] : 0;
                for (int64_t k = 0; k < input; ++k)
                    v += double{p.x[(t * p.batch + s) * input + k]} * p.w[(d * n + g * hidden + u) * input + k];
                return v;
            };
            const auto from_h = [&](const std::vector<double>& q, int64_t g, int64_t u) {
                double v = bias ? p.b[d * 2 * n + n + g * hidden + u] : 0;
                for (int64_t k = 0; k < hidden; ++k) v += q[k] * p.r[(d * n + g * hidden + u) * hidden + k];
                return v;
            };
            for (int64_t i = 0; i < p.steps; ++i) {
                const int64_t t = d == 1 || p.spec.direction == Direction::reverse ? p.steps - 1 - i : i;
                std::vector<double> next(h.size()), reset(h.size());
                if (p.spec.cell == Cell::gru)
                    for (int64_t u = 0; u < hidden; ++u) reset[u] = sigmoid(from_x(t, 1, u) + from_h(h, 1, u));
                std::vector<double> gated = h;
                for (int64_t u = 0; u < hidden; ++u) gated[u] *= reset[u];
                for (int64_t u = 0; u < hidden; ++u) {
                    const auto gate = [&](int64_t g) { return from_x(t, g, u) + from_h(h, g, u); };
                    if (p.spec.cell == Cell::lstm) {
                        c[u] = sigmoid(gate(2)) * c[u] + sigmoid(gate(0)) * std::tanh(gate(3));
                        next[u] = sigmoid(gate(1)) * std::tanh(c[u]);
                    } else {
                        const double z = sigmoid(gate(0));
                        const double v = p.spec.linear_before_reset ? reset[u] * from_h(h, 2, u) : from_h(gated, 2, u);
                        next[u] = (1 - z) * std::tanh(from_x(t, 2, u) + v) + z * h[u];
                    }
                }
                h = next;
                for (int64_t u = 0; u < hidden; ++u)
                    out.y[((t * p.dirs + d) * p.batch + s) * hidden + u] = static_cast<float>(h[u]);
            }
            for (int64_t u = 0; u < hidden; ++u)
                out.h[state + u] = static_cast<float>(h[u]), out.c[state + u] = static_cast<float>(c[u]);
        }
    return out;
}

Result run(const Problem& p, const Recurrent& k, bool initial) {
    Result out;
    const size_t states = static_cast<size_t>(p.dirs * p.batch * p.spec.hidden);
    out.y.assign(states * static_cast<size_t>(p.steps), 77);
    out.h.assign(states, 77);
    out.c.assign(states, 77);
    const auto scratch = allocate_aligned(k.scratch_bytes(p.steps, p.batch));
    Arguments a;
    a.x = p.x.data(), a.steps = p.steps, a.batch = p.batch;
    if (initial) a.h0 = p.h0.data(), a.c0 = p.c0.data();
    a.y = out.y.data(), a.y_h = out.h.data(), a.y_c = out.c.data(), a.scratch = scratch.get();
    k.run(a);
    return out;
}
void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-5) << i;
}

const std::vector<Isa> kIsas = {Isa::scalar, Isa::avx2, Isa::avx512};
TEST(Recurrent, MatchesOnnxInDouble) {
    for (Isa isa : kIsas) {
        if (isa > machine_isa()) continue;
        Cap cap(isa);
        SCOPED_TRACE(isa_name(isa));
        for (int kind = 0; kind < 3; ++kind)
            for (Direction direction : {Direction::forward, Direction::reverse, Direction::bidirectional})
                for (int64_t hidden : {1, 7, 16, 33, 64})
                    for (int64_t batch : {1, 2, 5, 13}) {
                        const Problem p(
                            {kind ? Cell::gru : Cell::lstm, direction, hidden % 2 ? 9 : 28, hidden, kind == 2}, 5,
                            batch);
                        const bool bias = batch != 2, initial = batch != 5;
                        const Recurrent k(p.spec, p.w.data(), p.r.data(), bias ? p.b.data() : nullptr);
                        const Result got = run(p, k, initial), want = reference(p, bias, initial);
                        SCOPED_TRACE(testing::Message()
                                     << "kind " << kind << " direction " << static_cast<int>(direction) << " hidden "
                                     << hidden << " batch " << batch);
                        expect_near(got.y, want.y);
                        expect_near(got.h, want.h);
                        if (kind == 0) expect_near(got.c, want.c);
                        if (testing::Test::HasFatalFailure()) return;
                    }
    }
}

TEST(Recurrent, ThreadsDoNotChangeTheBits) {
    for (int kind = 0; kind < 3; ++kind)
        for (Direction direction : {Direction::forward, Direction::bidirectional}) {
            const Problem p({kind ? Cell::gru : Cell::lstm, direction, 28, 128, kind == 2}, 28, 3);
            const Recurrent k(p.spec, p.w.data(), p.r.data(), p.b.data());
            const Result serial = run(p, k, true), want = reference(p, true, true);
            expect_near(serial.y, want.y);
            ThreadPool pool(3);
            ThreadPool::Use use(&pool);
            for (int i = 0; i < 20; ++i) {
                const Result shared = run(p, k, true);
                ASSERT_EQ(shared.y, serial.y);
                ASSERT_EQ(shared.h, serial.h);
                if (kind == 0) ASSERT_EQ(shared.c, serial.c);
            }
        }
}

// s8 weights with a scale a row: what is computed from the same real weights, to the 16 bits of inputs and states.
TEST(Recurrent, Int8WeightsGiveWhatTheirRealValuesGive) {
    if (usable_isa() < Isa::avx512_vnni) GTEST_SKIP() << "VNNI is not to be had here";
    for (int kind = 0; kind < 3; ++kind)
        for (Direction direction : {Direction::forward, Direction::reverse, Direction::bidirectional})
            for (int64_t hidden : {1, 7, 16, 33, 130})
                for (int64_t batch : {1, 2, 5}) {
                    Problem p({kind ? Cell::gru : Cell::lstm, direction, hidden % 2 ? 9 : 28, hidden, kind == 2}, 5, batch);
                    const int64_t rows = p.gates * hidden;
                    std::vector<int8_t> wq(p.w.size()), rq(p.r.size());
                    const bool one = batch == 2;
                    std::vector<float> ws(one ? 1 : static_cast<size_t>(rows)), rs = ws;
                    Rng rng(8);
                    for (float& v : ws) v = 0.002f * static_cast<float>(1 + rng.uniform());
                    for (float& v : rs) v = 0.001f * static_cast<float>(1 + rng.uniform());
                    const auto draw = [&](std::vector<int8_t>& q, std::vector<float>& real, const std::vector<float>& scale, int64_t inner) {
                        for (size_t i = 0; i < q.size(); ++i) {
                            q[i] = static_cast<int8_t>(static_cast<int>(rng.below(256)) - 128);
                            real[i] = static_cast<float>(q[i]) * scale[one ? 0 : static_cast<size_t>(static_cast<int64_t>(i) / inner % rows)];
                        }
                    };
                    draw(wq, p.w, ws, p.spec.input);
                    draw(rq, p.r, rs, hidden);
                    const Quantised q{wq.data(), rq.data(), ws.data(), rs.data(), static_cast<int64_t>(ws.size()), static_cast<int64_t>(rs.size())};
                    const Recurrent k(p.spec, q, batch == 5 ? nullptr : p.b.data());
                    const Result got = run(p, k, false), want = reference(p, batch != 5, false);
                    SCOPED_TRACE(testing::Message() << "kind " << kind << " direction " << static_cast<int>(direction) << " hidden " << hidden << " batch " << batch);
                    ASSERT_EQ(got.y.size(), want.y.size());
                    for (size_t i = 0; i < got.y.size(); ++i) ASSERT_NEAR(got.y[i], want.y[i], 2e-4) << i;
                    ThreadPool pool(3);
                    const ThreadPool::Use use(&pool);
                    ASSERT_EQ(run(p, k, false).y, got.y);
                }
}

TEST(Recurrent, Int8WeightsPassOnWhatIsNotFinite) {
    if (usable_isa() < Isa::avx512_vnni) GTEST_SKIP() << "VNNI is not to be had here";
    Problem p({Cell::lstm, Direction::forward, 9, 16, false}, 3, 1);
    std::vector<int8_t> wq(p.w.size(), 3), rq(p.r.size(), -2);
    const float scale = 0.01f;
    const Recurrent k(p.spec, Quantised{wq.data(), rq.data(), &scale, &scale, 1, 1}, p.b.data());
    p.x[10] = NAN;
    const Result got = run(p, k, false);
    EXPECT_TRUE(std::isfinite(got.y[0]));
    EXPECT_TRUE(std::isnan(got.y[16]) && std::isnan(got.y[32]));
}

TEST(Recurrent, Bf16WeightsAreAsCloseAsTheirDigits) {
    if (usable_isa() < Isa::avx512_bf16) GTEST_SKIP() << "bf16 is not to be had here";
    for (int kind = 0; kind < 3; ++kind)
        for (Direction direction : {Direction::forward, Direction::bidirectional})
            for (int64_t hidden : {1, 7, 33, 130})
                for (int64_t batch : {1, 2, 7}) {
                    const Problem p({kind ? Cell::gru : Cell::lstm, direction, hidden % 2 ? 9 : 28, hidden, kind == 2}, 5, batch);
                    const Recurrent k(p.spec, p.w.data(), p.r.data(), p.b.data(), Recurrent::InBf16{});
                    const Result got = run(p, k, true), want = reference(p, true, true);
                    double difference = 0, size = 0;
                    for (size_t i = 0; i < got.y.size(); ++i) {
                        difference += std::pow(got.y[i] - want.y[i], 2);
                        size += std::pow(want.y[i], 2);
                    }
                    EXPECT_LE(std::sqrt(difference / size), 0.02) << "kind " << kind << " hidden " << hidden << " batch " << batch;
                    ThreadPool pool(3);
                    const ThreadPool::Use use(&pool);
                    ASSERT_EQ(run(p, k, true).y, got.y);
                }
}

TEST(Recurrent, NoStepsGiveTheInitialState) {
    const Problem p({Cell::lstm, Direction::forward, 3, 9, false}, 0, 2);
    const Recurrent k(p.spec, p.w.data(), p.r.data(), p.b.data());
    const Result got = run(p, k, true);
    EXPECT_EQ(got.h, p.h0);
    EXPECT_EQ(got.c, p.c0);
}

}  // namespace
}  // namespace hone::recurrent
