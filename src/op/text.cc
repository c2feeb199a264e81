// SPDX-License-Identifier: Apache-2.0
// StringNormalizer and TfIdfVectorizer: text made ready for classifiers.
#include <algorithm>
#include <map>

#include "op/elements.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

bool is_string(DType t) { return t == DType::string; }
bool is_token(DType t) { return t == DType::string || t == DType::i32 || t == DType::i64; }

enum class Case { keep, lower, upper };
Case case_of(const OpContext& c) {
    const std::string& v = c.text("case_change_action");
    if (v == "NONE") return Case::keep;
    if (v == "LOWER") return Case::lower;
    if (v == "UPPER") return Case::upper;
    c.refuse(cat("attribute 'case_change_action' is '", v, "'; expected NONE, LOWER or UPPER"));
}
/// ASCII letters; other alphabets' cases are a locale's matter.
std::string changed(const OpContext& c, std::string s, Case to) {
    for (char& ch : s) {
        if (to != Case::keep && static_cast<unsigned char>(ch) >= 0x80) c.unsupported("changes the case of letters outside ASCII");
        if (to == Case::lower && ch >= 'A' && ch <= 'Z') ch = static_cast<char>(ch - 'A' + 'a');
        if (to == Case::upper && ch >= 'a' && ch <= 'z') ch = static_cast<char>(ch - 'a' + 'A');
    }
    return s;
}

/// What is left of a row: words that are no stop words, in the case asked for; one empty word when none is left.
std::vector<std::string> normalised(const OpContext& c, const Tensor& x) {
    const std::vector<std::string>& stop = c.texts("stopwords");
    const bool exact = c.integer("is_case_sensitive") != 0;
    const Case to = case_of(c);
    const auto key = [&](const std::string& s) { return exact ? s : changed(c, s, Case::lower); };
    std::vector<std::string> stops, out;
    for (const std::string& s : stop) stops.push_back(key(s));
    for (int64_t i = 0; i < x.count(); ++i)
        if (stops.empty() || std::find(stops.begin(), stops.end(), key(x.str(i))) == stops.end()) out.push_back(changed(c, x.str(i), to));
    if (out.empty()) out.emplace_back();
    return out;
}
void infer_normalizer(InferContext& c) {
    require_type_of(c, 0, is_string, "string");
    require_rank(c, 0, 1, 2);
    case_of(c);
    if (!c.rank_known(0)) return c.set(0, DType::string);
    const Shape& x = c.shape(0);
    if (x.size() == 2 && x[0].known() && x[0].value != 1) c.refuse(cat("an input ", to_text(x), "; expected [C] or [1, C]"));
    Dim words;
    if (c.texts("stopwords").empty() && x.back().known()) words = std::max<int64_t>(1, x.back().value);
    else if (c.value(0)) words = static_cast<int64_t>(normalised(c, *c.value(0)).size());
    c.set(0, DType::string, x.size() == 2 ? Shape{1, words} : Shape{words});
}
void run_normalizer(RefContext& c) {
    const std::vector<std::string> words = normalised(c, c.in[0]);
    for (size_t i = 0; i < words.size(); ++i) c.out[0].str(static_cast<int64_t>(i)) = words[i];
}

/// n-grams of the pool: their length, and the column of the answer that counts each.
struct Vocabulary {
    std::map<std::vector<std::string>, size_t> of;  ///< tokens as text -> place in ngram_indexes
    size_t longest = 0;
};
Vocabulary vocabulary(const OpContext& c) {
    std::vector<std::string> pool = c.texts("pool_strings");
    for (int64_t v : c.integers("pool_int64s")) pool.push_back(std::to_string(v));
    const std::vector<int64_t>& starts = c.integers("ngram_counts");
    Vocabulary v;
    size_t index = 0;
    for (size_t n = 0; n < starts.size(); ++n) {
        const int64_t begin = starts[n], end = n + 1 < starts.size() ? starts[n + 1] : static_cast<int64_t>(pool.size());
        const auto length = static_cast<int64_t>(n) + 1;
        if (begin < 0 || begin > end || end > static_cast<int64_t>(pool.size()) || (end - begin) % length)
            c.refuse(cat("ngram_counts do not cut a pool of ", number(pool.size()), " into n-grams"));
        for (int64_t i = begin; i < end; i += length, ++index) v.of.emplace(std::vector<std::string>(pool.begin() + i, pool.begin() + i + length), index);
        if (begin < end) v.longest = n + 1;
    }
    if (c.integers("ngram_indexes").size() != index) c.refuse(cat("has ", number(c.integers("ngram_indexes").size()), " ngram_indexes for ", number(index), " n-grams"));
    return v;
}
int64_t columns(const OpContext& c) {
    int64_t most = -1;
    for (int64_t i : c.integers("ngram_indexes")) {
        if (i < 0 || i > 1 << 28) c.refuse(cat("an n-gram's index is ", i));
        most = std::max(most, i);
    }
    return most + 1;
}
void infer_tf_idf(InferContext& c) {
    require_type_of(c, 0, is_token, "string, i32 or i64");
    require_rank(c, 0, 1, 2);
    vocabulary(c);
    if (!c.rank_known(0)) return c.set(0, DType::f32);
    const Shape& x = c.shape(0);
    c.set(0, DType::f32, x.size() == 2 ? Shape{x[0], columns(c)} : Shape{columns(c)});
}
/// Counts n-grams of min_gram_length to max_gram_length tokens that stand 1 to max_skip_count + 1 places apart.
void run_tf_idf(RefContext& c) {
    const Vocabulary v = vocabulary(c);
    const std::string& mode = c.text("mode");
    if (mode != "TF" && mode != "IDF" && mode != "TFIDF") c.refuse(cat("attribute 'mode' is '", mode, "'; expected TF, IDF or TFIDF"));
    const Tensor& x = c.in[0];
    const int64_t rows = x.rank() == 2 ? x.dim(0) : 1, n = rows ? x.count() / rows : 0, width = c.out[0].dims().back();
    const std::vector<int64_t>& index = c.integers("ngram_indexes");
    const std::vector<float>& weights = c.reals("weights");
    if (!weights.empty() && weights.size() != index.size()) c.refuse(cat("has ", number(weights.size()), " weights for ", number(index.size()), " n-grams"));
    const auto token = [&](int64_t i) { return x.dtype() == DType::string ? x.str(i) : std::to_string(x.at_int(i)); };
    const int64_t most = std::min(c.integer("max_gram_length"), static_cast<int64_t>(v.longest));
    for (int64_t r = 0; r < rows; ++r) {
        std::vector<int64_t> counts(index.size());
        for (int64_t apart = 1; apart <= c.integer("max_skip_count") + 1; ++apart)
            for (int64_t length = c.integer("min_gram_length"); length <= most; ++length) {
                if (length == 1 && apart > 1) continue;  // one token has nothing to skip
                for (int64_t i = 0; i + (length - 1) * apart < n; ++i) {
                    std::vector<std::string> gram;
                    for (int64_t k = 0; k < length; ++k) gram.push_back(token(r * n + i + k * apart));
                    if (const auto it = v.of.find(gram); it != v.of.end()) ++counts[it->second];
                }
            }
        for (size_t k = 0; k < index.size(); ++k) {
            if (!counts[k]) continue;
            const double weight = weights.empty() ? 1 : weights[k];
            const auto count = static_cast<double>(counts[k]);
            c.out[0].set(r * width + index[k], mode == "TF" ? count : mode == "IDF" ? weight : count * weight);
        }
    }
}

}  // namespace

std::vector<OpDecl> text() {
    const auto whole = [](const char* name) { return AttrSpec{name, AttrKind::integer, std::nullopt, true}; };
    return {
        {.name = "StringNormalizer", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"case_change_action", AttrKind::text, std::string("NONE")},
                        {"is_case_sensitive", AttrKind::integer, int64_t{0}},
                        {"locale", AttrKind::text},
                        {"stopwords", AttrKind::texts}},
         .infer = infer_normalizer, .reference = run_normalizer, .since = 10},
        {.name = "TfIdfVectorizer", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {whole("max_gram_length"), whole("max_skip_count"), whole("min_gram_length"),
                        {"mode", AttrKind::text, std::nullopt, true},
                        {"ngram_counts", AttrKind::integers, std::nullopt, true},
                        {"ngram_indexes", AttrKind::integers, std::nullopt, true},
                        {"pool_int64s", AttrKind::integers},
                        {"pool_strings", AttrKind::texts},
                        {"weights", AttrKind::reals}},
         .infer = infer_tf_idf, .reference = run_tf_idf, .since = 9},
    };
}

}  // namespace hone::ops
