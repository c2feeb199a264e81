// SPDX-License-Identifier: Apache-2.0
// Lines of labelled text: reading and refusing, vocabularies of the training part alone, encoding, augmentation. The
// golden files are the work of make_text_golden.py, which shares no code with hone.
#include "data/text.h"

#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "data/augment.h"
#include "data/augment/text_kinds.h"
#include "data/corrupt.h"
#include "data/formats.h"
#include "data/loader.h"
#include "data/open.h"
#include "data/sample.h"
#include "data/text_lines.h"
#include "helpers.h"

using namespace hone;

namespace {
std::vector<std::string> cut(const std::string& s, char at) {
    std::vector<std::string> out(1);
    for (const char c : s)
        if (c == at)
            out.emplace_back();
        else
            out.back() += c;
    return out;
}
LabelledTexts golden_texts() { return parse_texts(read_file(source_path("test/data/golden/texts.tsv")), "texts.tsv"); }
Vocabulary golden_vocabulary(TextUnit unit, int64_t size, int64_t least = 1) {
    const LabelledTexts t = golden_texts();
    return build_vocabulary({t.texts.begin(), t.texts.end()}, unit, {size, least});
}
LabelledTexts parse(const std::string& s) { return parse_texts(in_memory(s).text(), "t.tsv"); }
/// 60 texts in two classes; the word "only<i>" is in text i alone.
std::string many(int n = 60) {
    std::string out;
    for (int i = 0; i < n; ++i) out += cat(i % 2 ? "odd" : "even", "\tnumber only", i, i % 2 ? " is odd" : " is even", "\n");
    return out;
}
}  // namespace

TEST(Text, GoldenVocabulariesEncodingsAndEdits) {
    int vocabularies = 0, encodings = 0, edits = 0;
    const std::string all = read_file(source_path("test/data/golden/texts_expected.tsv"));
    const TextEncoder whole{TextUnit::word, 1, golden_vocabulary(TextUnit::word, 20000)};
    for (const std::string& line : cut(all.substr(0, all.size() - 1), '\n')) {
        const std::vector<std::string> cells = cut(line, '\t'), given = cut(cells.at(1), ' ');
        if (cells[0] == "vocabulary") {
            const Vocabulary v = golden_vocabulary(parse_text_unit(given[0]), std::stol(given[1]), std::stol(given[2]));
            EXPECT_EQ(join(v.tokens(), "|"), cells.at(2));
            ++vocabularies;
        } else if (cells[0] == "encode") {
            const TextUnit unit = parse_text_unit(given[0]);
            const TextEncoder e{unit, std::stol(given[1]), golden_vocabulary(unit, 24)};
            std::vector<int64_t> ids(static_cast<size_t>(e.length), -1);
            e.encode(tokens_of(cells.at(2), unit), ids.data());
            std::vector<std::string> shown;
            for (const int64_t id : ids) shown.push_back(cat(id));
            EXPECT_EQ(join(shown, "|"), cells.at(3)) << cells[2];
            ++encodings;
        } else {
            Tokens tokens = tokens_of(cells.at(2), TextUnit::word);
            augment_text(tokens, parse_augmentations(given[0]), {std::stoull(given[1]), std::stoull(given[2]), std::stoull(given[3])}, whole);
            EXPECT_EQ(join(tokens, "|"), cells.at(3)) << cells[1];
            ++edits;
        }
    }
    EXPECT_EQ(vocabularies, 5);
    EXPECT_EQ(encodings, 30);
    EXPECT_EQ(edits, 46);
}

TEST(Text, LinesAreReadOrRefused) {
    const LabelledTexts t = parse("\xEF\xBB\xBFx\tone\r\n\ny\ttwo\tand\n x\t");
    EXPECT_EQ(t.labels, (std::vector<std::string>{"x", "y", " x"}));
    EXPECT_EQ(t.texts, (std::vector<std::string>{"one", "two\tand", ""}));
    EXPECT_EQ(id_of([] { parse(""); }), "data.text.empty");
    EXPECT_EQ(id_of([] { parse("\n\n"); }), "data.text.empty");
    EXPECT_EQ(id_of([] { parse("x one\n"); }), "data.text.row");
    EXPECT_EQ(id_of([] { parse(std::string("x\ta\0b\n", 6)); }), "data.text.utf8");
    EXPECT_EQ(id_of([] { parse("x\tone\n\tno label\n"); }), "data.text.row");
    for (const char* bad : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xFF"})
        EXPECT_EQ(id_of([&] { parse(cat("x\ta", bad, "\n")); }), "data.text.utf8");
    for (const char* good : {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_TRUE(is_utf8(good));
    try {
        parse("x\tone\ny two\n");
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.where, "t.tsv, line 2");
    }
}

TEST(Text, ListsOfNamesAreLinesToo) {
    TemporaryFolder t;
    t.write("names.txt", "\xEF\xBB\xBFone\r\n\ntwo \xC3\xA9\nthree");
    EXPECT_EQ(read_lines(t / "names.txt"), (std::vector<std::string>{"one", "", "two \xC3\xA9", "three"}));
    t.write("names.txt", "");
    EXPECT_TRUE(read_lines(t / "names.txt").empty());
    t.write("names.txt", "one\ncaf\xE9\n");
    EXPECT_EQ(id_and_place_of([&] { read_lines(t / "names.txt"); }), "data.text.utf8 at " + (t / "names.txt, line 2"));
}

TEST(Text, SingleTextsAreLinesToo) {
    TemporaryFolder t;
    DataOptions o;
    o.text.stored = std::make_shared<const TextEncoder>(TextEncoder{TextUnit::word, 2, Vocabulary({"fine", "day"})});
    Preprocess used;
    t.write("in.txt", "\xEF\xBB\xBF" "fine day\r\n\nx\tday\n");
    const std::vector<Sample> samples = load_samples(t / "in.txt", o, {}, {}, &used);
    ASSERT_EQ(samples.size(), 2u);
    EXPECT_EQ(samples[0].x.to_i64(), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(samples[1].x.to_i64(), (std::vector<int64_t>{3, 0}));
    EXPECT_EQ(samples[1].label, "x");
    t.write("in.txt", "fine\nd\xE4y\n");
    EXPECT_EQ(id_of([&] { load_samples(t / "in.txt", o, {}, {}, &used); }), "data.text.utf8");
}

TEST(Text, TheVocabularyIsOfTheTrainingPartAlone) {
    TemporaryFolder t;
    t.write("all.tsv", many());
    DataOptions o;
    o.seed = 4;
    const DataParts p = open_data(t / "all.tsv", o);
    EXPECT_EQ(p.kind, DataKind::text);
    EXPECT_EQ(p.preprocess.kind, DataKind::text);
    EXPECT_EQ(preprocess_from_map(to_map(p.preprocess)), p.preprocess);
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"even", "odd"}));
    ASSERT_TRUE(p.encoder);
    EXPECT_EQ(p.training->size(), 42);
    EXPECT_EQ(p.validation->size(), 6);
    EXPECT_EQ(p.test->size(), 12);
    EXPECT_EQ(p.training->sample_dims(), (Dims{4}));
    const auto unknown = [&](const Dataset& d) {
        int n = 0;
        for (int64_t i = 0; i < d.size(); ++i) {
            int64_t ids[4];
            d.load_ids(i, ids);
            n += ids[1] == Vocabulary::kUnknown;
            EXPECT_GE(ids[0], Vocabulary::kFirst);
        }
        return n;
    };
    EXPECT_EQ(unknown(*p.training), 0);
    EXPECT_EQ(unknown(*p.validation), 6);
    EXPECT_EQ(unknown(*p.test), 12);
    EXPECT_EQ(p.encoder->vocabulary.size(), 2 + 4 + 42);  // number, is, even, odd

    const Tensor x = batch(*p.training, std::vector<int64_t>{3, 1});
    EXPECT_EQ(x.dtype(), DType::i64);
    EXPECT_EQ(x.dims(), (Dims{2, 4}));
    float as_floats[4];
    p.training->load(3, as_floats);
    for (int64_t k = 0; k < 4; ++k) EXPECT_EQ(as_floats[k], static_cast<float>(x.data<int64_t>()[k]));
    EXPECT_FALSE(applies({CorruptionKind::noise, 1}, *p.training));

    // A model's encoder comes back from its map, and is kept.
    DataOptions again;
    again.seed = 99;
    again.text.stored = std::make_shared<const TextEncoder>(text_encoder_from_map(to_map(*p.encoder)));
    t.write("few/test.tsv", many(4));
    EXPECT_EQ(id_of([&] { open_data(t / "few", {}); }), "data.text.vocabulary");
    const DataParts q = open_data(t / "few", again);
    EXPECT_EQ(q.encoder->vocabulary.tokens(), p.encoder->vocabulary.tokens());
    EXPECT_EQ(q.test->size(), 4);
}

TEST(Text, PartsOptionsAndTargets) {
    TemporaryFolder t;
    t.write("parts/train.tsv", many(30));
    t.write("parts/val.txt", "odd\tnumber three\n");
    t.write("parts/test.tsv", "even\tnumber two is\n");
    t.write("parts/readme.txt", "no tabs here\n");
    DataOptions o;
    o.text.length = 3;
    o.text.max_size = 5;
    const DataParts p = open_data(t / "parts", o);
    EXPECT_EQ(p.training->size(), 30);  // none are taken for other parts
    EXPECT_EQ(p.encoder->vocabulary.tokens(), (std::vector<std::string>{"is", "number", "even"}));
    EXPECT_EQ(batch(*p.test, std::vector<int64_t>{0}).to_i64(), (std::vector<int64_t>{3, 1, 2}));
    EXPECT_EQ(batch(*p.validation, std::vector<int64_t>{0}).to_i64(), (std::vector<int64_t>{3, 1, 0}));
    o.text.unit = TextUnit::character;
    o.text.length = {};
    o.text.max_size = {};
    EXPECT_EQ(open_data(t / "parts", o).training->sample_dims(), (Dims{21}));  // "number only10 is even"
    o.text.min_count = 0;
    EXPECT_EQ(id_of([&] { open_data(t / "parts", o); }), "usage.text");
    EXPECT_EQ(id_of([] { parse_text_unit("letter"); }), "usage.text");

    t.write("real.tsv", "0.5\tso so\n1.5\tgood\n1\tfine\n");
    const DataParts r = open_data(t / "real.tsv", {});
    EXPECT_TRUE(r.whole->regression());
    EXPECT_EQ(r.whole->targets().to_f64(), (std::vector<double>{0.5, 1.5, 1}));
    t.write("plain.txt", "nothing to see\n");
    EXPECT_EQ(id_of([&] { open_data(t / "plain.txt", {}); }), "data.format");
    t.write("bad.tsv", "x\tone\nnone\n");
    EXPECT_EQ(id_of([&] { open_data(t / "bad.tsv", {}); }), "data.text.row");
}

TEST(Text, MapsOfEncodersAreChecked) {
    const TextEncoder e{TextUnit::character, 7, Vocabulary({"a", " ", "\xC3\xA9"})};
    const std::map<std::string, std::string> map = to_map(e);
    const TextEncoder back = text_encoder_from_map(map);
    EXPECT_EQ(back.unit, e.unit);
    EXPECT_EQ(back.length, 7);
    EXPECT_EQ(back.vocabulary.tokens(), e.vocabulary.tokens());
    EXPECT_EQ(back.vocabulary.id("\xC3\xA9"), 4);
    for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"schema", "2"}, {"unit", "line"}, {"length", "0"},
             {"length", "7x"}, {"vocabulary", "a\nb\na"}, {"vocabulary", "a\n\nb"}, {"vocabulary", "\xFF"}}) {
        auto bad = map;
        bad[key] = value;
        EXPECT_EQ(id_of([&] { text_encoder_from_map(bad); }), "text.map") << key << " " << value;
        bad.erase(key);
        EXPECT_EQ(id_of([&] { text_encoder_from_map(bad); }), "text.map") << key;
    }
    TextOptions o;
    o.stored = std::make_shared<const TextEncoder>(e);
    o.unit = TextUnit::word;
    EXPECT_EQ(id_of([&] { make_text_encoder({}, o); }), "usage.text");
}

TEST(Text, StopWordsAreSortedSmallWords) {
    const auto all = augment::stop_words();
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    for (const std::string_view w : all) EXPECT_EQ(tokens_of(w, TextUnit::word), Tokens{std::string(w)});
}

TEST(Text, TheLoaderEditsAndNumbers) {
    TemporaryFolder t;
    t.write("all.tsv", many(50));
    const DatasetPtr data = open_data(t / "all.tsv", {}).training;
    LoaderOptions o;
    o.batch = 8;
    o.seed = 3;
    o.augment = parse_augmentations("swap=0.3,replace=0.2,delete=0.1,insert=0.1:p=0.5");
    const auto take = [&](int workers) {
        o.workers = workers;
        Loader loader(data, o);
        std::vector<Batch> out(12);
        for (Batch& b : out) loader.next(b);
        return out;
    };
    const std::vector<Batch> one = take(0), three = take(3);
    int changed = 0;
    for (size_t i = 0; i < one.size(); ++i) {
        EXPECT_EQ(one[i].x.dtype(), DType::i64);
        EXPECT_TRUE(one[i].x.same_bits(three[i].x));
        EXPECT_EQ(one[i].indices, three[i].indices);
        changed += !one[i].x.same_bits(batch(*data, one[i].indices));
    }
    EXPECT_EQ(changed, 12);
    o.augment = {};
    Loader plain(data, o);
    Batch b;
    plain.next(b);
    EXPECT_TRUE(b.x.same_bits(batch(*data, b.indices)));
}

TEST(Text, KindsAreForTheirSamples) {
    TemporaryFolder t;
    t.write("all.tsv", many(20));
    t.write("rows.csv", "a,b,label\n1,2,x\n3,4,y\n5,6,x\n");
    DataOptions characters;
    characters.text.unit = TextUnit::character;
    const DatasetPtr words = open_data(t / "all.tsv", {}).whole, letters = open_data(t / "all.tsv", characters).whole;
    const DatasetPtr rows = open_data(t / "rows.csv", {}).whole;
    const auto id = [](const char* list, const DatasetPtr& d) { return id_of([&] { check_augmentations(parse_augmentations(list), *d); }); };
    EXPECT_EQ(id("insert,delete,swap,replace,stop_words", words), "");
    EXPECT_EQ(id("insert,delete,swap,replace", letters), "");
    EXPECT_EQ(id("stop_words", letters), "usage.augment");
    for (const char* list : {"flip", "mixup"}) EXPECT_EQ(id(list, words), "usage.augment");
    EXPECT_EQ(id("swap", rows), "usage.augment");
    // Nothing to edit, nothing to take words from.
    for (const char* list : {"insert", "delete=1", "swap", "replace=1", "stop_words"}) {
        Tokens none, one{"word"};
        augment_text(none, parse_augmentations(list), {}, {TextUnit::word, 4, Vocabulary()});
        augment_text(one, parse_augmentations(list), {}, {TextUnit::word, 4, Vocabulary()});
        EXPECT_TRUE(none.empty()) << list;
        EXPECT_EQ(one, Tokens{"word"}) << list;
    }
}

TEST(Text, TablesAndFoldersOfTexts) {
    TemporaryFolder t;
    t.write("t.csv", "text,label,note\n\"One, two\nthree\",a,x\nfour,b,y\n\"say \"\"five\"\"\",a,z\n");
    const DataParts p = open_data(t / "t.csv", {});
    EXPECT_EQ(p.kind, DataKind::text);
    EXPECT_EQ(p.class_names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(p.whole->line(0), "One, two three");
    EXPECT_EQ(p.whole->line(2), "say \"five\"");
    EXPECT_EQ(p.whole->labels(), (std::vector<int>{0, 1, 0}));
    ASSERT_FALSE(p.notes.empty());
    EXPECT_NE(p.notes[0].find("note are left out"), std::string::npos);
    t.write("r.csv", "target,text\n0.5,so\n2,fine\n");
    EXPECT_TRUE(open_data(t / "r.csv", {}).whole->regression());
    t.write("r.csv", "text,target\nso,+1\nfine,2\n");
    EXPECT_EQ(open_data(t / "r.csv", {}).whole->targets().to_f64(), (std::vector<double>{1, 2}));
    t.write("r.csv", "text,target\nso,1\nfine,good\n");
    EXPECT_EQ(id_of([&] { open_data(t / "r.csv", {}); }), "data.csv.number");
    t.write("r.csv", "target,text,label\nhigh,so,a\nlow,fine,b\n");  // `label` goes before, as in tables of numbers
    EXPECT_EQ(open_data(t / "r.csv", {}).class_names, (std::vector<std::string>{"a", "b"}));
    t.write("r.csv", "label,text,label\na,so,b\n");
    EXPECT_EQ(id_of([&] { open_data(t / "r.csv", {}); }), "data.csv.header");
    t.write("bad.csv", "label,text\na,one,two\n");
    EXPECT_EQ(id_of([&] { open_data(t / "bad.csv", {}); }), "data.csv.row");
    t.write("bad.csv", "label,text\n ,one\n");
    EXPECT_EQ(id_of([&] { open_data(t / "bad.csv", {}); }), "data.csv.row");
    t.write("bad.csv", "label,text\na,\xff\n");
    EXPECT_EQ(id_of([&] { open_data(t / "bad.csv", {}); }), "data.csv.utf8");
    t.write("bad.csv", "label,text\n");
    EXPECT_EQ(id_of([&] { open_data(t / "bad.csv", {}); }), "data.csv.empty");

    t.write("folders/train/good/1.txt", "\xEF\xBB\xBFvery\r\nfine\n");
    t.write("folders/train/good/2.txt", "fine");
    t.write("folders/train/good/about.md", "left out");
    t.write("folders/train/poor/1.txt", "not fine");
    t.write("folders/test/poor/9.txt", "not that");
    const DataParts f = open_data(t / "folders", {});
    EXPECT_EQ(f.kind, DataKind::text);
    EXPECT_EQ(f.class_names, (std::vector<std::string>{"good", "poor"}));
    EXPECT_TRUE(f.gave_training && f.gave_test);
    EXPECT_EQ(f.test->line(0), "not that");
    std::vector<std::string> lines;
    for (const DatasetPtr& d : {f.training, f.validation})
        for (int64_t i = 0; d && i < d->size(); ++i) lines.push_back(d->line(i));
    std::sort(lines.begin(), lines.end());
    EXPECT_EQ(lines, (std::vector<std::string>{"fine", "not fine", "very  fine"}));
    t.write("folders/train/poor/2.txt", "\xff");
    EXPECT_EQ(id_of([&] { open_data(t / "folders", {}); }), "data.text.utf8");
}
