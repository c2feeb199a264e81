// SPDX-License-Identifier: Apache-2.0
// `hone train --tensorboard`: the log changes nothing of the training, and TensorBoard reads back what happened.
#include <cmath>

#include "base/rng.h"
#include "command.h"
#include "data/loader.h"
#include "data/open.h"
#include "data/picture_grid.h"
#include "onnx/reader.h"
#include "record/event_file.h"

namespace {

using Words = std::vector<std::string>;

/// 10x10 grey pictures of noise, a bright half where the class is 1.
std::string noisy_pictures(const std::string& folder, int n) {
    hone::make_directories(folder);
    hone::Rng rng(3);
    std::string pixels, labels;
    for (int i = 0; i < n; ++i) {
        labels += static_cast<char>(i % 2);
        for (int k = 0; k < 100; ++k) pixels += static_cast<char>(rng.below(100) + (i % 2 && k < 50 ? 80 : 0));
    }
    const auto word = [](int v) { return std::string{0, 0, static_cast<char>(v >> 8), static_cast<char>(v)}; };
    write_text(folder + "/images.idx3-ubyte", std::string("\0\0\x08\x03", 4) + word(n) + word(10) + word(10) + pixels);
    write_text(folder + "/labels.idx1-ubyte", std::string("\0\0\x08\x01", 4) + word(n) + labels);
    return folder;
}

struct Trained {
    std::string data, model, out;
    hone::ProcessResult result;
};
Trained trained(const Words& more) {
    Trained run;
    const std::string folder = scratch_folder();
    run.data = noisy_pictures(folder + "/data", 200);
    run.model = folder + "/net.onnx";
    run.out = folder + "/run";
    EXPECT_EQ(hone_command({"new", "mlp", "--input", "1x10x10", "--classes", "2", "--width", "0.05", "--out", run.model}).exit_code, 0);
    Words command = {"train", run.model, "--data", run.data, "--epochs", "3", "--batch", "16", "--lr", "0.05", "--threads", "1", "--out", run.out};
    command.insert(command.end(), more.begin(), more.end());
    run.result = hone_command(command);
    EXPECT_EQ(run.result.exit_code, 0) << run.result.err;
    return run;
}
std::string event_file(const std::string& folder) {
    const Words names = hone::list_directory(folder);
    EXPECT_EQ(names.size(), 1u);
    return folder + "/" + names.at(0);
}
/// Path of the entry of `list` with this tag; empty when there is none.
std::string with_tag(const Json& j, const std::string& list, const std::string& tag) {
    for (size_t i = 0; i < j.size(list); ++i) {
        const std::string at = list + "." + std::to_string(i);
        if (j.text(at + ".tag") == tag) return at;
    }
    ADD_FAILURE() << "no " << tag << " among the " << list;
    return "";
}
std::string hex(const std::vector<uint8_t>& bytes) {
    std::string out;
    char text[3];
    for (const uint8_t b : bytes) std::snprintf(text, sizeof text, "%02x", b), out += text;
    return out;
}

}  // namespace

TEST(TrainLog, ChangesNothingOfTheTraining) {
    const Trained with = trained({"--tensorboard"});
    const std::string weights = hone::read_file(with.out + "/net_trained.onnx"), events = hone::read_file(event_file(with.out + "/tensorboard"));
    for (const char* tag : {"step/loss", "step/gradient_norm", "validation/top1", "test/top1", "fc1.weight", "training/pictures"})
        EXPECT_NE(events.find(tag), std::string::npos) << tag;
    const Trained without = trained({});
    EXPECT_FALSE(hone::is_directory(without.out + "/tensorboard"));
    EXPECT_EQ(hone::read_file(without.out + "/net_trained.onnx"), weights);
}

TEST(TrainLog, AFolderThatCannotBeMadeIsSaid) {
    const std::string folder = scratch_folder(), model = folder + "/net.onnx", data = noisy_pictures(folder + "/data", 40);
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "1x10x10", "--classes", "2", "--width", "0.05", "--out", model}).exit_code, 0);
    hone::make_directories(folder + "/run");
    write_text(folder + "/run/tensorboard", "a file");
    const hone::ProcessResult r = hone_command({"train", model, "--data", data, "--batch", "8", "--tensorboard", "--out", folder + "/run"});
    EXPECT_EQ(r.exit_code, 6) << r.err;
    EXPECT_NE(r.err.find("file.mkdir"), std::string::npos) << r.err;
}

TEST(TrainLog, PEER_TensorBoardReadsItBack) {
    const std::string python = peers_python();
    HONE_REQUIRE(!python.empty(), "the peers' environment (scripts/peers)");
    const Trained run = trained({"--tensorboard", "--augment", "brightness=0.3,flip", "--momentum", "0.9"});
    const hone::ProcessResult read = hone::run_process({python, source_path("test/cli/read_events.py"), run.out + "/tensorboard"});
    ASSERT_EQ(read.exit_code, 0) << read.err;
    const Json events = Json::parse(read.out), record = Json::parse(hone::read_file(run.out + "/train.json"));
    const int steps = 140 / 16;  // 7 of 10 samples train

    const std::string loss = with_tag(events, "scalars", "step/loss"), norm = with_tag(events, "scalars", "step/gradient_norm");
    ASSERT_EQ(events.size(loss + ".values"), static_cast<size_t>(3 * steps));
    ASSERT_EQ(events.size(norm + ".values"), static_cast<size_t>(3 * steps));
    for (int e = 0; e < 3; ++e) {
        double mean = 0;
        for (int k = 0; k < steps; ++k) {
            const std::string at = "." + std::to_string(e * steps + k);
            EXPECT_EQ(events.number(loss + ".steps" + at), e * steps + k + 1);
            mean += events.number(loss + ".values" + at) / steps;
            EXPECT_GT(events.number(norm + ".values" + at), 0);
        }
        const std::string entry = "history." + std::to_string(e), at = "." + std::to_string(e);
        EXPECT_NEAR(mean, record.number(entry + ".loss"), 1e-6 * mean);
        const std::string top1 = with_tag(events, "scalars", "validation/top1");
        EXPECT_EQ(events.number(top1 + ".steps" + at), (e + 1) * steps);
        EXPECT_EQ(events.number(top1 + ".values" + at), static_cast<float>(record.number(entry + ".metrics.top1")));
    }
    EXPECT_EQ(events.number(with_tag(events, "scalars", "test/top1") + ".values.0"), static_cast<float>(record.number("metrics.top1")));

    const hone::Graph model = hone::read_model(run.out + "/net_trained.onnx");
    size_t parameters = 0;
    for (size_t v = 0; v < events.size("histograms"); ++v) {
        const std::string at = "histograms." + std::to_string(v);
        const hone::Tensor& t = model.value(model.find_value(events.text(at + ".tag"))).constant;
        const hone::record::Histogram h = hone::record::histogram_of(t.count(), [&](int64_t i) { return t.at(i); });
        EXPECT_EQ(events.size(at + ".steps"), 3u);
        EXPECT_EQ(events.number(at + ".steps.2"), 3 * steps);
        EXPECT_EQ(events.number(at + ".num"), static_cast<double>(t.count()));
        EXPECT_EQ(events.number(at + ".min"), h.min);
        EXPECT_EQ(events.number(at + ".max"), h.max);
        EXPECT_EQ(events.number(at + ".sum"), h.sum);
        ASSERT_EQ(events.size(at + ".buckets"), h.buckets.size());
        for (size_t k = 0; k < h.buckets.size(); ++k) EXPECT_EQ(events.number(at + ".buckets." + std::to_string(k)), h.buckets[k]);
        ++parameters;
    }
    EXPECT_EQ(parameters, 6u);

    hone::DataOptions options;
    options.channels = 1;
    const hone::DataParts parts = hone::open_data(run.data, options);
    hone::Loader loader(parts.training, {.batch = 16, .augment = hone::parse_augmentations("brightness=0.3,flip"), .workers = 0});
    hone::Batch b;
    loader.next(b);
    const hone::Image grid = hone::picture_grid(b.x, parts.preprocess);
    const std::string picture = with_tag(events, "images", "training/pictures");
    EXPECT_EQ(events.number(picture + ".width"), grid.width);
    EXPECT_EQ(events.number(picture + ".height"), grid.height);
    EXPECT_EQ(events.text(picture + ".pixels"), hex(grid.pixels));
}
