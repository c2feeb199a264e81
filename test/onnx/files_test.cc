// SPDX-License-Identifier: Apache-2.0
// Models from the shared folder, read, written and read again.
#include "base/file.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"

using namespace hone;

namespace {
/// Reads, or tells which operators are still to come.
bool read(const std::string& path, Graph& g) {
    try {
        g = read_model(path);
        return true;
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "op.unknown") << e.what();
        std::printf("  %s\n", e.what());
        return false;
    }
}
}  // namespace

TEST(Files, RoundTrip) {
    const std::string folder = cat(HONE_SOURCE_DIR, "/../shared/models");
    HONE_REQUIRE(is_directory(folder), "the shared folder");
    for (const std::string& file : list_directory(folder)) {
        if (!file.ends_with(".onnx")) continue;
        SCOPED_TRACE(file);
        Graph g;
        if (!read(cat(folder, "/", file), g)) continue;
        const std::string once = model_bytes(g);
        const Graph again = read_model_bytes(once, file);
        EXPECT_EQ(model_bytes(again), once);
        EXPECT_EQ(to_text(again), to_text(g.compacted()));
        EXPECT_EQ(again.opsets, g.opsets);
        EXPECT_EQ(again.metadata, g.metadata);
    }
}

TEST(Files, Parameters) {
    const std::string folder = cat(HONE_SOURCE_DIR, "/../shared/models");
    HONE_REQUIRE(is_directory(folder), "the shared folder");
    const std::string json = read_file(cat(folder, "/models.json"));
    int models = 0;
    for (size_t at = 0; (at = json.find("\"file\": \"", at)) != std::string::npos; ++models) {
        at += 9;
        const std::string file = json.substr(at, json.find('"', at) - at);
        const size_t key = json.find("\"parameters\": ", at);
        EXPECT_EQ(count_parameters(cat(folder, "/", file)), std::stoll(json.substr(key + 14))) << file;
    }
    EXPECT_EQ(models, 12);
}
