// SPDX-License-Identifier: Apache-2.0
// Is a text well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates) without a zero byte? The names of a model and
// the lines of text data are held against it: they reach JSON and terminals.
#pragma once
#include <string_view>

namespace hone {
bool is_utf8(std::string_view s);
}  // namespace hone
