// SPDX-License-Identifier: Apache-2.0
// Every loss against PyTorch in double: its value and gradients at a point, and 100 steps of a small network.
#include "train/loss.h"

#include <iostream>
#include <set>

#include "golden.h"
#include "pass/autodiff.h"

namespace hone::train {
namespace {

struct Case {
    LossSpec spec;
    int answers = 1;
};
/// By the name of the golden arrays.
std::map<std::string, Case> cases() {
    return {
        {"cross_entropy", {{"cross_entropy"}}},
        {"cross_entropy_smooth", {{"cross_entropy", {{"label_smoothing", 0.1}}}}},
        {"cross_entropy_ignored", {{"cross_entropy"}}},
        {"cross_entropy_ignored_smooth", {{"cross_entropy", {{"label_smoothing", 0.2}}}}},
        {"cross_entropy_sum", {{"cross_entropy", {{"label_smoothing", 0.1}}, Reduction::sum}}},
        {"cross_entropy_soft", {{"cross_entropy_soft"}}},
        {"cross_entropy_soft_smooth", {{"cross_entropy_soft", {{"label_smoothing", 0.1}}}}},
        {"bce_with_logits", {{"bce_with_logits"}}},
        {"mse", {{"mse"}}},
        {"mse_sum", {{"mse", {}, Reduction::sum}}},
        {"mae", {{"mae"}}},
        {"hinge", {{"hinge"}}},
        {"hinge_margin", {{"hinge", {{"margin", 0.4}}}}},
        {"multi_margin", {{"multi_margin"}}},
        {"multi_margin_margin", {{"multi_margin", {{"margin", 0.3}}}}},
        {"contrastive", {{"contrastive"}, 2}},
        {"contrastive_margin", {{"contrastive", {{"margin", 2.5}}}, 2}},
        {"triplet", {{"triplet"}, 3}},
        {"triplet_swap", {{"triplet", {{"margin", 2}, {"swap", 1}}}, 3}},
        {"cosine_embedding", {{"cosine_embedding"}, 2}},
        {"cosine_embedding_margin", {{"cosine_embedding", {{"margin", 0.3}}}, 2}},
    };
}
const Golden& golden() {
    static const Golden g("losses");
    return g;
}

/// The loss alone of given answers: its value, then its gradients.
std::vector<Tensor> at_point(const LossSpec& spec, std::vector<Tensor> answers, const Tensor* target) {
    Graph g;
    std::vector<ValueId> in;
    for (const Tensor& t : answers) in.push_back(g.add_input("answer", TypeInfo::of(t)));
    const std::vector<ValueId> targets = add_targets(g, spec, in);
    if (!targets.empty()) {
        EXPECT_EQ(g.value(targets[0]).type, TypeInfo::of(*target));
        answers.push_back(*target);
    }
    const ValueId loss = add_loss(g, spec, in, targets);
    g.outputs = {loss};
    for (ValueId d : add_gradients(g, {{loss}}, in)) g.outputs.push_back(d);
    g.check_structure();
    return interpret_graph(g, answers);
}
double error_at_point(const LossSpec& spec, const std::vector<Tensor>& answers, const Tensor* target, const std::string& name) {
    const std::vector<Tensor> out = at_point(spec, answers, target);
    EXPECT_EQ(out[0].dims(), Dims{});
    std::vector<double> gradient;
    for (size_t i = 1; i < out.size(); ++i) {
        const std::vector<double> v = out[i].to_f64();
        gradient.insert(gradient.end(), v.begin(), v.end());
    }
    return std::fmax(distance(out[0].to_f64(), golden()[name + ".value"].to_f64()), distance(gradient, golden()[name + ".gradient"].to_f64()));
}
const Tensor* target_of(const std::string& name) { return golden().has(name + ".target") ? &golden()[name + ".target"] : nullptr; }

TEST(Loss, ValueAndGradientArePyTorchs) {
    double worst = 0;
    for (const auto& [name, c] : cases()) {
        std::vector<Tensor> answers;
        for (int i = 0; i < c.answers; ++i) answers.push_back(row(golden()["points"], i));
        const double e = error_at_point(c.spec, answers, target_of(name), name);
        EXPECT_LE(e, 1e-12) << name;
        worst = std::fmax(worst, e);
    }
    for (const char* name : {"planes", "soft_planes"}) {  // classes on axis 1 of three
        const LossSpec spec{std::string_view(name) == "planes" ? "cross_entropy" : "cross_entropy_soft", {{"label_smoothing", 0.1}}};
        EXPECT_LE(error_at_point(spec, {golden()["planes.x"]}, target_of(name), name), 1e-12) << name;
    }
    std::cout << "losses at a point: at most " << worst << " from PyTorch\n";
}

TEST(Loss, AHundredStepsArePyTorchs) {
    double worst = 0;
    for (const auto& [name, c] : cases()) {
        Stepper s(training_step(make_trainable(mlp(golden()["w0"], c.answers)), {.loss = c.spec, .update = {.hyper = {{"momentum", 0.9}}}}));
        std::map<std::string, Tensor> given;
        for (int i = 0; i < c.answers; ++i) given[cat("x", i)] = row(golden()["x"], i);
        if (!s.plan().targets.empty()) given[s.plan().targets[0]] = *target_of(name);
        std::vector<double> curve;
        for (int64_t i = 0; i < golden()[name + ".losses"].count(); ++i) curve.push_back(s.step(given, 0.02));
        ASSERT_EQ(curve.size(), 100u);
        const double e = std::fmax(distance(curve, golden()[name + ".losses"].to_f64()), distance(flat_weights(s), golden()[name + ".weights"].to_f64()));
        EXPECT_LE(e, 1e-9) << name;
        worst = std::fmax(worst, e);
    }
    std::cout << cases().size() << " losses, 100 steps each: at most " << worst << " from PyTorch\n";
}

TEST(Loss, EachIsComparedWithPyTorch) {
    std::set<std::string> compared;
    for (const std::string& name : golden().cases(".losses")) {
        ASSERT_TRUE(cases().contains(name)) << name;
        compared.insert(cases().at(name).spec.name);
    }
    for (const LossDecl& d : losses()) EXPECT_TRUE(compared.contains(d.name)) << d.name;
}

TEST(Loss, WithoutReductionOneNumberARow) {
    for (const LossDecl& d : losses()) {
        Graph g;
        std::vector<ValueId> answers;
        for (size_t i = 0; i < d.answers; ++i) answers.push_back(g.add_input("a", TypeInfo::tensor(DType::f32, {4, 3})));
        const auto dims = [&](Reduction r) {
            const LossSpec spec{d.name, {}, r};
            return Builder(g).dims(add_loss(g, spec, answers, add_targets(g, spec, answers)));
        };
        const bool elementwise = !d.targets.empty() && d.targets[0].kind == TargetDecl::Kind::alike && std::string_view(d.name) != "cross_entropy_soft";
        EXPECT_EQ(dims(Reduction::none), (elementwise ? Dims{4, 3} : Dims{4})) << d.name;
        EXPECT_EQ(dims(Reduction::sum), Dims{}) << d.name;
    }
}

TEST(Loss, RefusesWhatItCannotTake) {
    const auto error = [](LossSpec spec, Shape shape, int answers = 1) -> std::string {
        Graph g;
        std::vector<ValueId> in;
        for (int i = 0; i < answers; ++i) in.push_back(g.add_input("a", TypeInfo::tensor(DType::f32, shape)));
        try {
            add_loss(g, spec, in, add_targets(g, spec, in));
        } catch (const Error& e) {
            return e.id;
        }
        return "";
    };
    EXPECT_EQ(error({"cross_entrop"}, {4, 3}), "train.name");
    EXPECT_EQ(error({"cross_entropy", {{"margin", 1}}}, {4, 3}), "train.hyper");
    EXPECT_EQ(error({"cross_entropy", {{"label_smoothing", 1}}}, {4, 3}), "train.hyper");
    EXPECT_EQ(error({"cross_entropy"}, {4}), "train.answers");
    EXPECT_EQ(error({"triplet"}, {4, 3}, 2), "train.answers");
    EXPECT_EQ(error({"multi_margin"}, {4, 3, 2}), "train.answers");
    EXPECT_EQ(error({"mse"}, {4}), "");
}

}  // namespace
}  // namespace hone::train
