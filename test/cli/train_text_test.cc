// SPDX-License-Identifier: Apache-2.0
// From text to answers: `hone new` makes the network, `hone train` its vocabulary, which the model carries for `eval` and `run`.
#include "base/rng.h"
#include "command.h"
#include "onnx/reader.h"

namespace {

using Words = std::vector<std::string>;

/// Sentences about one of three things among words that say nothing; (label, text) each.
std::vector<std::pair<std::string, std::string>> sentences(int n) {
    const std::vector<std::pair<std::string, Words>> topics = {{"food", {"soup", "bread", "pepper", "spoon"}}, {"sea", {"wave", "boat", "salt", "harbour"}}, {"sky", {"cloud", "star", "wing", "rain"}}};
    const Words others = {"the", "old", "seen", "again", "with", "near", "small", "many", "it", "was"};
    hone::Rng rng(21);
    std::vector<std::pair<std::string, std::string>> out;
    for (int i = 0; i < n; ++i) {
        const auto& [label, words] = topics[static_cast<size_t>(i) % 3];
        std::string text;
        for (uint64_t k = 0, length = 4 + rng.below(6), at = rng.below(length); k < length; ++k)
            text += (k ? " " : "") + (k == at ? words[rng.below(words.size())] : others[rng.below(others.size())]);
        out.emplace_back(label, text + ".");
    }
    return out;
}
hone::ProcessResult succeeds(Words command) {
    hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return r;
}
void refused(const Words& command, int code, const Words& said) {
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, code) << r.err;
    for (const std::string& words : said) EXPECT_NE(r.err.find(words), std::string::npos) << words << ": " << r.err;
}

}  // namespace

TEST(TrainText, AnLstmOfWordsFromACsv) {
    const std::string folder = scratch_folder(), model = folder + "/lstm.onnx", data = folder + "/texts.csv", trained = folder + "/run/lstm_trained.onnx";
    std::string csv = "id,text,label\n";
    for (const auto& [label, text] : sentences(300)) csv += hone::cat("7,\"", text, "\",", label, "\n");
    write_text(data, csv);
    succeeds({"new", "lstm", "--input", "12", "--vocabulary", "40", "--embedding", "12", "--width", "0.25", "--depth", "1", "--classes", "3", "--out", model});
    const hone::ProcessResult r = succeeds({"train", model, "--data", data, "--optimizer", "adam", "--lr", "0.02", "--epochs", "8", "--batch", "15", "--augment", "delete=0.1,swap=0.1", "--split", "60/20/20",
                                            "--explain", "--out", folder + "/run"});
    for (const char* said : {"the columns id are left out", "vocabulary of 25 words from 180 training texts; length 12", "imbalance 1.0", "the vocabulary is of its texts alone", "judged once, at the end"})
        EXPECT_NE(r.err.find(said), std::string::npos) << said << ": " << r.err;
    const Json j = Json::parse(hone::read_file(folder + "/run/train.json"));
    EXPECT_GT(j.number("metrics.top1"), 0.9);
    EXPECT_EQ(j.number("parts.2.samples"), 60);
    EXPECT_EQ(j.size("classes"), 3u);
    EXPECT_EQ(j.number("classes.1.training"), 60);
    EXPECT_NE(hone::read_model(trained).metadata.at("hone.preprocess").find("harbour"), std::string::npos);

    // The model's own vocabulary is what others use, whatever data they see.
    const Json e = Json::parse(succeeds({"eval", trained, "--data", data, "--split", "60/20/20", "--part", "test", "--json"}).out);
    EXPECT_EQ(e.number("metrics.top1"), j.number("metrics.top1"));
    write_text(folder + "/test.tsv", "sky\tthe star was small\nfood\tunheard things near bread\n");
    EXPECT_EQ(Json::parse(succeeds({"eval", trained, "--data", folder + "/test.tsv", "--json"}).out).number("metrics.top1"), 1);
    write_text(folder + "/lines.txt", "Many a STAR was seen again\n\nsea\tit was near the salt\n");
    const Json answers = Json::parse(succeeds({"run", trained, folder + "/lines.txt", "--json"}).out);
    ASSERT_EQ(answers.size("results"), 2u);
    EXPECT_EQ(answers.text("results.0.scores.0.name"), "sky");
    EXPECT_EQ(answers.text("results.1.label"), "sea");
    EXPECT_EQ(answers.text("results.1.scores.0.name"), "sea");

    // Trained on, it keeps its vocabulary.
    refused({"train", trained, "--data", data, "--tokens", "character", "--out", folder + "/on"}, 2, {"vocabulary is of words"});
    refused({"train", model, "--data", data, "--vocabulary", "50", "--out", folder + "/on"}, 2, {"embeds 40 ids"});
    refused({"train", model, "--data", data, "--text-length", "50", "--out", folder + "/on"}, 2, {"texts of 12 tokens"});
    refused({"run", model, folder + "/lines.txt"}, 5, {"carries no vocabulary"});
    succeeds({"train", trained, "--data", folder + "/texts.csv", "--lr", "0", "--split", "60/20/20", "--out", folder + "/on"});
    EXPECT_EQ(Json::parse(hone::read_file(folder + "/on/train.json")).number("metrics.top1"), j.number("metrics.top1"));
}

TEST(TrainText, AGruOfCharactersFromFolders) {
    const std::string folder = scratch_folder(), model = folder + "/gru.onnx";
    int i = 0;
    for (const auto& [label, text] : sentences(240)) {
        const std::string place = hone::cat(folder, "/texts/", i % 5 == 4 ? "test" : "train", "/", label);
        hone::make_directories(place);
        write_text(hone::cat(place, "/", i++, ".txt"), text + "\n");
    }
    succeeds({"new", "gru", "--input", "60", "--vocabulary", "30", "--embedding", "16", "--width", "0.25", "--classes", "3", "--out", model});
    const hone::ProcessResult r = succeeds({"train", model, "--data", folder + "/texts", "--tokens", "character", "--optimizer", "adam", "--lr", "0.02", "--epochs", "10", "--batch", "12", "--split", "90/10/0", "--out", folder + "/run"});
    EXPECT_NE(r.err.find("chars from"), std::string::npos) << r.err;
    const Json j = Json::parse(hone::read_file(folder + "/run/train.json"));
    EXPECT_GT(j.number("metrics.top1"), 0.8);
    EXPECT_TRUE(j.truth("parts.2.own"));
}
