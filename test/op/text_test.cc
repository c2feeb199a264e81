// SPDX-License-Identifier: Apache-2.0
// Words normalised, n-grams counted, products accumulated: small cases by hand.
#include "op/run_node.h"

using namespace hone;

namespace {
using Words = std::vector<std::string>;
Words words_of(const Tensor& t) {
    Words out;
    for (int64_t i = 0; i < t.count(); ++i) out.push_back(t.str(i));
    return out;
}
Words normalised(const Words& in, Attributes a) { return words_of(run("StringNormalizer", {Tensor::of_strings(in, {static_cast<int64_t>(in.size())})}, std::move(a))[0]); }
}  // namespace

TEST(StringNormalizer, DropsStopWordsAndChangesCase) {
    const Words days = {"Monday", "tuesday", "monday"};
    EXPECT_EQ(normalised(days, {}), days);
    EXPECT_EQ(normalised(days, {{"stopwords", Words{"monday"}}, {"is_case_sensitive", int64_t{1}}}), (Words{"Monday", "tuesday"}));
    EXPECT_EQ(normalised(days, {{"stopwords", Words{"MONDAY"}}, {"case_change_action", std::string("UPPER")}}), (Words{"TUESDAY"}));
    EXPECT_EQ(normalised({"monday"}, {{"stopwords", Words{"monday"}}}), (Words{""}));
    const Tensor row = run("StringNormalizer", {Tensor::of_strings({"A", "b"}, {1, 2})}, {{"case_change_action", std::string("LOWER")}})[0];
    EXPECT_EQ(row.dims(), (Dims{1, 2}));
    EXPECT_EQ(words_of(row), (Words{"a", "b"}));
    EXPECT_EQ(error_of([] { normalised({"\xc3\x84"}, {{"case_change_action", std::string("LOWER")}}); }), "op.unsupported");
    EXPECT_EQ(error_of([] { normalised({"a"}, {{"case_change_action", std::string("lower")}}); }), "op.invalid");
}

TEST(TfIdfVectorizer, CountsGramsThatMaySkip) {
    Attributes a = {{"mode", std::string("TF")}, {"min_gram_length", int64_t{1}}, {"max_gram_length", int64_t{2}}, {"max_skip_count", int64_t{0}},
                    {"ngram_counts", Ints{0, 2}}, {"ngram_indexes", Ints{1, 0, 3}}, {"pool_int64s", Ints{5, 6, 5, 7}}};
    const Tensor x = of(DType::i64, {5, 6, 7, 5, 7, 5, 5, 7, 5, 7}, {2, 5});
    expect_values(run("TfIdfVectorizer", {x}, a)[0], {2, 4}, {1, 2, 0, 1, 0, 3, 0, 2});
    a["max_skip_count"] = int64_t{1};
    expect_values(run("TfIdfVectorizer", {x}, a)[0], {2, 4}, {1, 2, 0, 2, 0, 3, 0, 3});
    a["mode"] = std::string("TFIDF");
    a["weights"] = std::vector<float>{.5f, 2, 3};
    expect_values(run("TfIdfVectorizer", {x}, a)[0], {2, 4}, {2, 1, 0, 6, 0, 1.5, 0, 9});
    a["mode"] = std::string("IDF");
    expect_values(run("TfIdfVectorizer", {x}, a)[0], {2, 4}, {2, .5, 0, 3, 0, .5, 0, 3});
    a["ngram_counts"] = Ints{0, 3};
    EXPECT_EQ(error_of([&] { run("TfIdfVectorizer", {x}, a); }), "op.invalid");
}

TEST(CumProd, MultipliesAlongTheAxis) {
    const Tensor x = of(DType::i64, {1, 2, 3, 4, 5, 6}, {2, 3}), axis = Tensor::scalar_i64(1);
    expect_values(run("CumProd", {x, axis})[0], {2, 3}, {1, 2, 6, 4, 20, 120});
    expect_values(run("CumProd", {x, axis}, {{"exclusive", int64_t{1}}, {"reverse", int64_t{1}}})[0], {2, 3}, {6, 3, 1, 30, 6, 1});
    expect_values(run("CumProd", {x.cast(DType::f32), Tensor::scalar_i64(0)})[0], {2, 3}, {1, 2, 3, 4, 10, 18});
}
