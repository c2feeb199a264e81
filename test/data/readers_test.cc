// SPDX-License-Identifier: Apache-2.0
// IDX, gzip, CSV and tar: the good file, the cut file, the lying file.
#include "data/csv.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/tar.h"
#include "helpers.h"

using namespace hone;

namespace {
IdxArray idx(const std::string& s) { return read_idx(in_memory(s), "x-idx"); }
void just_idx(const std::string& s) { idx(s); }
CsvTable csv(const std::string& s) { return parse_csv(in_memory(s).text(), "t.csv"); }
std::vector<TarEntry> tar(const std::string& s) { return read_tar_index(in_memory(s), "a.tar"); }
void just_tar(const std::string& s) { tar(s); }
}  // namespace

TEST(Idx, ReadsPlainAndGzip) {
    const std::string file = make_idx({2, 3}, "abcdef");
    for (const std::string& s : {file, gzip(file), gzip(file) + std::string(5, '\0')}) {
        const IdxArray a = idx(s);
        EXPECT_EQ(a.dims, (Dims{2, 3}));
        EXPECT_EQ(a.values.data<uint8_t>()[5], 'f');
    }
    const IdxArray f = idx(make_idx({1}, from_hex("3fc00000"), 0x0D));
    EXPECT_EQ(f.values.data<float>()[0], 1.5f);
    const IdxArray joined = idx(gzip(file.substr(0, 9)) + gzip(file.substr(9)));
    EXPECT_EQ(joined.values.data<uint8_t>()[5], 'f');
}

TEST(Idx, CutOrFlipped) {
    const std::string file = make_idx({2, 3, 2}, "abcdefghijkl");
    every_cut_is_refused(file, just_idx);
    every_cut_is_refused(gzip(file), just_idx);
    every_flip_is_survived(file, just_idx);
    every_flip_is_survived(gzip(file), just_idx);
}

TEST(Idx, LyingHeaders) {
    const uint32_t most = 0xffffffffu;
    EXPECT_EQ(id_of([&] { idx(make_idx({most, most, most}, "ab")); }), "data.idx.size");
    EXPECT_EQ(id_of([&] { idx(make_idx({most, most}, "ab")); }), "data.idx.size");
    EXPECT_EQ(id_of([&] { idx(make_idx({most}, "ab")); }), "data.idx.truncated");
    EXPECT_EQ(id_of([&] { idx(gzip(make_idx({60000, 28, 28}, "ab"))); }), "data.idx.truncated");
    EXPECT_EQ(id_of([&] { idx(make_idx({0, 3}, "")); }), "data.idx.size");
    EXPECT_EQ(id_of([&] { idx(make_idx({2}, "abc")); }), "data.idx.trailing");
    EXPECT_EQ(id_of([&] { idx("PK\3\4 zip"); }), "data.idx.magic");
    EXPECT_EQ(id_of([&] { idx(make_idx({2}, "ab", 0x0A)); }), "data.idx.magic");
}

TEST(Idx, GzipBombStopsAtTheAnnouncedSize) {
    const std::string bomb = gzip(make_idx({4}, std::string(64 << 20, '\0')));
    ASSERT_LT(bomb.size(), 1u << 20);
    EXPECT_EQ(id_of([&] { idx(bomb); }), "data.idx.trailing");
}

TEST(Gzip, DamageIsTold) {
    std::string s = gzip(make_idx({2, 3}, "abcdef"));
    EXPECT_EQ(id_of([&] { idx(s.substr(0, s.size() - 3)); }), "data.gzip.truncated");
    s[s.size() - 6] = static_cast<char>(s[s.size() - 6] ^ 1);
    EXPECT_EQ(id_of([&] { idx(s); }), "data.gzip.corrupt");
}

TEST(Csv, QuotesBreaksAndBlankLines) {
    const CsvTable t =
        csv("\xEF\xBB\xBF"
            "a, \"b \"\"c\"\"\",label\r\n1,+2.5e1,\"x,y\"\r\n\r\n-3,\"4\",z");
    EXPECT_EQ(t.columns.size(), 2u);
    EXPECT_EQ(t.values, (std::vector<float>{1, 25, -3, 4}));
    EXPECT_EQ(t.labels, (std::vector<std::string>{"x,y", "z"}));
    EXPECT_EQ(csv("label,\"v\nw\"\n1,2\n").columns.at(0), "v\nw");
}

TEST(Csv, MistakesAreNamedWithTheirLine) {
    const auto error = [](const std::string& s) {
        try {
            csv(s);
        } catch (const Error& e) {
            return e;
        }
        return Error(ErrorKind::internal, "none", "", "", "");
    };
    EXPECT_EQ(error("").id, "data.csv.empty");
    EXPECT_EQ(error("a,label\n").id, "data.csv.empty");
    EXPECT_EQ(error("label\n1\n").id, "data.csv.header");
    EXPECT_EQ(error("label,label\n1,2\n").id, "data.csv.header");
    const Error missing = error("a,Labels\n1,2\n");
    EXPECT_EQ(missing.id, "data.csv.label");
    EXPECT_NE(missing.hint.find("Labels"), std::string::npos);
    EXPECT_NE(error("a;label\n1;2\n").hint.find("commas"), std::string::npos);
    const Error number = error("a,label\n1,x\n\n\"q\n\",x\n");
    EXPECT_EQ(number.id, "data.csv.number");
    EXPECT_EQ(number.where, "t.csv, line 4");
    const Error ragged = error("a,label\n\"1\n\",x\n1,2,3\n");
    EXPECT_EQ(ragged.id, "data.csv.number");
    EXPECT_EQ(error("a,label\n1,2,3\n").id, "data.csv.row");
    EXPECT_EQ(error("a,label\n1\n").where, "t.csv, line 2");
    EXPECT_EQ(error("a,label\n,x\n").id, "data.csv.number");
    EXPECT_EQ(error("a,label\nnan,x\n").id, "data.csv.number");
    EXPECT_EQ(error("a,label\n1e99,x\n").id, "data.csv.number");
    EXPECT_EQ(error("a,label\n1,\n").id, "data.csv.row");
    EXPECT_EQ(error("a,label\n\"1,x\n").id, "data.csv.quote");
    EXPECT_EQ(error("a,label\n\"1\"2,x\n").id, "data.csv.quote");
}

TEST(Csv, CutsNeverCrash) {
    const std::string s = "a,\"b\"\"\",label\r\n1,2,\"x\"\n3,4,y\n";
    for (size_t n = 0; n < s.size(); ++n) {
        try {
            csv(s.substr(0, n));
        } catch (const Error& e) {
            ASSERT_EQ(e.kind, ErrorKind::data);
        }
    }
    every_flip_is_survived(s, [](const std::string& t) { csv(t); });
}

TEST(Tar, NamesOfAllKinds) {
    const std::string deep = std::string(120, 'd') + "/x.png";
    std::string prefixed = tar_header("x.png", 1);
    const std::string pax = cat(deep.size() + 10, " path=", deep, "\n");
    ASSERT_EQ(pax.size(), deep.size() + 10);
    const auto entries =
        tar(tar_entry("a/", "", '5') + tar_entry("./a/1.png", "one") + tar_entry("././@LongLink", deep + '\0', 'L') +
            tar_entry("cut", "two") + tar_entry("PaxHeaders/x", pax, 'x') + tar_entry("cut", "three") +
            tar_entry("link", "", '2') + tar_entry("last", std::string(512, 'z')) + tar_end());
    ASSERT_EQ(entries.size(), 4u);
    EXPECT_EQ(entries[0].path, "a/1.png");
    EXPECT_EQ(entries[0].size, 3u);
    EXPECT_EQ(entries[1].path, deep);
    EXPECT_EQ(entries[2].path, deep);
    EXPECT_EQ(entries[2].size, 5u);
    EXPECT_EQ(entries[3].path, "last");
}

TEST(Tar, CutOrFlipped) {
    const std::string file =
        tar_entry("a/1.png", "one") + tar_entry("PaxHeaders/x", "9 path=a\n", 'x') + tar_entry("b", "two");
    every_cut_is_refused(file + std::string(512, '\0'), just_tar);
    every_flip_is_survived(file + tar_end(), just_tar);
}

TEST(Tar, LyingHeaders) {
    EXPECT_EQ(id_of([] { tar(tar_header("a", 07777777777) + tar_end()); }), "data.tar.truncated");
    std::string negative = tar_header("a", 0);
    negative.replace(124, 12, std::string(12, '\xff'));
    EXPECT_EQ(id_of([&] { tar(negative + tar_end()); }), "data.tar.checksum");
    for (const char* pax :
         {"99 path=a\n", "3 =", "0 path=a\n", "12 size=9999\n", "30 size=99999999999999999999999\n", "x", "5 ab\n"})
        EXPECT_NE(id_of([&] { tar(tar_entry("p", pax, 'x') + tar_entry("a", "one") + tar_end()); }), "") << pax;
    EXPECT_EQ(id_of([] { tar(tar_entry("a", "", 'S') + tar_end()); }), "data.tar.unsupported");
}
