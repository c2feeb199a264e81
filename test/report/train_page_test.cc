// SPDX-License-Identifier: Apache-2.0
// The page of a training: it holds every epoch and picture, and nothing of the record's text becomes markup.
#include <gtest/gtest.h>

#include <cmath>

#include "record/train.h"
#include "report/report.h"

using namespace hone;

namespace {

size_t count(const std::string& text, const std::string& what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

TEST(TrainPage, CurvesOfLossAndMetrics) {
    record::Train t;
    t.original = "/a/<b>net.onnx", t.data = "fashion-mnist", t.loss = "cross_entropy", t.part = "test";
    t.metrics = {{"top1", 0.9123}};
    for (int64_t e = 1; e <= 3; ++e) t.history.push_back({e, 1.0 / static_cast<double>(e), 0.1, 2, {{"top1", 0.3 * static_cast<double>(e)}}});
    const std::string html = report::train_page(t, {});
    EXPECT_EQ(count(html, "<circle"), 6u);   // three epochs, two plots
    EXPECT_EQ(count(html, "<svg"), 2u);
    EXPECT_NE(html.find("91.23"), std::string::npos);
    EXPECT_NE(html.find("&lt;b&gt;net.onnx"), std::string::npos);
    EXPECT_EQ(html.find("<b>net"), std::string::npos);
    EXPECT_EQ(html.find("<script"), std::string::npos);
    for (const char* tag : {"div", "section", "figure", "span", "p", "svg", "main", "ul", "li"})
        EXPECT_EQ(count(html, std::string("<") + tag + ">") + count(html, std::string("<") + tag + " "), count(html, std::string("</") + tag + ">")) << tag;
    t.history[1].loss = NAN;  // a hole, not a broken page
    EXPECT_EQ(count(report::train_page(t, {}), "<circle"), 5u);
    EXPECT_NE(report::train_page({}, {}).find("</html>"), std::string::npos);
}

TEST(TrainPage, SamplesOfAGenerator) {
    record::Train t;
    t.original = "g.onnx", t.discriminator = "d.onnx";
    for (int64_t e = 1; e <= 2; ++e) {
        t.history.push_back({e, 2, 2e-4, 1, {{"discriminator_loss", 0.5}, {"fake", 0.2}, {"real", 0.8}}});
        t.samples.push_back({e, "samples_" + std::to_string(e) + ".png"});
    }
    const std::string html = report::train_page(t, {{"samples_1.png", "Man"}, {"samples_2.png", std::string("\xff\x00", 2)}});
    EXPECT_EQ(count(html, "<img"), 2u);
    EXPECT_NE(html.find("data:image/png;base64,TWFu\""), std::string::npos);
    EXPECT_NE(html.find("data:image/png;base64,/wA=\""), std::string::npos);
    EXPECT_LT(html.find("epoch 2"), html.find("epoch 1"));  // the last first
    EXPECT_EQ(count(html, "<svg"), 2u);
    EXPECT_EQ(count(report::train_page(t, {{"samples_1.png", "Man"}}), "<img"), 1u);
}

}  // namespace
