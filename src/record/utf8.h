// SPDX-License-Identifier: Apache-2.0
// Walking UTF-8 that may be broken: a wrong byte becomes one U+FFFD. Used by the tables and the report.
//
//   size_t at = 0;
//   while (at < text.size()) use(next_code_point(text, at));
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::record {

constexpr char32_t replacement = 0xFFFD;
/// Decodes at `at` and moves it on by at least one byte. Overlong forms and surrogates are wrong.
char32_t next_code_point(std::string_view text, size_t& at);
void append_utf8(std::string& out, char32_t c);
/// 0 for combining marks and joiners, 2 for wide characters, else 1.
int code_point_width(char32_t c);

}  // namespace hone::record
