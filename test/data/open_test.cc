// SPDX-License-Identifier: Apache-2.0
// open_data on made-up sets: what is recognised, how classes are numbered, how parts are made, what is refused.
#include "data/open.h"

#include <algorithm>
#include <set>

#include "base/thread_pool.h"
#include "data/advice.h"
#include "helpers.h"

using namespace hone;

namespace {
std::set<std::string> origins(const Dataset& d) {
    std::set<std::string> s;
    for (int64_t i = 0; i < d.size(); ++i) s.insert(d.origin(i));
    return s;
}
void expect_disjoint(const DataParts& p, size_t total) {
    std::set<std::string> all;
    size_t n = 0;
    for (const DatasetPtr& d : {p.training, p.validation, p.test}) {
        const auto one = origins(*d);
        n += one.size();
        all.insert(one.begin(), one.end());
    }
    EXPECT_EQ(all.size(), n);
    EXPECT_EQ(all.size(), total);
}
std::string table(int rows, const std::vector<std::string>& classes, const std::string& columns = "a,b") {
    std::string s = columns + ",label\n";
    for (int i = 0; i < rows; ++i) s += cat(i, ",", i * 2, ",", classes[static_cast<size_t>(i) % classes.size()], "\n");
    return s;
}
std::string many(size_t n, char c) { return std::string(n, c); }
}  // namespace

TEST(Open, TableWithoutPartsIsSplit) {
    TemporaryFolder t;
    t.write("d.csv", table(200, {"10", "9", "-1"}));
    const DataParts p = open_data(t / "d.csv", {});
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"-1", "9", "10"}));
    EXPECT_EQ(p.training->size(), 140);
    EXPECT_EQ(p.validation->size(), 20);
    EXPECT_EQ(p.test->size(), 40);
    EXPECT_FALSE(p.gave_training || p.gave_validation || p.gave_test);
    ASSERT_TRUE(p.whole);
    EXPECT_EQ(p.whole->size(), 200);
    EXPECT_EQ(p.preprocess.scale, 1.0);
    expect_disjoint(p, 200);
    float row[2];
    p.whole->load(7, row);
    EXPECT_EQ(row[0], 7);
    EXPECT_EQ(row[1], 14);
    EXPECT_EQ(p.whole->label(7), 1);
    DataOptions other;
    other.seed = 1;
    EXPECT_NE(origins(*open_data(t / "d.csv", other).test), origins(*p.test));
    EXPECT_EQ(origins(*open_data(t / "d.csv", {}).test), origins(*p.test));
    EXPECT_EQ(open_data(t / "d.csv", other).whole->hash(), p.whole->hash());
}

TEST(Open, MissingPartsComeFromTraining) {
    TemporaryFolder t;
    t.write("train.csv", table(100, {"x", "y"}));
    t.write("test.csv", table(30, {"x", "y"}));
    DataParts p = open_data(t.path(), {});
    EXPECT_EQ(p.training->size(), 90);
    EXPECT_EQ(p.validation->size(), 10);
    EXPECT_EQ(p.test->size(), 30);
    EXPECT_TRUE(p.gave_training && p.gave_test && !p.gave_validation);
    EXPECT_FALSE(p.whole);
    expect_disjoint(p, 130);
    t.write("validation.csv", table(12, {"x", "y"}));
    p = open_data(t.path(), {});
    EXPECT_EQ(p.training->size(), 100);
    EXPECT_EQ(p.validation->size(), 12);
    EXPECT_TRUE(p.notes.empty());
    expect_disjoint(p, 142);
}

TEST(Open, LoneTestPartStaysAlone) {
    TemporaryFolder t;
    t.write("test/data.csv", table(30, {"x", "y"}));
    const DataParts p = open_data(t.path(), {});
    EXPECT_FALSE(p.training || p.validation);
    EXPECT_EQ(p.test->size(), 30);
    EXPECT_EQ(p.whole, p.test);
}

TEST(Open, TablesAreNormalisedAColumn) {
    TemporaryFolder t;
    t.write("d.csv", table(20, {"x", "y"}));
    DataOptions o;
    o.preprocess.mean = {1, 2};
    o.preprocess.std = {2};
    float row[2];
    open_data(t / "d.csv", o).whole->load(5, row);
    EXPECT_EQ(row[0], 2);
    EXPECT_EQ(row[1], 4);
    o.preprocess.mean = {1, 2, 3};
    EXPECT_EQ(id_of([&] { open_data(t / "d.csv", o); }), "preprocess.mean");
}

TEST(Open, PartsMustAgree) {
    TemporaryFolder t;
    t.write("train.csv", table(20, {"x", "y"}));
    t.write("test.csv", table(20, {"x", "z"}));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.classes");
    t.write("test.csv", table(20, {"y", "x"}, "a,c"));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.columns");
    t.write("test.csv", table(20, {"y"}));
    EXPECT_EQ(open_data(t.path(), {}).test->label(0), 1);
    DataOptions o;
    o.class_names = {"y", "x"};
    EXPECT_EQ(open_data(t.path(), o).test->label(0), 0);
    o.class_names = {"y", "w"};
    EXPECT_EQ(id_of([&] { open_data(t.path(), o); }), "data.classes");
}

TEST(Open, ImageFolders) {
    TemporaryFolder t;
    for (int i = 0; i < 20; ++i) {
        t.write(cat("cats/", i, ".png"), flat_png(4 + i % 3, 5, 10, 20, 30));
        t.write(cat("train/", i, ".PNG"), flat_png(4, 5, 200, 100, 50));
    }
    t.write("cats/notes.txt", "no picture");
    t.write(".hidden/1.png", "no picture");
    DataOptions o;
    EXPECT_EQ(id_of([&] { open_data(t.path(), o); }), "data.image.size");
    o.preprocess.resize = ImageSize{3, 2};
    DataParts p = open_data(t.path() + "/", o);
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"cats", "train"}));
    EXPECT_EQ(p.whole->sample_dims(), (Dims{3, 3, 2}));
    EXPECT_EQ(p.preprocess.channels, 3);
    expect_disjoint(p, 40);
    const std::vector<int64_t> two{0, 39};
    ThreadPool pool(2);
    const ThreadPool::Use use(&pool);
    for (int again = 0; again < 2; ++again) {
        const Tensor x = batch(*p.whole, two);
        EXPECT_EQ(x.dims(), (Dims{2, 3, 3, 2}));
        EXPECT_EQ(x.data<float>()[0], 10.0f / 255);
        EXPECT_EQ(x.data<float>()[18 + 17], static_cast<float>(50 / 255.0));
        EXPECT_EQ(batch_labels(*p.whole, two).to_i64(), (std::vector<int64_t>{0, 1}));
    }
    o.channels = 1;
    o.cache_bytes = 1;
    p = open_data(t.path(), o);
    EXPECT_EQ(batch(*p.whole, two).data<float>()[0], 18.0f / 255);
    o = {};
    o.channels = 3;
    o.height = o.width = 6;
    p = open_data(t.path(), o);
    EXPECT_EQ(p.preprocess.resize, (ImageSize{6, 6}));
    EXPECT_EQ(p.whole->sample_dims(), (Dims{3, 6, 6}));
    t.write("cats/bad.png", flat_png(4, 4, 1, 1, 1).substr(0, 60));
    p = open_data(t.path(), o);
    EXPECT_EQ(p.whole->origin(20), t / "cats/bad.png");
    EXPECT_EQ(id_of([&] { batch(*p.whole, std::vector<int64_t>{19, 20}); }), "data.png.truncated");
}

TEST(Open, ClassNamesAreUtf8) {
    TemporaryFolder t;
    const auto id = [&](const std::string& name) { return id_of([&] { open_data(t / name, {}); }); };
    t.write("d.csv", "a,label\n1,tea\n2,caf\xE9\n");
    EXPECT_EQ(id("d.csv"), "data.classes.utf8");
    t.write("t.csv", "text,label\none,tea\ntwo,caf\xE9\n");
    EXPECT_EQ(id("t.csv"), "data.classes.utf8");
    const std::string png = flat_png(2, 2, 0, 0, 0);
    t.write("set.tar", tar_entry("tea/1.png", png) + tar_entry("caf\xE9/1.png", png) + tar_end());
    EXPECT_EQ(id("set.tar"), "data.classes.utf8");
    t.write("folder/tea/1.png", png);
    t.write("folder/caf\xC3\xA9/1.png", png);
    EXPECT_EQ(open_data(t / "folder", {}).class_names[0], "caf\xC3\xA9");
    t.write("folder/caf\xE9/1.png", png);
    EXPECT_EQ(id_and_place_of([&] { open_data(t / "folder", {}); }), "data.classes.utf8 at " + (t / "folder"));
}

TEST(Open, ArchiveReadsAsTheFolder) {
    TemporaryFolder t;
    std::string tar;
    for (const char* part : {"train", "validation", "test"})
        for (int i = 0; i < 6; ++i) {
            const std::string name = cat(part, "/", i % 2 ? "A" : "B", "/", i, ".png");
            const std::string png = flat_png(3, 3, 40 * i, 0, part[0]);
            t.write("folder/" + name, png);
            tar += tar_entry("top/" + name, png);
        }
    t.write("set.tar", tar + tar_end());
    const DataParts a = open_data(t / "folder", {}), b = open_data(t / "set.tar", {});
    for (const auto& [x, y] : {std::pair{a.training, b.training}, {a.validation, b.validation}, {a.test, b.test}}) {
        ASSERT_EQ(x->size(), 6);
        EXPECT_EQ(x->labels(), y->labels());
        const std::vector<int64_t> all{0, 1, 2, 3, 4, 5};
        EXPECT_TRUE(batch(*x, all).same_bits(batch(*y, all)));
    }
    EXPECT_EQ(b.test->origin(0), t / "set.tar:top/test/A/1.png");
    expect_disjoint(b, 18);
}

TEST(Open, FlatPartsAreExplained) {
    TemporaryFolder t;
    t.write("train/1.png", flat_png(2, 2, 0, 0, 0));
    t.write("test/1.png", flat_png(2, 2, 0, 0, 0));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.format");
}

TEST(Open, IdxFolders) {
    TemporaryFolder t;
    t.write("train-images-idx3-ubyte", make_idx({20, 2, 3}, many(120, 51)));
    t.write("train-labels-idx1-ubyte.gz", gzip(make_idx({20}, many(10, 0) + many(10, 2))));
    t.write("t10k-images.idx3-ubyte", make_idx({4, 2, 3}, many(24, 102)));
    t.write("t10k-labels.idx1-ubyte", make_idx({4}, many(4, 1)));
    DataParts p = open_data(t.path(), {});
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(p.training->size(), 18);
    EXPECT_EQ(p.validation->size(), 2);
    EXPECT_EQ(p.test->sample_dims(), (Dims{1, 2, 3}));
    EXPECT_EQ(batch(*p.test, std::vector<int64_t>{3}).data<float>()[5], 0.4f);
    expect_disjoint(p, 24);
    DataOptions o;
    o.channels = 3;
    o.height = o.width = 4;
    o.class_names = {"shirt", "boot", "bag", "coat"};
    p = open_data(t.path(), o);
    EXPECT_EQ(p.test->sample_dims(), (Dims{3, 4, 4}));
    EXPECT_EQ(p.test->label(0), 1);
    EXPECT_EQ(p.class_names.size(), 4u);
    EXPECT_EQ(open_data(t / "train-images-idx3-ubyte", {}).whole->size(), 20);
    o.class_names = {"shirt", "boot"};
    EXPECT_EQ(id_of([&] { open_data(t.path(), o); }), "data.classes");

    t.write("train-labels-idx1-ubyte.gz", gzip(make_idx({19}, many(19, 0))));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.idx.count");
    t.write("train-labels-idx1-ubyte.gz", gzip(make_idx({20}, many(20, static_cast<char>(-1)), 0x09)));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.idx.label");
    t.write("train-labels-idx1-ubyte.gz", gzip(make_idx({20}, many(80, 0x7f), 0x0C)));
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.idx.label");
    ::unlink((t / "train-labels-idx1-ubyte.gz").c_str());
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.absent");
}

TEST(Open, ArraysOfFloats) {
    TemporaryFolder t;
    std::string values;
    for (int i = 0; i < 8; ++i) values += from_hex("3fc00000");
    t.write("images-idx2-float", make_idx({4, 2}, values, 0x0D));
    t.write("labels-idx1-float", make_idx({4}, std::string("\0\1\0\1", 4)));
    const DataParts p = open_data(t.path(), {});
    EXPECT_EQ(p.kind, DataKind::table);
    EXPECT_EQ(batch(*p.whole, std::vector<int64_t>{2}).data<float>()[1], 1.5f);
}

TEST(Open, AbsentThingsAreExplained) {
    try {
        open_data("fashon-mnist", {});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "data.absent");
        EXPECT_EQ(e.exit_code(), 5);
        EXPECT_NE(e.hint.find("fashion-mnist"), std::string::npos);
    }
    TemporaryFolder t;
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.format");
    t.write("x.bin", "what is this");
    EXPECT_EQ(id_of([&] { open_data(t / "x.bin", {}); }), "data.format");
    t.write("fashion-mnist/train.csv", table(20, {"x", "y"}));
    EXPECT_EQ(id_of([&] { open_data(t / "fashion-mnist", {}); }), "data.known");
    ::setenv("HONE_DATA_PATH", t.path().c_str(), 1);
    EXPECT_EQ(id_of([&] { open_data("fashion-mnist", {}); }), "data.known");
    ::unsetenv("HONE_DATA_PATH");
}

TEST(Open, OnePictureGoesTheSameWay) {
    TemporaryFolder t;
    t.write("1.png", flat_png(4, 5, 255, 0, 51));
    Preprocess p;
    p.resize = ImageSize{2, 2};
    const Tensor x = load_picture(t / "1.png", p, 3);
    EXPECT_EQ(x.dims(), (Dims{1, 3, 2, 2}));
    EXPECT_EQ(x.data<float>()[0], 1.0f);
    EXPECT_EQ(x.data<float>()[11], 0.2f);
    EXPECT_EQ(id_of([&] { load_picture(t / "absent.png", p, 3); }), "data.absent");
}

TEST(Open, SharesOfMissingPartsMayBeGiven) {
    TemporaryFolder t;
    std::string rows = "x,label\n";
    for (int i = 0; i < 50; ++i) rows += cat(i, ",", i % 2 ? "odd" : "even", "\n");
    t.write("all.csv", rows);
    DataOptions o;
    o.split = parse_split("50/30/20");
    const DataParts p = open_data(t / "all.csv", o);
    EXPECT_EQ(p.training->size(), 25);
    EXPECT_EQ(p.validation->size(), 15);
    EXPECT_EQ(p.test->size(), 10);
    EXPECT_EQ(class_counts(*p.test), (std::vector<int64_t>{5, 5}));
    o.split = parse_split("80/20/0");
    const DataParts q = open_data(t / "all.csv", o);
    EXPECT_EQ(q.training->size(), 40);
    EXPECT_FALSE(q.test);
    t.write("parts/train.csv", rows);
    t.write("parts/test.csv", rows);
    o.split = parse_split("60/40/0");
    const DataParts r = open_data(t / "parts", o);
    EXPECT_EQ(r.training->size(), 30);
    EXPECT_EQ(r.test->size(), 50);  // its own
    t.write("parts/val.csv", rows);
    const DataParts s = open_data(t / "parts", o);
    EXPECT_EQ(s.training->size(), 50);
    ASSERT_FALSE(s.notes.empty());
    EXPECT_NE(s.notes.back().find("nothing is split"), std::string::npos);
}

TEST(Open, AShareOfNoSampleIsNoPart) {
    TemporaryFolder t;
    const auto notes = [](const DataParts& p, const std::string& part) {
        return std::count(p.notes.begin(), p.notes.end(), cat("too few samples for a ", part, " part: there is none"));
    };
    t.write("small.csv", table(40, {"x", "y"}));
    DataOptions o;
    o.split = parse_split("98/1/1");
    const DataParts small = open_data(t / "small.csv", o);
    EXPECT_EQ(small.training->size(), 40);
    EXPECT_FALSE(small.validation || small.test);
    EXPECT_EQ(notes(small, "validation") + notes(small, "test"), 2);
    EXPECT_EQ(advise_on_split(small).samples[1], 0);
    t.write("single.csv", table(3, {"x", "y", "z"}));  // one sample a class: they stay in training
    t.write("parts/train.csv", table(3, {"x", "y", "z"}));
    t.write("parts/test.csv", table(3, {"x", "y", "z"}));
    const DataParts single = open_data(t / "single.csv", {}), parts = open_data(t / "parts", {});
    EXPECT_EQ(single.training->size(), 3);
    EXPECT_FALSE(single.validation || single.test || parts.validation);
    EXPECT_EQ(parts.test->size(), 3);
    EXPECT_EQ(notes(parts, "validation"), 1);
    EXPECT_EQ(notes(parts, "test"), 0);
    o.split = parse_split("80/20/0");
    EXPECT_EQ(notes(open_data(t / "small.csv", o), "test"), 0);  // none was asked for
}
