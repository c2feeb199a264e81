// SPDX-License-Identifier: Apache-2.0
// `hone report`: the page again from run.json, several runs side by side, files that are none.
#include "report/report.h"

#include "../report/sample_run.h"
#include "command.h"
#include "record/json.h"

namespace {

std::string write_run(const std::string& folder, const hone::record::Run& run) {
    hone::make_directories(folder);
    write_text(folder + "/run.json", hone::record::to_json(run));
    return folder;
}

TEST(ReportVerb, WritesThePageAgainByteForByte) {
    const hone::record::Run run = hone::report::sample_run();
    const std::string folder = write_run(scratch_folder() + "/out", run);
    const hone::ProcessResult r = hone_command({"report", folder});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ(r.out, hone::report::terminal_report(run));
    EXPECT_EQ(hone::read_file(folder + "/report.html"), hone::report::html_report(run));
    const std::string elsewhere = folder + "/pages";
    const hone::ProcessResult json = hone_command({"report", folder + "/run.json", "--out", elsewhere, "--json"});
    ASSERT_EQ(json.exit_code, 0) << json.err;
    EXPECT_EQ(json.out, hone::read_file(folder + "/run.json") + "\n");
    EXPECT_EQ(hone::read_file(elsewhere + "/report.html"), hone::read_file(folder + "/report.html"));
}

TEST(ReportVerb, SeveralRunsSideBySide) {
    const std::string at = scratch_folder();
    hone::record::Run other = hone::report::refused_run();
    other.reason = "<script>alert(1)</script>\x1b[2J";
    other.machine.cpu = "another";
    const std::string a = write_run(at + "/first", hone::report::sample_run()), b = write_run(at + "/second", other);
    const hone::ProcessResult r = hone_command({"report", a, b, "--out", at + "/both"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    for (const char* words : {"first", "second", "accepted", "refused"})
        EXPECT_NE(r.out.find(words), std::string::npos) << r.out;
    EXPECT_NE(r.err.find("do not compare"), std::string::npos) << r.err;
    const std::string page = hone::read_file(at + "/both/runs.html");
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
    const Json j = Json::parse(hone::read_file(at + "/both/runs.json"));
    EXPECT_EQ(j.text("schema"), "hone.runs/1");
    EXPECT_EQ(j.size("runs"), 2u);
    EXPECT_EQ(j.text("runs.0.file"), hone::absolute_path(a + "/run.json"));
    EXPECT_TRUE(j.has("runs.0.speedup.low"));
}

TEST(ReportVerb, ARecipeGivesTheList) {
    const std::string at = scratch_folder();
    const std::string a = write_run(at + "/a,b", hone::report::sample_run());
    const std::string b = write_run(at + "/c", hone::report::sample_run());
    write_text(at + "/recipe.yaml", "run: ['" + a + "', " + b + "]\n");
    const hone::ProcessResult r = hone_command({"report", "--config", at + "/recipe.yaml", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ(Json::parse(r.out).size("runs"), 2u);
}

TEST(ReportVerb, WhatIsNoRunIsRefused) {
    const std::string at = scratch_folder();
    const auto expect = [&](const std::string& text, int code, const std::string& said) {
        write_text(at + "/run.json", text);
        const hone::ProcessResult r = hone_command({"report", at});
        EXPECT_EQ(r.exit_code, code) << text << r.err;
        EXPECT_NE(r.err.find(said), std::string::npos) << r.err;
        EXPECT_NE(r.err.find(at + "/run.json"), std::string::npos) << r.err;
        EXPECT_FALSE(hone::file_exists(at + "/report.html"));
    };
    expect("", 5, "record.json");
    expect("[1]", 5, "record.schema");
    expect("{\"schema\":\"hone.eval/1\"}", 5, "hone.eval/1");
    expect("{\"schema\":\"hone.run/1\",\"layers\":[{\"name\":7}]}", 5, "layers[0].name");
    expect("{\"schema\":\"hone.run/1\",\"before\":{\"metric\":\"high\"}}", 5, "before.metric");
    expect(std::string(200000, '['), 5, "record.json");
    const hone::ProcessResult absent = hone_command({"report", at + "/nowhere"});
    EXPECT_EQ(absent.exit_code, 6) << absent.err;
    EXPECT_EQ(hone_command({"report"}).exit_code, 2);
}

}  // namespace
