// SPDX-License-Identifier: Apache-2.0
// What travels in a model's metadata: preprocessing, class names, permitted precision.
#include "base/cpu.h"
#include "base/rng.h"
#include "command.h"
#include "data/preprocess.h"
#include "data/split.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "record/string_map.h"

namespace {

using hone::record::StoredPreprocess;

std::string id_of(const std::string& text) {
    try {
        hone::record::stored_preprocess_from_json(text);
    } catch (const hone::Error& e) {
        return e.id;
    }
    return "";
}

/// The example with this metadata, in a folder of the test.
std::string model_with(const std::map<std::string, std::string>& metadata) {
    hone::Graph g = hone::read_model(example_model());
    for (const auto& [key, value] : metadata) g.metadata[key] = value;
    const std::string path = scratch_folder() + "/model.onnx";
    hone::write_model(g, path);
    return path;
}

TEST(Stored, RoundTrip) {
    const StoredPreprocess s{{{"mean", "0.286"}, {"odd \"key\"", "\n\xc3\xa9"}}, {"T-shirt/top", "Bag"}};
    const StoredPreprocess back = hone::record::stored_preprocess_from_json(to_json(s));
    EXPECT_EQ(back.map, s.map);
    EXPECT_EQ(back.class_names, s.class_names);
}

TEST(Stored, WrongTextIsRefused) {
    for (const char* text :
         {"", "[]", "{}", "{\"schema\":\"1\"}", "{\"schema\":1,\"preprocess\":[]}",
          "{\"schema\":1,\"preprocess\":{\"a\":1}}", "{\"schema\":1,\"class_names\":[1]}", "{\"schema\":1"})
        EXPECT_EQ(id_of(text), "preprocess.json") << text;
    EXPECT_EQ(id_of("{\"schema\":2}"), "preprocess.schema");
    EXPECT_EQ(id_of("{\"schema\":1,\"more\":{}}"), "");
}

TEST(Stored, ModelsPreprocessingIsUsedAndAFlagWinsWithAWarning) {
    hone::Preprocess p;
    p.mean = {0.286};
    p.std = {0.353};
    p.channels = 1;
    const std::string model = model_with({{"hone.preprocess", to_json(StoredPreprocess{to_map(p), {}})}});
    const std::string data = write_pictures(hone::parent_directory(model) + "/data", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    auto answers = [&](std::vector<std::string> command) {
        command.insert(command.end(), {"--data", data, "--json"});
        const hone::ProcessResult r = hone_command(command);
        EXPECT_EQ(r.exit_code, 0) << r.err;
        return std::pair(Json::parse(r.out).text("warnings.0"), r.err);
    };
    const hone::ProcessResult quiet = hone_command({"eval", model, "--data", data, "--json"});
    EXPECT_EQ(quiet.exit_code, 0) << quiet.err;
    EXPECT_EQ(Json::parse(quiet.out).size("warnings"), 0u);
    const auto [warning, err] = answers({"eval", model, "--mean", "0.5"});
    EXPECT_NE(warning.find("--mean 0.5 is used; the model was made with 0.286"), std::string::npos) << warning;
    EXPECT_NE(err.find("warning: --mean"), std::string::npos) << err;
}

TEST(Stored, DataWithoutPartsIsSplitAsTheModelsTrainingHadIt) {
    const std::string folder = scratch_folder(), data = folder + "/points.csv";
    hone::Rng rng(4);
    const auto table = [&](int rows) {
        std::string s = "a,b,label\n";
        for (int i = 0; i < rows; ++i) s += hone::cat(rng.normal(), ",", rng.normal(), ",", i % 2 ? "odd" : "even", "\n");  // nothing to learn
        return s;
    };
    write_text(data, table(200));
    write_text(folder + "/more.csv", table(50));
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "2", "--classes", "2", "--width", "0.25", "--out", folder + "/net.onnx"}).exit_code, 0);
    const hone::ProcessResult run = hone_command({"train", folder + "/net.onnx", "--data", data, "--seed", "3", "--split", "60/15/25", "--epochs", "20", "--batch", "20", "--optimizer", "adam", "--lr", "0.02", "--out", folder, "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const double figure = Json::parse(run.out).number("metrics.top1");
    const auto evaluated = [&](std::vector<std::string> words, std::string* said = nullptr) {
        words.insert(words.begin(), {"eval", folder + "/net_trained.onnx", "--json"});
        const hone::ProcessResult r = hone_command(words);
        EXPECT_EQ(r.exit_code, 0) << r.err;
        if (said) *said = r.err;
        return Json::parse(r.out);
    };
    std::string said;
    for (const char* seed : {"0", "3"}) {
        const Json eval = evaluated({"--data", data, "--seed", seed}, &said);
        EXPECT_EQ(eval.text("part"), "test");
        EXPECT_EQ(eval.number("samples"), 50);
        EXPECT_EQ(eval.number("metrics.top1"), figure) << seed;
        EXPECT_NE(said.find("those of the model's training"), std::string::npos) << said;
    }
    EXPECT_EQ(evaluated({"--data", data, "--part", "training"}).number("samples"), 120);
    EXPECT_EQ(evaluated({"--data", folder + "/more.csv"}).text("part"), "all");  // other samples are all news to it
    EXPECT_EQ(evaluated({"--data", data, "--split", "50/20/30", "--part", "test"}, &said).number("samples"), 60);
    EXPECT_NE(said.find("another split than that of the model's training"), std::string::npos) << said;
    EXPECT_EQ(id_of(R"({"schema":1,"split":{"seed":3}})"), "preprocess.json");
    const auto wrong = [](const std::map<std::string, std::string>& map) {
        try {
            hone::made_split_from_map(map);
        } catch (const hone::Error& e) {
            return e.id;
        }
        return std::string();
    };
    EXPECT_EQ(wrong({{"shares", "0.7/0.1"}, {"seed", "3"}}), "data.split.stored");
    EXPECT_EQ(wrong({{"shares", "0.7/0.1/0.2"}, {"seed", "-3"}}), "data.split.stored");
    EXPECT_EQ(wrong({{"shares", "nan/0.1/0.2"}, {"seed", "3"}}), "data.split.stored");
    EXPECT_EQ(wrong({{"shares", "0.7/0.1/0.2"}, {"seed", "3"}}), "");
}

TEST(Stored, WrongMetadataIsAModelError) {
    const std::string model = model_with({{"hone.preprocess", "nonsense"}});
    const hone::ProcessResult r =
        hone_command({"eval", model, "--data", write_pictures(hone::parent_directory(model) + "/data", {0, 1})});
    EXPECT_EQ(r.exit_code, 3) << r.err;
    EXPECT_NE(r.err.find("preprocess.json"), std::string::npos) << r.err;
}

TEST(Stored, AutoTakesThePermittedPrecisionWhereTheProcessorHasIt) {
    const std::string model = model_with({{"hone.precision", "bf16"}});
    auto precision = [&](const std::string& path, const std::string& flag) {
        const hone::ProcessResult r = hone_command({"inspect", path, "--no-time", "--json", "--precision", flag});
        EXPECT_EQ(r.exit_code, 0) << r.err;
        return Json::parse(r.out).text("precision");
    };
    EXPECT_EQ(precision(model, "auto"), hone::usable_isa() >= hone::Isa::avx512_bf16 ? "bf16" : "fp32");
    EXPECT_EQ(precision(model, "fp32"), "fp32");
    EXPECT_EQ(precision(example_model(), "auto"), "fp32");
    EXPECT_EQ(precision(example_model(), "bf16"), "bf16");
}

TEST(Stored, NamesInAFileDoNotWriteToTheTerminal) {
    hone::Graph g = hone::read_model(example_model());
    g.rename_value(g.outputs[0], "\x1b[2Jgone");
    const std::string path = scratch_folder() + "/model.onnx";
    hone::write_model(g, path);
    const hone::ProcessResult r = hone_command({"inspect", path, "--no-time", "--graph"});
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ((r.out + r.err).find('\x1b'), std::string::npos);
}

}  // namespace
