// SPDX-License-Identifier: Apache-2.0
// Every architecture of the list: as many parameters as published, the same after the file, the same answers from the plan
// as from the references.
#include <map>

#include "base/thread_pool.h"
#include "counts.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "requests.h"
#include "run/session.h"
#include "support.h"

namespace hone::zoo {
namespace {

int64_t count(const std::string& architecture, const Request& r) { return one_network(architecture, r).parameters; }

int count_nodes(const Graph& g, const char* op) {
    int n = 0;
    for (NodeId id : g.order()) n += g.node(id).is(op);
    return n;
}

/// Every network of every architecture, small.
std::vector<Network> all_small() {
    std::vector<Network> out;
    for (const Architecture& a : architectures())
        for (Network& n : make_networks(a.name, small_request(a.name))) out.push_back(std::move(n));
    return out;
}

std::vector<Tensor> inputs_for(const Graph& g, int64_t batch) {
    std::vector<Tensor> out;
    std::map<std::string, int64_t> sizes;
    for (ValueId v : g.inputs) {
        Dims dims;
        for (const Dim& d : g.value(v).type.shape)
            dims.push_back(d.known() ? d.value : sizes.try_emplace(d.symbol, batch + static_cast<int64_t>(sizes.size())).first->second);
        Tensor t = waves(dims);
        if (g.value(v).type.dtype == DType::i64) {
            t = Tensor::zeros(DType::i64, dims);
            for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, i * 37 % 251);
        }
        out.push_back(t);
    }
    return out;
}

TEST(Architectures, CountsArePublished) {
    // He et al., table 6: 0.27M, 0.46M, 0.66M, 0.85M.
    EXPECT_EQ(count("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 20}), 269722);
    EXPECT_EQ(count("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 32}), 464154);
    EXPECT_EQ(count("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 44}), 658586);
    EXPECT_EQ(count("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 56}), 853018);
    EXPECT_EQ(count("lenet", {.input = {1, 32, 32}, .classes = 10}), 61706);
    EXPECT_EQ(count("lenet", {.input = {1, 28, 28}, .classes = 10}), 61706);
    // The shared models of these architectures.
    EXPECT_EQ(count("mlp", {.input = {1, 28, 28}, .classes = 10}), 669706);
    EXPECT_EQ(count("lstm", {.input = {1, 28, 28}, .classes = 10}), 214282);
    EXPECT_EQ(count("gru", {.input = {1, 28, 28}, .classes = 10}), 123914);
    EXPECT_EQ(count("vit", {.input = {1, 28, 28}, .classes = 10}), 154954);
    // PyTorch's example.
    const std::vector<Network> pair = make_networks("dcgan", {.input = {3, 64, 64}});
    EXPECT_EQ(pair.at(0).parameters, 3576704);
    EXPECT_EQ(pair.at(1).parameters, 2765568);
}

// torchvision's documentation.
TEST(Architectures, SLOW_LargeCountsArePublished) {
    ThreadPool pool(available_cores());
    ThreadPool::Use use(&pool);
    const Request r{.input = {3, 224, 224}, .classes = 1000};
    const auto of_depth = [&](int64_t depth) {
        Request d = r;
        d.depth = depth;
        return d;
    };
    EXPECT_EQ(count("alexnet", r), 61100840);
    EXPECT_EQ(count("vgg", of_depth(16)), 138357544);
    EXPECT_EQ(count("resnet", of_depth(34)), 21797672);
    EXPECT_EQ(count("resnet", of_depth(50)), 25557032);
    EXPECT_EQ(count("vit", r), 86567656);
}

TEST(Architectures, CountsAreTorchvisions) {
    ThreadPool pool(2);
    ThreadPool::Use use(&pool);
    const Network resnet = one_network("resnet", {.input = {3, 224, 224}, .classes = 1000});
    EXPECT_EQ(resnet.parameters, 11689512);
    EXPECT_EQ(parameters_of(resnet.graph), 11689512);
    EXPECT_EQ(macs_of(resnet.graph, 224), 1814073344.0);
    const Network mobilenet = one_network("mobilenetv2", {.input = {3, 224, 224}, .classes = 1000});
    EXPECT_EQ(mobilenet.parameters, 3504872);
    EXPECT_EQ(macs_of(mobilenet.graph, 224), 300774272.0);
}

TEST(Architectures, EachSurvivesTheFile) {
    for (const Network& n : all_small()) {
        const std::string bytes = model_bytes(n.graph);
        const Graph again = read_model_bytes(bytes, n.graph.name);
        EXPECT_EQ(model_bytes(again), bytes) << n.graph.name;
        EXPECT_EQ(again.alive_count(), n.graph.alive_count()) << n.graph.name;
        EXPECT_EQ(again.metadata.at("hone.architecture"), n.graph.metadata.at("hone.architecture"));
        for (size_t i = 0; i < again.outputs.size(); ++i)
            EXPECT_EQ(to_text(again.value(again.outputs[i]).type), to_text(n.graph.value(n.graph.outputs[i]).type)) << n.graph.name;
    }
}

TEST(Architectures, PlansAnswerAsReferences) {
    for (const Network& n : all_small()) {
        const std::vector<Tensor> inputs = inputs_for(n.graph, 2), expected = interpret_graph(n.graph, inputs);
        std::vector<Dims> dims;
        for (const Tensor& t : inputs) dims.push_back(t.dims());
        for (const int threads : {1, 2}) {
            ThreadPool pool(threads);
            const std::vector<Tensor> got = Session(make_plan(n.graph, dims, {.threads = threads}), &pool).run(inputs);
            ASSERT_EQ(got.size(), expected.size());
            for (size_t o = 0; o < got.size(); ++o) {
                const double peak = peak_of(expected[o]);
                if (n.graph.name != "linear") EXPECT_GT(peak, 1e-8) << n.graph.name;  // which begins at 0
                EXPECT_LT(peak, 1e3) << n.graph.name;
                ASSERT_EQ(got[o].dims(), expected[o].dims()) << n.graph.name;
                for (int64_t i = 0; i < got[o].count(); ++i)
                    ASSERT_NEAR(got[o].at(i), expected[o].at(i), 1e-4 * peak) << n.graph.name << ", output " << o;
            }
        }
    }
}

TEST(Architectures, OutputsAreNamedAndTyped) {
    const auto said = [](const Network& n) {
        std::string s;
        for (ValueId v : n.graph.inputs) s += cat(n.graph.value(v).name, " ", to_text(n.graph.value(v).type), " ");
        s += "->";
        for (ValueId v : n.graph.outputs) s += cat(" ", n.graph.value(v).name, " ", to_text(n.graph.value(v).type));
        return s;
    };
    for (const Architecture& a : architectures())
        if (a.takes("classes"))
            EXPECT_EQ(said(one_network(a.name, small_request(a.name))), "input f32[N,1,28,28] -> logits f32[N,10]") << a.name;
    EXPECT_EQ(said(one_network("siamese", small_request("siamese"))),
              "a f32[N,1,28,28] b f32[N,1,28,28] -> distance f32[N] embedding_a f32[N,64] embedding_b f32[N,64]");
    EXPECT_EQ(said(one_network("two-tower", small_request("two-tower"))),
              "image f32[N,1,28,28] text i64[M,16] -> logits f32[N,M] image_embedding f32[N,64] text_embedding f32[M,64]");
    const std::vector<Network> pair = make_networks("dcgan", {.input = {1, 28, 28}, .latent = 20});
    EXPECT_EQ(said(pair.at(0)), "latent f32[N,20] -> image f32[N,1,28,28]");
    EXPECT_EQ(said(pair.at(1)), "image f32[N,1,28,28] -> logits f32[N,1]");
    EXPECT_EQ(said(one_network("mlp", {.input = {54}, .classes = 7})), "input f32[N,54] -> logits f32[N,7]");
    EXPECT_EQ(said(one_network("lstm", {.input = {40, 6}, .classes = 7})), "input f32[N,40,6] -> logits f32[N,7]");
    for (const char* name : {"rnn", "lstm", "gru"})
        EXPECT_EQ(said(one_network(name, {.input = {40}, .classes = 7, .embedding = 8, .vocabulary = 96})), "input i64[N,40] -> logits f32[N,7]") << name;
    EXPECT_EQ(count("lstm", {.input = {40}, .classes = 7, .depth = 1, .embedding = 8, .vocabulary = 96}), 96 * 8 + 4 * 128 * (8 + 128 + 2) + 128 * 7 + 7);
}

TEST(Architectures, SeedsMakeTheWeights) {
    for (const Architecture& a : architectures()) {
        Request r = small_request(a.name), other = r;
        other.seed = r.seed + 1;
        const std::string once = model_bytes(one_network(a.name, r).graph);
        EXPECT_NE(model_bytes(one_network(a.name, other).graph), once) << a.name;
        ThreadPool pool(3);
        ThreadPool::Use use(&pool);
        EXPECT_TRUE(model_bytes(one_network(a.name, r).graph) == once) << a.name;
    }
}

TEST(Architectures, MetadataIsTheRequest) {
    EXPECT_EQ(one_network("resnet", {.input = {1, 28, 28}, .classes = 10, .width = 0.5, .depth = 20, .seed = 4}).graph.metadata.at("hone.architecture"),
              R"({"schema":"hone.architecture/1","name":"resnet","input":[1,28,28],"classes":10,"width":0.5,"depth":20,"stem":"auto","seed":4})");
    EXPECT_EQ(one_network("siamese", {.input = {1, 28, 28}, .embedding = 8}).graph.metadata.at("hone.architecture"),
              R"({"schema":"hone.architecture/1","name":"siamese","input":[1,28,28],"width":1,"depth":3,"embedding":8,"seed":0})");
}

TEST(Architectures, StemFollowsTheSize) {
    const auto stem = [](const char* architecture, int64_t side, Stem asked) {
        const Graph g = one_network(architecture, {.input = {3, side, side}, .classes = 10, .width = 0.125, .stem = asked}).graph;
        for (NodeId n : g.order())
            if (g.node(n).is("Conv"))
                return cat(g.value(g.node(n).in(1)).constant.dim(2), "/", std::get<std::vector<int64_t>>(g.node(n).attributes.at("strides"))[0], " ",
                           count_nodes(g, "MaxPool"));
        return std::string();
    };
    EXPECT_EQ(stem("resnet", 64, Stem::by_size), "3/1 0");
    EXPECT_EQ(stem("resnet", 65, Stem::by_size), "7/2 1");
    EXPECT_EQ(stem("resnet", 64, Stem::imagenet), "7/2 1");
    EXPECT_EQ(stem("resnet", 96, Stem::cifar), "3/1 0");
    EXPECT_EQ(stem("alexnet", 32, Stem::by_size), "3/1 2");
    EXPECT_EQ(stem("alexnet", 224, Stem::by_size), "11/4 3");
    EXPECT_EQ(stem("mobilenetv2", 32, Stem::by_size), "3/1 0");
    EXPECT_EQ(stem("mobilenetv2", 224, Stem::by_size), "3/2 0");
    EXPECT_EQ(stem("vit", 32, Stem::by_size), "4/4 0");
    EXPECT_EQ(stem("vit", 224, Stem::by_size), "16/16 0");
}

TEST(Architectures, BatchNormalisationStaysANode) {
    EXPECT_EQ(count_nodes(one_network("resnet", small_request("resnet")).graph, "BatchNormalization"), 20);
    EXPECT_EQ(count_nodes(one_network("mobilenetv2", small_request("mobilenetv2")).graph, "BatchNormalization"), 52);
    Request vgg = small_request("vgg");
    EXPECT_EQ(count_nodes(one_network("vgg", vgg).graph, "BatchNormalization"), 0);
    vgg.batch_norm = true;
    EXPECT_EQ(count_nodes(one_network("vgg", vgg).graph, "BatchNormalization"), 13);
    EXPECT_EQ(count_nodes(one_network("alexnet", small_request("alexnet")).graph, "Dropout"), 2);
    EXPECT_EQ(count_nodes(one_network("vgg", vgg).graph, "Dropout"), 2);
}

TEST(Architectures, DropoutIsAsPublishedUnlessAsked) {
    const std::map<std::string, std::pair<int, int>> nodes = {{"mlp", {0, 2}}, {"alexnet", {2, 2}}, {"vgg", {2, 2}}, {"mobilenetv2", {1, 1}}, {"rnn", {0, 1}},
                                                              {"lstm", {0, 1}}, {"gru", {0, 0}}, {"vit", {0, 1 + 3 * 3}}};
    size_t takers = 0;
    for (const Architecture& a : architectures()) takers += a.takes("dropout");
    EXPECT_EQ(takers, nodes.size());
    for (const auto& [name, want] : nodes) {
        Request r = small_request(name);
        EXPECT_EQ(count_nodes(one_network(name, r).graph, "Dropout"), want.first) << name;
        r.dropout = 0;
        EXPECT_EQ(count_nodes(one_network(name, r).graph, "Dropout"), 0) << name;
        r.dropout = 0.375;
        const Graph g = one_network(name, r).graph;
        EXPECT_EQ(count_nodes(g, "Dropout"), want.second) << name;
        EXPECT_NE(g.metadata.at("hone.architecture").find("\"dropout\":0.375"), std::string::npos);
        for (NodeId id : g.order())
            if (g.node(id).is("Dropout")) EXPECT_EQ(g.value(g.node(id).in(1)).constant.at(0), 0.375) << name;
    }
    Request deep = small_request("gru");
    deep.depth = 3, deep.dropout = 0.25;
    EXPECT_EQ(count_nodes(one_network("gru", deep).graph, "Dropout"), 2);
}

TEST(Architectures, VggsHaveAsManyLayers) {
    Request r = small_request("vgg");
    for (int64_t depth : {11, 13, 16, 19}) {
        r.depth = depth;
        EXPECT_EQ(count_nodes(one_network("vgg", r).graph, "Conv"), depth - 3);
    }
    // torchvision's vgg16_bn has 138,365,992 parameters: 2 * 4,224 more than vgg16, here at 1/16 of the channels.
    r.depth = 16;
    const int64_t plain = count("vgg", r);
    r.batch_norm = true;
    EXPECT_EQ(count("vgg", r) - plain, 2 * 4224 / 16);
}

TEST(Architectures, NamesAreTorchvisions) {
    const auto has = [](const Graph& g, std::initializer_list<const char*> names) {
        for (const char* name : names) EXPECT_NE(g.find_value(name), kNone) << g.name << " " << name;
    };
    has(one_network("resnet", small_request("resnet")).graph, {"conv1.weight", "bn1.running_var", "layer1.1.bn2.bias", "layer4.0.downsample.1.weight", "fc.bias"});
    has(one_network("vgg", small_request("vgg")).graph, {"features.0.weight", "features.28.bias", "classifier.6.weight"});
    has(one_network("alexnet", small_request("alexnet")).graph, {"features.10.weight", "classifier.1.weight", "classifier.4.bias", "classifier.6.bias"});
    has(one_network("mobilenetv2", small_request("mobilenetv2")).graph,
        {"features.0.1.running_mean", "features.1.conv.1.weight", "features.2.conv.2.weight", "features.2.conv.3.bias", "features.18.1.weight", "classifier.1.bias"});
}

TEST(Architectures, WidthMultipliesChannels) {
    const auto filters = [](const char* architecture, double width, const char* name) {
        const Graph g = one_network(architecture, {.input = {3, 32, 32}, .classes = 10, .width = width}).graph;
        return g.value(g.find_value(name)).constant.dim(0);
    };
    EXPECT_EQ(filters("resnet", 0.25, "layer4.1.conv2.weight"), 128);
    EXPECT_EQ(filters("mlp", 2, "fc1.weight"), 1024);
    EXPECT_EQ(filters("mobilenetv2", 0.35, "features.0.0.weight"), 16);    // 11.2: 8 would be more than a tenth below
    EXPECT_EQ(filters("mobilenetv2", 0.35, "features.18.0.weight"), 1280);  // never below
    EXPECT_EQ(filters("mobilenetv2", 1.4, "features.18.0.weight"), 1792);
    EXPECT_EQ(filters("vit", 2, "head.weight"), 10);
    EXPECT_EQ(filters("gru", 0.5, "fc.weight"), 10);
    EXPECT_EQ(filters("lenet", 0.01, "conv1.weight"), 1);
}

}  // namespace
}  // namespace hone::zoo
