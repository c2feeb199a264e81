// SPDX-License-Identifier: Apache-2.0
// The command line of bench_suite, and what its processes tell one another.
#include <cmath>

#include "base/process.h"
#include "suite/answer.h"
#include "suite/rows.h"
#include "suite/suites.h"
#include "support.h"

namespace hone {
namespace {

using namespace suite;

Args parsed(std::vector<const char*> words) {
    words.insert(words.begin(), "bench_suite");
    return parse_args(static_cast<int>(words.size()), const_cast<char**>(words.data()));
}

template <class F>
std::string error_id(const F& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.id;
    }
    return "";
}

TEST(SuiteArgs, Lists) {
    const Args a = parsed({"inference", "--rows", "memory,busy", "--networks=mobilenetv2", "--batches", "1,8",
                           "--threads", "2", "--json=x.json"});
    EXPECT_EQ(a.suite, "inference");
    EXPECT_EQ(a.rows, (std::vector<std::string>{"memory", "busy"}));
    EXPECT_EQ(a.networks, (std::vector<std::string>{"mobilenetv2"}));
    EXPECT_EQ(a.batches, (std::vector<int64_t>{1, 8}));
    EXPECT_EQ(a.threads, (std::vector<int>{2}));
    EXPECT_EQ(a.json_file, "x.json");
    EXPECT_EQ(error_id([] { parsed({"inference", "--batches", "1,none"}); }), "args.number");
    EXPECT_EQ(error_id([] { parsed({"inference", "--frobnicate", "1"}); }), "args.unknown");
}

TEST(SuiteArgs, UnknownNamesAreRefusedBeforeWorkBegins) {
    Args a = parsed({"inference", "--rows", "latency,nonsense"});
    EXPECT_EQ(error_id([&] { inference(a); }), "bench.rows");
    a = parsed({"inference", "--networks", "lenet"});
    EXPECT_EQ(error_id([&] { inference(a); }), "bench.network");
    const ProcessResult r = run_process({HONE_BENCH_SUITE, "inference", "--rows", "nonsense"});
    EXPECT_EQ(r.exit_code, static_cast<int>(ErrorKind::usage));
    EXPECT_NE(r.err.find("latency, throughput, busy, memory, start"), std::string::npos) << r.err;
}

TEST(SuiteArgs, UsageNamesWhatThereIs) {
    const std::string usage = usage_text(), script = read_file(source_path("scripts/bench"));
    EXPECT_NE(usage.find("--networks " + join(network_names(), ",")), std::string::npos);
    EXPECT_NE(usage.find("--rows " + join(row_names(), ",")), std::string::npos);
    EXPECT_NE(script.find("--networks " + join(network_names(), ",")), std::string::npos);
    EXPECT_NE(script.find("--rows " + join(row_names(), ",")), std::string::npos);
    EXPECT_EQ(run_process({HONE_BENCH_SUITE}).err, usage);
}

TEST(SuiteRaw, ComesBack) {
    std::vector<Seen> seen(3);
    seen[0].series = {{1.5, 2.25, 1e-3}};
    seen[0].error = 0.0078125;
    seen[0].note = "loop at 51 %";
    seen[1].version = "1.32.0";
    seen[1].trouble = "refused: two\twords";
    seen[2].trouble = "missing";
    const std::vector<Seen> again = seen_from_raw(raw_text(seen));
    ASSERT_EQ(again.size(), 3u);
    EXPECT_EQ(again[0].series, seen[0].series);
    EXPECT_EQ(again[0].error, seen[0].error);
    EXPECT_EQ(again[0].note, seen[0].note);
    EXPECT_EQ(again[1].version, "1.32.0");
    EXPECT_EQ(again[1].trouble, "refused: two words");
    EXPECT_FALSE(again[1].timed() || again[2].timed());
    EXPECT_FALSE(again[2].error);
}

TEST(SuiteAnswer, WrongIsSeen) {
    const Tensor r = Tensor::of_f32({1, -4, 2}), off = Tensor::of_f32({1, -4, 3}), lost = Tensor::of_f32({1, NAN, 2});
    EXPECT_EQ(answer_error({r}, {r}), 0);
    EXPECT_EQ(answer_error({off}, {r}), 0.25);
    EXPECT_EQ(answer_error({lost}, {r}), INFINITY);
    EXPECT_EQ(answer_error({Tensor::of_f32({1, -4})}, {r}), INFINITY);
    EXPECT_EQ(answer_error({r, r}, {r}), INFINITY);
    std::vector<Seen> seen(3);
    judge({{.engine = "a", .path = "", .judges = {2, 1}, .bound = 0.2},
           {.engine = "b", .path = ""},
           {.engine = "c", .path = ""}},
          {{off}, {r}, {}}, seen);
    EXPECT_TRUE(seen[0].trouble.starts_with("wrong: off by 0.25")) << seen[0].trouble;
    EXPECT_EQ(seen[0].error, 0.25);
    EXPECT_TRUE(seen[1].trouble.empty());
}

}  // namespace
}  // namespace hone
