// SPDX-License-Identifier: Apache-2.0
// What limits a layer: known layers at known rates, and at the rates of the machine at hand.
#include <cstdio>

#include "base/thread_pool.h"
#include "eval/roofline.h"
#include "support.h"

using namespace hone;
using namespace hone::eval;

namespace {

ValueId node(Graph& g, const char* op, std::vector<ValueId> in, Attributes a = {}) {
    const ValueId v = g.node(g.add_node("", op, std::move(in), 1, std::move(a), op)).out();
    infer_graph(g);
    return v;
}

/// 3x3, 64 -> 64 channels, padded, on a square picture.
Graph conv(int64_t side) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of({1, 64, side, side})));
    const ValueId w = g.add_constant("w", Tensor::zeros(DType::f32, {64, 64, 3, 3}));
    g.outputs = {node(g, "Conv", {x, w}, {{"pads", std::vector<int64_t>(4, 1)}})};
    return g;
}

Graph dense(int64_t batch) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of({batch, 4096})));
    g.outputs = {node(g, "Gemm", {x, g.add_constant("w", Tensor::zeros(DType::f32, {4096, 4096}))})};
    return g;
}

/// Rates as they were seen (Gop/s and GB/s a core), two cores.
Probe machine(double fp32, double bf16, double int8, double l2, double l3, double memory, int64_t l3_bytes) {
    Probe p;
    p.threads = 2;
    p.rates[0] = {fp32, 2 * fp32};
    p.rates[1] = {bf16, 2 * bf16};
    p.rates[2] = {int8, 2 * int8};
    p.memory = {{"L2", 1 << 20, {l2, 2 * l2}}, {"L3", l3_bytes, {l3, 1.9 * l3}}, {"memory", 0, {memory, 1.8 * memory}}};
    return p;
}

/// Of the step that multiplies.
Roofline line_of(const Graph& g, const Probe& p, int threads, Precision precision = Precision::fp32) {
    PlanOptions o;
    o.threads = threads;
    o.precision = precision;
    const auto plan = make_plan(g, {dims_of(g.value(g.inputs[0]).type.shape)}, o);
    for (const Step& s : plan->steps)
        if (s.cost.macs > 0) return roofline(*plan, s, p, threads);
    ADD_FAILURE() << "no step multiplies";
    return {};
}

void expect_known_classes(const Probe& p, int threads) {
    EXPECT_STREQ(line_of(conv(56), p, threads).bound(), "compute");
    EXPECT_STREQ(line_of(dense(1), p, threads).bound(), "memory");
    EXPECT_STREQ(line_of(dense(64), p, threads).bound(), "compute");
}

TEST(Roofline, KnownLayersAtKnownRates) {
    const int64_t small = 32 << 20, large = 512 << 20;  // a cache that holds the dense layer's 64 MiB is one of the two
    for (const int threads : {1, 2}) {
        for (const int64_t l3 : {small, large}) {
            expect_known_classes(machine(117, 230, 465, 113, 60, 20, l3), threads);
            expect_known_classes(machine(216, 3170, 6220, 30, 30, 21, l3), threads);
        }
    }
}

TEST(Roofline, FloorsFollowFromOperationsAndBytes) {
    const Probe p = machine(100, 200, 400, 100, 50, 20, 16 << 20);
    const Roofline c = line_of(conv(56), p, 1), d = line_of(dense(1), p, 1);
    EXPECT_NEAR(c.compute_ms, 2.0 * 64 * 64 * 9 * 56 * 56 / 100e9 * 1e3, 1e-9);
    EXPECT_NEAR(d.compute_ms, 2.0 * 4096 * 4096 / 100e9 * 1e3, 1e-9);
    EXPECT_NEAR(d.memory_ms, 4.0 * 4096 * 4096 / 20e9 * 1e3, 0.01 * d.memory_ms);  // weights once, from memory
    EXPECT_NEAR(line_of(conv(56), p, 2).compute_ms, c.compute_ms / 2, 1e-9);
    EXPECT_STREQ(line_of(conv(1), p, 1).bound(), "memory");  // the weights are more than the work on one pixel
    EXPECT_STREQ(Roofline{}.bound(), "overhead");
}

TEST(Roofline, KnownLayersAtMeasuredRatesSLOW) {
    const int threads = std::min(2, available_cores());
    const Probe p = probe_machine({threads, 1});
    std::printf("fp32 %.0f Gop/s, memory %.1f GB/s, %d threads\n", p.gops(RateKind::fp32, threads),
                p.gbs(1e12, threads), threads);
    for (const Graph& g : {conv(56), dense(1), dense(64)}) {
        const Roofline r = line_of(g, p, threads);
        std::printf("%s: compute %.3f ms, memory %.3f ms: %s\n", g.node(g.order()[0]).op.c_str(), r.compute_ms,
                    r.memory_ms, r.bound());
    }
    expect_known_classes(p, threads);
}

}  // namespace
