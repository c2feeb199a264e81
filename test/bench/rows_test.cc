// SPDX-License-Identifier: Apache-2.0
// Rows of a small network in the place of the real one: all that is measured but its size.
#include "suite/rows.h"

#include <sys/wait.h>

#include <cerrno>

#include "base/thread_pool.h"
#include "eval/peer.h"
#include "onnx/writer.h"
#include "support.h"
#include "zoo/mobilenet.h"

namespace hone {
namespace {

using namespace suite;

constexpr int64_t parameters = 2219626;  // with 10 classes

/// The peers' environment for the time of a test.
class Peers {
  public:
    explicit Peers(bool there) {
        const char* e = std::getenv("HONE_PEERS");
        if (e) before_ = e;
        if (!there) setenv("HONE_PEERS", "/nowhere", 1);
    }
    ~Peers() { before_.empty() ? unsetenv("HONE_PEERS") : setenv("HONE_PEERS", before_.c_str(), 1); }
    Peers(const Peers&) = delete;

  private:
    std::string before_;
};

class SuiteRows : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder_ = testing::TempDir() + "/hone_suite_rows";
        make_directories(folder_);
        network_ = network_paths("mobilenetv2", folder_);  // what a fresh process of that name will find
        const Graph g = zoo::mobilenet_v2({3, 32, 32}, 10, 1);
        write_model(g, network_.fp32);
        write_model(g, network_.int8);
        write_model(zoo::mobilenet_v2({3, 32, 32}, 10, 2), other_path());
    }
    static std::string other_path() { return folder_ + "/other.onnx"; }

    SuiteRows() {
        args_.suite = "inference";
        args_.program = HONE_BENCH_SUITE;
        args_.out = folder_;
        args_.root = source_path(".");
        args_.rounds = 5;
    }
    std::vector<record::SuiteRow> contest(const std::string& kind, Contest c, int threads = 1) {
        c.floors = false;  // a probe takes seconds
        RowContext context(result_, args_, network_, threads);
        run_contest(context, kind, c);
        return result_.suite().rows;
    }

    static inline std::string folder_;
    static inline Network network_;
    Args args_;
    Result result_;
};

TEST_F(SuiteRows, ThroughputWithoutPeers) {
    const Peers peers(false);
    const auto rows = contest("throughput", throughput_contest(network_, 3));
    ASSERT_EQ(rows.size(), 2u);
    for (const record::SuiteRow& r : rows) {
        EXPECT_EQ(r.row, "throughput batch 3");
        EXPECT_EQ(r.batch, 3);
        EXPECT_GT(r.hone_ms.value_or(0), 0);
        EXPECT_FALSE(r.peer_ms || r.ratio) << "a missing peer is no win";
        EXPECT_NE(r.note.find("peer missing"), std::string::npos) << r.note;
    }
    EXPECT_EQ(rows[0].precision, "fp32");
    EXPECT_EQ(rows[1].precision, "int8");
    ASSERT_EQ(result_.suite().peers.size(), 1u);
    EXPECT_EQ(result_.suite().peers[0].second, "missing");
}

TEST_F(SuiteRows, ContestInFreshProcesses) {
    const Peers peers(false);
    args_.processes = 2;
    const auto rows = contest("throughput", throughput_contest(network_, 2));
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_GT(rows[0].hone_ms.value_or(0), 0);
}

TEST_F(SuiteRows, AWrongAnswerHasNoSpeed) {
    Contest c = throughput_contest(network_, 1);
    c.entries = {{.engine = "hone", .path = network_.fp32, .judges = {1}}, {.engine = "hone", .path = other_path()}};
    c.comparisons = {{0, 1, "fp32", "another network", eval::RateKind::fp32}};
    const auto rows = contest("throughput", c);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_FALSE(rows[0].hone_ms || rows[0].ratio);
    EXPECT_NE(rows[0].note.find("hone wrong"), std::string::npos) << rows[0].note;
}

TEST_F(SuiteRows, BesideABusyLoopThatEnds) {
    HONE_REQUIRE(available_cores() > 1, "a second core");
    const Peers peers(false);
    const auto rows = contest("busy", busy_contest(network_, 1), 2);
    ASSERT_EQ(rows.size(), 4u);
    for (const record::SuiteRow& r : rows) {
        EXPECT_EQ(r.row, "beside a busy loop on one core");
        EXPECT_GT(r.hone_ms.value_or(0), 0);
        EXPECT_NE(r.note.find("hone: loop at "), std::string::npos) << r.note;
    }
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "a process was left behind";
}

TEST_F(SuiteRows, NoBusyRowOnOneThread) {
    EXPECT_TRUE(contest("busy", busy_contest(network_, 1), 1).empty());
}

TEST_F(SuiteRows, MemoryWithoutPeers) {
    const Peers peers(false);
    RowContext context(result_, args_, network_, 1);
    add_peak_memory(context, 2);
    const auto& rows = result_.suite().rows;
    ASSERT_EQ(rows.size(), 2u);
    for (const record::SuiteRow& r : rows) {
        EXPECT_EQ(r.row, "peak memory batch 2");
        ASSERT_TRUE(r.hone_memory);
        EXPECT_GT(r.hone_memory->start_bytes, 1 << 20);
        EXPECT_GT(r.hone_memory->peak_bytes - r.hone_memory->start_bytes, 4 * parameters) << "weights are somewhere";
        EXPECT_FALSE(r.hone_ms || r.peer_ms || r.peer_memory || r.ratio);
        EXPECT_NE(r.note.find("peer missing"), std::string::npos) << r.note;
    }
}

TEST_F(SuiteRows, SessionStartWithoutPeers) {
    const Peers peers(false);
    RowContext context(result_, args_, network_, 1);
    add_session_start(context, 1);
    const auto& rows = result_.suite().rows;
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].row, "session start");
    EXPECT_GT(rows[0].hone_ms.value_or(0), 0);
    EXPECT_FALSE(rows[0].ratio);
}

TEST_F(SuiteRows, PEER_EveryKindHasItsRatio) {
    HONE_REQUIRE(eval::Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    RowContext context(result_, args_, network_, 1);
    contest("throughput", throughput_contest(network_, 2));
    if (available_cores() > 1) contest("busy", busy_contest(network_, 1), 2);
    add_peak_memory(context, 1);
    add_session_start(context, 1);
    for (const record::SuiteRow& r : result_.suite().rows) {
        ASSERT_TRUE(r.ratio) << r.row << ": " << r.note;
        EXPECT_GT(r.ratio->estimate, 0);
        EXPECT_EQ(r.note.find("unchecked"), std::string::npos) << r.row << ": " << r.note;
        EXPECT_EQ(r.peer_memory.has_value(), r.row.starts_with("peak memory")) << r.row;
    }
}

}  // namespace
}  // namespace hone
