// SPDX-License-Identifier: Apache-2.0
// `hone new`: what it writes, says and refuses.
#include "command.h"
#include "onnx/reader.h"
#include "zoo/zoo.h"

namespace {

using Words = std::vector<std::string>;

void expect_refused(Words command, const Words& said) {
    command.insert(command.begin(), "new");
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 2) << r.err;
    EXPECT_EQ(r.out, "");
    for (const std::string& words : said) EXPECT_NE(r.err.find(words), std::string::npos) << words << ": " << r.err;
}

TEST(New, WritesANetworkThatOtherVerbsTake) {
    const std::string file = scratch_folder() + "/deeper/net.onnx";
    const hone::ProcessResult r = hone_command({"new", "resnet", "--depth", "20", "--input", "1x28x28", "--classes", "10", "--seed", "7", "--out", file, "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("schema"), "hone.new/1");
    EXPECT_EQ(j.text("architecture"), "resnet");
    EXPECT_EQ(j.text("files.0.file"), hone::absolute_path(file));
    EXPECT_EQ(j.number("files.0.parameters"), 269434);
    EXPECT_EQ(j.number("files.0.bytes"), static_cast<double>(hone::read_file(file).size()));
    const hone::Graph g = hone::read_model(file);
    EXPECT_NE(g.metadata.at("hone.architecture").find("\"depth\":20"), std::string::npos);
    EXPECT_NE(g.metadata.at("hone.architecture").find("\"seed\":7"), std::string::npos);
    EXPECT_EQ(hone_command({"inspect", file, "--json"}).exit_code, 0);
}

TEST(New, IsWhatTheZooMakes) {
    const std::string folder = scratch_folder();
    for (const char* threads : {"1", "2"})
        ASSERT_EQ(hone_command({"new", "lenet", "--input", "1x28x28", "--classes", "10", "--seed", "5", "--threads", threads, "--out", folder + "/" + threads + ".onnx"}).exit_code, 0);
    EXPECT_EQ(hone::read_file(folder + "/1.onnx"), hone::read_file(folder + "/2.onnx"));
    const hone::Graph g = hone::read_model(folder + "/1.onnx"),
                      made = std::move(hone::zoo::make_networks("lenet", {.input = {1, 28, 28}, .classes = 10, .seed = 5}).at(0).graph);
    EXPECT_TRUE(g.value(g.find_value("fc1.weight")).constant.same_bits(made.value(made.find_value("fc1.weight")).constant));
}

TEST(New, WritesBothNetworksOfAPair) {
    const std::string folder = scratch_folder();
    const hone::ProcessResult r = hone_command({"new", "dcgan", "--input", "1x28x28", "--classes", "10", "--latent", "16", "--width", "0.25", "--out", folder + "/gan.onnx", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(r.err.find("warning: dcgan has no classes"), std::string::npos) << r.err;
    const Json j = Json::parse(r.out);
    ASSERT_EQ(j.size("files"), 2u);
    EXPECT_EQ(j.text("files.0.part"), "generator");
    EXPECT_EQ(hone::list_directory(folder), (Words{"gan_discriminator.onnx", "gan_generator.onnx"}));
    const hone::Graph g = hone::read_model(folder + "/gan_generator.onnx");
    EXPECT_EQ(to_text(g.value(g.inputs.at(0)).type), "f32[N,16]");
}

TEST(New, ListsTheArchitectures) {
    const hone::ProcessResult list = hone_command({"new", "--list"}), help = hone_command({"new", "--help"});
    const Json j = Json::parse(hone_command({"new", "--list", "--json"}).out);
    ASSERT_EQ(j.size("architectures"), hone::zoo::architectures().size());
    for (size_t i = 0; i < hone::zoo::architectures().size(); ++i) {
        const hone::zoo::Architecture& a = hone::zoo::architectures()[i];
        EXPECT_EQ(j.text("architectures." + std::to_string(i) + ".name"), a.name);
        for (const std::string& out : {list.out, help.out}) EXPECT_NE(out.find(a.help), std::string::npos) << a.name;
        for (const std::string& option : a.options) EXPECT_NE(help.out.find("--" + option), std::string::npos) << option;
    }
    EXPECT_NE(help.out.find("cifar unless a side is above 64"), std::string::npos);
}

TEST(New, RefusesWithTheNearest) {
    const std::string out = scratch_folder() + "/x.onnx";
    expect_refused({"restnet", "--input", "1x28x28", "--classes", "10", "--out", out}, {"'restnet'", "Did you mean resnet?", "two-tower"});
    expect_refused({"resnet", "--input", "1x28x28", "--classes", "10", "--depth", "51", "--out", out}, {"depth 51", "Nearest: 50"});
    expect_refused({"mobilenetv2", "--input", "1x28x28", "--classes", "10", "--depth", "5", "--out", out}, {"takes no --depth", "mlp, vgg, resnet"});
    expect_refused({"mlp", "--input", "1x28", "--classes", "10", "--out", out, "--vocabulary", "9"}, {"takes no --vocabulary", "two-tower"});
    expect_refused({"resnet", "--input", "1x28", "--classes", "10", "--out", out}, {"CxHxW", "1x28"});
    expect_refused({"resnet", "--input", "1x28xa", "--classes", "10", "--out", out}, {"--input", "1x28xa"});
    expect_refused({"resnet", "--input", "99999999999999999999", "--classes", "10", "--out", out}, {"--input"});
    expect_refused({"resnet", "--input", "1x28x28", "--classes", "0", "--out", out}, {"--classes", "at least 1"});
    expect_refused({"resnet", "--input", "1x28x28", "--classes", "10", "--stem", "cifr", "--out", out}, {"Did you mean cifar?"});
    expect_refused({"resnet", "--classes", "10", "--out", out}, {"needs --input", "hone new resnet --input"});
    expect_refused({"resnet", "--input", "1x28x28", "--out", out}, {"needs --classes"});
    expect_refused({"resnet", "--input", "1x28x28", "--classes", "10"}, {"needs --out"});
    expect_refused({}, {"needs ARCH", "--list"});
    EXPECT_FALSE(hone::file_exists(out));
    EXPECT_EQ(hone_command({"new", "mlp", "--input", "1x65536x65536", "--classes", "10", "--out", out}).exit_code, 7);
}

}  // namespace
