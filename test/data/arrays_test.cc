// SPDX-License-Identifier: Apache-2.0
// NPY, NPZ and CIFAR files: the good file, the cut file, the lying file; and as data sets.
#include "data/cifar.h"
#include "data/npy.h"
#include "data/open.h"
#include "data/zip.h"
#include "helpers.h"

using namespace hone;

namespace {
std::string little_endian(uint64_t v, int width) {
    std::string s;
    for (int i = 0; i < width; ++i) s += static_cast<char>(i < 8 ? v >> 8 * i : 0);
    return s;
}

std::string npy(const std::string& type, const std::string& shape, const std::string& bytes, bool fortran = false,
                char version = 1) {
    std::string header = cat("{'descr': '", type, "', 'fortran_order': ", fortran ? "True" : "False", ", 'shape': ", shape, ", }");
    header += std::string(63 - (header.size() + (version == 1 ? 10 : 12)) % 64, ' ') + "\n";
    return std::string("\x93NUMPY") + version + '\0' + little_endian(header.size(), version == 1 ? 2 : 4) + header + bytes;
}

struct Member {
    std::string name, bytes;
    bool deflated = false;
};
/// As numpy.savez writes it: local headers with a zip64 field; with `zip64` the directory's numbers are there too.
std::string zip(const std::vector<Member>& members, bool zip64 = false) {
    std::string out, directory;
    for (const Member& m : members) {
        std::string packed = m.bytes;
        if (m.deflated) {
            const std::string g = gzip(m.bytes);
            packed = g.substr(10, g.size() - 18);
        }
        const auto crc = crc32(0, reinterpret_cast<const Bytef*>(m.bytes.data()), static_cast<uInt>(m.bytes.size()));
        const size_t at = out.size();
        const uint64_t none = 0xFFFFFFFF;
        const std::string common = little_endian(0, 2) + little_endian(m.deflated ? 8 : 0, 2) + little_endian(0, 4) +
                                   little_endian(crc, 4);
        out += "PK\3\4" + little_endian(45, 2) + common + little_endian(none, 4) + little_endian(none, 4) +
               little_endian(m.name.size(), 2) + little_endian(20, 2) + m.name + little_endian(1, 2) + little_endian(16, 2) +
               little_endian(m.bytes.size(), 8) + little_endian(packed.size(), 8) + packed;
        std::string extra;
        if (zip64)
            extra = little_endian(1, 2) + little_endian(24, 2) + little_endian(m.bytes.size(), 8) +
                    little_endian(packed.size(), 8) + little_endian(at, 8);
        directory += "PK\1\2" + little_endian(45, 2) + little_endian(45, 2) + common +
                     little_endian(zip64 ? none : packed.size(), 4) + little_endian(zip64 ? none : m.bytes.size(), 4) +
                     little_endian(m.name.size(), 2) + little_endian(extra.size(), 2) + little_endian(0, 10) +
                     little_endian(zip64 ? none : at, 4) + m.name + extra;
    }
    const size_t at = out.size();
    out += directory;
    if (zip64) {
        const size_t end64 = out.size();
        out += "PK\6\6" + little_endian(44, 8) + little_endian(45, 4) + little_endian(0, 8) +
               little_endian(members.size(), 8) + little_endian(members.size(), 8) + little_endian(directory.size(), 8) +
               little_endian(at, 8);
        out += "PK\6\7" + little_endian(0, 4) + little_endian(end64, 8) + little_endian(1, 4);
    }
    const uint64_t count = zip64 ? 0xFFFF : members.size();
    return out + "PK\5\6" + little_endian(0, 4) + little_endian(count, 2) + little_endian(count, 2) +
           little_endian(zip64 ? 0xFFFFFFFF : directory.size(), 4) + little_endian(zip64 ? 0xFFFFFFFF : at, 4) +
           little_endian(0, 2);
}

Tensor read(const std::string& s) {
    const MappedFile m = in_memory(s);
    MemorySource in(bytes_of(m), m.size);
    return read_npy(in, "x.npy");
}
void just_read(const std::string& s) { read(s); }
void read_all_of_zip(const std::string& s) {
    const MappedFile m = in_memory(s);
    for (const ZipEntry& e : read_zip_index(bytes_of(m), m.size, "a.npz")) {
        ZipReader in(bytes_of(m), m.size, e, "a.npz:" + e.name);
        read_npy(in, e.name);
    }
}
std::string bytes_in(std::initializer_list<int> v) {
    std::string s;
    for (const int b : v) s += static_cast<char>(b);
    return s;
}
}  // namespace

TEST(Npy, TypesAndByteOrders) {
    struct Case {
        const char* type;
        std::string bytes;
        double first, second;
    };
    const Case cases[] = {{"|u1", bytes_in({7, 255}), 7, 255},
                          {"|i1", bytes_in({7, 255}), 7, -1},
                          {"|b1", bytes_in({0, 1}), 0, 1},
                          {"<i2", from_hex("0100feff"), 1, -2},
                          {">i2", from_hex("0001fffe"), 1, -2},
                          {"<u2", from_hex("0100feff"), 1, 65534},
                          {">i4", from_hex("00010000fffffffe"), 65536, -2},
                          {"<u4", from_hex("00000001feffffff"), 16777216, 4294967294.0},
                          {"<i8", from_hex("0300000000000000ffffffffffffffff"), 3, -1},
                          {">u8", from_hex("00000000000000030000000000000004"), 3, 4},
                          {"<f2", from_hex("003e00c0"), 1.5, -2},
                          {">f2", from_hex("3e00c000"), 1.5, -2},
                          {"<f4", from_hex("0000c03f000000c0"), 1.5, -2},
                          {">f4", from_hex("3fc00000c0000000"), 1.5, -2},
                          {"=f4", from_hex("0000c03f000000c0"), 1.5, -2},
                          {"<f8", from_hex("000000000000f83f00000000000000c0"), 1.5, -2},
                          {">f8", from_hex("3ff8000000000000c000000000000000"), 1.5, -2}};
    for (const Case& c : cases)
        for (const char version : {1, 2, 3}) {
            const Tensor t = read(npy(c.type, "(2,)", c.bytes, false, version));
            ASSERT_EQ(t.dims(), (Dims{2})) << c.type;
            EXPECT_EQ(t.at(0), c.first) << c.type;
            EXPECT_EQ(t.at(1), c.second) << c.type;
        }
    EXPECT_EQ(read(npy("|u1", "()", "a")).dims(), Dims{});
    EXPECT_EQ(read(npy("|u1", "(2L, 1L)", "ab")).dims(), (Dims{2, 1}));  // Python 2
    EXPECT_EQ(read(npy("|b1", "(1,)", bytes_in({2}))).at(0), 1);
}

TEST(Npy, FortranOrderIsTurned) {
    // a[i][j][k] = 12 i + 4 j + k of shape (2, 3, 4), written first axis fastest.
    std::string bytes;
    for (int k = 0; k < 4; ++k)
        for (int j = 0; j < 3; ++j)
            for (int i = 0; i < 2; ++i) bytes += little_endian(static_cast<uint64_t>(12 * i + 4 * j + k), 2);
    const Tensor t = read(npy("<i2", "(2, 3, 4)", bytes, true));
    for (int64_t i = 0; i < 24; ++i) ASSERT_EQ(t.at_int(i), i);
    EXPECT_EQ(read(npy("|u1", "(3,)", "abc", true)).at_int(2), 'c');
}

TEST(Npy, Texts) {
    const Tensor s = read(npy("|S3", "(3,)", std::string("cat") + "ox" + '\0' + std::string(3, '\0')));
    EXPECT_EQ(s.str(0), "cat");
    EXPECT_EQ(s.str(1), "ox");
    EXPECT_EQ(s.str(2), "");
    const std::string wide = little_endian('a', 4) + little_endian(0xE9, 4) + little_endian(0x20AC, 4) + little_endian(0x1F600, 4);
    EXPECT_EQ(read(npy("<U2", "(2,)", wide)).str(1), "\xe2\x82\xac\xf0\x9f\x98\x80");
    EXPECT_EQ(read(npy("<U4", "(1,)", wide)).str(0), "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    EXPECT_EQ(read(npy(">U1", "(1,)", from_hex("0000d800"))).str(0), "\xef\xbf\xbd");  // half of a pair
}

TEST(Npy, CutOrFlipped) {
    for (const std::string& file : {npy("<f4", "(2, 1)", from_hex("0000c03f000000c0")), npy(">U1", "(2,)", from_hex("0000006100000062"), true, 2),
                                    npy("|u1", "(2, 3)", "abcdef", true)}) {
        every_cut_is_refused(file, just_read);
        every_flip_is_survived(file, just_read);
    }
}

TEST(Npy, WhatIsNotNumPysIsRefused) {
    EXPECT_EQ(id_of([] { read("PK\3\4 zip."); }), "data.npy.magic");
    EXPECT_EQ(id_of([] { read(""); }), "data.npy.truncated");
    EXPECT_EQ(id_of([] { read(npy("<f4", "(1,)", "abcd", false, 4)); }), "data.npy.version");
    for (const char* type : {"|O", "|O8", "<c8", "<M8[s]", "|V4", "<f16", "<i3", "x", "", "<f", "<f4x", "f4", "<S99999999", "<f-4"})
        EXPECT_EQ(id_of([&] { read(npy(type, "(1,)", "abcd")); }), "data.npy.type") << type;
    const std::string record = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }";
    EXPECT_EQ(id_of([&] { read(std::string("\x93NUMPY\1\0", 8) + little_endian(record.size(), 2) + record + "abcd"); }),
              "data.npy.type");
    EXPECT_EQ(id_of([] { read(npy("|u1", "(1,)", "ab")); }), "data.npy.trailing");
    EXPECT_EQ(id_of([] { read(npy("|u1", "(3,)", "ab")); }), "data.npy.truncated");
    EXPECT_EQ(id_of([] { read(npy("|u1", "(0,)", "")); }), "data.npy.size");
    EXPECT_EQ(id_of([] { read(npy("|u1", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "a")); }), "data.npy.size");
    EXPECT_EQ(id_of([] { read(npy("<f8", "(4611686018427387904, 4)", "a")); }), "data.npy.size");
    EXPECT_EQ(id_of([] { read(npy("<f8", "(100000000000,)", "a")); }), "data.npy.truncated");
    for (const char* shape : {"(-1,)", "(1", "1,", "(1,,)", "(99999999999999999999,)", "[1]", "(a,)", "(1,) 'x'"})
        EXPECT_EQ(id_of([&] { read(npy("|u1", shape, "a")); }), "data.npy.header") << shape;
    const auto header = [](const std::string& h) {
        return id_of([&] { read(std::string("\x93NUMPY\1\0", 8) + little_endian(h.size(), 2) + h + "a"); });
    };
    EXPECT_EQ(header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}"), "");
    EXPECT_EQ(header("{'descr': '|u1', 'shape': (1,)}"), "data.npy.header");
    EXPECT_EQ(header("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}"), "data.npy.header");
    EXPECT_EQ(header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}"), "data.npy.header");
    EXPECT_EQ(header("{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}"), "data.npy.header");
    EXPECT_EQ(header("{'descr': '|u\\x31', 'fortran_order': False, 'shape': (1,)}"), "data.npy.header");
    EXPECT_EQ(header("{} "), "data.npy.header");
    EXPECT_EQ(header(""), "data.npy.header");
    EXPECT_EQ(id_of([] { read(std::string("\x93NUMPY\2\0", 8) + little_endian(0xFFFFFFFF, 4)); }), "data.npy.header");
}

TEST(Zip, StoredDeflatedAndZip64) {
    const std::string x = npy("<i2", "(300,)", std::string(600, 'q')), y = npy("|u1", "(2,)", "ab");
    for (const bool zip64 : {false, true}) {
        const std::string file = zip({{"x.npy", x, true}, {"y.npy", y, false}}, zip64);
        for (const std::string& s : {file, file.substr(0, file.size() - 2) + little_endian(3, 2) + "PK!"}) {
            const MappedFile m = in_memory(s);
            const std::vector<ZipEntry> entries = read_zip_index(bytes_of(m), m.size, "a.npz");
            ASSERT_EQ(entries.size(), 2u);
            EXPECT_EQ(entries[0].name, "x.npy");
            ZipReader in(bytes_of(m), m.size, entries[0], "x");
            EXPECT_EQ(read_npy(in, "x").at_int(299), 0x7171);
            ZipReader second(bytes_of(m), m.size, entries[1], "y");
            EXPECT_EQ(read_npy(second, "y").at_int(1), 'b');
        }
    }
}

TEST(Zip, CutOrFlipped) {
    const std::string x = npy("|u1", "(9, 2)", "abcdefghijklmnopqr"), y = npy("|S1", "(2,)", "ab");
    for (const bool zip64 : {false, true}) {
        const std::string file = zip({{"x.npy", x, true}, {"y.npy", y, false}}, zip64);
        every_cut_is_refused(file, read_all_of_zip);
        every_flip_is_survived(file, read_all_of_zip);
    }
}

TEST(Zip, LyingDirectories) {
    const std::string x = npy("|u1", "(2,)", "ab"), file = zip({{"x.npy", x, false}}), deflated = zip({{"x.npy", x, true}});
    const size_t directory = file.find("PK\1\2"), end = file.find("PK\5\6"), packed = deflated.find("PK\1\2");
    const auto with = [](std::string s, size_t at, const std::string& bytes) { return s.replace(at, bytes.size(), bytes); };
    const auto id = [](const std::string& s) { return id_of([&] { read_all_of_zip(s); }); };
    EXPECT_EQ(id(with(file, end + 16, little_endian(0xFFFFFFF0, 4))), "data.zip.truncated");
    EXPECT_EQ(id(with(file, end + 10, little_endian(0xFFFE, 2))), "data.zip.corrupt");
    EXPECT_EQ(id(with(file, directory + 8, little_endian(1, 2))), "data.zip.encrypted");
    EXPECT_EQ(id(with(file, directory + 10, little_endian(12, 2))), "data.zip.method");
    EXPECT_EQ(id(with(file, directory + 16, little_endian(1, 4))), "data.zip.corrupt");               // checksum
    EXPECT_EQ(id(with(file, directory + 20, little_endian(0xFFFFFFF0, 4))), "data.zip.truncated");    // packed
    EXPECT_EQ(id(with(file, directory + 24, little_endian(0xFFFFFFF0, 4))), "data.zip.corrupt");      // size
    EXPECT_EQ(id(with(file, directory + 42, little_endian(0xFFFFFFF0, 4))), "data.zip.truncated");    // offset
    EXPECT_EQ(id(with(file, directory + 20, little_endian(0xFFFFFFFF, 4))), "data.zip.truncated");    // no zip64 field
    EXPECT_EQ(id(with(file, directory + 28, little_endian(0xFFFF, 2))), "data.zip.corrupt");          // name
    EXPECT_EQ(id(with(deflated, packed + 24, little_endian(1, 4))), "data.zip.corrupt");
    EXPECT_EQ(id(with(deflated, packed + 24, little_endian(0xFFFFFFF0, 4))), "data.npy.trailing");
    EXPECT_EQ(id("PK\3\4"), "data.zip.format");
    const std::string bomb = zip({{"x.npy", npy("|u1", "(2,)", "ab") + std::string(64 << 20, '\0'), true}});
    ASSERT_LT(bomb.size(), 1u << 20);
    EXPECT_EQ(id(bomb), "data.npy.trailing");
}

TEST(Npz, PicturesAndClasses) {
    TemporaryFolder t;
    const std::string x = npy("|u1", "(20, 2, 3)", std::string(120, 51)), y = npy("<i8", "(20,)", [] {
        std::string s;
        for (int i = 0; i < 20; ++i) s += little_endian(static_cast<uint64_t>(i % 4 == 3), 8);
        return s;
    }());
    t.write("d.npz", zip({{"x.npy", x, true}, {"y.npy", y, false}, {"other.npy", y, false}}));
    const DataParts p = open_data(t / "d.npz", {});
    EXPECT_EQ(p.kind, DataKind::image);
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(p.whole->size(), 20);
    EXPECT_EQ(p.whole->sample_dims(), (Dims{1, 2, 3}));
    EXPECT_EQ(p.whole->label(7), 1);
    EXPECT_EQ(batch(*p.whole, std::vector<int64_t>{3}).data<float>()[5], 0.2f);
    // The same as two files, given by the folder or by the samples.
    t.write("pair/X.npy", x);
    t.write("pair/y.npy", y);
    for (const std::string& where : {t / "pair", t / "pair/X.npy"})
        EXPECT_EQ(open_data(where, {}).whole->hash(), p.whole->hash()) << where;
}

TEST(Npz, NamedPartsAndTheirNames) {
    TemporaryFolder t;
    const std::string x = npy("<f4", "(2, 2)", from_hex("0000c03f000000c00000c03f000000c0")), y = npy("<U3", "(2,)", [] {
        std::string s;
        for (const char c : {'o', 'x', '\0', 'c', 'a', 't'}) s += little_endian(static_cast<uint64_t>(c), 4);
        return s;
    }());
    const std::vector<std::pair<std::string, std::string>> names[] = {
        {{"x_train", "y_train"}, {"x_test", "y_test"}},
        {{"train_images", "train_labels"}, {"test_images", "test_labels"}, {"val_images", "val_labels"}},
        {{"Data-train", "Target-train"}, {"Data-test", "Target-test"}}};
    for (const auto& pairs : names) {
        std::vector<Member> members;
        TemporaryFolder folder;
        for (const auto& [a, b] : pairs) {
            members.push_back({a + ".npy", x, false});
            members.push_back({b + ".npy", y, true});
            folder.write(a + ".npy", x);
            folder.write(b + ".npy", y);
        }
        t.write("d.npz", zip(members));
        for (const std::string& where : {t / "d.npz", folder.path()}) {
            const DataParts p = open_data(where, {});
            EXPECT_TRUE(p.gave_training && p.gave_test) << where;
            EXPECT_EQ(p.gave_validation, pairs.size() == 3);
            EXPECT_EQ(p.test->size(), 2);
            EXPECT_EQ(p.class_names, (std::vector<std::string>{"cat", "ox"}));
            EXPECT_EQ(p.test->label(0), 1);
            EXPECT_EQ(batch(*p.test, std::vector<int64_t>{0}).data<float>()[1], -2.f);
        }
    }
    TemporaryFolder parts;
    parts.write("train.npz", zip({{"x.npy", x, false}, {"y.npy", y, false}}));
    parts.write("test.npz", zip({{"x.npy", x, false}, {"y.npy", y, false}}));
    EXPECT_EQ(open_data(parts.path(), {}).test->size(), 2);
    TemporaryFolder folders;
    folders.write("train/x.npy", x);
    folders.write("train/y.npy", y);
    folders.write("validation/x.npy", x);
    folders.write("validation/y.npy", y);
    EXPECT_EQ(open_data(folders.path(), {}).validation->size(), 2);
}

TEST(Npz, Answers) {
    TemporaryFolder t;
    const std::string x = npy("|i1", "(4, 2)", "abcdefgh");
    const auto open = [&](const std::string& y) {
        t.write("d.npz", zip({{"x.npy", x, false}, {"y.npy", y, false}}));
        return open_data(t / "d.npz", {}).whole;
    };
    EXPECT_EQ(open(npy("|i1", "(4, 1)", bytes_in({0, 2, 1, 2})))->labels(), (std::vector<int>{0, 2, 1, 2}));
    EXPECT_EQ(open(npy("|b1", "(4,)", bytes_in({0, 1, 1, 0})))->class_names(), (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(open(npy("|i1", "(4,)", bytes_in({-1, 1, 1, -1})))->labels(), (std::vector<int>{0, 1, 1, 0}));
    EXPECT_EQ(open(npy("<f4", "(4,)", from_hex("000000000000803f0000004000000040")))->labels(),
              (std::vector<int>{0, 1, 2, 2}));
    EXPECT_EQ(open(npy("|u1", "(4, 3)", bytes_in({0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0})))->labels(),
              (std::vector<int>{1, 0, 2, 1}));
    const DatasetPtr r = open(npy("<f4", "(4,)", from_hex("0000003f0000803f0000004000000040")));
    ASSERT_TRUE(r->regression());
    EXPECT_EQ(r->targets().dims(), (Dims{4, 1}));
    EXPECT_EQ(r->targets().at(0), 0.5);
    EXPECT_EQ(r->labels(), (std::vector<int>{0, 0, 0, 0}));
    const DatasetPtr two = open(npy("<f2", "(4, 2)", from_hex("003e00c0003e00c0003e00c0003e00c0")));
    EXPECT_EQ(two->targets().dims(), (Dims{4, 2}));
    EXPECT_NE(two->hash(), r->hash());
    const auto id = [&](const std::string& y) { return id_of([&] { open(y); }); };
    EXPECT_EQ(id(npy("|i1", "(3,)", "abc")), "data.npy.count");
    EXPECT_EQ(id(npy("|i1", "(4,)", bytes_in({0, 1, 2, -1}))), "data.npy.label");
    EXPECT_EQ(id(npy("<i4", "(4,)", std::string(16, '\x7f'))), "data.npy.label");
    EXPECT_EQ(id(npy("|u1", "(4, 2)", bytes_in({0, 1, 1, 1, 0, 0, 1, 0}))), "data.npy.label");
    EXPECT_EQ(id(npy("<f4", "(4,)", from_hex("0000c07f0000803f0000004000000040"))), "data.npy.label");
    EXPECT_EQ(id(npy("|u1", "(4, 1, 1)", "abcd")), "data.npy.label");
    EXPECT_EQ(id(npy("|S1", "(4,)", std::string("abc") + '\0')), "data.npy.label");
}

TEST(Npz, ATargetIsANumberToPredict) {
    TemporaryFolder t;
    const std::string x = npy("|i1", "(4, 2)", "abcdefgh");
    const std::string prices = npy("<i8", "(4,)", little_endian(70000, 8) + little_endian(3, 8) + little_endian(250000, 8) + little_endian(4, 8));
    const auto open = [&](const std::string& name, const std::string& y) {
        t.write("d.npz", zip({{"x.npy", x, false}, {name + ".npy", y, false}}));
        return open_data(t / "d.npz", {});
    };
    for (const char* name : {"target", "Targets"}) {
        const DataParts p = open(name, prices);
        ASSERT_TRUE(p.whole->regression()) << name;
        EXPECT_EQ(p.whole->targets().to_f64(), (std::vector<double>{70000, 3, 250000, 4}));
        EXPECT_NE(p.notes.front().find("whole numbers"), std::string::npos);
        const DatasetPtr two = open(name, npy("<f4", "(4, 2)", from_hex("000000000000803f0000803f00000000000000000000803f0000803f00000000"))).whole;
        ASSERT_TRUE(two->regression()) << name;
        EXPECT_EQ(two->targets().dims(), (Dims{4, 2}));
        EXPECT_FALSE(open(name, npy("|S1", "(4,)", "abba")).whole->regression());  // no numbers
        EXPECT_EQ(id_of([&] { open(name, npy("<f4", "(4,)", from_hex("0000c07f0000803f0000004000000040"))); }), "data.npy.label");
    }
    t.write("pair/x.npy", x);
    t.write("pair/target.npy", prices);
    EXPECT_TRUE(open_data(t / "pair", {}).whole->regression());
    EXPECT_FALSE(open("y", npy("<f4", "(4,)", from_hex("000000000000803f0000004000000040"))).whole->regression());
    try {
        open("y", prices);
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "data.npy.label");
        EXPECT_NE(e.hint.find("`target`"), std::string::npos);
    }
}

TEST(Npz, ClearErrors) {
    TemporaryFolder t;
    const std::string x = npy("<f4", "(1, 2)", from_hex("0000c07f000000c0")), y = npy("|u1", "(1,)", "\1");
    const auto id = [&](const std::vector<Member>& members) {
        t.write("d.npz", zip(members));
        return id_of([&] { open_data(t / "d.npz", {}); });
    };
    EXPECT_EQ(id({{"x.npy", x, false}, {"y.npy", y, false}}), "data.npy.number");
    EXPECT_EQ(id({{"x.npy", x, false}}), "data.absent");
    EXPECT_EQ(id({{"a.npy", x, false}, {"b.npy", y, false}}), "data.format");
    EXPECT_EQ(id({}), "data.format");
    EXPECT_EQ(id({{"x.npy", x, false}, {"y.npy", y, false}, {"labels.npy", y, false}}), "data.format");
    EXPECT_EQ(id({{"x.npy", npy("|u1", "(1,)", "a"), false}, {"y.npy", y, false}}), "data.npy.size");
    EXPECT_EQ(id({{"x.npy", npy("|S1", "(1, 1)", "a"), false}, {"y.npy", y, false}}), "data.npy.size");
    EXPECT_EQ(id({{"x.npy", npy("|u1", "(1, 2, 2, 2)", "abcdefgh"), false}, {"y.npy", y, false}}), "data.npy.size");
    EXPECT_EQ(id({{"x.npy", npy("|u1", "(1, 2, 2, 1)", "abcd"), false}, {"y.npy", y, false}}), "");
    EXPECT_EQ(id({{"x.npy", npy("|u1", "(1, 1, 2, 3)", "abcdef"), false}, {"y.npy", y, false}}), "");
    // A model of one channel takes [N,H,W].
    t.write("d.npz", zip({{"x.npy", npy("<f4", "(2, 1, 2)", std::string(16, '\0')), false}, {"y.npy", npy("|u1", "(2,)", bytes_in({0, 1})), false}}));
    DataOptions grey;
    EXPECT_EQ(open_data(t / "d.npz", grey).whole->sample_dims(), (Dims{1, 2}));
    grey.channels = grey.height = 1;
    grey.width = 2;
    EXPECT_EQ(open_data(t / "d.npz", grey).whole->sample_dims(), (Dims{1, 1, 2}));
    t.write("lonely/x.npy", x);
    EXPECT_EQ(id_of([&] { open_data(t / "lonely/x.npy", {}); }), "data.absent");
}

TEST(Cifar, TenAndAHundred) {
    TemporaryFolder t;
    const auto record = [](int label, int r, int g, int b) {
        return bytes_in({label}) + std::string(1024, static_cast<char>(r)) + std::string(1024, static_cast<char>(g)) +
               std::string(1024, static_cast<char>(b));
    };
    std::string names;
    for (const char* n : {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"})
        names += std::string(n) + "\r\n";
    for (int i = 1; i <= 3; ++i) {
        std::string batch;
        for (int k = 0; k < 20; ++k) batch += record(k % 10, i, k, 255);
        t.write(cat("ten/data_batch_", i, ".bin"), batch);
    }
    t.write("ten/test_batch.bin", record(3, 51, 102, 255) + record(9, 0, 0, 0));
    t.write("ten/batches.meta.txt", names + "\n");
    DataParts p = open_data(t / "ten", {});
    EXPECT_EQ(p.training->size() + p.validation->size(), 60);
    EXPECT_EQ(p.test->size(), 2);
    EXPECT_EQ(p.class_names[9], "truck");
    EXPECT_EQ(p.test->label(1), 9);
    EXPECT_EQ(p.test->sample_dims(), (Dims{3, 32, 32}));
    const Tensor x = batch(*p.test, std::vector<int64_t>{0});
    EXPECT_EQ(x.data<float>()[0], 0.2f);
    EXPECT_EQ(x.data<float>()[1024], 0.4f);
    EXPECT_EQ(x.data<float>()[3071], 1.f);
    DataOptions small;
    small.preprocess.resize = ImageSize{16, 16};
    EXPECT_EQ(batch(*open_data(t / "ten", small).test, std::vector<int64_t>{0}).data<float>()[256], 0.4f);
    EXPECT_EQ(open_data(t / "ten/data_batch_2.bin", {}).whole->size(), 20);

    t.write("hundred/train.bin", bytes_in({19}) + record(99, 1, 2, 3) + bytes_in({4}) + record(0, 1, 2, 3));
    t.write("hundred/test.bin", bytes_in({7}) + record(42, 51, 2, 3));
    p = open_data(t / "hundred", {});
    EXPECT_EQ(p.class_names.size(), 100u);
    EXPECT_EQ(p.test->label(0), 42);
    EXPECT_EQ(batch(*p.test, std::vector<int64_t>{0}).data<float>()[1023], 0.2f);
    EXPECT_NE(p.test->origin(0).find("test.bin, record 0"), std::string::npos);

    t.write("ten/test_batch.bin", record(10, 0, 0, 0));
    EXPECT_EQ(id_of([&] { open_data(t / "ten", {}); }), "data.cifar.label");
    t.write("ten/test_batch.bin", record(1, 0, 0, 0) + "x");
    EXPECT_EQ(id_of([&] { open_data(t / "ten", {}); }), "data.cifar.size");
}

TEST(Cifar, CutOrFlipped) {
    const auto just = [](const std::string& s) {
        const CifarFile f = read_cifar(in_memory(s), 10, "b.bin");
        for (size_t i = 0; i < f.labels.size(); ++i) ASSERT_LT(f.pixels(i)[3071], 256);
    };
    const std::string file(3073, '\1');
    for (size_t n = 0; n < file.size(); n += 97) EXPECT_EQ(id_of([&] { just(file.substr(0, n)); }), "data.cifar.size");
    for (int bit = 0; bit < 8; ++bit) {
        std::string s = file;
        s[0] = static_cast<char>(1 ^ (1 << bit));
        EXPECT_EQ(id_of([&] { just(s); }), bit < 3 ? "" : bit == 3 ? "" : "data.cifar.label") << bit;
    }
}

TEST(Csv, RealNumbersAreTargets) {
    TemporaryFolder t;
    t.write("train.csv", "a,label\n1,0.5\n2,1\n3,-2e1\n4,7\n5,8\n6,9\n7,1.25\n8,3\n9,4\n10,5\n");
    t.write("test.csv", "a,label\n1,3\n2,4\n");  // whole ones, but of the same kind
    const DataParts p = open_data(t.path(), {});
    ASSERT_TRUE(p.test->regression());
    EXPECT_EQ(p.test->targets().at(1), 4);
    EXPECT_EQ(p.training->size(), 9);
    EXPECT_EQ(p.training->targets().dims(), (Dims{9, 1}));
    double sum = 0;
    for (const DatasetPtr& d : {p.training, p.validation})
        for (int64_t i = 0; i < d->size(); ++i) sum += d->targets().at(i);
    EXPECT_EQ(sum, 18.75);
    ASSERT_FALSE(p.notes.empty());
    t.write("named.csv", "target,a\n3,1\n+4,2\n");
    EXPECT_EQ(open_data(t / "named.csv", {}).whole->targets().at(1), 4);
    t.write("named.csv", "target,a\nlow,1\n4,2\n");
    EXPECT_EQ(id_of([&] { open_data(t / "named.csv", {}); }), "data.csv.number");
    t.write("whole.csv", "a,label\n1,3\n2,4\n");
    EXPECT_FALSE(open_data(t / "whole.csv", {}).whole->regression());
    t.write("mixed.csv", "a,label\n1,3.5\n2,high\n");
    EXPECT_FALSE(open_data(t / "mixed.csv", {}).whole->regression());
    t.write("test.csv", "a,label\n1,cat\n2,ox\n");
    EXPECT_EQ(id_of([&] { open_data(t.path(), {}); }), "data.targets");
}
