// SPDX-License-Identifier: Apache-2.0
// `hone tune`: its record, its journal, the plan file.
#include "command.h"

namespace {

TEST(TuneVerb, TheSameJournalGivesTheSamePlan) {
    const std::string folder = scratch_folder(), journal = folder + "/times.jsonl";
    std::string plans[2];
    for (int i = 0; i < 2; ++i) {
        const std::string plan = folder + "/net.plan";
        const hone::ProcessResult r = hone_command({"tune", example_model(), "--plan", plan, "--journal", journal, "--threads", "2", "--json"});
        ASSERT_EQ(r.exit_code, 0) << r.err;
        const Json j = Json::parse(r.out);
        EXPECT_EQ(j.text("schema"), "hone.tune/1");
        EXPECT_EQ(j.size("wrong"), 0u) << r.out;
        EXPECT_GT(j.number("start_from_file_ms"), 0);
        EXPECT_GT(j.number("start_ms"), 0);
        EXPECT_FALSE(j.text("machine.cpu").empty());
        plans[i] = hone::read_file(plan);
        if (i == 0) continue;
        EXPECT_EQ(plans[0], plans[1]);
        const std::string times = hone::read_file(journal);
        const hone::ProcessResult text = hone_command({"tune", example_model(), "--plan", plan, "--journal", journal, "--threads", "2"});
        EXPECT_NE(text.out.find("a session starts in"), std::string::npos) << text.out;
        EXPECT_EQ(hone::read_file(journal), times) << "measured again";
    }
}

TEST(TuneVerb, AJournalInNoFolderIsAnError) {
    const hone::ProcessResult r = hone_command({"tune", example_model(), "--plan", scratch_folder() + "/p", "--journal", "/nowhere/at/all/j"});
    EXPECT_EQ(r.exit_code, 6);
    EXPECT_NE(r.err.find("/nowhere/at/all/j"), std::string::npos);
}

}  // namespace
