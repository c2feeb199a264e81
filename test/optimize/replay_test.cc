// SPDX-License-Identifier: Apache-2.0
// A run can be replayed and resumed: what was measured is read from its journal, so the answer is the same file.
#include <gtest/gtest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/rng.h"
#include "base/timing.h"
#include "data/open.h"
#include "eval/peer.h"
#include "optimize/optimize.h"
#include "record/json.h"
#include "support.h"

using namespace hone;

namespace {

std::string letters_model() { return shared_folder() + "/models/letters_mlp.onnx"; }
std::string letters_data() { return shared_folder() + "/data/letters"; }

OptimizeRequest letters(const std::string& out) {
    OptimizeRequest r;
    r.model = letters_model();
    r.goal.max_drop = 0.02;
    r.threads = 1;
    r.out = cat(testing::TempDir(), "/", out);
    r.processes = 2;
    r.calibration_samples = 128;
    r.program = HONE_BINARY;
    return r;
}
DataParts letters_parts() { return open_data(letters_data(), {}); }

/// The run without what a second one measures anew or writes elsewhere.
std::vector<std::string> decisions(const record::Run& run) {
    std::vector<std::string> all;
    for (const record::Decision& d : run.decisions) all.push_back(d.what);
    return all;
}
std::string answer_of(const record::Run& run) { return run.accepted ? read_file(run.model) : read_file(run.best_rejected ? run.best_rejected->file : run.original); }

void write_run(const record::Run& run, const std::string& path) { write_file_atomic(path, record::to_json(run)); }

/// One run that the tests of replay share, and its record's file.
const record::Run& shared_run(std::string* path) {
    static const record::Run run = optimize(letters("first"), letters_parts());
    *path = cat(testing::TempDir(), "/first.json");
    write_run(run, *path);
    return run;
}

}  // namespace

TEST(Replay, WritesTheSameFileByteForByte) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const DataParts parts = letters_parts();
    std::string path;
    const record::Run& first = shared_run(&path);
    OptimizeRequest r = letters("replay_second");
    r.replay = path;
    const record::Run second = optimize(r, parts);
    EXPECT_EQ(decisions(second), decisions(first));
    EXPECT_EQ(second.accepted, first.accepted);
    EXPECT_EQ(second.reason, first.reason);
    EXPECT_TRUE(answer_of(second) == answer_of(first));
    EXPECT_EQ(second.journal.size(), first.journal.size());
}

TEST(Replay, SLOW_PerturbedTimesChangeTheAnswerOnlyByADecisionThatTheRecordShows) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const DataParts parts = letters_parts();
    std::string given;
    const record::Run& first = shared_run(&given);
    for (const double factor : {1.02, 0.2, 5.0}) {
        record::Run perturbed = first;
        for (record::JournalEntry& e : perturbed.journal)
            if (e.key.starts_with("times|")) e.values.at(1) *= factor;
        const std::string path = cat(testing::TempDir(), "/perturbed.json");
        write_run(perturbed, path);
        OptimizeRequest r = letters("perturb_second");
        r.replay = path;
        const record::Run second = optimize(r, parts);
        if (answer_of(second) != answer_of(first)) EXPECT_NE(decisions(second), decisions(first)) << factor;
    }
}

TEST(Replay, AnotherRunsJournalIsRefusedAndSaysWhatDiffers) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const DataParts parts = letters_parts();
    std::string path;
    shared_run(&path);
    OptimizeRequest r = letters("other");
    r.replay = path;
    r.seed = 7;
    r.goal.max_drop = 0.03;
    try {
        optimize(r, parts);
        ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "optimize.other_run");
        EXPECT_NE(e.message.find("seed was 0, now 7"), std::string::npos) << e.message;
        EXPECT_NE(e.message.find("max-drop was 0.02, now 0.03"), std::string::npos) << e.message;
    }
}

TEST(Resume, SLOW_KilledTenTimesEndsAsItsJournalReplays) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const std::string out = cat(testing::TempDir(), "/killed");
    std::vector<std::string> words = {HONE_BINARY, "optimize", letters_model(), "--data", letters_data(), "--max-drop", "2%", "--threads", "1",
                                      "--processes", "2", "--samples", "128", "--out", out, "--resume"};
    make_directories(out);
    ::unlink((out + "/journal.jsonl").c_str());
    Rng rng(2026, 11);
    int kills = 0;
    for (int tries = 0; kills < 10 && tries < 200; ++tries) {
        std::vector<char*> argv;
        for (std::string& w : words) argv.push_back(w.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        pid_t pid = -1;
        ASSERT_EQ(posix_spawn(&pid, HONE_BINARY, &actions, nullptr, argv.data(), environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        usleep(static_cast<useconds_t>(50000 + rng.uniform() * 1.5e6));
        int status = 0;
        const bool ended = waitpid(pid, &status, WNOHANG) == pid;
        if (!ended) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            ++kills;
        } else if (kills < 10) {  // it was through: begin again
            ::unlink((out + "/journal.jsonl").c_str());
        }
    }
    EXPECT_EQ(kills, 10);
    words.push_back("--json=" + out + "/stdout.json");
    const ProcessResult last = run_process(words);
    ASSERT_TRUE(last.exit_code == 0 || last.exit_code == 1) << last.err;
    const record::Run resumed = record::run_from_json(read_file(out + "/run.json"));
    OptimizeRequest r = letters("killed_replay");
    r.replay = out + "/run.json";
    const record::Run replayed = optimize(r, letters_parts());
    EXPECT_EQ(decisions(replayed), decisions(resumed));
    EXPECT_TRUE(answer_of(replayed) == answer_of(resumed));
}

TEST(Goals, SLOW_LatencyBoundGivesTheMostAccurateThatMeetsItOrSaysThatNoneDoes) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const DataParts parts = letters_parts();
    OptimizeRequest r = letters("latency");
    r.goal = {.max_latency = Bound{1e-7, false}};
    const record::Run none = optimize(r, parts);
    EXPECT_FALSE(none.accepted);
    EXPECT_EQ(none.model, none.original);
    EXPECT_NE(none.reason.find("nothing meets the goal"), std::string::npos) << none.reason;
    r.goal = {.max_latency = Bound{1e4, false}};
    const record::Run any = optimize(r, parts);
    ASSERT_TRUE(any.accepted) << any.reason;
    for (const record::Candidate& c : any.candidates) EXPECT_LE(c.metric, 0.99);
    EXPECT_LE(any.after->latency_ms.p50, 1e4);
}

TEST(Goals, SLOW_SizeBoundIsMetOrTheOriginalKept) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    const DataParts parts = letters_parts();
    OptimizeRequest r = letters("size");
    r.goal = {.max_drop = 0.05, .max_size = Bound{0.4, true}};
    const record::Run run = optimize(r, parts);
    ASSERT_TRUE(run.accepted) << run.reason;
    EXPECT_LE(run.after->bytes, 0.4 * static_cast<double>(run.before.bytes));
    r.goal.max_size = Bound{0.01, true};
    const record::Run none = optimize(r, parts);
    EXPECT_FALSE(none.accepted);
    EXPECT_NE(none.reason.find("where the bound is"), std::string::npos) << none.reason;
}

TEST(RuntimeJudge, PEER_AnotherEngineTimesAndJudges) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    HONE_REQUIRE(eval::Peer::present(HONE_SOURCE_DIR), "the peers' environment (scripts/peers)");
    ::setenv("HONE_PEERS", cat(HONE_SOURCE_DIR, "/.venv/peers").c_str(), 1);
    const DataParts parts = letters_parts();
    for (const char* engine : {"onnxruntime", "openvino"}) {
        OptimizeRequest r = letters(cat("peer_", engine));
        r.runtime = engine;
        const record::Run run = optimize(r, parts);
        EXPECT_EQ(run.before.runtime, engine);
        EXPECT_NEAR(run.before.metric, 0.975512, 1e-5);
        EXPECT_NE(run.reason.find(run.accepted ? engine : "nothing"), std::string::npos) << run.reason;
    }
    ::unsetenv("HONE_PEERS");
}
