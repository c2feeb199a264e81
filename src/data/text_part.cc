// SPDX-License-Identifier: Apache-2.0
// Lines of labelled text as a part: `label<TAB>text`, UTF-8, in one .tsv or .txt file.
#include <algorithm>

#include "base/error.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "data/formats.h"
#include "data/text.h"

namespace hone {

namespace {
std::string_view without_mark(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}
std::string_view take_line(std::string_view& rest) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}
}  // namespace

bool is_text_part(const FileTree& tree, size_t file) {
    const std::string& path = tree.files()[file].path;
    if (has_ending(path, ".tsv")) return true;
    if (!has_ending(path, ".txt")) return false;
    const MappedFile bytes = tree.read(file);
    std::string_view rest = without_mark(bytes.text());
    while (!rest.empty())
        if (const std::string_view line = take_line(rest); !line.empty()) return line.find('\t') != std::string_view::npos;
    return false;
}

LabelledTexts parse_texts(std::string_view text, const std::string& where) {
    LabelledTexts out;
    std::string_view rest = without_mark(text);
    size_t needs = 0, number = 0;
    while (!rest.empty()) {
        ++number;
        const std::string_view line = take_line(rest);
        if (line.empty()) continue;
        const auto place = [&] { return cat(where, ", line ", number); };
        const size_t tab = line.find('\t');
        if (tab == std::string_view::npos)
            fail(ErrorKind::data, "data.text.row", "no tab between the label and the text", "Write label<TAB>text, one a line.", place());
        if (tab == 0) fail(ErrorKind::data, "data.text.row", "the label is empty", {}, place());
        if (!is_utf8(line)) fail(ErrorKind::data, "data.text.utf8", "the line is not UTF-8", "Convert the file first: iconv -t UTF-8.", place());
        needs += line.size() + 2 * sizeof(std::string);
        if (needs > limits().memory_bytes / 2)
            fail(ErrorKind::budget, "memory.limit", cat("the texts need more than ", limits().memory_bytes, " bytes"), {}, place());
        out.labels.emplace_back(line.substr(0, tab));
        out.texts.emplace_back(line.substr(tab + 1));
    }
    if (out.texts.empty()) fail(ErrorKind::data, "data.text.empty", "no line of text", {}, where);
    return out;
}

bool text_matches(const FileTree& tree, const std::string&, const Listing& listing) {
    return std::count_if(listing.files.begin(), listing.files.end(), [&](size_t f) { return is_text_part(tree, f); }) == 1;
}

RawPart read_text_part(const FileTree& tree, const std::string&, const Listing& listing) {
    const size_t file = *std::find_if(listing.files.begin(), listing.files.end(), [&](size_t f) { return is_text_part(tree, f); });
    RawPart part;
    part.kind = DataKind::text;
    part.where = tree.where(file);
    const MappedFile bytes = tree.read(file);
    LabelledTexts t = parse_texts(bytes.text(), part.where);
    set_answers(part, t.labels, false);
    const auto empty = std::count_if(t.texts.begin(), t.texts.end(), [](const std::string& s) { return s.find_first_not_of(" \t") == std::string::npos; });
    if (empty) part.notes.push_back(cat(part.where, ": ", empty, " of ", t.texts.size(), " texts are empty"));
    part.texts = std::move(t.texts);
    return part;
}

}  // namespace hone
