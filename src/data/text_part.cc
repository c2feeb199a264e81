// SPDX-License-Identifier: Apache-2.0
// Lines of labelled text as a part: `label<TAB>text`, UTF-8, in one .tsv or .txt file.
#include <algorithm>

#include "base/error.h"
#include "base/limits.h"
#include "data/formats.h"
#include "data/text_lines.h"

namespace hone {

bool is_text_part(const FileTree& tree, size_t file) {
    const std::string& path = tree.files()[file].path;
    if (has_ending(path, ".tsv")) return true;
    if (!has_ending(path, ".txt")) return false;
    const MappedFile bytes = tree.read(file);
    const std::string_view text = bytes.text();
    const size_t first = text.find_first_not_of("\xEF\xBB\xBF\r\n");
    return first != std::string_view::npos && text.find('\t', first) < text.find('\n', first);
}

LabelledTexts parse_texts(std::string_view text, const std::string& where) {
    LabelledTexts out;
    TextLines lines(text, where);
    size_t needs = 0;
    for (std::string_view line; lines.next(line);) {
        if (line.empty()) continue;
        const size_t tab = line.find('\t');
        if (tab == std::string_view::npos)
            fail(ErrorKind::data, "data.text.row", "no tab between the label and the text", "Write label<TAB>text, one a line.", lines.place());
        if (tab == 0) fail(ErrorKind::data, "data.text.row", "the label is empty", {}, lines.place());
        needs += line.size() + 2 * sizeof(std::string);
        if (needs > limits().memory_bytes / 2)
            fail(ErrorKind::budget, "memory.limit", cat("the texts need more than ", limits().memory_bytes, " bytes"), {}, lines.place());
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
