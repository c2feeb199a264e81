// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "data/text.h"

namespace hone {

namespace {
bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}
char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Bytes of the code point that begins with `c`; 0 where none does.
size_t length_of(unsigned char c) {
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return 2;
    if (c >= 0xE0 && c <= 0xEF) return 3;
    return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

Tokens words(std::string_view s) {
    Tokens out;
    for (size_t i = 0; i < s.size();) {
        if (space(s[i])) {
            ++i;
            continue;
        }
        std::string word(1, small(s[i]));
        const bool run = letter(s[i]);
        for (++i; run && i < s.size(); ++i) {
            const bool inside = s[i] == '\'' && i + 1 < s.size() && letter(s[i + 1]);
            if (!letter(s[i]) && !inside) break;
            word += small(s[i]);
        }
        out.push_back(std::move(word));
    }
    return out;
}
Tokens characters(std::string_view s) {
    Tokens out;
    for (size_t i = 0; i < s.size(); i += out.back().size()) {
        const size_t n = length_of(static_cast<unsigned char>(s[i]));
        out.emplace_back(s.substr(i, n == 0 ? 1 : n));
    }
    return out;
}
}  // namespace

const char* to_text(TextUnit unit) { return unit == TextUnit::word ? "word" : "char"; }

TextUnit parse_text_unit(const std::string& name) {
    if (name == "word") return TextUnit::word;
    if (name == "char" || name == "character") return TextUnit::character;
    fail(ErrorKind::usage, "usage.text", cat("a text is not cut into `", name, "`"), "Write word or char.");
}

Tokens tokens_of(std::string_view text, TextUnit unit) { return unit == TextUnit::word ? words(text) : characters(text); }

}  // namespace hone
