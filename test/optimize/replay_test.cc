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
#include "data/text.h"
#include "eval/peer.h"
#include "onnx/attack.h"
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

/// y = x w, with w in a side file, and rows that it answers rightly; so few that no verdict is possible.
struct Few {
    std::string folder = cat(testing::TempDir(), "/few"), model = folder + "/net.onnx", weights = folder + "/w.bin", data = folder + "/d.csv";
    Few() {
        using namespace wire_test;
        const auto io = [](const std::string& name) {
            return bytes(1, name) + bytes(2, bytes(1, wire_test::number(1, 1) + bytes(2, bytes(1, bytes(2, "N")) + bytes(1, wire_test::number(1, 2)))));
        };
        const std::string product = bytes(1, "x") + bytes(1, "w") + bytes(2, "y") + bytes(3, "fc") + bytes(4, "MatMul");
        const std::string w = wire_test::number(1, 2) + tensor("w", bytes(13, entry("location", "w.bin")) + wire_test::number(14, 1));
        make_directories(folder);
        write_file_atomic(model, bare(bytes(1, product) + bytes(2, "g") + bytes(5, w) + bytes(11, io("x")) + bytes(12, io("y"))));
        set_weights(1);
        Rng rng(3);
        std::string csv = "a,b,label\n";
        for (int i = 0; i < 100; ++i) {
            const double a = rng.normal(), b = rng.normal();
            csv += cat(a, ",", b, ",", a > b ? "first" : "second", "\n");
        }
        write_file_atomic(data, csv);
    }
    void set_weights(float scale) const {
        const float w[] = {scale, 0, 0, scale};
        write_file_atomic(weights, std::string_view(reinterpret_cast<const char*>(w), sizeof w));
    }
    OptimizeRequest request(const std::string& out) const {
        OptimizeRequest r;
        r.model = model;
        r.goal.max_drop = 0.01;
        r.out = cat(folder, "/", out);
        return r;
    }
    DataParts parts(double std = 1) const {
        DataOptions o;
        o.preprocess.std = std::vector<double>{std};
        return open_data(data, o);
    }
};

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

TEST(Few, AreRefusedBeforeTheSearchAndAJournalIsOfItsDataAndWeights) {
    const Few few;
    const std::string out = few.folder + "/first", journal = out + "/journal.jsonl";
    make_directories(out);
    for (const std::string& old : list_directory(out)) ::unlink(cat(out, "/", old).c_str());
    OptimizeRequest r = few.request("first");
    std::string said;
    r.log = [&](const std::string& line) { said += line + "\n"; };
    {  // of a run that was stopped, which goes on elsewhere at first
        record::Journal stopped = record::Journal::open(journal, record::machine_key());
        stopped.number("times|a|b", [] { return 1.0; });
        EXPECT_EQ(error_of([&] { optimize(r, few.parts()); }), "journal.busy");
    }
    const record::Run run = optimize(r, few.parts());
    EXPECT_FALSE(run.accepted);
    EXPECT_EQ(run.model, absolute_path(few.model));
    for (const char* words : {"too few test samples: of 20", "301"}) EXPECT_NE(run.reason.find(words), std::string::npos) << run.reason;
    EXPECT_TRUE(run.candidates.empty());
    EXPECT_EQ(run.before.metric, 1);
    EXPECT_EQ(run.before.bytes, static_cast<int64_t>(read_file(few.model).size()) + 16);
    EXPECT_EQ(run.layers.size(), 1u);
    EXPECT_NE(said.find("--resume"), std::string::npos) << said;
    EXPECT_TRUE(record::Journal::read(journal + ".old").find("times|a|b"));
    record::Journal::open(journal, record::machine_key(), true);
    EXPECT_FALSE(file_exists(journal + ".old2")) << "a run that is through needs no keeping";

    const std::string record = few.folder + "/first.json";
    write_run(run, record);
    OptimizeRequest again = few.request("again");
    again.replay = record;
    const auto differs = [&](const DataParts& parts, const std::string& what) {
        try {
            optimize(again, parts);
            ADD_FAILURE() << "accepted with another " << what;
        } catch (const Error& e) {
            EXPECT_EQ(e.id, "optimize.other_run") << e.message;
            EXPECT_NE(e.message.find(what + " was "), std::string::npos) << e.message;
            EXPECT_EQ(e.message.find("; "), std::string::npos) << "one difference alone: " << e.message;
        }
    };
    EXPECT_EQ(optimize(again, few.parts()).reason, run.reason);
    differs(few.parts(2), "preprocessing");
    DataParts renamed = few.parts();
    renamed.class_names = {"one", "other"};
    differs(renamed, "classes");
    DataParts worded = few.parts();
    worded.encoder = std::make_shared<const TextEncoder>(TextEncoder{TextUnit::word, 4, Vocabulary({"a", "b"})});
    differs(worded, "vocabulary");
    few.set_weights(2);
    differs(few.parts(), "model");
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
