// SPDX-License-Identifier: Apache-2.0
// A model of word numbers is evaluated on a data set of texts; the types of model and samples have to be the same.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/open.h"
#include "eval/evaluate.h"
#include "op/builder.h"
#include "support.h"

using namespace hone;

TEST(TextEvaluation, AnEmbeddingModelAnswersTexts) {
    const std::string file = (std::filesystem::temp_directory_path() / cat("hone_text_", ::getpid(), ".tsv")).string();
    {
        std::ofstream out(file);
        for (int i = 0; i < 70; ++i) out << (i % 3 ? "good\tit is a fine day" : "bad\tit is a dull day, no sun") << "\n";
    }
    const DataParts p = open_data(file, {});
    std::filesystem::remove(file);
    // Scores are sums over the words: `fine` speaks for class 1, `dull` for class 0.
    const Vocabulary& v = p.encoder->vocabulary;
    Tensor table = Tensor::zeros(DType::f32, {v.size(), 2});
    table.data<float>()[2 * v.id("dull")] = 1;
    table.data<float>()[2 * v.id("fine") + 1] = 1;
    Graph g;
    const ValueId ids = g.add_input("ids", TypeInfo::tensor(DType::i64, {Dim::named("N"), p.encoder->length}));
    Builder b(g);
    g.outputs = {b.sum(b.node("Gather", {b.constant(table), ids}), {1}, false)};
    for (const DatasetPtr& part : {p.training, p.test}) {
        const eval::Answers a = eval::evaluate(g, *part, {.threads = 2});
        EXPECT_EQ(a.top1(), 1.0) << part->description();
        EXPECT_EQ(static_cast<int64_t>(a.predicted.size()), part->size());
    }
    Graph floats;
    const ValueId x = floats.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), p.encoder->length}));
    floats.outputs = {Builder(floats).neg(x)};
    try {
        eval::evaluate(floats, *p.test, {});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "data.type");
    }
}
