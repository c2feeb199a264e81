// SPDX-License-Identifier: Apache-2.0
// A CSV file as a part.
#include "base/error.h"
#include "data/csv.h"
#include "data/formats.h"

namespace hone {

namespace {
std::vector<size_t> tables(const FileTree& tree, const Listing& listing) {
    std::vector<size_t> out;
    for (const size_t f : listing.files)
        if (has_ending(tree.files()[f].path, ".csv")) out.push_back(f);
    return out;
}
}  // namespace

bool csv_matches(const FileTree& tree, const std::string&, const Listing& listing) {
    return tables(tree, listing).size() == 1;
}

RawPart read_csv_part(const FileTree& tree, const std::string&, const Listing& listing) {
    const size_t file = tables(tree, listing).front();
    RawPart part;
    part.where = tree.where(file);
    const MappedFile bytes = tree.read(file);
    if (std::optional<CsvTexts> texts = parse_csv_texts(bytes.text(), part.where)) {
        part.kind = DataKind::text;
        set_answers(part, texts->labels, texts->target);
        part.texts = std::move(texts->texts);
        if (!texts->left_out.empty()) part.notes.push_back(cat(part.where, ": the columns ", join(texts->left_out, ", "), " are left out"));
        return part;
    }
    part.kind = DataKind::table;
    CsvTable t = parse_csv(bytes.text(), part.where);
    set_answers(part, t.labels, t.target);
    part.columns = std::move(t.columns);
    part.rows =
        Tensor::of_f32(t.values, {static_cast<int64_t>(part.labels.size()), static_cast<int64_t>(part.columns.size())});
    return part;
}

}  // namespace hone
