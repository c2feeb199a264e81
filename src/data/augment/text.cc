// SPDX-License-Identifier: Apache-2.0
// Random edits of a text, as in Wei & Zou, "EDA: Easy data augmentation techniques for boosting performance on text
// classification tasks" (EMNLP 2019), with words of the vocabulary where the paper takes synonyms.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "data/augment/text_kinds.h"

namespace hone::augment {

namespace {
/// English words that say little about a topic, sorted.
constexpr std::string_view kStopWords[] = {
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been", "before", "being",
    "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "during", "each", "for", "from", "had", "has",
    "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "me", "more",
    "most", "my", "of", "on", "or", "other", "our", "ours", "she", "should", "so", "some", "such", "than", "that", "the", "their",
    "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "to", "under", "until", "up", "us", "was",
    "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your", "yours"};
static_assert(std::is_sorted(std::begin(kStopWords), std::end(kStopWords)));

/// How many edits a share of the tokens is: at least one.
int64_t edits(double share, size_t tokens) {
    return std::max<int64_t>(1, static_cast<int64_t>(std::floor(share * static_cast<double>(tokens) + 0.5)));
}
const std::string& any_word(const Vocabulary& v, Rng& rng) {
    return v.token(Vocabulary::kFirst + static_cast<int64_t>(rng.below(static_cast<uint64_t>(v.size() - Vocabulary::kFirst))));
}
bool has_words(const TextEncoder& e) { return e.vocabulary.size() > Vocabulary::kFirst; }
}  // namespace

std::span<const std::string_view> stop_words() { return kStopWords; }

void insert_kind(Tokens& t, std::span<const double> v, Rng& rng, const TextEncoder& e) {
    if (t.empty() || !has_words(e)) return;
    for (int64_t n = edits(v[0], t.size()); n > 0; --n) {
        const std::string& word = any_word(e.vocabulary, rng);
        t.insert(t.begin() + static_cast<std::ptrdiff_t>(rng.below(t.size() + 1)), word);
    }
}

void delete_kind(Tokens& t, std::span<const double> v, Rng& rng, const TextEncoder&) {
    Tokens kept;
    for (const std::string& word : t)
        if (rng.uniform() >= v[0]) kept.push_back(word);
    if (kept.empty() && !t.empty()) kept.push_back(t[rng.below(t.size())]);
    t = std::move(kept);
}

void swap_kind(Tokens& t, std::span<const double> v, Rng& rng, const TextEncoder&) {
    if (t.size() < 2) return;
    for (int64_t n = edits(v[0], t.size()); n > 0; --n) {
        const uint64_t a = rng.below(t.size()), b = rng.below(t.size());
        if (a != b) std::swap(t[a], t[b]);
    }
}

void replace_kind(Tokens& t, std::span<const double> v, Rng& rng, const TextEncoder& e) {
    if (!has_words(e)) return;
    for (std::string& word : t)
        if (rng.uniform() < v[0]) word = any_word(e.vocabulary, rng);
}

void stop_words_kind(Tokens& t, std::span<const double> v, Rng& rng, const TextEncoder&) {
    Tokens kept;
    for (const std::string& word : t) {
        const bool stop = std::binary_search(std::begin(kStopWords), std::end(kStopWords), std::string_view(word));
        if (!stop || rng.uniform() >= v[0]) kept.push_back(word);
    }
    if (!kept.empty()) t = std::move(kept);
}

}  // namespace hone::augment
