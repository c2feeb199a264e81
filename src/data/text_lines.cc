// SPDX-License-Identifier: Apache-2.0
#include "data/text_lines.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

namespace hone {

TextLines::TextLines(std::string_view text, const std::string& where) : rest_(text), where_(where) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
}

bool TextLines::next(std::string_view& line) {
    if (rest_.empty()) return false;
    ++number_;
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!is_utf8(line)) fail(ErrorKind::data, "data.text.utf8", "the line is not UTF-8", "Convert the file first: iconv -t UTF-8.", place());
    return true;
}

std::string TextLines::place() const { return cat(where_, ", line ", number_); }

std::vector<std::string> read_lines(const std::string& path) {
    const std::string text = read_file(path);
    std::vector<std::string> out;
    TextLines lines(text, path);
    for (std::string_view line; lines.next(line);) out.emplace_back(line);
    return out;
}

}  // namespace hone
