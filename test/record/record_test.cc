// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "record/bench.h"
#include "record/doctor.h"
#include "record/eval.h"
#include "record/hash.h"
#include "record/inspect.h"
#include "record/json.h"
#include "record/run.h"
#include "record/table.h"

using namespace hone;
using namespace hone::record;

namespace {

Run sample_run() {
    Run r;
    r.accepted = true;
    r.reason = "2.5 times faster within the bound";
    r.model = "/tmp/out/model.onnx";
    r.goal.max_drop = 0.005;
    r.before = {.metric = 0.9312, .precision = "fp32", .latency_ms = {3.1, 3.2, 3.9}, .load_ms = 12, .bytes = 44800000};
    r.after = r.before;
    r.after->latency_ms = {0.1 + 0.2, 0.31, 0.5};
    r.drop = Drop{.estimate = 0.001, .low = -0.0005, .high = 0.0024, .samples = 10000, .lost = 40, .gained = 30};
    r.speedup = Interval{2.5, 2.4, 2.6};
    r.layers = {
        {.name = "conv1", .op = "Conv", .decision = "int8", .reason = "free", .macs = 118013952, .sensitivity = 1e-4}};
    r.decisions = {{.step = 1, .what = "quantise", .why = "cheap", .figures = {{"drop", 0.1}}}};
    r.hashes = {{"model", sha256_hex("x")}};
    r.seed = INT64_MAX;
    r.journal = {{.key = "times|a|b", .values = {0.25, 0.5}}};
    return r;
}

std::string error_id(const std::string& json) {
    try {
        run_from_json(json);
    } catch (const Error& e) {
        return e.id + " " + e.where;
    }
    return "none";
}

}  // namespace

TEST(Json, RunComesBackTheSame) {
    const std::string text = to_json(sample_run());
    const record::Run again = run_from_json(text);
    EXPECT_EQ(to_json(again), text);
    EXPECT_EQ(again.after->latency_ms.min, 0.1 + 0.2);
    EXPECT_EQ(again.seed, INT64_MAX);
    EXPECT_FALSE(again.before_best.has_value());
    EXPECT_EQ(again.drop->confidence, 0.95);
}
TEST(Json, FieldsThatProgramsRelyOn) {
    record::Run r = sample_run();
    r.after.reset();
    const std::string run = to_json(r);
    for (const char* name : {"\"schema\": \"hone.run/1\"",
                             "\"accepted\": true",
                             "\"reason\"",
                             "\"model\"",
                             "\"metric\": \"top1\"",
                             "\"before\": {",
                             "\"metric\": 0.9312",
                             "\"precision\": \"fp32\"",
                             "\"latency_ms\": {",
                             "\"min\": 3.1",
                             "\"p50\"",
                             "\"p99\"",
                             "\"load_ms\"",
                             "\"bytes\": 44800000",
                             "\"before_best\": null",
                             "\"after\": null",
                             "\"best_rejected\": null",
                             "\"drop\": {",
                             "\"estimate\"",
                             "\"confidence\": 0.95",
                             "\"samples\": 10000",
                             "\"speedup\": {",
                             "\"layers\": [",
                             "\"decision\": \"int8\""})
        EXPECT_NE(run.find(name), std::string::npos) << name;
    Bench b;
    b.models.push_back({.model = "a.onnx", .latency_ms = {1, 2, 3}, .load_ms = 4, .peak_bytes = 5});
    b.ratio = Interval{0.5, 0.4, 0.6};
    const std::string bench = to_json(b);
    for (const char* name :
         {"hone.bench/1", "\"threads\"", "\"batch\": 1", "\"models\"", "\"peak_bytes\": 5", "\"ratio\": {"})
        EXPECT_NE(bench.find(name), std::string::npos) << name;
    Eval e;
    e.metrics = {{"top1", 0.5}};
    EXPECT_NE(to_json(e).find("\"metrics\": {\n  \"top1\": 0.5\n }"), std::string::npos);
    EXPECT_NE(to_json(Inspect{}).find("\"totals\": {\n  \"parameters\": 0,\n  \"macs\": 0,\n  \"bytes\": 0"),
              std::string::npos);
    EXPECT_NE(to_json(BenchSuite{}).find("\"peers\": {}"), std::string::npos);
    EXPECT_EQ(to_json(Doctor{}).rfind("{\n \"schema\": \"hone.doctor/1\"", 0), 0u);
}
TEST(Json, NanIsNullAndComesBackAsNan) {
    record::Run r;
    r.before.metric = std::nan("");
    r.before.load_ms = std::numeric_limits<double>::infinity();
    const std::string text = to_json(r);
    EXPECT_NE(text.find("\"metric\": null"), std::string::npos);
    EXPECT_TRUE(std::isnan(run_from_json(text).before.metric));
    EXPECT_TRUE(std::isnan(run_from_json(text).before.load_ms));
}
TEST(Json, DoublesAreShortest) {
    Eval e;
    e.metrics = {{"a", 0.1}, {"b", 1.0 / 3.0}, {"c", 5e-324}, {"d", 1e21}};
    const std::string text = to_json(e);
    EXPECT_NE(text.find("\"a\": 0.1,"), std::string::npos);
    EXPECT_NE(text.find("\"b\": 0.3333333333333333,"), std::string::npos);
    EXPECT_NE(text.find("\"c\": 5e-324,"), std::string::npos);
}
TEST(Json, BrokenUtf8IsReplaced) {
    record::Run r;
    r.reason = "a\xff\"\n\x01";
    const record::Run again = run_from_json(to_json(r));
    EXPECT_EQ(again.reason, "a\xEF\xBF\xBD\"\n\x01");
}
TEST(Json, WrongFilesAreRefused) {
    EXPECT_EQ(error_id("{"), "record.json ");
    EXPECT_EQ(error_id(""), "record.json ");
    EXPECT_EQ(error_id("[]"), "record.schema ");
    EXPECT_EQ(error_id("{\"schema\":\"hone.bench/1\"}"), "record.schema ");
    EXPECT_EQ(error_id("{\"schema\":7}"), "record.schema ");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\"}"), "none");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"new\":[{}]}"), "none");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"seed\":1.5}"), "record.type seed");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"seed\":18446744073709551615}"), "record.type seed");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"layers\":{}}"), "record.type layers");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"layers\":[{\"name\":[]}]}"), "record.type layers[0].name");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"hashes\":[1]}"), "record.type hashes");
    EXPECT_EQ(error_id("{\"schema\":\"hone.run/1\",\"before\":{\"latency_ms\":{\"p50\":\"x\"}}}"),
              "record.type before.latency_ms.p50");
    EXPECT_EQ(error_id(std::string(200000, '[')), "record.json ");
}
TEST(Json, MutatedTextNeverEscapes) {
    const std::string text = to_json(sample_run());
    Rng rng(3);
    for (int i = 0; i < 3000; ++i) {
        std::string t = text;
        for (uint64_t k = rng.below(4) + 1; k > 0; --k) t[rng.below(t.size())] = static_cast<char>(rng.below(256));
        try {
            run_from_json(t);
        } catch (const Error& e) {
            EXPECT_EQ(e.kind, ErrorKind::data);
        }
    }
}

TEST(Hash, Fips180Vectors) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
TEST(Hash, PiecesMakeTheWhole) {
    std::string all(1000, 'q');
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7);
    for (size_t step : {1, 55, 56, 63, 64, 65, 127}) {
        Sha256 h;
        for (size_t at = 0; at < all.size(); at += step) h.update(std::string_view(all).substr(at, step));
        EXPECT_EQ(h.hex(), sha256_hex(all)) << step;
    }
}

TEST(Table, AlignsAndCountsCharacters) {
    Table t({"name", "ms", "note"});
    t.add({"größe", "1.5", "a"});
    t.add({"层1", "12.25", ""});
    t.add({"e\u0301x", "-"});
    EXPECT_EQ(t.text(),
              "name      ms  note\n"
              "größe    1.5  a\n"
              "层1    12.25\n"
              "e\u0301x         -\n");
}
TEST(Table, StrangersTextCannotWriteToTheTerminal) {
    EXPECT_EQ(printable("a\x1b[31m\n\r\x7f\xc2\x9b\u202e."), "a?[31m?????.");
    EXPECT_EQ(printable("\xff\xc0\x80\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
}
TEST(Table, ShortensInTheMiddle) {
    EXPECT_EQ(shortened("abcdefghij", 7), "abc…hij");
    EXPECT_EQ(shortened("abc", 7), "abc");
    EXPECT_EQ(shortened("层层层层", 5), "层…层");
    EXPECT_LE(display_width(shortened("a层b层c层d层", 6)), 6);
}
TEST(Table, Numbers) {
    EXPECT_EQ(number_text(0.30000000000000004), "0.3000");
    EXPECT_EQ(number_text(1234567.0), "1234567");
    EXPECT_EQ(number_text(-0.0), "0");
    EXPECT_EQ(number_text(std::nan("")), "-");
    EXPECT_EQ(count_text(1234567), "1 234 567");
    EXPECT_EQ(count_text(-123456), "-123 456");
    EXPECT_EQ(count_text(999), "999");
    EXPECT_EQ(si_text(1816012416.0), "1.816 G");
}
TEST(Table, OfRecordsSkipsEmptyColumns) {
    const std::string text = to_table(std::vector<BenchModel>{{.model = "a", .latency_ms = {1, 2, 3}, .load_ms = 4}});
    EXPECT_NE(text.find("latency_ms.p50"), std::string::npos);
    EXPECT_EQ(text.find("energy"), std::string::npos);
    EXPECT_EQ(text.find("runtime"), std::string::npos);
    EXPECT_EQ(to_table(std::vector<LayerRow>{}), "\n");
}
TEST(Run, ThinnedKeepsTheEnds) {
    std::vector<double> v(1001);
    for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i);
    const std::vector<double> t = thinned(v, 101);
    ASSERT_EQ(t.size(), 101u);
    EXPECT_EQ(t.front(), 0);
    EXPECT_EQ(t[1], 10);
    EXPECT_EQ(t.back(), 1000);
}
