// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include <gtest/gtest.h>

#include <limits>

#include "record/json.h"
#include "record/table.h"
#include "report/html.h"
#include "report/plots.h"
#include "report/words.h"
#include "sample_run.h"

using namespace hone;
using namespace hone::report;

namespace {

// Empty when every tag closes in order; else what is wrong.
std::string imbalance(const std::string& html) {
    std::vector<std::string> open;
    for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at)) {
        const size_t end = html.find('>', at);
        if (end == std::string::npos) return "unclosed tag at " + html.substr(at, 40);
        const std::string tag = html.substr(at + 1, end - at - 1);
        at = end;
        if (tag.starts_with("!") || tag.starts_with("meta") || tag.ends_with("/")) continue;
        if (tag.starts_with("style")) {
            at = html.find("</style>", at) + 7;
            continue;
        }
        if (!tag.starts_with("/")) {
            open.push_back(tag.substr(0, tag.find(' ')));
        } else if (open.empty() || open.back() != tag.substr(1)) {
            return "unexpected " + tag;
        } else {
            open.pop_back();
        }
    }
    return open.empty() ? "" : "not closed: " + open.back();
}

// Every text of the record becomes `evil`.
record::Run poisoned(const std::string& evil) {
    record::Run r = sample_run();
    r.accepted = false;
    r.best_rejected = record::Rejected{.file = evil, .reason = evil, .drop = 0.01, .speedup = 2};
    for (std::string* s :
         {&r.reason, &r.model, &r.original, &r.metric, &r.version, &r.command, &r.started, &r.finished, &r.machine.cpu,
          &r.machine.isa, &r.before.precision, &r.before.runtime, &r.after->precision, &r.before_best->runtime})
        *s = evil;
    for (auto& l : r.layers) l.name = l.op = l.decision = l.reason = evil;
    for (auto& c : r.candidates) c.name = c.reason = evil;
    for (auto& d : r.decisions) d.what = d.why = evil, d.figures = {{evil, 1}};
    for (auto& p : r.parts) p.name = p.used_for = p.origin = evil;
    for (auto* t : {&r.recipe, &r.hashes})
        for (auto& [k, v] : *t) k = v = evil;
    r.files = r.warnings = {evil};
    r.robustness->part = evil;
    for (auto& row : r.robustness->rows) row.corruption = evil;
    return r;
}

size_t count(const std::string& text, const std::string& what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

}  // namespace

TEST(Html, EscapesEverything) {
    EXPECT_EQ(escaped("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    EXPECT_EQ(escaped(std::string("a\0b\x1b\xff\xe2\x80\xae", 8)), "a\uFFFDb\uFFFD\uFFFD\uFFFD");
}
TEST(Report, IsSelfContainedAndBalanced) {
    for (const record::Run& run : {sample_run(), refused_run(), record::Run{}}) {
        const std::string html = html_report(run);
        EXPECT_EQ(imbalance(html), "");
        for (const char* load :
             {"http:", "https:", "src=", "url(", "@import", "<script", "<link", "<iframe", "javascript:", "onerror"})
            EXPECT_EQ(html.find(load), std::string::npos) << load;
        EXPECT_EQ(count(html, "<h1>"), 1u);
        EXPECT_EQ(html.find("nan"), std::string::npos);
        EXPECT_LT(html.size(), 200000u);
    }
}
TEST(Report, TellsTheOutcome) {
    const std::string html = html_report(sample_run());
    for (const char* text :
         {"2.8× as fast and 80\u00a0% smaller", "Accepted", "93.12 %", "93.02 %", "3.21 ms", "1.14 ms", "44.7 MB",
          "8.91 MB", "at most 0.24 points", "bound of 0.50 points", "/conv1<wbr/>/Conv", "beyond the bound",
          "Kept the first layer", "8481C", "e3b0c442", "hone optimize fashion_resnet18.onnx", "the machine was busier"})
        EXPECT_NE(html.find(text), std::string::npos) << text;
    const std::string refused = html_report(refused_run());
    for (const char* text : {"The original was kept", "Not accepted", "6 200 samples", "rejected.onnx"})
        EXPECT_NE(refused.find(text), std::string::npos) << text;
}
TEST(Report, WhatWasNotTimedHasNoTime) {
    record::Run run = sample_run();
    ASSERT_FALSE(run.candidates.empty() || run.layers.empty());
    run.candidates[0].latency_ms = 0;
    run.layers[0].time_before_ms = 0.01;  // done within another layer's time afterwards
    run.layers[0].time_after_ms = 0;
    run.layers[0].reason = "the reason";
    run.layers[0].seen = "31 dB";
    const std::string html = html_report(run);
    EXPECT_NE(html.find("not timed"), std::string::npos);
    EXPECT_EQ(html.find("0.000 ms"), std::string::npos);
    EXPECT_EQ(html.find(">0.000<"), std::string::npos);
    EXPECT_NE(html.find("the reason. <"), std::string::npos) << "a full stop between why and what 8 bits see";
}
TEST(Report, ShowsCorruptedPicturesAndThatTheyAreNoVerdict) {
    const std::string html = html_report(sample_run());
    for (const char* text : {"as they are", "blur of severity 3", "79.20 %", "78.60 %", "0.60 points", "40 % of the contrast left", "2 000 pictures of the validation part", "the most that the change costs is 0.60 points (blur)", "no part of the verdict"})
        EXPECT_NE(html.find(text), std::string::npos) << text;
    EXPECT_NE(terminal_report(sample_run()).find("robustness  Both networks on 2 000 pictures"), std::string::npos) << terminal_report(sample_run());
    record::Run none = sample_run();
    none.robustness.reset();
    EXPECT_EQ(html_report(none).find("no part of the verdict"), std::string::npos);
    EXPECT_EQ(terminal_report(none).find("robustness"), std::string::npos);
}
TEST(Report, NamesTheMetricThatTheBoundIsOn) {
    record::Run run = sample_run();
    run.metric = "f1_macro";
    run.drop->method = "bootstrap";
    run.drop->lost = run.drop->gained = 0;
    const std::string f1 = html_report(run);
    for (const char* text : {"Macro F1", "It lost 0.10 points of macro F1 on 10 000 test samples", "lose at most 0.50 points of macro F1", "by the paired bootstrap", "each counting the same"})
        EXPECT_NE(f1.find(text), std::string::npos) << text;
    EXPECT_EQ(f1.find("right before, wrong after"), std::string::npos);
    EXPECT_NE(terminal_report(run).find("0.10 points of macro F1, between"), std::string::npos);
    run.metric = "mse";
    run.before.metric = 0.25, run.after->metric = 0.26;
    run.goal.max_drop = 0.025;
    *run.drop = {.estimate = 0.01, .low = 0.005, .high = 0.02, .samples = 500, .method = "bootstrap"};
    const std::string mse = html_report(run);
    for (const char* text : {"Mean squared error", "Its mean squared error grew by 0.010", "the true growth is at most 0.020", "within the bound of 0.025"})
        EXPECT_NE(mse.find(text), std::string::npos) << text;
    EXPECT_EQ(mse.find("points lost"), std::string::npos);
    EXPECT_NE(terminal_report(run).find("growth"), std::string::npos);
}
TEST(Report, EveryTextOfTheRunIsEscaped) {
    const std::string evil = "<img src=x onerror=alert(1)>\"'&</style></title>\x1b[2J";
    const std::string html = html_report(poisoned(evil));
    EXPECT_EQ(html.find("<img"), std::string::npos);
    EXPECT_EQ(count(html, "</style>"), 1u);
    EXPECT_EQ(count(html, "</title>"), 1u);
    EXPECT_EQ(html.find('\x1b'), std::string::npos);
    EXPECT_GT(count(html, "&lt;img"), 40u);
    EXPECT_EQ(imbalance(html), "");
    const std::string text = terminal_report(poisoned(evil));
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}
TEST(Report, SurvivesStrangeNumbers) {
    const double odd[] = {std::nan(""), std::numeric_limits<double>::infinity(), -1e300, 0};
    for (double v : odd) {
        record::Run r = sample_run();
        r.before.metric = r.before.latency_ms.p50 = r.after->latency_ms.p50 = v;
        r.goal.max_drop = v;
        *r.drop = {.estimate = v, .low = v, .high = v, .confidence = v};
        *r.speedup = {v, v, v};
        for (auto& l : r.layers) l.sensitivity = l.time_before_ms = l.time_after_ms = v;
        for (auto& c : r.candidates) c.latency_ms = c.drop = c.metric = v;
        r.latency_samples = {{v, v}, {v}};
        r.machine.load = {v};
        EXPECT_EQ(imbalance(html_report(r)), "");
        EXPECT_FALSE(terminal_report(r).empty());
        EXPECT_EQ(imbalance(html_report(record::run_from_json(record::to_json(r)))), "");
    }
}
TEST(Terminal, IsACompactTable) {
    const std::string text = terminal_report(sample_run());
    EXPECT_TRUE(text.starts_with("Accepted: 2.8× as fast and 80 % smaller\n"));
    for (const char* part :
         {"before, best", "latency p50", "0.10 points, between −0.04 and 0.24", "within the bound of 0.50",
          "2.83×, between 2.74× and 2.92×", "/home/me/out/model.onnx", "/home/me/out/report.html", "hone bench"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_LT(count(text, "\n"), 25u);
    const std::string refused = terminal_report(refused_run());
    EXPECT_NE(refused.find("undecided against the bound"), std::string::npos) << refused;
    EXPECT_NE(refused.find("6 200 test samples"), std::string::npos);
    EXPECT_FALSE(terminal_report(record::Run{}).empty());
}
TEST(Plots, TicksAreRound) {
    EXPECT_EQ(ticks(0, 4), (std::vector<double>{0, 1, 2, 3, 4}));
    EXPECT_EQ(ticks(0, 0.9).size(), 5u);
    EXPECT_TRUE(ticks(1, 1).empty());
    EXPECT_TRUE(ticks(0, std::numeric_limits<double>::infinity()).empty());
    for (double span : {1e-12, 0.07, 1.0, 3.3, 4.9, 9.9, 1e9}) {
        EXPECT_GE(ticks(0, span).size(), 3u) << span;
        EXPECT_LE(ticks(0, span).size(), 7u) << span;
    }
}
TEST(Words, FiguresRead) {
    EXPECT_EQ(ms_text(0.0284), "28.4 µs");
    EXPECT_EQ(ms_text(3.21), "3.21 ms");
    EXPECT_EQ(ms_text(104.4), "104 ms");
    EXPECT_EQ(bytes_text(8914021), "8.91 MB");
    EXPECT_EQ(points_text("top1", -0.0004), "−0.04 points");
    EXPECT_EQ(points_text("top1", 0.00004), "0.004 points");
    EXPECT_EQ(points_text("top1", -0.0, true), "0.00");
    EXPECT_EQ(metric_text("perplexity", 12.5), "12.50");
    EXPECT_EQ(trimmed("1.50 ms"), "1.5 ms");
    EXPECT_EQ(trimmed("2.00×"), "2×");
    EXPECT_EQ(trimmed("0.000 ms"), "0");
    EXPECT_EQ(trimmed("100 ms"), "100 ms");
    EXPECT_EQ(trimmed("−0.20"), "−0.2");
    EXPECT_EQ(trimmed("1.5e+09"), "1.5e+09");
    EXPECT_EQ(unbroken("80 % less, 5 %"), "80\u00a0% less, 5\u00a0%");
    EXPECT_EQ(metric_name("top1"), "Top-1 accuracy");
}
