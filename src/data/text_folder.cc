// SPDX-License-Identifier: Apache-2.0
// A folder (or a folder in an archive) with one folder a class and .txt files in them: each file is a text.
#include <algorithm>

#include "base/error.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "data/formats.h"

namespace hone {

namespace {
bool is_text(const FileTree& tree, size_t file) { return has_ending(tree.files()[file].path, ".txt"); }

/// On one line: a line break is a space.
std::string text_of(const MappedFile& bytes, const std::string& where) {
    std::string text(bytes.text());
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    if (!is_utf8(text)) fail(ErrorKind::data, "data.text.utf8", "the text is not UTF-8", "Convert the file first: iconv -t UTF-8.", where);
    std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    while (text.ends_with(' ')) text.pop_back();
    return text;
}
}  // namespace

bool text_folder_matches(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    return std::any_of(listing.folders.begin(), listing.folders.end(), [&](const std::string& folder) {
        const std::vector<size_t> files = list_under(tree, prefix + folder + "/").files;
        return std::any_of(files.begin(), files.end(), [&](size_t f) { return is_text(tree, f); });
    });
}

RawPart read_text_folder(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    RawPart part;
    part.kind = DataKind::text;
    part.where = prefix.empty() ? tree.name() : tree.name() + "/" + prefix.substr(0, prefix.size() - 1);
    std::vector<std::string> labels;
    size_t left_out = listing.files.size(), needs = 0;
    for (const std::string& folder : listing.folders)
        for (const size_t f : list_under(tree, prefix + folder + "/").files) {
            if (!is_text(tree, f)) {
                ++left_out;
                continue;
            }
            part.texts.push_back(text_of(tree.read(f), tree.where(f)));
            labels.push_back(folder);
            needs += part.texts.back().size() + 2 * sizeof(std::string);
            if (needs > limits().memory_bytes / 2)
                fail(ErrorKind::budget, "memory.limit", cat("the texts need more than ", limits().memory_bytes, " bytes"), {}, tree.where(f));
        }
    if (left_out) part.notes.push_back(cat(part.where, ": ", left_out, " files that are no .txt are left out"));
    set_labels(part, labels);
    return part;
}

}  // namespace hone
