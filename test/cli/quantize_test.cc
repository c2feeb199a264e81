// SPDX-License-Identifier: Apache-2.0
// `hone quantize` writes a file that is quantised.
#include "command.h"
#include "onnx/reader.h"

TEST(Quantize, OutNamesTheFile) {
    const std::string at = scratch_folder();
    const std::string data = write_pictures(at + "/data", std::vector<int>(40, 1));
    for (const std::string& out : {at + "/q.onnx", at + "/deep/er/quantised"}) {
        const hone::ProcessResult r =
            hone_command({"quantize", example_model(), "--data", data, "--samples", "8", "--out", out});
        ASSERT_EQ(r.exit_code, 0) << r.err;
        const hone::Graph g = hone::read_model(out);
        int quantised = 0;
        for (const hone::NodeId n : g.order()) quantised += g.node(n).op == "QuantizeLinear";
        EXPECT_GT(quantised, 10);
    }
    EXPECT_EQ(hone_command({"quantize", example_model(), "--data", data}).exit_code, 2);
}
