// SPDX-License-Identifier: Apache-2.0
// A table with a header line (RFC 4180: quotes, CRLF): numeric columns and one column `label`, or `target`. The CSV
// part reader calls it.
//
//   CsvTable t = parse_csv(text, "train.csv");
//   t.columns;              // names of the features, in file order
//   t.values[row * t.columns.size() + column];
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct CsvTable {
    std::vector<std::string> columns;  ///< features, without the label
    std::vector<float> values;         ///< row-major
    std::vector<std::string> labels;   ///< one a row; empty where there is no column `label` and none is needed
    bool target = false;               ///< the column is called `target`: a number to predict
};

/// Ids: data.csv.empty, .header, .label, .row, .number, .quote; budget memory.limit. `where` gets the line number.
CsvTable parse_csv(std::string_view text, const std::string& where, bool needs_label = true);

/// A table of texts.
struct CsvTexts {
    std::vector<std::string> labels, texts;  ///< one a row (labels: none where none is needed); a line break within a text is a space
    std::vector<std::string> left_out;       ///< other columns
    bool target = false;
};

/// Of a table with a column `text` beside `label` or else `target`; nullopt for any other. Ids as above; data.csv.utf8.
std::optional<CsvTexts> parse_csv_texts(std::string_view text, const std::string& where, bool needs_label = true);

}  // namespace hone
