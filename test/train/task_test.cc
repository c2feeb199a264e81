// SPDX-License-Identifier: Apache-2.0
// Networks of one output for two classes, networks that compare and networks of two towers: they learn, their tied weights
// stay one, targets, batches and metrics are what they say, and what does not fit is named.
#include "train/task.h"

#include <cmath>
#include <set>

#include "data/pairs.h"
#include "eval/metrics.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "op/builder.h"
#include "pictures.h"
#include "support.h"
#include "train/compose.h"
#include "train/loop.h"
#include "train/parameters.h"
#include "zoo/zoo.h"

namespace hone::train {
namespace {

const auto training = std::make_shared<Squares>(800, 1), validation = std::make_shared<Squares>(200, 2);

Graph siamese() { return zoo::make_networks("siamese", {.input = {1, 8, 8}, .width = 0.25, .depth = 2, .embedding = 8, .seed = 3})[0].graph; }
Graph towers(int64_t vocabulary = 32) {
    return zoo::make_networks("two-tower", {.input = {1, 8, 8}, .width = 0.25, .depth = 2, .embedding = 8, .vocabulary = vocabulary, .text_length = 12, .seed = 3})[0].graph;
}
LoopOptions options(const std::string& loss) {
    LoopOptions o;
    o.step.loss.name = loss;
    o.step.update.optimizer = "adam";
    o.rate = 3e-3;
    o.epochs = 4;
    o.batch = 32;
    return o;
}

/// One output of two classes, by the sign or, behind a Sigmoid, a probability.
Graph one_output(bool probability = false) {
    Graph g = zoo::make_networks("linear", {.input = {1, 8, 8}, .classes = 1, .seed = 3})[0].graph;
    if (probability) g.outputs = {Builder(g).node("Sigmoid", {g.outputs[0]})};
    return g;
}
const std::vector<std::string> kTwo{"left", "right"};

TEST(Labels, OneOutputTakesSignsAndMixedLabels) {
    const Squares two(8, 1, kTwo);
    const auto targets = [&](const char* loss, bool probability, bool mixed) {
        const Graph model = one_output(probability);
        const auto task = make_task(model, two, {loss});
        const TrainingStep step = training_step(make_trainable(task->network(4)), {.loss = {loss}});
        Batch b;
        b.labels = Tensor::of_i64({0, 1, 1, 0});
        if (mixed) b.soft = Tensor::of_f32({1, 0, 0.25f, 0.75f, 0, 1, 0.5f, 0.5f}, {4, 2});
        return task->targets(step, b).at(0).to_f64();
    };
    using V = std::vector<double>;
    EXPECT_EQ(targets("bce_with_logits", false, false), (V{0, 1, 1, 0}));
    EXPECT_EQ(targets("bce_with_logits", false, true), (V{0, 0.75, 1, 0.5}));
    for (const char* loss : {"hinge", "mse", "mae"}) {
        EXPECT_EQ(targets(loss, false, false), (V{-1, 1, 1, -1})) << loss;
        EXPECT_EQ(targets(loss, false, true), (V{-1, 0.5, 1, 0})) << loss;
    }
    EXPECT_EQ(targets("mse", true, true), (V{0, 0.75, 1, 0.5}));  // a probability: the bar is a half
}

TEST(Labels, SquaresTrainAClassifierOfOneOutput) {
    const auto two = std::make_shared<Squares>(800, 1, kTwo), other = std::make_shared<Squares>(200, 2, kTwo);
    for (const char* loss : {"mse", "mae"}) EXPECT_GT(train::train(one_output(), two, other.get(), options(loss), {}).history.back().metrics.at("top1"), 0.97) << loss;
}

TEST(Labels, ALossOverClassesNeedsMoreThanOneScore) {
    const Graph model = one_output();
    const Squares two(8, 1, kTwo);
    for (const char* loss : {"cross_entropy", "cross_entropy_soft", "multi_margin"}) {
        const auto task = make_task(model, two, {loss});
        EXPECT_EQ(error_of([&] { task->network(4); }), "train.loss") << loss;
    }
}

TEST(Labels, AnUndefinedMetricIsNoMerit) {
    const Graph model = one_output();
    const Squares two(8, 1, kTwo);
    const auto task = make_task(model, two, {"hinge"}, {.metric = "auc"});
    EXPECT_EQ(task->merit({{"auc", 0.5}, {"top1", 1}}), 0.5);
    EXPECT_FALSE(task->merit({{"auc", std::nan("")}, {"top1", 1}}));
    EXPECT_FALSE(task->merit({}));
}

TEST(Pairs, HalfAreGenuineAndEachSampleIsOnceAnAnchor) {
    const std::vector<int> labels{0, 1, 2, 0, 1, 2, 0, 1, 0, 3};
    const Partners p(labels);
    std::set<std::pair<int64_t, int64_t>> seen;
    for (int64_t epoch = 0; epoch < 200; ++epoch) {
        const std::vector<int64_t> order = p.pairs(7, epoch);
        ASSERT_EQ(order.size(), 20u);
        std::set<int64_t> anchors;
        for (size_t i = 0; i < 20; i += 2) {
            const int64_t a = order[i], b = order[i + 1];
            anchors.insert(a);
            seen.insert({a, b});
            EXPECT_NE(a, b);
            const bool same = labels[static_cast<size_t>(a)] == labels[static_cast<size_t>(b)];
            EXPECT_EQ(same, i % 4 == 0 && a != 9) << i;  // the tenth is alone in its class
        }
        EXPECT_EQ(anchors.size(), 10u);
    }
    EXPECT_EQ(seen.size(), 10u * 9u);  // every two come together some time
    EXPECT_EQ(p.pairs(7, 3), p.pairs(7, 3));
    EXPECT_NE(p.pairs(7, 3), p.pairs(7, 4));
    EXPECT_NE(p.pairs(7, 3), p.pairs(8, 3));
    const std::vector<int64_t> three = p.triplets(1, 0);
    for (size_t i = 0; i < 30; i += 3) {
        const auto label = [&](size_t k) { return labels[static_cast<size_t>(three[i + k])]; };
        EXPECT_EQ(label(0), label(1));
        EXPECT_NE(label(0), label(2));
        EXPECT_EQ(three[i] == three[i + 1], three[i] == 9);
    }
    EXPECT_EQ(error_of([] { Partners(std::vector<int>{0, 0, 0}); }), "data.pairs");
    EXPECT_EQ(error_of([] { Partners(std::vector<int>{0, 1, 2}); }), "data.pairs");
    EXPECT_EQ(error_of([] { Partners(std::vector<int>{}); }), "data.pairs");
}

TEST(Pairs, EachLossLearnsAndTheWeightsStayTied) {
    const Graph model = siamese();
    const size_t parameters = find_parameters(model).size();
    for (const char* loss : {"contrastive", "triplet", "cosine_embedding"}) {
        LoopOptions o = options(loss);
        if (std::string_view(loss) == "triplet") o.step.loss.hyper["margin"] = 0.5;
        const Trained t = train::train(model, training, validation.get(), o, {});
        const Metrics before = measure(model, *validation, o), after = t.history.back().metrics;
        EXPECT_LT(t.history.back().loss, t.history.front().loss) << loss;
        EXPECT_GT(after.at("auc"), 0.97) << loss << " before " << before.at("auc");
        EXPECT_GT(after.at("auc"), before.at("auc")) << loss;
        EXPECT_LT(after.at("eer"), 0.1) << loss;
        EXPECT_EQ(t.samples, 4 * 800);
        // In the file each parameter is one constant that both branches read, and both give the same bits.
        const Graph back = read_model_bytes(model_bytes(t.model));
        EXPECT_EQ(find_parameters(back).size(), parameters) << loss;
        for (const Parameter& p : find_parameters(back)) {
            EXPECT_EQ(back.value(p.value).users.size(), 2u) << p.name;
            EXPECT_FALSE(p.initial.same_bits(model.value(model.find_value(p.name)).constant)) << p.name;
        }
        const Tensor x = batch(*validation, std::vector<int64_t>{0, 1, 2});
        const std::vector<Tensor> out = interpret_graph(back, {x, x});
        EXPECT_TRUE(out[1].same_bits(out[2])) << loss;
    }
}

TEST(Pairs, AnEncoderAloneIsTrainedAsThePairIs) {
    const Graph pair = siamese(), encoder = part_of(pair, {pair.outputs[1]});
    for (const char* loss : {"contrastive", "triplet"}) {
        LoopOptions o = options(loss);
        o.epochs = 1;
        o.step.update.optimizer = "sgd";  // Adam would amplify the order of sums
        o.rate = 0.1;
        const Graph a = train::train(pair, training, nullptr, o, {}).model, b = train::train(encoder, training, nullptr, o, {}).model;
        for (const Parameter& p : find_parameters(b)) {
            const Tensor& other = a.value(a.find_value(p.name)).constant;
            double far = 0, size = 0;
            for (int64_t i = 0; i < other.count(); ++i) far += std::pow(other.at(i) - p.initial.at(i), 2), size += std::pow(other.at(i), 2);
            EXPECT_LE(std::sqrt(far), 1e-3 * std::sqrt(size)) << loss << " " << p.name;
            EXPECT_FALSE(p.initial.same_bits(pair.value(pair.find_value(p.name)).constant)) << p.name;
        }
    }
}

TEST(Pairs, ABatchHoldsAnchorsAndTheirPartners) {
    const Graph model = siamese();
    const auto task = make_task(model, *training, {"triplet"});
    const TrainingStep step = training_step(make_trainable(task->network(4)), {.loss = {"triplet"}});
    EXPECT_TRUE(step.targets.empty());
    Loader loader(training, {.batch = 4 * task->samples(), .seed = 5, .order = task->order(5)});
    EXPECT_EQ(loader.batches_per_epoch(), 200);
    Batch b;
    loader.next(b);
    const std::vector<Tensor> in = task->inputs(b);
    ASSERT_EQ(in.size(), 2u);
    EXPECT_EQ(in[0].dims(), (Dims{4, 1, 8, 8}));
    EXPECT_EQ(in[1].dims(), (Dims{8, 1, 8, 8}));
    const std::vector<int64_t> order = Partners(training->labels()).triplets(5, 0);
    for (size_t i = 0; i < 4; ++i) {
        const auto expect = [&](const Tensor& t, size_t row, int64_t sample) {
            const auto at = static_cast<int64_t>(row);
            EXPECT_TRUE(t.rows(at, at + 1).same_bits(batch(*training, std::vector<int64_t>{sample})));
        };
        expect(in[0], i, order[3 * i]);
        expect(in[1], i, order[3 * i + 1]);
        expect(in[1], 4 + i, order[3 * i + 2]);
    }
}

TEST(Towers, LearnFromClassTextsAndFromTheBatchsAndBecomeAClassifier) {
    const Graph model = towers();
    for (const char* loss : {"cross_entropy", "cross_entropy_soft"}) {
        LoopOptions o = options(loss);
        o.epochs = 8;
        const Trained t = train::train(model, training, validation.get(), o, {});
        const double top1 = t.history.back().metrics.at("top1");
        EXPECT_GT(top1, 0.95) << loss << ", at first " << measure(model, *validation, o).at("top1");
        // Written and read again it runs; with the texts bound it is a classifier of one input that answers alike.
        Graph trained = read_model_bytes(model_bytes(t.model));
        const Tensor texts = number_texts(trained, validation->class_names());
        const Graph classifier = read_model_bytes(model_bytes(with_texts(trained, texts)));
        ASSERT_EQ(classifier.inputs.size(), 1u);
        EXPECT_EQ(eval::evaluate(classifier, *validation, {}).top1(), top1);
        const Tensor x = batch(*validation, std::vector<int64_t>{0, 1, 2, 3, 4});
        const Tensor both = interpret_graph(trained, {x, texts})[0], one = interpret_graph(classifier, {x})[0];
        ASSERT_EQ(one.dims(), (Dims{5, 4}));
        for (int64_t i = 0; i < one.count(); ++i) EXPECT_NEAR(one.at(i), both.at(i), 1e-4);
        // What numbers the texts is kept: texts of another order get the same numbers.
        const Tensor again = number_texts(trained, {"lower right", "upper left"});
        EXPECT_TRUE(again.rows(0, 1).same_bits(texts.rows(3, 4)));
        EXPECT_TRUE(again.rows(1, 2).same_bits(texts.rows(0, 1)));
    }
}

TEST(Towers, ContrastOverABatchSharesAmongEqualTexts) {
    const Graph model = towers();
    const auto task = make_task(model, *training, {"cross_entropy_soft"});
    const TrainingStep step = training_step(make_trainable(task->network(6)), {.loss = {"cross_entropy_soft"}});
    Loader loader(training, {.batch = 6, .seed = 1});
    Batch b;
    loader.next(b);
    EXPECT_EQ(task->inputs(b)[1].dims(), (Dims{6, 12}));
    const Tensor t = task->targets(step, b)[0];
    ASSERT_EQ(t.dims(), (Dims{12, 6}));
    for (int64_t i = 0; i < 12; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < 6; ++j) {
            sum += t.at(i * 6 + j);
            EXPECT_EQ(t.at(i * 6 + j) > 0, b.labels.at_int(i % 6) == b.labels.at_int(j));
        }
        EXPECT_NEAR(sum, 1, 1e-6);
    }
}

TEST(Task, NamesWhatDoesNotFit) {
    const Graph pair = siamese(), two = towers(), small = towers(5);
    const auto id = [&](const Graph& g, const Dataset& data, const char* loss, TaskOptions o = {}) { return error_of([&] { make_task(g, data, {loss}, o); }); };
    EXPECT_EQ(id(pair, *training, "cross_entropy"), "train.inputs");
    EXPECT_EQ(id(two, *training, "contrastive"), "train.inputs");
    EXPECT_EQ(id(two, *training, "mse"), "train.loss");
    EXPECT_EQ(id(pair, Squares(10, 1, {"one"}), "contrastive"), "data.pairs");
    EXPECT_EQ(id(part_of(pair, {pair.outputs[0]}), *training, "contrastive"), "train.embedding");
    EXPECT_EQ(id(two, *training, "cross_entropy", {.texts = {"a", "b"}}), "data.texts");
    EXPECT_EQ(id(two, *training, "cross_entropy", {.texts = {"a", "b", "c", "a"}}), "data.texts");
    EXPECT_EQ(id(two, *training, "cross_entropy", {.texts = {"a text too long 1", "a text too long 2", "c", "d"}}), "data.texts");
    EXPECT_EQ(id(small, *training, "cross_entropy"), "data.texts");
    EXPECT_EQ(natural_loss(pair), "contrastive");
    EXPECT_EQ(natural_loss(two), "cross_entropy");
}

}  // namespace
}  // namespace hone::train
