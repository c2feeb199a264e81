// SPDX-License-Identifier: Apache-2.0
// The shared models: what `inspect` counts and what `eval` answers must be what models.json says.
#include <cmath>

#include "command.h"
#include "data/open.h"

namespace {

struct Known {
    Json all;
    size_t count = 0;
    std::string at(size_t i, const char* field) const { return "models." + std::to_string(i) + "." + field; }
};

Known known_models() {
    Known k{Json::parse(hone::read_file(shared_file("/models/models.json")))};
    k.count = k.all.size("models");
    return k;
}

TEST(Models, InspectCountsAsTheyAreKnown) {
    HONE_REQUIRE(hone::file_exists(shared_file("/models/models.json")), "the shared folder");
    const Known k = known_models();
    ASSERT_GE(k.count, 12u);
    for (size_t i = 0; i < k.count; ++i) {
        const std::string file = k.all.text(k.at(i, "file"));
        const hone::ProcessResult r = hone_command({"inspect", shared_file("/models/" + file), "--no-time", "--json"});
        ASSERT_EQ(r.exit_code, 0) << r.err;
        const Json j = Json::parse(r.out);
        for (const char* what : {"parameters", "macs", "bytes"})
            EXPECT_EQ(j.number(std::string("totals.") + what), k.all.number(k.at(i, what))) << file;
        double parameters = 0;
        for (size_t l = 0; l < j.size("layers"); ++l)
            parameters += j.number("layers." + std::to_string(l) + ".parameters");
        EXPECT_EQ(parameters, k.all.number(k.at(i, "parameters"))) << file;
    }
}

TEST(Models, EvalAnswersAsTheyAreKnownSLOW) {
    HONE_REQUIRE(hone::file_exists(shared_file("/models/models.json")), "the shared folder");
    HONE_REQUIRE(hone::file_exists("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"),
                 "Debian's dataset-fashion-mnist");
    const Known k = known_models();
    for (size_t i = 0; i < k.count; ++i) {
        const std::string file = k.all.text(k.at(i, "file")), data = k.all.text(k.at(i, "data"));
        std::vector<std::string> command = {"eval", shared_file("/models/" + file), "--json", "--data"};
        if (data == "fashion") command.insert(command.end(), {"fashion-mnist", "--mean", "0.2860", "--std", "0.3530"});
        if (data == "glyphs")
            command.insert(command.end(),
                           {shared_file("/data/glyphs.tar"), "--mean", "0.5", "--std", "0.5", "--resize", "32x32"});
        if (data == "letters") command.push_back(shared_file("/data/letters"));
        const hone::ProcessResult r = hone_command(command);
        ASSERT_EQ(r.exit_code, 0) << r.err;
        const Json j = Json::parse(r.out);
        EXPECT_NEAR(j.number("metrics.top1"), k.all.number(k.at(i, "test_top1")), data == "glyphs" ? 0.001 : 0.0002)
            << file;
        std::printf("%s: %.4f in %.1f s\n", file.c_str(), j.number("metrics.top1"), j.number("seconds"));
    }
}

}  // namespace
