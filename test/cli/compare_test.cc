// SPDX-License-Identifier: Apache-2.0
// `hone compare` through the binary.
#include "command.h"
#include "onnx/reader.h"
#include "onnx/writer.h"

namespace {

/// The example with one weight of this node changed.
std::string altered(const std::string& folder, const std::string& node) {
    hone::Graph g = hone::read_model(example_model());
    for (const hone::NodeId n : g.order()) {
        if (g.node(n).name != node) continue;
        hone::Value& w = g.value(g.node(n).inputs[1]);
        hone::Tensor t = w.constant.clone();
        t.set(7, t.at(7) + 1);
        w.constant = t;
    }
    const std::string path = folder + "/altered.onnx";
    hone::write_model(g, path);
    return path;
}

TEST(CompareVerb, NamesTheNodeWhoseWeightWasChanged) {
    const std::string at = scratch_folder();
    for (const std::string node : {"/5/b/b.0/Conv", "/0/0.0/Conv", "/12/Gemm"}) {
        const std::string model = altered(at, node);
        const hone::ProcessResult r = hone_command({"compare", example_model(), model, "--json"});
        ASSERT_EQ(r.exit_code, 1) << r.err;
        const Json j = Json::parse(r.out);
        EXPECT_EQ(j.text("schema"), "hone.compare/1");
        EXPECT_EQ(j.text("parting.kind"), "node");
        EXPECT_EQ(j.text("parting.name"), node);
        EXPECT_EQ(j.number("parting.before"), 0);
        EXPECT_EQ(j.number("samples"), 4);
        const hone::ProcessResult people = hone_command({"compare", example_model(), model});
        EXPECT_NE(people.out.find("They part at " + node), std::string::npos) << people.out;
    }
}

TEST(CompareVerb, AgreesOnData) {
    const std::string at = scratch_folder();
    EXPECT_EQ(hone_command({"compare", example_model(), "--data", write_pictures(at + "/few", {0, 1, 2}), "--part", "test"})
                  .exit_code,
              5);
    std::vector<int> labels;
    for (int i = 0; i < 100; ++i) labels.push_back(i % 10);
    const std::string data = write_pictures(at + "/data", labels);
    const hone::ProcessResult r = hone_command(
        {"compare", example_model(), example_model(), "--data", data, "--part", "test", "--samples", "2", "--json=" + at + "/c.json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(r.out.find("They agree"), std::string::npos) << r.out;
    const Json j = Json::parse(hone::read_file(at + "/c.json"));
    EXPECT_EQ(j.text("inputs"), data + " (test)");
    EXPECT_EQ(j.number("samples"), 2);
    EXPECT_EQ(j.number("outputs.0.relative_error"), 0);
    EXPECT_EQ(j.number("outputs.0.other_class"), 0);
}

TEST(CompareVerb, OneModelAgainstItsReferencesByPassAndKernel) {
    const hone::ProcessResult r = hone_command({"compare", example_model(), "--passes", "--samples", "1", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.size("models"), 1u);
    EXPECT_GE(j.size("passes"), 8u);
    EXPECT_GT(j.size("values"), 20u);
    EXPECT_TRUE(j.has("values.0.own_error"));
    EXPECT_LT(j.number("outputs.0.relative_error"), 1e-5);
    const hone::ProcessResult strict =
        hone_command({"compare", example_model(), "--samples", "1", "--threshold", "0"});
    EXPECT_EQ(strict.exit_code, 1);
    EXPECT_NE(strict.out.find("They part"), std::string::npos) << strict.out;
}

TEST(CompareVerb, Mistakes) {
    EXPECT_EQ(hone_command({"compare", example_model(), example_model(), "--passes"}).exit_code, 2);
    EXPECT_EQ(hone_command({"compare", example_model(), "--threshold", "-1"}).exit_code, 2);
    EXPECT_EQ(hone_command({"compare", "/nowhere.onnx"}).exit_code, 6);
    const hone::ProcessResult near = hone_command({"compare", example_model(), "--treshold", "1"});
    EXPECT_EQ(near.exit_code, 2);
    EXPECT_NE(near.err.find("Did you mean --threshold?"), std::string::npos) << near.err;
    EXPECT_EQ(hone_command({"compare", example_model(), "--max-memory", "10K"}).exit_code, 7);
}

}  // namespace
