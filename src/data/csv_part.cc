// SPDX-License-Identifier: Apache-2.0
// A CSV file as a part.
#include <algorithm>
#include <cmath>
#include <cstring>

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
/// All numbers, and not all whole: no names of classes.
bool real_numbers(const std::vector<std::string>& labels) {
    bool fraction = false;
    for (const std::string& l : labels) {
        const auto v = number_of(l);
        if (!v) return false;
        fraction |= *v != std::floor(*v);
    }
    return fraction;
}
}  // namespace

bool csv_matches(const FileTree& tree, const std::string&, const Listing& listing) {
    return tables(tree, listing).size() == 1;
}

RawPart read_csv_part(const FileTree& tree, const std::string&, const Listing& listing) {
    const size_t file = tables(tree, listing).front();
    RawPart part;
    part.kind = DataKind::table;
    part.where = tree.where(file);
    const MappedFile bytes = tree.read(file);
    CsvTable t = parse_csv(bytes.text(), part.where);
    if (t.target || real_numbers(t.labels)) {
        Tensor targets = Tensor::zeros(DType::f32, {static_cast<int64_t>(t.labels.size()), 1});
        for (size_t i = 0; i < t.labels.size(); ++i)
            targets.data<float>()[i] = static_cast<float>(*number_of(t.labels[i]));
        if (!t.target)
            part.notes.push_back(cat(part.where, ": the labels are real numbers, taken as targets of a regression"));
        set_targets(part, std::move(targets));
    } else {
        set_labels(part, t.labels);
    }
    part.columns = std::move(t.columns);
    part.rows =
        Tensor::of_f32(t.values, {static_cast<int64_t>(part.labels.size()), static_cast<int64_t>(part.columns.size())});
    return part;
}

}  // namespace hone
