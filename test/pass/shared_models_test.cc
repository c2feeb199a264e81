// SPDX-License-Identifier: Apache-2.0
// On every shared model: what the passes do changes no answer, whichever of them is switched off.
#include <cmath>

#include "base/rng.h"
#include "run/session.h"
#include "shared_models.h"

using namespace hone;

namespace {

struct Case {
    std::string name;
    Graph graph;
    std::vector<Dims> dims;
    std::vector<Tensor> in, want;
};
Case load(const std::string& name, int64_t batch) {
    Case c{name, shared_model(name), {}, {}, {}};
    c.dims = input_dims(c.graph, batch);
    Rng rng(11);
    for (const Dims& d : c.dims) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, name.starts_with("letters") ? static_cast<double>(rng.below(16)) : rng.normal());
        c.in.push_back(t);
    }
    c.want = interpret_graph(specialise(c.graph, c.dims), c.in);
    return c;
}
double largest(const Tensor& t) {
    double m = 0;
    for (int64_t i = 0; i < t.count(); ++i) m = std::max(m, std::fabs(t.at(i)));
    return m;
}
/// Relative to the largest of `want`; infinite where dims, types or finiteness differ.
double error(const std::vector<Tensor>& want, const std::vector<Tensor>& got) {
    double worst = want.size() == got.size() ? 0 : INFINITY;
    for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
        if (want[i].dims() != got[i].dims() || want[i].dtype() != got[i].dtype()) return INFINITY;
        const double scale = largest(want[i]);
        for (int64_t k = 0; k < want[i].count(); ++k) {
            const double d = std::fabs(want[i].at(k) - got[i].at(k)) / scale;
            worst = d >= 0 ? std::max(worst, d) : INFINITY;
        }
    }
    return worst;
}
double noise(const Tensor& want, const Tensor& got) {
    double a = 0, b = 0;
    for (int64_t i = 0; i < want.count(); ++i) {
        a += (want.at(i) - got.at(i)) * (want.at(i) - got.at(i));
        b += want.at(i) * want.at(i);
    }
    return std::sqrt(a / b);
}
std::vector<Tensor> run(const Case& c, const Graph& g, const PlanOptions& o) { return Session(make_plan(g, c.dims, o), nullptr).run(c.in); }
std::set<std::string> pass_names() {
    std::set<std::string> all;
    for (const PassDecl& p : all_passes()) all.insert(p.name);
    return all;
}

class SharedModel : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override { HONE_REQUIRE(!shared_folder().empty(), "the shared folder"); }
};

}  // namespace

TEST_P(SharedModel, PortablePassesKeepTheAnswers) {
    const Case c = load(GetParam(), 2);
    EXPECT_GT(largest(c.want[0]), 0.1);
    EXPECT_LE(error(c.want, run(c, c.graph, {})), 1e-4);
    Graph portable = c.graph;
    run_passes(portable, Stage::portable);
    for (NodeId n : portable.order()) EXPECT_EQ(portable.node(n).domain, "");
    EXPECT_LE(portable.alive_count(), c.graph.alive_count());
    EXPECT_LE(error(c.want, interpret_graph(specialise(portable, c.dims), c.in)), 1e-4);
    EXPECT_LE(error(c.want, run(c, portable, {})), 1e-4);
    PlanOptions references;
    references.references = true;
    EXPECT_LE(error(c.want, run(c, portable, references)), 1e-4);
    // Once more changes nothing.
    Graph again = portable;
    for (const PassRecord& r : run_passes(again, Stage::portable)) EXPECT_FALSE(r.changed) << r.name;
    for (size_t i = 0; i < portable.outputs.size(); ++i) EXPECT_EQ(portable.value(portable.outputs[i]).name, c.graph.value(c.graph.outputs[i]).name);
}

TEST_P(SharedModel, EachPassMayBeSwitchedOff) {
    const Case c = load(GetParam(), 1);
    for (const std::string& off : pass_names()) {
        PassOptions o;
        o.disabled = {off};
        Graph g = c.graph;
        run_passes(g, Stage::portable, o);
        PlanOptions p;
        p.disabled_passes = {off};
        EXPECT_LE(error(c.want, run(c, g, p)), 1e-4) << "without " << off;
    }
    PlanOptions none;
    none.disabled_passes = pass_names();
    EXPECT_LE(error(c.want, run(c, c.graph, none)), 1e-4) << "without any pass";
}

TEST_P(SharedModel, EveryOriginalNodeIsTheOriginOfSomething) {
    const Graph original = shared_model(GetParam());
    std::set<std::string> names, kept;
    for (NodeId n : original.order())
        for (const std::string& o : original.node(n).origins) names.insert(o);
    const std::shared_ptr<const Plan> plan = make_plan(original, input_dims(original, 1), {});
    for (const Step& s : plan->steps)
        for (const std::string& o : s.origins) {
            EXPECT_TRUE(names.contains(o)) << o;
            kept.insert(o);
        }
    for (NodeId n : original.order()) {
        const Node& node = original.node(n);
        if (node.op == "Conv" || node.op == "Gemm" || node.op == "MatMul" || node.op == "LSTM" || node.op == "GRU")
            for (const std::string& o : node.origins) EXPECT_TRUE(kept.contains(o)) << o;
    }
}

TEST_P(SharedModel, Bf16StaysNear) {
    const Case c = load(GetParam(), 1);
    PlanOptions o;
    o.precision = Precision::bf16;
    const std::vector<Tensor> got = run(c, c.graph, o);
    EXPECT_LE(noise(c.want[0], got[0]), 0.03);
    // The same graph by references differs by the order of sums alone, seen through roundings to 8 bits.
    Graph low = specialise(c.graph, c.dims);
    PassOptions p;
    p.precision = Precision::bf16;
    run_passes(low, Stage::runtime, p);
    bool rounded = false;
    for (NodeId n : low.order()) rounded |= low.value(low.node(n).out()).type.dtype == DType::bf16;
    EXPECT_TRUE(rounded);
    EXPECT_GT(noise(c.want[0], got[0]), 0);
    EXPECT_LE(noise(interpret_graph(low, c.in)[0], got[0]), 0.015);
}

INSTANTIATE_TEST_SUITE_P(All, SharedModel, testing::ValuesIn(shared_models()), [](const auto& info) { return info.param; });
