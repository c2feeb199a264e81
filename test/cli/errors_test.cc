// SPDX-License-Identifier: Apache-2.0
// Exit codes and messages of every class of error: what, where, and what to do next.
#include "command.h"

namespace {

using Words = std::vector<std::string>;

void expect_error(const Words& command, int code, const Words& said) {
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, code) << r.err;
    EXPECT_TRUE(r.err.find("error: ") != std::string::npos) << r.err;
    EXPECT_EQ(r.out, "");
    for (const std::string& words : said)
        EXPECT_NE(r.err.find(words), std::string::npos) << "'" << words << "' is not in: " << r.err;
}

TEST(Errors, UnknownVerbNamesTheNearest) {
    expect_error({"evl", "x.onnx"}, 2, {"evl", "Did you mean eval?"});
    expect_error({"qqqqqq"}, 2, {"Known: ", "inspect, eval, bench"});
    expect_error({"net.onnx"}, 2, {"hone VERB MODEL"});
    expect_error({}, 2, {"--help"});
    expect_error({"--vrsion"}, 2, {"--version"});
}

TEST(Errors, UnknownFlagNamesTheNearest) {
    expect_error({"eval", example_model(), "--dta", "x"}, 2, {"--dta", "Did you mean --data"});
    expect_error({"bench", example_model(), "--precison=fp32"}, 2, {"--precison", "Did you mean --precision?"});
    expect_error({"bench", "a", "b", "c"}, 2, {"'c'"});
}

TEST(Errors, WrongAndMissingValues) {
    expect_error({"bench", example_model(), "--batch", "none"}, 2, {"--batch", "whole number", "none"});
    expect_error({"bench", example_model(), "--batch", "0"}, 2, {"--batch", "at least 1"});
    expect_error({"bench", example_model(), "--threads", "-1"}, 2, {"--threads", "at least 1"});
    expect_error({"bench", example_model(), "--precision", "bf61"}, 2, {"fp32, bf16, auto", "Did you mean bf16?"});
    expect_error({"bench", example_model(), "--max-memory", "lots"}, 2, {"--max-memory", "4G"});
    expect_error({"bench", example_model(), "--batch"}, 2, {"--batch"});
    expect_error({"bench"}, 2, {"needs A"});
    expect_error({"eval", example_model()}, 2, {"needs --data"});
    expect_error({"eval", example_model(), "--data", "x", "--resize", "wide"}, 2, {"HxW"});
    expect_error({"eval", example_model(), "--data", "x", "--mean", "1,,2"}, 2, {"--mean", "commas"});
}

/// The verbs as `hone --help` lists them.
std::vector<std::string> listed_verbs() {
    const std::string help = hone_command({"--help"}).out;
    std::vector<std::string> verbs;
    for (size_t at = help.find("Verbs:\n") + 7; help.compare(at, 2, "  ") == 0; at = help.find('\n', at) + 1)
        verbs.push_back(help.substr(at + 2, help.find(' ', at + 2) - at - 2));
    return verbs;
}

TEST(Errors, AbsentDeviceListsThePresentOnes) {
    expect_error({"bench", example_model(), "--device", "gpu"}, 2, {"no device 'gpu'", "Present: cpu"});
    const std::vector<std::string> verbs = listed_verbs();
    ASSERT_GE(verbs.size(), 9u);
    for (const std::string& verb : verbs) {  // before anything is read: the model and the data need not exist
        Words command = {verb, "--device", "gpu"};
        const std::string help = hone_command({verb, "--help"}).out, usage = help.substr(0, help.find("[options]"));
        const std::string line = usage.substr(usage.find("Usage: hone "));
        for (const char* word : {"MODEL", " A", "INPUT", "RUN"})
            if (line.find(std::string(word) + " ") != std::string::npos || line.find(std::string(word) + ".") != std::string::npos)
                command.push_back("/nowhere");
        if (line.find("--data") != std::string::npos) command.insert(command.end(), {"--data", "/nowhere"});
        expect_error(command, 2, {"no device 'gpu'", "Present: cpu"});
        if (verb == "doctor") continue;  // measures for seconds
        command[2] = "cpu";
        EXPECT_EQ(hone_command(command).err.find("no device"), std::string::npos) << verb;
    }
    EXPECT_EQ(hone_command({"inspect", example_model(), "--no-time", "--device", "cpu"}).exit_code, 0);
}

TEST(Errors, EveryVerbSuggestsTheNearestOption) {
    for (const std::string& verb : listed_verbs()) {
        expect_error({verb, "--thread", "1"}, 2, {"Did you mean --threads"});
        const std::string path = scratch_folder() + "/recipe.yaml";
        write_text(path, "thraeds: 3\n");
        expect_error({verb, "--config", path}, 2, {path, "thraeds", "Did you mean threads?"});
    }
}

TEST(Errors, MissingModel) { expect_error({"inspect", "/nowhere/net.onnx"}, 6, {"/nowhere/net.onnx", "file.absent"}); }

TEST(Errors, TruncatedModel) {
    const std::string path = scratch_folder() + "/half.onnx";
    const std::string whole = hone::read_file(example_model());
    write_text(path, whole.substr(0, whole.size() / 2));
    expect_error({"inspect", path}, 3, {path, "model."});
    expect_error({"bench", path}, 3, {path});
    write_text(path, "");
    expect_error({"inspect", path}, 3, {path});
}

TEST(Errors, UnsupportedOperatorIsCounted) {
    const std::string path = scratch_folder() + "/odd.onnx";
    write_text(path, replaced(hone::read_file(example_model()), "\"\x04Relu", "\"\x04Rolu"));
    expect_error({"inspect", path}, 4, {"Rolu", "op.unknown"});
    expect_error({"eval", path, "--data", "x"}, 4, {"Rolu"});
}

TEST(Errors, MissingData) {
    expect_error({"eval", example_model(), "--data", "/nowhere/data"}, 5, {"/nowhere/data", "data."});
}

TEST(Errors, KnownDataNamesAreSuggested) {
    expect_error({"eval", example_model(), "--data", "fashion-mnst"}, 5, {"fashion-mnist"});
}

TEST(Errors, CorruptData) {
    const std::string folder = write_pictures(scratch_folder() + "/data", {0, 1, 2, 3});
    const std::string images = folder + "/images.idx3-ubyte";
    write_text(images, hone::read_file(images).substr(0, 1000));
    expect_error({"eval", example_model(), "--data", folder}, 5, {"images.idx3-ubyte", "data.idx"});
}

TEST(Errors, PicturesOfNoUse) {
    const std::string folder = scratch_folder() + "/table";
    hone::make_directories(folder);
    write_text(folder + "/test.csv", "a,b,label\n1,2,x\n3,4,y\n");
    expect_error({"eval", example_model(), "--data", folder}, 5, {"[N,1,28,28]", "[2]"});
}

TEST(Errors, LabelsOutOfRange) {
    const std::string folder = write_pictures(scratch_folder() + "/data", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    expect_error({"eval", example_model(), "--data", folder}, 5, {"12", "10", "data.labels"});
}

TEST(Errors, MissingPartNamesThePresentOnes) {
    const std::string folder = scratch_folder() + "/data";
    hone::make_directories(folder);
    write_text(folder + "/test.csv", "a,label\n1,x\n3,y\n");
    expect_error({"eval", example_model(), "--data", folder, "--part", "training"}, 5, {"training", "test"});
}

TEST(Errors, MemoryLimit) { expect_error({"bench", example_model(), "--max-memory", "1K"}, 7, {"--max-memory"}); }

TEST(Errors, MemoryLimitOfTheProcessesThatMeasure) {
    // The model is read within the limit; they plan it for so many samples.
    for (const char* batches : {"--batch", "--batches"})
        expect_error({"bench", example_model(), "--max-memory", "64M", "--threads", "1", "--processes", "1", "--runs", "5", batches, "4096"}, 7,
                     {"the plan needs", "--max-memory"});
}

TEST(Errors, ResultThatCannotBeWritten) {
    expect_error({"inspect", example_model(), "--no-time", "--json=/nowhere/at/all.json"}, 6, {"/nowhere/at/all.json"});
    if (hone::file_exists("/dev/full")) {
        const hone::ProcessResult r = hone::run_process(
            {"/bin/sh", "-c", std::string(HONE_BINARY) + " inspect --no-time " + example_model() + " > /dev/full"});
        EXPECT_EQ(r.exit_code, 6) << r.err;
    }
}

TEST(Errors, Interrupt) {
    const std::string folder = write_pictures(scratch_folder() + "/data", std::vector<int>(60000, 3));
    const hone::ProcessResult r =
        hone::run_process({"/bin/sh", "-c",
                           std::string(HONE_BINARY) + " eval --quiet " + example_model() + " --data " + folder +
                               " --part test & sleep 1; kill -INT $!; wait $!"});
    EXPECT_EQ(r.exit_code, 7) << r.err;
    EXPECT_NE(r.err.find("stopped"), std::string::npos) << r.err;
}

TEST(Recipe, HoldsAnyOptionAndFlagsWin) {
    const std::string path = scratch_folder() + "/recipe.yaml";
    write_text(path, "model: " + example_model() + "\nbatch: 3\nno_time: true\nthreads: 1\n");
    const hone::ProcessResult r = hone_command({"inspect", "--config", path, "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ(Json::parse(r.out).number("threads"), 1);
    EXPECT_EQ(Json::parse(r.out).number("totals.macs"), 3 * 31021952.0);
    const hone::ProcessResult flag = hone_command({"inspect", "--config", path, "--batch", "2", "--json"});
    EXPECT_EQ(Json::parse(flag.out).number("totals.macs"), 2 * 31021952.0);
}

TEST(Recipe, MistakesAreNamed) {
    const std::string path = scratch_folder() + "/recipe.yaml";
    write_text(path, "bach: 3\n");
    expect_error({"inspect", example_model(), "--config", path}, 2, {path, "bach", "Did you mean batch?"});
    write_text(path, "batch: [1\n");
    expect_error({"inspect", example_model(), "--config", path}, 2, {path, "YAML"});
    write_text(path, "batch: {a: 1}\n");
    expect_error({"inspect", example_model(), "--config", path}, 2, {path, "batch"});
    write_text(path, "batch: many\n");
    expect_error({"inspect", example_model(), "--config", path}, 2, {path, "--batch", "many"});
    write_text(path, "- batch\n");
    expect_error({"inspect", example_model(), "--config", path}, 2, {path, "map"});
    write_text(path, std::string(100000, '['));
    expect_error({"inspect", example_model(), "--config", path}, 2, {path});
    expect_error({"inspect", example_model(), "--config", "/nowhere/recipe.yaml"}, 6, {"/nowhere/recipe.yaml"});
}

TEST(Help, EveryVerbHasExamples) {
    const hone::ProcessResult all = hone_command({"--help"});
    EXPECT_EQ(all.exit_code, 0);
    for (const char* verb : {"inspect", "eval", "bench", "run", "compare", "report", "doctor"}) {
        EXPECT_NE(all.out.find(std::string("  ") + verb), std::string::npos);
        const hone::ProcessResult one = hone_command({verb, "--help"});
        EXPECT_EQ(one.exit_code, 0) << one.err;
        for (const char* words : {"Usage: hone ", "Examples:", "--threads N", "--json[=FILE]", "--config FILE"})
            EXPECT_NE(one.out.find(words), std::string::npos) << verb << " " << words;
    }
    EXPECT_EQ(all.out.find("time-pair"), std::string::npos);
    EXPECT_EQ(hone_command({"--version"}).out.substr(0, 5), "hone ");
}

}  // namespace
