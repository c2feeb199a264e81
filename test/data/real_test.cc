// SPDX-License-Identifier: Apache-2.0
// The real data sets, where they are installed.
#include <algorithm>
#include <set>

#include "data/open.h"
#include "helpers.h"

using namespace hone;

TEST(RealData, FashionMnist) {
    HONE_REQUIRE(is_directory("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist");
    DataOptions o;
    o.channels = 1;
    o.height = o.width = 28;
    o.preprocess.mean = {0.2860};
    o.preprocess.std = {0.3530};
    const DataParts p = open_data("fashion-mnist", o);
    EXPECT_EQ(p.training->size(), 55000);
    EXPECT_EQ(p.validation->size(), 5000);
    EXPECT_EQ(p.test->size(), 10000);
    EXPECT_TRUE(p.gave_training && p.gave_validation && p.gave_test);
    EXPECT_TRUE(p.notes.empty());
    EXPECT_EQ(p.training->sample_dims(), (Dims{1, 28, 28}));
    EXPECT_EQ(class_counts(*p.test), std::vector<int64_t>(10, 1000));
    EXPECT_NE(p.validation->origin(0).find("item 55000"), std::string::npos);
    EXPECT_NE(p.training->origin(54999).find("item 54999"), std::string::npos);
    // The data set's own mean and standard deviation, which these are.
    std::vector<int64_t> some(2000);
    for (size_t i = 0; i < some.size(); ++i) some[i] = static_cast<int64_t>(i);
    const Tensor x = batch(*p.training, some);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < x.count(); ++i) {
        sum += x.data<float>()[i];
        squares += static_cast<double>(x.data<float>()[i]) * x.data<float>()[i];
    }
    EXPECT_NEAR(sum / static_cast<double>(x.count()), 0, 0.02);
    EXPECT_NEAR(squares / static_cast<double>(x.count()), 1, 0.02);
    EXPECT_EQ(x.data<float>()[0], static_cast<float>((0.0 - 0.2860) / 0.3530));
}

TEST(RealData, Glyphs) {
    const std::string file = source_path("../shared/data/glyphs.tar");
    HONE_REQUIRE(file_exists(file), "glyphs.tar");
    DataOptions o;
    o.channels = 3;
    o.preprocess.resize = ImageSize{32, 32};
    o.preprocess.mean = {0.5};
    o.preprocess.std = {0.5};
    const DataParts p = open_data(file, o);
    EXPECT_EQ(p.training->size() + p.validation->size() + p.test->size(), 11752);
    EXPECT_EQ(p.test->size(), 2366);
    EXPECT_EQ(p.class_names.size(), 26u);
    EXPECT_EQ(p.class_names.back(), "Z");
    EXPECT_TRUE(p.gave_training && p.gave_validation && p.gave_test);
    std::vector<int64_t> all(static_cast<size_t>(p.test->size()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    const Tensor x = batch(*p.test, all);
    EXPECT_EQ(x.dims(), (Dims{2366, 3, 32, 32}));
    const auto [low, high] = std::minmax_element(x.data<float>(), x.data<float>() + x.count());
    EXPECT_EQ(*low, -1.0f);
    EXPECT_EQ(*high, 1.0f);
    EXPECT_TRUE(batch(*p.test, all).same_bits(x));
}

TEST(RealData, Letters) {
    const std::string folder = source_path("../shared/data/letters");
    HONE_REQUIRE(is_directory(folder), "letters");
    const DataParts p = open_data(folder, {});
    EXPECT_EQ(p.training->size(), 13999);
    EXPECT_EQ(p.validation->size(), 1999);
    EXPECT_EQ(p.test->size(), 4002);
    EXPECT_EQ(p.training->sample_dims(), (Dims{16}));
    EXPECT_EQ(p.class_names.size(), 26u);
    float row[16];
    p.test->load(1, row);
    EXPECT_EQ(row[0], 3);
    EXPECT_EQ(row[15], 7);
    EXPECT_EQ(p.class_names[static_cast<size_t>(p.test->label(1))], "P");
}
