// SPDX-License-Identifier: Apache-2.0
// The tuner: what it tries is right, a journal decides what it decided before, wrong kernels are dropped.
#include "plan/tuner.h"

#include <algorithm>
#include <cmath>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "normal.h"
#include "plan/lower.h"
#include "support.h"

using namespace hone;

namespace {

/// conv -> conv (the same shape) with a residual -> Gemm.
Graph net() {
    Graph g;
    Rng rng(5);
    auto op = [&](const char* name, std::vector<ValueId> in, Attributes a = {}) { return g.node(g.add_node("", name, std::move(in), 1, std::move(a))).out(); };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 32, 14, 14}));
    const Attributes same = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
    const ValueId a = op("Relu", {op("Conv", {x, g.add_constant("w", normal(rng, {32, 32, 3, 3}))}, same)});
    const ValueId b = op("Relu", {op("Conv", {a, g.add_constant("w", normal(rng, {32, 32, 3, 3}))}, same)});
    const ValueId c = op("Add", {op("Conv", {b, g.add_constant("w", normal(rng, {32, 32, 3, 3})), g.add_constant("b", normal(rng, {32}))}, same), a});
    g.outputs = {op("Gemm", {op("Flatten", {op("GlobalAveragePool", {c})}), g.add_constant("w", normal(rng, {32, 10}))})};
    infer_graph(g);
    return g;
}
const std::vector<Dims> kDims = {{1, 32, 14, 14}};

TEST(Tuner, TriesEveryWayOnceAndFindsNoneWrong) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    ThreadPool pool(2);
    const PlanOptions o{.threads = 2};
    const auto fixed = make_plan(net(), kDims, o);
    record::Journal journal;
    const Tuning t = tune_steps(*fixed, o, &pool, journal);
    EXPECT_TRUE(t.wrong.empty()) << t.wrong[0];
    ASSERT_FALSE(t.steps.empty());
    int equal = 0;
    for (const TunedStep& s : t.steps) {
        equal += s.count == 2;
        ASSERT_GE(s.alternatives.size(), 2u);
        EXPECT_GT(s.alternatives[0].ms, 0) << s.key;
        EXPECT_GT(s.alternatives[s.chosen].ms, 0) << s.key;
        if (s.chosen) EXPECT_LT(s.alternatives[s.chosen].ms, s.alternatives[0].ms);
    }
    EXPECT_GE(equal, 1) << "two equal convolutions are one kind";
    EXPECT_EQ(journal.recorded(), journal.entries().size());
    EXPECT_TRUE(wrong_kernels(journal).empty());
}

TEST(Tuner, AJournalDecidesAgainWhatItDecided) {
    ThreadPool pool(2);
    const PlanOptions o{.threads = 2};
    const auto fixed = make_plan(net(), kDims, o);
    record::Journal journal;
    tune_steps(*fixed, o, &pool, journal);
    for (bool flip : {false, true}) {
        // Perturbed, so that the slowest way wins: the decision follows the journal, not the machine.
        record::Journal replayed;
        std::map<std::string, size_t> wanted;
        for (record::JournalEntry e : journal.entries()) {
            if (flip && e.values.size() > 1) {
                e.values.assign(e.values.size(), 5.0);
                e.values.back() = 1.0;
                wanted[e.key.substr(7)] = e.values.size() - 1;
            }
            replayed.recall(e.key, [&] { return record::Journal::Noted{e.values, e.text}; });
        }
        const size_t before = replayed.recorded();
        const Tuning a = tune_steps(*fixed, o, &pool, replayed);
        EXPECT_EQ(replayed.recorded(), before) << "measured again";
        PlanOptions chosen = o;
        chosen.choose = a.chooser();
        const std::string text = to_text(*make_plan(net(), kDims, chosen));
        chosen.choose = tune_steps(*fixed, o, &pool, replayed).chooser();
        EXPECT_EQ(to_text(*make_plan(net(), kDims, chosen)), text);
        for (const TunedStep& s : a.steps)
            if (flip) EXPECT_EQ(s.chosen, wanted.at(s.key)) << s.key;
        if (flip && usable_isa() >= Isa::avx2) EXPECT_NE(text, to_text(*fixed));
    }
}

TEST(Tuner, AJournalThatIsNoJournalOfOursDoesNoHarm) {
    const PlanOptions o{.threads = 1};
    const auto fixed = make_plan(net(), kDims, o);
    record::Journal measured;
    tune_steps(*fixed, o, nullptr, measured);
    for (const char* text : {"", "x", "right a b c d|e", "right onednn_conv 0 plain 1|x", "wrong\nwrong"}) {
        record::Journal odd;
        for (const record::JournalEntry& e : measured.entries()) odd.recall(e.key, [&] { return record::Journal::Noted{{1, 0.1, std::nan("")}, text}; });
        PlanOptions chosen = o;
        chosen.choose = tune_steps(*fixed, o, nullptr, odd).chooser();
        EXPECT_TRUE(make_plan(net(), kDims, chosen));
    }
}

TEST(Tuner, NoTimeLeavesEverythingAndIsRemembered) {
    const PlanOptions o{.threads = 1};
    const auto fixed = make_plan(net(), kDims, o);
    record::Journal journal;
    EXPECT_TRUE(tune_steps(*fixed, o, nullptr, journal, {.max_seconds = -1}).steps.empty());
    const size_t recorded = journal.recorded();
    EXPECT_GT(recorded, 0u);
    EXPECT_TRUE(tune_steps(*fixed, o, nullptr, journal).steps.empty());
    EXPECT_EQ(journal.recorded(), recorded);
}

TEST(Tuner, AWrongKernelIsDroppedAndNamed) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    record::Journal journal;
    const PlanOptions o{.threads = 1};
    const auto fixed = make_plan(net(), kDims, o);
    tune_steps(*fixed, o, nullptr, journal);
    record::Journal told;
    for (record::JournalEntry e : journal.entries()) {
        if (e.values.size() > 1) {  // the last way, said to be wrong and, were it not, the fastest
            e.values.back() = 1e-9;
            const size_t at = e.text.rfind('\n') + 1;
            e.text.replace(at, 5, "wrong");
        }
        told.recall(e.key, [&] { return record::Journal::Noted{e.values, e.text}; });
    }
    const Tuning t = tune_steps(*fixed, o, nullptr, told);
    ASSERT_FALSE(t.steps.empty());
    for (const TunedStep& s : t.steps) EXPECT_NE(s.chosen, s.alternatives.size() - 1);
    EXPECT_EQ(t.wrong.size(), t.steps.size());
    EXPECT_EQ(wrong_kernels(told), t.wrong);
}

/// The check itself: right answers pass, one wrong element is found, at sampled channels too.
TEST(StepCheck, FindsOneWrongChannel) {
    for (int64_t channels : {4, 512}) {
        Graph g;
        Rng rng(9);
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 64, 8, 8}));
        const ValueId w = g.add_constant("w", normal(rng, {channels, 64, 3, 3}));
        g.outputs = {g.node(g.add_node("", "Conv", {x, w}, 1, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}})).out()};
        infer_graph(g);
        const std::vector<Tensor> in = {normal(rng, {1, 64, 8, 8}), g.value(w).constant};
        const StepCheck check(g, 0, in);
        ASSERT_TRUE(check.possible());
        const std::vector<Tensor> right = interpret_node(*find_op("", "Conv"), g.node(0), in);
        EXPECT_EQ(check.wrong(right), "");
        Tensor off = right[0].clone();
        off.set(off.count() - 1, off.at(off.count() - 1) + 1);  // of the last channel, which is always sampled
        EXPECT_NE(check.wrong({off}), "");
        off.set(off.count() - 1, std::nan(""));
        EXPECT_NE(check.wrong({off}), "");
        Tensor swapped = right[0].clone();  // every channel shifted by one
        for (int64_t i = 0; i < off.count(); ++i) swapped.set(i, right[0].at((i + 64) % off.count()));
        EXPECT_NE(check.wrong({swapped}), "");
    }
}

TEST(StepKey, SaysWhatTimeDependsOnAndNoNames) {
    const auto fixed = make_plan(net(), kDims, {});
    std::vector<std::string> keys;
    for (const Step& s : fixed->steps)
        if (s.node != kNone && s.op == "hone.Conv") keys.push_back(step_key(fixed->graph, s.node, 1));
    ASSERT_EQ(keys.size(), 3u);
    EXPECT_EQ(keys[0], keys[1]);
    EXPECT_NE(keys[1], keys[2]);
    EXPECT_NE(step_key(fixed->graph, fixed->steps[1].node, 1), step_key(fixed->graph, fixed->steps[1].node, 2));
}

}  // namespace
