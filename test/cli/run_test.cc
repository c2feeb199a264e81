// SPDX-License-Identifier: Apache-2.0
// `hone run`: answers to pictures and rows, and what Pillow, numpy and onnxruntime make of the same files.
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "base/cpu.h"
#include "base/rng.h"
#include "command.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "record/string_map.h"
#include "data/preprocess.h"

namespace {

using Words = std::vector<std::string>;

Json run_json(Words command) {
    command.insert(command.begin(), "run");
    command.push_back("--json");
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return Json::parse(r.exit_code == 0 ? r.out : "null");
}

void expect_run_error(Words command, int code, const Words& said) {
    command.insert(command.begin(), "run");
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, code) << r.err;
    EXPECT_EQ(r.out, "");
    for (const std::string& words : said) EXPECT_NE(r.err.find(words), std::string::npos) << words << ": " << r.err;
}

/// Largest difference between hone's scores and the peer's, by class; both list every class of every input.
double largest_difference(const Json& ours, const Json& theirs) {
    double worst = 0;
    EXPECT_EQ(ours.size("results"), theirs.size("results"));
    for (size_t i = 0; i < theirs.size("results"); ++i) {
        const std::string a = "results." + std::to_string(i);
        EXPECT_EQ(ours.size(a + ".scores"), theirs.size(a));
        double before = 2;
        for (size_t k = 0; k < theirs.size(a); ++k) {
            const std::string at = a + ".scores." + std::to_string(k);
            const auto index = static_cast<size_t>(ours.number(at + ".index"));
            worst = std::max(worst, std::fabs(ours.number(at + ".score") - theirs.number(a + "." + std::to_string(index))));
            EXPECT_LE(ours.number(at + ".score"), before);
            before = ours.number(at + ".score");
        }
    }
    return worst;
}

/// Some pictures of the glyphs: JPEG and PNG, colour and grey, of odd sizes.
std::vector<std::string> unpacked_glyphs(const std::string& folder) {
    const std::string command = "tar xf '" + shared_file("/data/glyphs.tar") + "' -C '" + folder + "' --wildcards 'test/A/*' 'test/Q/*'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::map<std::string, Words> by_ending;
    for (const auto& e : std::filesystem::recursive_directory_iterator(folder))
        if (e.is_regular_file()) by_ending[e.path().extension()].push_back(e.path());
    Words out;
    for (auto& [ending, files] : by_ending) {
        std::sort(files.begin(), files.end());
        out.insert(out.end(), files.begin(), files.begin() + static_cast<long>(std::min<size_t>(files.size(), 12)));
    }
    EXPECT_GE(by_ending.size(), 2u);
    return out;
}

/// A grey PNG of 2x3 pixels.
const std::string kPng(
    "\211\120\116\107\015\012\032\012\000\000\000\015\111\110\104\122\000\000\000\002\000\000\000\003\010"
    "\000\000\000\000\234\201\201\135\000\000\000\021\111\104\101\124\170\234\143\340\072\301\020\045\307"
    "\360\237\001\000\012\011\002\112\166\342\275\270\000\000\000\000\111\105\116\104\256\102\140\202",
    74);

TEST(Run, PicturesAsPythonAnswersPEER) {
    const std::string python = peers_python();
    HONE_REQUIRE(!python.empty(), "the peers' virtual environment");
    HONE_REQUIRE(hone::file_exists(shared_file("/data/glyphs.tar")), "the shared folder");
    const Words pictures = unpacked_glyphs(scratch_folder());
    struct Case {
        std::string model, mode, size, mean, std, classes;
    };
    for (const Case& c : {Case{shared_file("/models/glyphs_resnet14.onnx"), "RGB", "32", "0.5", "0.5", "26"},
                          Case{example_model(), "L", "28", "0.286", "0.353", "10"}}) {
        Words theirs = {python, source_path("test/cli/run_peer.py"), c.model, c.mode, c.size, c.mean, c.std};
        theirs.insert(theirs.end(), pictures.begin(), pictures.end());
        const hone::ProcessResult peer = hone::run_process(theirs);
        ASSERT_EQ(peer.exit_code, 0) << peer.err;
        Words ours = {c.model};
        ours.insert(ours.end(), pictures.begin(), pictures.end());
        ours.insert(ours.end(), {"--mean", c.mean, "--std", c.std, "--top", c.classes});
        if (c.mode == "RGB") ours.insert(ours.end(), {"--data", shared_file("/data/glyphs.tar")});
        const Json j = run_json(ours);
        const double worst = largest_difference(j, Json::parse(peer.out));
        EXPECT_LE(worst, 1e-5);
        std::printf("%s: %zu pictures, largest difference of a score %.2g\n", c.model.c_str(), pictures.size(), worst);
        if (c.mode == "RGB") EXPECT_EQ(j.text("results.0.scores.0.name"), "A");
    }
}

TEST(Run, RowsAsPythonAnswersPEER) {
    const std::string python = peers_python();
    HONE_REQUIRE(!python.empty(), "the peers' virtual environment");
    HONE_REQUIRE(hone::file_exists(shared_file("/data/letters/test.csv")), "the shared folder");
    const std::string model = shared_file("/models/letters_mlp.onnx"), table = scratch_folder() + "/some.csv";
    const std::string all = hone::read_file(shared_file("/data/letters/test.csv"));
    size_t end = 0;
    for (int line = 0; line < 101; ++line) end = all.find('\n', end) + 1;
    write_text(table, all.substr(0, end));
    const hone::ProcessResult peer =
        hone::run_process({python, source_path("test/cli/run_peer.py"), model, "table", "0", "0", "1", table});
    ASSERT_EQ(peer.exit_code, 0) << peer.err;
    const Json theirs = Json::parse(peer.out);
    const Json ours = run_json({model, table, "--top", "26", "--data", shared_file("/data/letters")});
    EXPECT_EQ(ours.size("results"), 100u);
    const double worst = largest_difference(ours, theirs);
    EXPECT_LE(worst, 1e-5);
    std::printf("%zu rows, largest difference of a score %.2g\n", ours.size("results"), worst);
    int right = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string at = "results." + std::to_string(i);
        right += ours.text(at + ".label") == ours.text(at + ".scores.0.name");
    }
    EXPECT_GE(right, 85);
    const Json one = run_json({model, table, "--row", "7", "--top", "1"});
    EXPECT_EQ(one.size("results"), 1u);
    EXPECT_EQ(one.number("results.0.row"), 7);
    EXPECT_EQ(one.number("results.0.scores.0.score"), ours.number("results.7.scores.0.score"));
    EXPECT_EQ(one.text("results.0.scores.0.name"), "class " + std::to_string(static_cast<int>(ours.number("results.7.scores.0.index"))));
}

TEST(Run, NamesAndPreprocessingFromTheModel) {
    hone::Preprocess p;
    p.mean = {0.286};
    p.std = {0.353};
    p.channels = 1;
    hone::Graph g = hone::read_model(example_model());
    Words names;
    for (int i = 0; i < 10; ++i) names.push_back("thing " + std::to_string(i));
    g.metadata["hone.preprocess"] = to_json(hone::record::StoredPreprocess{to_map(p), names});
    const std::string folder = scratch_folder(), model = folder + "/model.onnx", png = folder + "/a.png";
    hone::write_model(g, model);
    write_text(png, kPng);
    const Json stored = run_json({model, png, "--top", "10"});
    EXPECT_EQ(stored.text("schema"), "hone.infer/1");
    EXPECT_EQ(stored.text("score"), "softmax");
    EXPECT_EQ(stored.text("preprocess.mean"), "0.286");
    EXPECT_EQ(stored.text("preprocess.resize"), "28x28");
    EXPECT_EQ(stored.text("results.0.scores.0.name").substr(0, 6), "thing ");
    double sum = 0;
    for (int i = 0; i < 10; ++i) sum += stored.number("results.0.scores." + std::to_string(i) + ".score");
    EXPECT_NEAR(sum, 1, 1e-12);
    const Json flags = run_json({example_model(), png, "--mean", "0.286", "--std", "0.353"});
    EXPECT_EQ(flags.number("results.0.scores.0.score"), stored.number("results.0.scores.0.score"));
    EXPECT_EQ(flags.size("results.0.scores"), 5u);
    const Json other = run_json({model, png, "--mean", "0.9", "--classes", "a,b,c,d,e,f,g,h,i,j"});
    EXPECT_NE(other.number("results.0.scores.0.score"), stored.number("results.0.scores.0.score"));
    EXPECT_EQ(other.text("results.0.scores.0.name").size(), 1u);
    EXPECT_NE(other.text("warnings.0").find("--mean 0.9 is used"), std::string::npos);
    write_text(folder + "/names.txt", "\xEF\xBB\xBFonly\r\ntwo\n");
    const Json few = run_json({model, png, "--classes", folder + "/names.txt", "--top", "10"});
    EXPECT_NE(few.text("warnings.0").find("10 classes; 2 names"), std::string::npos);
    for (size_t i = 0; i < 10; ++i) {
        const std::string at = "results.0.scores." + std::to_string(i);
        if (few.number(at + ".index") == 0) EXPECT_EQ(few.text(at + ".name"), "only");
    }
    write_text(folder + "/names.txt", "caf\xE9\n");
    EXPECT_EQ(hone_command({"run", model, png, "--classes", folder + "/names.txt"}).exit_code, 5);
    const hone::ProcessResult people = hone_command({"run", model, png, png});
    EXPECT_EQ(people.exit_code, 0) << people.err;
    EXPECT_NE(people.out.find("thing "), std::string::npos) << people.out;
    EXPECT_NE(people.err.find("resized to 28x28"), std::string::npos) << people.err;
}

TEST(Run, ASoftmaxInTheGraphIsNotAppliedAgain) {
    hone::Graph g = hone::read_model(example_model());
    const hone::ValueId logits = g.outputs[0];
    const hone::NodeId n = g.add_node("", "Softmax", {logits}, 1, {{"axis", int64_t{1}}});
    g.outputs = {g.node(n).outputs[0]};
    const std::string folder = scratch_folder(), png = folder + "/a.png";
    write_text(png, kPng);
    hone::write_model(g, folder + "/softmax.onnx");
    const Json plain = run_json({example_model(), png}), with = run_json({folder + "/softmax.onnx", png});
    EXPECT_EQ(with.text("score"), "probabilities");
    for (const char* field : {"results.0.scores.0.score", "results.0.scores.4.score"})
        EXPECT_NEAR(with.number(field), plain.number(field), 1e-6);
}

TEST(Run, OutputsThatAreNoClassesAreSummedUp) {
    hone::Graph g = hone::read_model(example_model());
    g.outputs.push_back(g.node(g.order()[0]).outputs[0]);
    const std::string folder = scratch_folder(), png = folder + "/a.png";
    write_text(png, kPng);
    hone::write_model(g, folder + "/two.onnx");
    const Json two = run_json({folder + "/two.onnx", png});
    EXPECT_EQ(two.size("results.0.scores"), 0u);
    EXPECT_EQ(two.size("results.0.outputs"), 2u);
    EXPECT_EQ(two.text("results.0.outputs.0.name"), "logits");
    EXPECT_EQ(two.text("results.0.outputs.0.type"), "f32[1,10]");
    EXPECT_EQ(two.size("results.0.outputs.0.values"), 10u);
    EXPECT_EQ(two.size("results.0.outputs.1.values"), 16u);
    EXPECT_LT(two.number("results.0.outputs.0.min"), two.number("results.0.outputs.0.mean"));
    EXPECT_LT(two.number("results.0.outputs.0.mean"), two.number("results.0.outputs.0.max"));
    const Json raw = run_json({example_model(), png, "--raw"});
    EXPECT_EQ(raw.number("results.0.outputs.0.max"), two.number("results.0.outputs.0.max"));
}

TEST(Run, TablesWithAndWithoutLabels) {
    hone::Graph g;
    const hone::ValueId x = g.add_input("x", hone::TypeInfo::tensor(hone::DType::f32, {hone::Dim::named("N"), 3}));
    const hone::NodeId n = g.add_node("", "Neg", {x}, 1);
    g.outputs = {g.node(n).outputs[0]};
    g.opsets[""] = 13;
    const std::string folder = scratch_folder(), model = folder + "/neg.onnx", table = folder + "/t.csv";
    hone::write_model(g, model);
    write_text(table, "a,label,b,c\n1,first,2,3\n3,second,1,2\n");
    const Json j = run_json({model, table, "--top", "1"});
    EXPECT_EQ(j.size("results"), 2u);
    EXPECT_EQ(j.text("results.1.label"), "second");
    EXPECT_EQ(j.number("results.0.scores.0.index"), 0);
    EXPECT_EQ(j.number("results.1.scores.0.index"), 1);
    write_text(table, "a,b,c\n1,2,3\n");
    EXPECT_EQ(run_json({model, table}).text("results.0.label"), "");
    expect_run_error({model, table, "--row", "1"}, 5, {"no row 1", "rows 0 to 0"});
    write_text(table, "a,b\n1,2\n");
    expect_run_error({model, table}, 5, {"[N,3]", "[2]"});
    write_text(table, "a,b,c\n1,2,wide\n");
    expect_run_error({model, table}, 5, {"line 2", "wide"});
}

/// A .npy file, version 1.
std::string npy(const std::string& descr, const std::string& shape, const std::string& bytes) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize((10 + header.size() + 64) / 64 * 64 - 11, ' ');
    header += '\n';
    return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size() & 255) + static_cast<char>(header.size() >> 8) + header + bytes;
}
template <class T>
std::string bytes_of(const std::vector<T>& v) {
    return std::string(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T));
}

TEST(Run, ArraysOfOneSampleAndOfSeveral) {
    const std::string at = scratch_folder();
    hone::Graph g;
    const hone::ValueId x = g.add_input("x", hone::TypeInfo::tensor(hone::DType::f32, {hone::Dim::named("N"), 3}));
    g.outputs = {g.node(g.add_node("", "Neg", {x}, 1)).outputs[0]};
    g.opsets[""] = 13;
    const std::string model = at + "/neg.onnx";
    hone::write_model(g, model);
    write_text(at + "/one.npy", npy("<f8", "(3,)", bytes_of<double>({1, 2, 3})));
    write_text(at + "/two.npy", npy("<f4", "(2, 3)", bytes_of<float>({1, 2, 3, 3, 1, 2})));
    const Json one = run_json({model, at + "/one.npy", "--raw"});
    EXPECT_EQ(one.size("results"), 1u);
    EXPECT_EQ(one.number("results.0.outputs.0.values.2"), -3);
    const Json two = run_json({model, at + "/two.npy", "--raw", "--scale", "2"});
    EXPECT_EQ(two.size("results"), 2u);
    EXPECT_EQ(two.number("results.1.outputs.0.values.0"), -6);
    EXPECT_EQ(run_json({model, at + "/two.npy", "--row", "1", "--top", "1"}).number("results.0.scores.0.index"), 1);
    const Json named = run_json({model, "x=" + at + "/two.npy", "--top", "1"});
    EXPECT_EQ(named.size("results"), 2u);
    EXPECT_EQ(named.number("results.1.row"), 1);
    EXPECT_EQ(named.number("results.1.scores.0.index"), 1);
    // A grey picture of bytes is one, scaled as pictures are.
    write_text(at + "/picture.npy", npy("|u1", "(28, 28)", std::string(784, '\x40')));
    write_text(at + "/pictures.npy", npy("|u1", "(2, 28, 28)", std::string(2 * 784, '\x40')));
    write_text(at + "/floats.npy", npy("<f4", "(1, 28, 28)", bytes_of(std::vector<float>(784, 64 / 255.0f))));
    const Json picture = run_json({example_model(), at + "/picture.npy"});
    EXPECT_EQ(run_json({example_model(), at + "/pictures.npy"}).size("results"), 2u);
    EXPECT_NEAR(run_json({example_model(), at + "/floats.npy"}).number("results.0.scores.0.score"),
                picture.number("results.0.scores.0.score"), 1e-6);
    write_text(at + "/cut.npy", hone::read_file(at + "/two.npy").substr(0, 140));
    expect_run_error({model, at + "/cut.npy"}, 5, {"cut.npy", "data.npy"});
}

// Whatever kernels a processor has: the integers are the same, and so are the scores made of them.
TEST(Run, AnInt8FileScoresAlikeAtEveryInstructionSet) {
    HONE_REQUIRE(hone::is_directory("/usr/share/datasets/fashion-mnist"), "the Fashion-MNIST data");
    const std::string at = scratch_folder(), file = at + "/int8.onnx";
    const hone::ProcessResult made = hone_command({"quantize", example_model(), "--data", "fashion-mnist", "--mean", "0.286", "--std", "0.353", "--samples", "32", "--out", file});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    hone::Rng rng(5);
    std::string pixels;
    for (int i = 0; i < 12 * 784; ++i) pixels += static_cast<char>(rng.below(256));
    write_text(at + "/pictures.npy", npy("|u1", "(12, 28, 28)", pixels));
    std::vector<double> first;
    for (const hone::Isa isa : {hone::Isa::avx2, hone::Isa::avx512, hone::Isa::avx512_vnni, hone::Isa::amx}) {
        if (isa > hone::machine_isa()) continue;
        const hone::ProcessResult r = hone::run_process({"/usr/bin/env", "HONE_ISA=" + hone::isa_name(isa), HONE_BINARY, "run", file, at + "/pictures.npy", "--raw", "--json"});
        ASSERT_EQ(r.exit_code, 0) << r.err;
        const Json j = Json::parse(r.out);
        std::vector<double> scores;
        for (size_t i = 0; i < 12; ++i)
            for (size_t k = 0; k < 10; ++k) scores.push_back(j.number("results." + std::to_string(i) + ".outputs.0.values." + std::to_string(k)));
        if (first.empty()) first = scores;
        EXPECT_EQ(scores, first) << hone::isa_name(isa);
        EXPECT_GT(std::set<double>(scores.begin(), scores.end()).size(), 20u);
    }
}

TEST(Run, ModelsOfSeveralInputsTakeNamedArrays) {
    const std::string at = scratch_folder();
    hone::Graph g;
    const hone::ValueId a = g.add_input("a", hone::TypeInfo::tensor(hone::DType::f32, {hone::Dim::named("N"), 2}));
    const hone::ValueId b = g.add_input("b", hone::TypeInfo::tensor(hone::DType::i64, {2}));
    const hone::ValueId f = g.node(g.add_node("", "Cast", {b}, 1, {{"to", int64_t{1}}})).outputs[0];
    g.outputs = {g.node(g.add_node("", "Add", {a, f}, 1)).outputs[0]};
    g.opsets[""] = 13;
    const std::string model = at + "/add.onnx";
    hone::write_model(g, model);
    write_text(at + "/a.npy", npy("<f4", "(1, 2)", bytes_of<float>({1, 2})));
    write_text(at + "/b.npy", npy("<i4", "(2,)", bytes_of<int32_t>({10, 20})));
    const Json j = run_json({model, "a=" + at + "/a.npy", "b=" + at + "/b.npy", "--raw"});
    EXPECT_EQ(j.number("results.0.outputs.0.values.0"), 11);
    EXPECT_EQ(j.number("results.0.outputs.0.values.1"), 22);
    expect_run_error({model, at + "/a.npy"}, 2, {"2 inputs", "a=FILE.npy", "b=FILE.npy"});
    expect_run_error({model, "a=" + at + "/b.npy", "b=" + at + "/b.npy"}, 5, {"f32[N,2]", "[2]"});
}

TEST(Run, Mistakes) {
    const std::string folder = scratch_folder(), png = folder + "/a.png";
    write_text(png, kPng);
    expect_run_error({example_model()}, 2, {"needs INPUT"});
    expect_run_error({example_model(), folder + "/b.png"}, 5, {"b.png", "data.absent"});
    expect_run_error({example_model(), example_model()}, 5, {"data.format", "picture"});
    expect_run_error({example_model(), png, "--row", "1"}, 2, {"no rows"});
    expect_run_error({example_model(), png, "--tpo", "1"}, 2, {"Did you mean --top?"});
    expect_run_error({example_model(), png, "--device", "gpu"}, 2, {"Present: cpu"});
    write_text(png, kPng.substr(0, 50));
    expect_run_error({example_model(), png}, 5, {"a.png", "data.png"});
}

}  // namespace
