// SPDX-License-Identifier: Apache-2.0
#include "run/tune.h"

#include <cstdlib>

#include "base/cpu.h"
#include "base/rng.h"
#include "plan/plan_file.h"
#include "run/session.h"
#include "shared_models.h"

using namespace hone;

namespace {

double furthest(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double off = 0, greatest = 1e-30;
    for (size_t k = 0; k < a.size(); ++k)
        for (int64_t i = 0; i < a[k].count(); ++i) {
            off = std::max(off, std::abs(a[k].at(i) - b[k].at(i)));
            greatest = std::max(greatest, std::abs(a[k].at(i)));
        }
    return off / greatest;
}

/// Journal with whole runs and steps said to be so fast, so that the tuned plan is kept whatever this machine does.
record::Journal persuaded(const record::Journal& measured) {
    record::Journal j;
    for (record::JournalEntry e : measured.entries()) {
        if (e.key.starts_with("kernel") && e.values.size() > 1) {
            e.values.assign(e.values.size(), 5.0);
            e.values.back() = 1.0;
        }
        if (!e.key.starts_with("whole|")) j.recall(e.key, [&] { return record::Journal::Noted{e.values, e.text}; });
    }
    return j;
}

TEST(Tune, TheTunedPlanAnswersAlikeAndComesBackFromItsFile) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    ThreadPool pool(2);
    const PlanOptions o{.threads = 2};
    const Graph g = shared_model("fashion_resnet20");
    const auto dims = input_dims(g, 1);
    record::Journal journal;
    const TunedPlan first = tune_plan(g, dims, o, &pool, journal);
    EXPECT_TRUE(first.tuning.wrong.empty()) << first.tuning.wrong[0];
    record::Journal other = persuaded(journal);
    const TunedPlan flipped = tune_plan(g, dims, o, &pool, other);
    PlanOptions chosen = o;
    chosen.choose = flipped.tuning.chooser();
    const auto tuned = make_plan(g, dims, chosen), fixed = make_plan(g, dims, o);
    if (usable_isa() >= Isa::avx2) EXPECT_NE(to_text(*tuned), to_text(*fixed));
    Rng rng(2);
    Tensor x = Tensor::zeros(DType::f32, dims[0]);
    for (int64_t i = 0; i < x.count(); ++i) x.set(i, rng.normal());
    const auto y = Session(tuned, &pool).run({x});
    EXPECT_LT(furthest(Session(fixed, &pool).run({x}), y), 1e-3);

    const std::string path = cat("/tmp/hone_tuned_", static_cast<long>(rng.next_u64() >> 32), ".plan");
    const std::string key = plan_key("m", dims, o);
    ASSERT_TRUE(save_plan(*tuned, path, key));
    std::string why;
    const auto again = load_plan(path, key, o, &why);
    std::remove(path.c_str());
    ASSERT_TRUE(again) << why;
    EXPECT_EQ(to_text(*again), to_text(*tuned));
    EXPECT_EQ(furthest(Session(again, &pool).run({x}), y), 0);
}

TEST(Tune, KeepsTheTunedPlanOnlyWhereTheWholeIsFaster) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no choice of kernels";
    const PlanOptions o{.threads = 1};
    const Graph g = shared_model("fashion_resnet20");
    const auto dims = input_dims(g, 1);
    record::Journal measured;
    tune_plan(g, dims, o, nullptr, measured);
    record::Journal journal = persuaded(measured);
    const std::string fixed = to_text(*make_plan(g, dims, o));
    tune_plan(g, dims, o, nullptr, journal);  // measures the whole
    std::string whole;
    for (const record::JournalEntry& e : journal.entries())
        if (e.key.starts_with("whole|")) whole = e.key;
    ASSERT_FALSE(whole.empty());
    const std::pair<std::vector<double>, bool> cases[] = {
        {{10, 8, 1}, true}, {{10, 12, 0}, false}, {{10, 9.99, 0.9}, false}, {{10, 8, 0.5}, false}, {{10}, false}};
    for (const auto& [values, kept] : cases) {
        record::Journal told = persuaded(journal);
        told.numbers(whole, [&, v = values] { return v; });
        const TunedPlan t = tune_plan(g, dims, o, nullptr, told);
        EXPECT_EQ(t.tuned, kept) << values.size();
        EXPECT_EQ(to_text(*t.plan) == fixed, !kept);
    }
}

}  // namespace
