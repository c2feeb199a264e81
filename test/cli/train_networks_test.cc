// SPDX-License-Identifier: Apache-2.0
// `hone train` of a siamese pair, of two towers and of a generator against its discriminator: what it writes, and that
// onnxruntime runs it.
#include <gtest/gtest.h>

#include <filesystem>

#include "command.h"
#include "data/image.h"
#include "onnx/reader.h"

namespace {

/// 160 pictures of 8x8 in four classes, a bright quarter each, among noise.
std::string quarters(const std::string& folder) {
    const std::string plain = write_pictures(folder, std::vector<int>(160, 0));  // for the folder
    std::string pixels, labels;
    uint32_t noise = 1;
    for (int i = 0; i < 160; ++i) {
        labels += static_cast<char>(i % 4);
        for (int y = 0; y < 8; ++y)
            for (int x = 0; x < 8; ++x) {
                noise = noise * 1664525U + 1013904223U;
                const bool inside = y / 4 == i % 4 / 2 && x / 4 == i % 2;
                pixels += static_cast<char>((inside ? 190 : 20) + static_cast<int>(noise >> 27));
            }
    }
    write_text(plain + "/images.idx3-ubyte", std::string("\0\0\x08\x03\0\0\0\xa0\0\0\0\x08\0\0\0\x08", 16) + pixels);
    write_text(plain + "/labels.idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\xa0", 8) + labels);
    return plain;
}
std::string fresh(const std::string& folder, std::vector<std::string> words) {
    words.insert(words.begin(), "new");
    words.insert(words.end(), {"--input", "1x8x8", "--out", folder + "/net.onnx"});
    EXPECT_EQ(hone_command(words).exit_code, 0);
    return folder + "/net.onnx";
}
Json trained(std::vector<std::string> words, const std::string& folder) {
    words.insert(words.begin(), "train");
    words.insert(words.end(), {"--data", folder + "/data", "--out", folder, "--threads", "1", "--batch", "16", "--json"});
    const hone::ProcessResult r = hone_command(words);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return Json::parse(r.out);
}

TEST(TrainNetworks, ASiamesePairOnPairs) {
    const std::string folder = scratch_folder(), net = fresh(folder, {"siamese", "--width", "0.25", "--depth", "2", "--embedding", "8"});
    quarters(folder + "/data");
    const Json j = trained({net, "--epochs", "12", "--optimizer", "adam", "--lr", "0.003"}, folder);
    EXPECT_EQ(j.text("loss"), "contrastive");
    EXPECT_GT(j.number("metrics.auc"), 0.95);
    EXPECT_LT(j.number("metrics.eer"), 0.15);
    EXPECT_GT(j.number("history.11.metrics.auc"), 0.95);
    for (const char* other : {"--judge", "--texts"})
        EXPECT_EQ(hone_command({"train", net, "--data", folder + "/data", other, net}).exit_code, 2) << other;
    const hone::Graph g = hone::read_model(folder + "/net_trained.onnx");
    EXPECT_EQ(g.value(g.find_value("conv1.weight")).users.size(), 2u);
    EXPECT_TRUE(hone::file_exists(folder + "/train.html"));
    const Json eval = Json::parse(hone_command({"eval", folder + "/net_trained.onnx", "--data", folder + "/data", "--part", "test", "--json"}).out);
    EXPECT_NEAR(eval.number("metrics.auc"), j.number("metrics.auc"), 0.01);
}

TEST(TrainNetworks, TwoTowersWithTextsOfTheClasses) {
    const std::string folder = scratch_folder(), net = fresh(folder, {"two-tower", "--width", "0.25", "--depth", "2", "--embedding", "8", "--vocabulary", "32"});
    quarters(folder + "/data");
    write_text(folder + "/texts", "upper left\nupper right\nlower left\nlower right\n");
    const Json j = trained({net, "--texts", folder + "/texts", "--epochs", "30", "--optimizer", "adam", "--lr", "0.003"}, folder);
    EXPECT_EQ(j.text("loss"), "cross_entropy");
    EXPECT_GT(j.number("metrics.top1"), 0.9);
    // With the texts bound it is a classifier for every other verb.
    const std::string classifier = folder + "/net_trained_classifier.onnx";
    EXPECT_EQ(j.text("classifier"), hone::absolute_path(classifier));
    const Json eval = Json::parse(hone_command({"eval", classifier, "--data", folder + "/data", "--part", "test", "--json"}).out);
    EXPECT_EQ(eval.number("metrics.top1"), j.number("metrics.top1"));
    const Json towers = Json::parse(hone_command({"eval", folder + "/net_trained.onnx", "--data", folder + "/data", "--part", "test", "--json"}).out);
    EXPECT_EQ(towers.number("metrics.top1"), j.number("metrics.top1"));  // by the texts that it notes
    write_text(folder + "/latin1", "upper left\nupper right\nlower left\nl\xE4\n");
    EXPECT_EQ(hone_command({"train", net, "--texts", folder + "/latin1", "--data", folder + "/data"}).exit_code, 5);
    write_text(folder + "/few", "one\ntwo\n");
    EXPECT_EQ(hone_command({"train", net, "--texts", folder + "/few", "--data", folder + "/data"}).exit_code, 5);
}

TEST(TrainNetworks, AGeneratorAgainstItsDiscriminator) {
    const std::string folder = scratch_folder();
    quarters(folder + "/data");
    fresh(folder, {"dcgan", "--width", "0.125", "--latent", "8"});
    const std::string generator = folder + "/net_generator.onnx", discriminator = folder + "/net_discriminator.onnx";
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "1x8x8", "--classes", "4", "--width", "0.0625", "--out", folder + "/judge.onnx"}).exit_code, 0);
    const Json j = trained({generator, "--gan", discriminator, "--epochs", "2", "--judge", folder + "/judge.onnx", "--judged", "50", "--tensorboard"}, folder);
    EXPECT_EQ(j.text("loss"), "non_saturating");
    EXPECT_EQ(j.size("history"), 2u);
    std::string events;
    for (const auto& file : std::filesystem::directory_iterator(folder + "/tensorboard")) events += hone::read_file(file.path().string());
    for (const char* tag : {"generated/samples", "epoch/discriminator_loss", "step/loss"}) EXPECT_NE(events.find(tag), std::string::npos) << tag;
    EXPECT_TRUE(hone::is_directory(folder + "/checkpoints"));
    EXPECT_EQ(j.text("optimizer"), "adam");
    EXPECT_EQ(j.number("history.0.rate"), 2e-4);
    EXPECT_EQ(j.text("part"), "generated");
    EXPECT_LE(j.number("metrics.classes_found"), 4);
    EXPECT_GT(j.number("metrics.confidence"), 0.25);
    ASSERT_EQ(j.size("samples"), 2u);
    const std::string png = hone::read_file(j.text("samples.1.file"));
    EXPECT_EQ(hone::image_info(reinterpret_cast<const uint8_t*>(png.data()), png.size(), "samples"), (hone::ImageInfo{71, 71, 1}));
    EXPECT_NE(hone::read_file(folder + "/train.html").find("data:image/png;base64,iVBOR"), std::string::npos);
    for (const char* part : {"generator", "discriminator"}) {
        const hone::Graph g = hone::read_model(folder + "/net_" + part + "_trained.onnx");
        EXPECT_TRUE(g.metadata.contains("hone.preprocess")) << part;
        EXPECT_EQ(g.inputs.size(), 1u) << part;
    }
    EXPECT_EQ(hone_command({"train", generator, "--gan", discriminator, "--data", folder + "/data", "--loss", "mse"}).exit_code, 2);
    EXPECT_EQ(hone_command({"train", discriminator, "--gan", discriminator, "--data", folder + "/data", "--batch", "16"}).exit_code, 3);
}

TEST(TrainNetworks, TheirRecordsRepeatThem) {
    const std::string folder = scratch_folder();
    quarters(folder + "/data");
    const auto repeats = [&](const std::vector<std::string>& words, const std::string& result) {
        trained(words, folder);
        const std::string once = hone::read_file(folder + "/" + result);
        const hone::ProcessResult again = hone_command({"train", "--config", folder + "/train.json", "--out", folder + "/again"});
        ASSERT_EQ(again.exit_code, 0) << again.err;
        EXPECT_TRUE(hone::read_file(folder + "/again/" + result) == once) << result;
    };
    repeats({fresh(folder, {"siamese", "--width", "0.25", "--depth", "2"})}, "net_trained.onnx");
    fresh(folder, {"dcgan", "--width", "0.125", "--latent", "8"});
    const std::string generator = folder + "/net_generator.onnx", discriminator = folder + "/net_discriminator.onnx";
    repeats({generator, "--gan", discriminator}, "net_generator_trained.onnx");
    for (const std::vector<std::string>& idle : {std::vector<std::string>{"--precision", "fp16"}, {"--new-head"}, {"--explain"}, {"--standardise", "no"}}) {
        std::vector<std::string> words = {"train", generator, "--gan", discriminator, "--data", folder + "/data"};
        words.insert(words.end(), idle.begin(), idle.end());
        EXPECT_EQ(hone_command(words).exit_code, 2) << idle[0];
    }
    for (const std::vector<std::string>& idle : {std::vector<std::string>{"--metric", "f1_macro"}, {"--new-head"}, {"--standardise", "yes"}}) {
        std::vector<std::string> words = {"train", fresh(folder, {"siamese", "--width", "0.25", "--depth", "2"}), "--data", folder + "/data"};
        words.insert(words.end(), idle.begin(), idle.end());
        EXPECT_EQ(hone_command(words).exit_code, 2) << idle[0];
    }
}

TEST(TrainNetworks, OnnxruntimeRunsThemPEER) {
    const std::string python = source_path(".venv/peers/bin/python");
    HONE_REQUIRE(hone::file_exists(python), "the peers' virtual environment");
    const std::string folder = scratch_folder();
    const std::string script =
        "import sys, numpy as np, onnxruntime as ort\n"
        "s = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "r = np.random.RandomState(0)\n"
        "feed = {i.name: (r.randint(0, 8, (4, i.shape[1])) if i.type == 'tensor(int64)' else r.randn(5, *i.shape[1:]).astype(np.float32)) for i in s.get_inputs()}\n"
        "y = s.run(None, feed)\n"
        "assert all(np.isfinite(v).all() for v in y)\n"
        "for k, v in feed.items(): np.save(f'{sys.argv[2]}/{k}.npy', v)\n"
        "np.save(f'{sys.argv[2]}/answer.npy', y[0])\n"
        "print(list(y[0].shape))\n";
    quarters(folder + "/data");
    const auto shape = [&](const std::string& model) {
        const hone::ProcessResult r = hone::run_process({python, "-c", script, model, folder});
        EXPECT_EQ(r.exit_code, 0) << r.err;
        return r.out;
    };
    trained({fresh(folder, {"siamese", "--width", "0.25", "--depth", "2"})}, folder);
    EXPECT_EQ(shape(folder + "/net_trained.onnx"), "[5]\n");
    trained({fresh(folder, {"two-tower", "--width", "0.25", "--depth", "2"})}, folder);
    EXPECT_EQ(shape(folder + "/net_trained.onnx"), "[5, 4]\n");
    const std::string net = folder + "/net_trained.onnx";
    EXPECT_EQ(hone_command({"run", net, "image=" + folder + "/image.npy", "text=" + folder + "/text.npy"}).exit_code, 0);
    EXPECT_EQ(shape(folder + "/net_trained_classifier.onnx"), "[5, 4]\n");
    fresh(folder, {"dcgan", "--width", "0.125"});
    trained({folder + "/net_generator.onnx", "--gan", folder + "/net_discriminator.onnx"}, folder);
    EXPECT_EQ(shape(folder + "/net_generator_trained.onnx"), "[5, 1, 8, 8]\n");
    EXPECT_EQ(shape(folder + "/net_discriminator_trained.onnx"), "[5, 1]\n");
}

}  // namespace
