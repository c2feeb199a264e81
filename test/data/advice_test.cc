// SPDX-License-Identifier: Apache-2.0
// What is said of a split: sizes by class, imbalance, the figures, and each warning where it is due and only there.
#include "data/advice.h"

#include <algorithm>

#include "helpers.h"

using namespace hone;

namespace {
/// Rows that differ, `n` of each class.
std::string table(const std::vector<std::pair<std::string, int>>& classes, int from = 0) {
    std::string out = "a,b,label\n";
    int row = from;
    for (const auto& [name, n] : classes)
        for (int i = 0; i < n; ++i, ++row) out += cat(row, ",", row % 7, ",", name, "\n");
    return out;
}
int warnings(const SplitAdvice& a, const std::string& part) {
    return static_cast<int>(std::count_if(a.warnings.begin(), a.warnings.end(), [&](const std::string& w) { return w.find(part) != std::string::npos; }));
}
}  // namespace

TEST(SplitAdvice, CountsAndFiguresOfAnEvenSplit) {
    TemporaryFolder t;
    t.write("even.csv", table({{"x", 1000}, {"y", 3000}, {"z", 2000}}));
    const SplitAdvice a = advise_on_split(open_data(t / "even.csv", {}));
    EXPECT_EQ(a.samples[0], 4200);
    EXPECT_EQ(a.samples[1], 600);
    EXPECT_EQ(a.samples[2], 1200);
    ASSERT_EQ(a.classes.size(), 3u);
    EXPECT_EQ(a.classes[0].samples[0], 700);
    EXPECT_EQ(a.classes[1].samples[1], 300);
    EXPECT_EQ(a.classes[2].samples[2], 400);
    EXPECT_EQ(a.classes[1].total(), 3000);
    EXPECT_DOUBLE_EQ(a.imbalance, 3);
    EXPECT_EQ(a.smallest, "x");
    EXPECT_EQ(a.largest, "y");
    EXPECT_DOUBLE_EQ(a.majority_accuracy, 0.5);
    EXPECT_NEAR(a.test_uncertainty, 2.83, 0.005);
    EXPECT_TRUE(a.warnings.empty()) << a.warnings[0];
    EXPECT_FALSE(a.given[0]);
    EXPECT_EQ(to_text(a), cat(t / "even.csv", R"(: training 4200 (70.0 %, split off), validation 600 (10.0 %, split off), test 1200 (20.0 %, split off)
  class    training  validation        test
  x             700         100         200
  y            2100         300         600
  z            1400         200         400
  imbalance 3.0 (largest `y`, smallest `x`); always answering `y` is right in 50.0 %
)"));
}

TEST(SplitAdvice, WarnsOfWhatIsWrong) {
    TemporaryFolder t;
    t.write("bad/train.csv", table({{"big", 400}, {"mid", 50}, {"tiny", 8}}));
    t.write("bad/test.csv", table({{"big", 30}}) + "9000,1,mid\n9001,1,mid\n");
    DataOptions o;
    o.class_names = {"big", "gone", "mid", "tiny"};
    const SplitAdvice a = advise_on_split(open_data(t / "bad", o));
    EXPECT_TRUE(a.given[0] && a.given[2] && !a.given[1]);
    EXPECT_EQ(a.samples[1], 46);
    // The first 30 rows are training's; some went to validation.
    EXPECT_GT(a.repeated_test, 15);
    EXPECT_LE(a.repeated_test, 30);
    EXPECT_EQ(a.repeated_validation, 0);
    EXPECT_EQ(a.smallest, "tiny");
    EXPECT_EQ(warnings(a, "training has no sample of 1 class (gone)"), 1);
    EXPECT_EQ(warnings(a, "fewer than 20 training samples of 1 class (tiny)"), 1);
    EXPECT_EQ(warnings(a, "fewer than 5 test samples of 2 classes (mid, tiny)"), 1);
    EXPECT_EQ(warnings(a, "`big` has "), 1);
    EXPECT_EQ(warnings(a, "uncertain by up to 17.3 points"), 1);
    EXPECT_EQ(warnings(a, cat(a.repeated_test, " of 32 test samples are in training too")), 1);
    EXPECT_EQ(a.warnings.size(), 6u);
    EXPECT_NE(to_text(a).find("  warning: training has no sample"), std::string::npos);
}

TEST(SplitAdvice, CopiedPicturesAreFoundUnderAnyName) {
    TemporaryFolder t;
    std::string tar;
    const auto picture = [&](const std::string& name, int value) {
        const std::string png = flat_png(3, 3, value, 0, 0);
        t.write("folder/" + name, png);
        tar += tar_entry(name, png);
    };
    for (int i = 0; i < 6; ++i) {
        picture(cat("train/", i % 2 ? "a/" : "b/", i, ".png"), i);
        picture(cat("validation/", i % 2 ? "a/" : "b/", i, ".png"), 100 + i);
        picture(cat("test/", i % 2 ? "a/" : "b/", i, ".png"), 200 + i);
    }
    picture("validation/a/copied.png", 3);
    picture("test/a/copied.png", 1);
    picture("test/b/1.png", 1);  // and in another class
    t.write("set.tar", tar + tar_end());
    for (const char* name : {"folder", "set.tar"}) {
        const SplitAdvice a = advise_on_split(open_data(t / name, {}));
        EXPECT_EQ(a.repeated_validation, 1) << name;
        EXPECT_EQ(a.repeated_test, 2) << name;
        EXPECT_EQ(warnings(a, "2 of 8 test samples are in training too"), 1) << name;
    }
    // The order and the classes of samples still tell data sets apart.
    EXPECT_EQ(open_data(t / "folder", {}).test->hash(), open_data(t / "set.tar", {}).test->hash());
    EXPECT_NE(open_data(t / "folder", {}).test->hash(), open_data(t / "folder", {}).validation->hash());
}

TEST(SplitAdvice, LonePartsRegressionsAndManyClasses) {
    TemporaryFolder t;
    t.write("lone/test.csv", table({{"x", 100}, {"y", 100}}));
    const SplitAdvice lone = advise_on_split(open_data(t / "lone", {}));
    EXPECT_EQ(warnings(lone, "there is no training part: nothing to train on"), 1);
    EXPECT_EQ(warnings(lone, "there is no validation part"), 1);
    EXPECT_TRUE(lone.smallest.empty());

    t.write("few.csv", table({{"x", 1}, {"y", 1}}));  // nothing is split off, nothing measures an answer
    const std::string few = to_text(advise_on_split(open_data(t / "few.csv", {})));
    EXPECT_NE(few.find("imbalance 1.0"), std::string::npos);
    EXPECT_EQ(few.find("always answering"), std::string::npos);

    std::string numbers = "a,target\n";
    for (int i = 0; i < 100; ++i) numbers += cat(i, ",", i, ".5\n");
    t.write("numbers.csv", numbers);
    const SplitAdvice regression = advise_on_split(open_data(t / "numbers.csv", {}));
    EXPECT_TRUE(regression.regression);
    EXPECT_TRUE(regression.classes.empty());
    EXPECT_TRUE(regression.warnings.empty());
    EXPECT_NE(to_text(regression).find("training 70 (70.0 %"), std::string::npos);

    std::vector<std::pair<std::string, int>> classes;
    for (int c = 0; c < 60; ++c) classes.emplace_back(cat("class", c), 40 + c);
    t.write("many.csv", table(classes));
    const std::string text = to_text(advise_on_split(open_data(t / "many.csv", {})));
    EXPECT_NE(text.find("of 60 classes the 10 smallest and largest"), std::string::npos);
    EXPECT_NE(text.find("class59"), std::string::npos);
    EXPECT_EQ(text.find("class30"), std::string::npos);
}
