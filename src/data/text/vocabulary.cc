// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "data/text.h"

namespace hone {

namespace {
constexpr const char* kSchema = "1";
constexpr int64_t kLongest = 1 << 20, kUsualLongest = 256;
constexpr int64_t kMostTokens = 1 << 24;  // every id is a whole number of float

[[noreturn]] void bad_map(const std::string& what) {
    fail(ErrorKind::model, "text.map", cat("the model's text encoding ", what), "Open the data without the model's vocabulary, or repair its metadata.");
}
void check_range(const char* name, int64_t v, int64_t low, int64_t high) {
    if (v < low || v > high) fail(ErrorKind::usage, "usage.text", cat(name, " is ", v, "; expected ", low, " to ", high));
}
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}
}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
    ids_.reserve(tokens_.size());
    for (const std::string& t : tokens_) {
        const bool fresh = ids_.emplace(t, kFirst + static_cast<int64_t>(ids_.size())).second;
        HONE_CHECK(fresh, "`", t, "` twice");
    }
}

int64_t Vocabulary::id(const std::string& token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? kUnknown : found->second;
}

Vocabulary build_vocabulary(const std::vector<std::string_view>& texts, TextUnit unit, const VocabularyOptions& o) {
    check_range("the vocabulary's size", o.max_size, Vocabulary::kFirst + 1, kMostTokens);
    check_range("the smallest count", o.min_count, 1, int64_t{1} << 40);
    std::unordered_map<std::string, int64_t> counts;
    for (const std::string_view text : texts)
        for (std::string& token : tokens_of(text, unit)) ++counts[std::move(token)];
    std::vector<std::pair<int64_t, std::string>> order;
    for (const auto& [token, count] : counts)
        if (count >= o.min_count) order.emplace_back(-count, token);
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), static_cast<size_t>(o.max_size - Vocabulary::kFirst)));
    std::vector<std::string> tokens;
    for (auto& [count, token] : order) tokens.push_back(std::move(token));
    return Vocabulary(std::move(tokens));
}

void TextEncoder::encode(const Tokens& tokens, int64_t* out) const {
    const size_t n = std::min(tokens.size(), static_cast<size_t>(length));
    for (size_t i = 0; i < n; ++i) out[i] = vocabulary.id(tokens[i]);
    std::fill(out + n, out + length, Vocabulary::kPadding);
}

TextEncoder make_text_encoder(const std::vector<std::string_view>& training, const TextOptions& o) {
    TextEncoder e;
    if (o.stored) {
        e = *o.stored;
        if (o.unit && *o.unit != e.unit)
            fail(ErrorKind::usage, "usage.text", cat("the model's vocabulary is of ", to_text(e.unit), "s; asked for ", to_text(*o.unit), "s"),
                 "Leave the unit out, or train a new model.");
        e.length = o.length.value_or(e.length);
    } else {
        e.unit = o.unit.value_or(TextUnit::word);
        const VocabularyOptions usual;
        e.vocabulary = build_vocabulary(training, e.unit, {o.max_size.value_or(usual.max_size), o.min_count.value_or(usual.min_count)});
        size_t longest = 1;
        if (!o.length)
            for (const std::string_view t : training) longest = std::max(longest, tokens_of(t, e.unit).size());
        e.length = o.length.value_or(std::min(static_cast<int64_t>(longest), kUsualLongest));
    }
    check_range("the length of a text", e.length, 1, kLongest);
    return e;
}

std::map<std::string, std::string> to_map(const TextEncoder& e) {
    return {{"schema", kSchema}, {"unit", to_text(e.unit)}, {"length", cat(e.length)}, {"vocabulary", join(e.vocabulary.tokens(), "\n")}};
}

TextEncoder text_encoder_from_map(const std::map<std::string, std::string>& map) {
    const auto get = [&](const char* key) -> const std::string& {
        const auto found = map.find(key);
        if (found == map.end()) bad_map(cat("has no `", key, "`"));
        return found->second;
    };
    if (get("schema") != kSchema) bad_map(cat("has schema ", get("schema").substr(0, 20), "; this hone reads ", kSchema));
    TextEncoder e;
    const std::string &unit = get("unit"), &length = get("length");
    if (unit != "word" && unit != "char") bad_map(cat("has unit `", unit.substr(0, 20), "`"));
    e.unit = parse_text_unit(unit);
    const auto [end, code] = std::from_chars(length.data(), length.data() + length.size(), e.length);
    if (code != std::errc() || end != length.data() + length.size() || e.length < 1 || e.length > kLongest)
        bad_map(cat("has length `", length.substr(0, 20), "`"));
    std::vector<std::string> tokens = lines_of(get("vocabulary"));
    if (static_cast<int64_t>(tokens.size()) > kMostTokens) bad_map(cat("has more than ", kMostTokens, " tokens"));
    std::vector<std::string_view> sorted(tokens.begin(), tokens.end());
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) bad_map("has a token twice");
    for (const std::string& t : tokens)
        if (t.empty() || !is_utf8(t)) bad_map("has a token that is empty or not UTF-8");
    e.vocabulary = Vocabulary(std::move(tokens));
    return e;
}

}  // namespace hone
