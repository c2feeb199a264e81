// SPDX-License-Identifier: Apache-2.0
// What the search takes and what the end says of it, beside an engine whose times are made up: nothing is measured.
#include "optimize/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "data/open.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"
#include "toy_table.h"

using namespace hone;

namespace {

int count_op(const Graph& g, const std::string& op) {
    int n = 0;
    for (const NodeId id : g.order()) n += g.node(id).is(op);
    return n;
}

class MadeUp final : public Runtime {
  public:
    using Ms = std::function<double(const Graph&, Precision)>;
    explicit MadeUp(Ms ms) : ms_(std::move(ms)) {}
    std::string name() const override { return "made-up"; }
    bool permits(Precision) const override { return true; }
    eval::Answers answers(const RuntimeModel& m, const Dataset& data) override { return eval::answer(*m.graph, data, {}); }
    eval::TimedBlock times(const RuntimeModel& a, const RuntimeModel& b) override { return block(ms_(*a.graph, a.precision), ms_(*b.graph, b.precision)); }
    eval::PairTiming pair(const eval::TimedModel& a, const eval::TimedModel& b, int processes) override {
        eval::PairTiming t;
        t.blocks.assign(static_cast<size_t>(processes), block(ms_(read_model(a.path), a.precision), ms_(read_model(b.path), b.precision)));
        t.first.ms = t.blocks[0].before;
        t.second.ms = t.blocks[0].after;
        return t;
    }

  private:
    static eval::TimedBlock block(double a, double b) { return {std::vector<double>(40, a), std::vector<double>(40, b)}; }
    Ms ms_;
};

double int8_is_faster(const Graph& g, Precision) { return count_op(g, "QuantizeLinear") ? 1 : 2; }

/// A search over the toy table as `optimize` begins it.
struct Case {
    const Toy toy;
    OptimizeRequest request;
    DataParts parts;
    Search s;
    explicit Case(const std::string& name, OptimizeGoal goal, MadeUp::Ms ms = int8_is_faster)
        : toy(write_toy(cat(testing::TempDir(), "/search_", name), 3, false, 400)), parts(open_data(toy.data, {})), s(request, parts) {
        request.model = toy.model;
        request.goal = goal;
        request.out = parent_directory(toy.model);
        request.processes = 2;
        request.calibration_samples = 32;
        request.precision = PrecisionPolicy::fp32;
        s.runtime = std::make_unique<MadeUp>(std::move(ms));
        s.original = read_model(toy.model);
        run_passes(s.original, Stage::portable);
        s.layers = layers_of(s.original);
        s.original_bytes = model_file_bytes(toy.model);
        s.quantizer = std::make_unique<compress::Quantizer>(s.original, *parts.training, std::vector<int64_t>{0, 1, 2, 3}, eval::EvalOptions{});
    }
    void search() {
        try_original(s);
        try_precisions(s);
        try_int8(s);
    }
    /// A candidate at `latency` of the original's time that errs so on 1000 validation samples.
    const record::Run& ended(int64_t lost, int64_t gained, double latency) {
        try_original(s);
        Trial t = s.original_trial(Precision::bf16);
        t.judged = true;
        t.samples = 1000;
        t.counts = eval::PairedCounts{1000, lost, gained};
        t.metric = s.trials[0].metric - t.drop();
        t.latency = latency;
        s.trials.push_back(t);
        conclude(s);
        return s.run;
    }
};

void expect_words(const std::string& text, const std::vector<std::string>& words) {
    for (const std::string& w : words) EXPECT_NE(text.find(w), std::string::npos) << w << ": " << text;
}

}  // namespace

TEST(Size, CountsWhatIsWrittenBesideTheWeights) {
    Case c("written", {.max_drop = 0.3});
    c.parts.class_names.assign(100, "a class of a long name");
    const Trial t = c.s.quantized_trial({}, Precision::fp32);
    const int64_t bytes = c.s.file_bytes(t);
    write_model(c.s.written(t), c.request.out + "/written.onnx");
    EXPECT_EQ(bytes, model_file_bytes(c.request.out + "/written.onnx"));
    EXPECT_GT(bytes, static_cast<int64_t>(model_bytes(t.graph).size()) + 2000);
    for (const int64_t bound : {bytes - 1, bytes}) {
        c.request.goal.max_size = Bound{static_cast<double>(bound), false};
        EXPECT_EQ(c.s.small_enough(c.s.quantized_trial({}, Precision::fp32)), bound == bytes);
    }
    c.request.goal.max_size = Bound{1, true};
    Trial original = c.s.original_trial(Precision::fp32);
    c.s.time(original);
    EXPECT_EQ(original.bytes, c.s.file_bytes(original));
    EXPECT_FALSE(c.s.small_enough(original));
}

TEST(Size, LayersReturnToFloatWithinTheBoundOnly) {
    const auto float_is_faster = [](const Graph& g, Precision) {
        const int left = count_op(g, "DequantizeLinear");
        return left ? 1 + 0.01 * left + 0.5 * count_op(g, "Cast") : 2;  // weights of float layers in 8 bits are no way out
    };
    for (const bool bounded : {false, true}) {
        Case c(cat("bounded", bounded), {.max_drop = 0.3}, float_is_faster);
        const int64_t bytes = c.s.file_bytes(c.s.quantized_trial({}, Precision::fp32)) + 800;  // no layer's weights in float
        if (bounded) c.request.goal.max_size = Bound{static_cast<double>(bytes), false};
        c.search();
        const std::vector<const Trial*> list = finalists(c.s);
        ASSERT_FALSE(list.empty());
        if (bounded) EXPECT_LE(c.s.file_bytes(*list[0]), bytes);
        else EXPECT_GT(c.s.file_bytes(*list[0]), bytes);
        conclude(c.s);
        EXPECT_TRUE(c.s.run.accepted) << c.s.run.reason;
    }
}

TEST(PrecisionAsked, Bf16IsThatOfEveryAnswer) {
    for (const double bf16 : {0.9, 1.1}) {
        Case c(cat("bf16_", bf16), {.max_drop = 0.3}, [bf16](const Graph& g, Precision p) { return int8_is_faster(g, p) * (p == Precision::bf16 ? bf16 : 1); });
        c.request.precision = PrecisionPolicy::bf16;
        c.search();
        const std::vector<const Trial*> list = finalists(c.s);
        ASSERT_FALSE(list.empty());
        for (const Trial* t : list) EXPECT_EQ(t->precision, Precision::bf16) << t->name;
        conclude(c.s);
        ASSERT_TRUE(c.s.run.accepted) << c.s.run.reason;
        EXPECT_EQ(c.s.run.after->precision, "bf16");
        EXPECT_EQ(read_model(c.s.run.model).metadata.at("hone.precision"), "bf16");
    }
}

TEST(TooFew, SaidBeforeTheSearchWhereTheLimitIsExact) {
    Case c("too_few", {.max_drop = 0.01});
    ASSERT_EQ(c.parts.test->size(), 80);
    expect_words(c.s.too_few_samples(), {"80", "past the bound of 1.00 points", "at least 301 samples", "--max-drop 3.7"});
    c.request.goal.max_drop = 0.04;
    EXPECT_EQ(c.s.too_few_samples(), "");
    c.request.goal.max_drop = 0;
    expect_words(c.s.too_few_samples(), {"no number of samples shows that nothing is lost", "--max-drop 3.7"});
    c.request.metric = eval::Metric::f1_macro;
    EXPECT_EQ(c.s.too_few_samples(), "");
    c.request.metric = eval::Metric::top1;
    c.request.goal = {.max_latency = Bound{0.5, true}};
    EXPECT_EQ(c.s.too_few_samples(), "");
    for (const double bound : {0.005, 0.01, 0.02, 0.1}) {
        const int64_t needed = *eval::samples_needed(bound, 0, 0);
        EXPECT_LE(eval::drop_upper_limit({needed, 0, 0}), bound);
        EXPECT_GT(eval::drop_upper_limit({needed - 1, 0, 0}), bound);
    }
}

TEST(Rejected, AnEstimateWithinTheBoundIsSaidWithItsLimit) {
    Case c("limit", {.max_drop = 0.04});
    const std::string reason = c.ended(20, 5, 0.5).reason;
    const double limit = c.s.trials[1].expected_high(80);
    ASSERT_GT(limit, 0.04);
    expect_words(reason, {"drops 1.50 points on validation", cat("at most ", c.s.drop_text(limit), " on 80 test samples"), "where the bound is 4.00 points", cat("about ", *c.s.samples_needed(c.s.trials[1]), " test samples would do")});
    Case past("past", {.max_drop = 0.04});
    const std::string other = past.ended(60, 5, 0.5).reason;
    expect_words(other, {"drops 5.50 points on validation, where the bound is 4.00 points"});
    EXPECT_EQ(other.find("would do"), std::string::npos) << other;
}

TEST(Rejected, TheMarginOfTheBoundOnTimeIsSaid) {
    Case c("margin", {.max_latency = Bound{0.5, true}});
    expect_words(c.ended(0, 0, 0.49).reason, {"takes 49.00 % of the original's time", "50.00 % less 3 % of it for noise"});
}
