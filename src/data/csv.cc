// SPDX-License-Identifier: Apache-2.0
#include "data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace hone {

namespace {
std::string_view trimmed(std::string_view s) {
    const size_t a = s.find_first_not_of(" \t");
    return a == std::string_view::npos ? std::string_view{} : s.substr(a, s.find_last_not_of(" \t") - a + 1);
}

/// A cell as an error shows it.
std::string shown(std::string_view s) { return s.size() > 40 ? cat("'", s.substr(0, 40), "...'") : cat("'", s, "'"); }

class Rows {
  public:
    Rows(std::string_view text, const std::string& where) : text_(text), where_(where) {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    }
    /// The next row that is not blank; false at the end.
    bool next(std::vector<std::string>& cells) {
        while (at_ < text_.size()) {
            line_ = next_line_;
            read_row(cells);
            if (cells.size() > 1 || !trimmed(cells[0]).empty()) return true;
        }
        return false;
    }
    std::string place() const { return cat(where_, ", line ", line_); }

  private:
    void read_row(std::vector<std::string>& cells) {
        size_t n = 0;
        for (bool more = true; more; ++n) {
            if (n == cells.size()) cells.emplace_back();
            more = read_cell(cells[n]);
        }
        cells.resize(n);
    }
    /// True when another cell follows in this row.
    bool read_cell(std::string& cell) {
        cell.clear();
        if (at_ < text_.size() && text_[at_] == '"') read_quoted(cell);
        const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
        cell.append(text_.substr(at_, end - at_));
        at_ = end;
        if (at_ == text_.size()) return false;
        if (text_[at_] == ',') {
            ++at_;
            return true;
        }
        at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
        ++next_line_;
        return false;
    }
    void read_quoted(std::string& cell) {
        for (++at_;;) {
            const size_t quote = text_.find('"', at_);
            if (quote == std::string_view::npos)
                fail(ErrorKind::data, "data.csv.quote", "a quoted cell is not closed", {}, place());
            const std::string_view piece = text_.substr(at_, quote - at_);
            next_line_ += static_cast<size_t>(std::count(piece.begin(), piece.end(), '\n'));
            cell.append(piece);
            at_ = quote + 1;
            if (at_ == text_.size() || text_[at_] != '"') break;
            cell += '"';
            ++at_;
        }
        if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\r' && text_[at_] != '\n')
            fail(ErrorKind::data, "data.csv.quote", "text follows a closing quote", "Double a quote inside a cell.",
                 place());
    }
    std::string_view text_;
    const std::string& where_;
    size_t at_ = 0, line_ = 1, next_line_ = 1;
};

size_t label_column(const std::vector<std::string>& header, const std::string& place, bool needed) {
    auto found = std::find(header.begin(), header.end(), "label");
    if (found == header.end()) found = std::find(header.begin(), header.end(), "target");
    if (found == header.end() && !needed) return header.size();
    if (found == header.end()) {
        std::vector<std::string> near = nearest("label", header);
        std::string hint = near.empty()
                               ? "Name the column of the classes `label`."
                               : cat("Nearest: ", join(near, ", "), ". Rename the column of the classes to `label`.");
        if (header.size() == 1 && header[0].find_first_of(";\t") != std::string::npos)
            hint = "Cells must be separated by commas.";
        fail(ErrorKind::data, "data.csv.label", cat("no column `label` among ", header.size()), hint, place);
    }
    if (std::find(found + 1, header.end(), *found) != header.end())
        fail(ErrorKind::data, "data.csv.header", cat("two columns are called `", *found, "`"), {}, place);
    if (header.size() == 1) fail(ErrorKind::data, "data.csv.header", cat("no column beside `", *found, "`"), {}, place);
    return static_cast<size_t>(found - header.begin());
}

float to_number(std::string_view cell, const std::string& column, const Rows& rows) {
    std::string_view s = trimmed(cell);
    if (s.starts_with('+')) s.remove_prefix(1);
    double v = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), v);
    const auto f = static_cast<float>(v);
    if (s.empty() || code != std::errc() || end != s.data() + s.size() || !std::isfinite(f))
        fail(ErrorKind::data, "data.csv.number",
             cat("column `", column, "` holds ", shown(cell), "; expected a finite number"),
             s.empty() ? "Fill in missing values first." : "Encode categories as numbers first.", rows.place());
    return f;
}

/// The label of a row, trimmed; a target is a number without its plus.
std::string label_of(const std::string& cell, bool target, const Rows& rows) {
    std::string label(trimmed(cell));
    if (target) to_number(label, "target", rows);
    if (target && label.starts_with('+')) label.erase(0, 1);
    if (label.empty()) fail(ErrorKind::data, "data.csv.row", "the label is empty", {}, rows.place());
    return label;
}
}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& where, bool needs_label) {
    Rows rows(text, where);
    std::vector<std::string> header, cells;
    if (!rows.next(header)) fail(ErrorKind::data, "data.csv.empty", "the table is empty", {}, where);
    for (std::string& name : header) name = trimmed(name);
    const size_t label = label_column(header, rows.place(), needs_label);
    CsvTable table;
    table.target = label < header.size() && header[label] == "target";
    for (size_t i = 0; i < header.size(); ++i)
        if (i != label) table.columns.push_back(header[i]);
    const size_t most = limits().memory_bytes / sizeof(float);
    while (rows.next(cells)) {
        if (cells.size() != header.size())
            fail(ErrorKind::data, "data.csv.row",
                 cat("a row of ", cells.size(), " cells; the header has ", header.size()), {}, rows.place());
        for (size_t i = 0; i < cells.size(); ++i)
            if (i != label) table.values.push_back(to_number(cells[i], header[i], rows));
        if (label < header.size()) table.labels.push_back(label_of(cells[label], table.target, rows));
        if (table.values.size() > most)
            fail(ErrorKind::budget, "memory.limit", cat("the table needs more than ", limits().memory_bytes, " bytes"),
                 {}, rows.place());
    }
    if (table.values.empty()) fail(ErrorKind::data, "data.csv.empty", "a header and no rows", {}, where);
    return table;
}

std::optional<CsvTexts> parse_csv_texts(std::string_view text, const std::string& where, bool needs_label) {
    Rows rows(text, where);
    std::vector<std::string> header, cells;
    if (!rows.next(header)) return std::nullopt;
    for (std::string& name : header) name = trimmed(name);
    const auto column = static_cast<size_t>(std::find(header.begin(), header.end(), "text") - header.begin());
    if (column == header.size()) return std::nullopt;
    const size_t label = label_column(header, rows.place(), false);
    const bool labelled = label < header.size();
    if (needs_label && !labelled) return std::nullopt;
    CsvTexts out;
    out.target = labelled && header[label] == "target";
    for (size_t i = 0; i < header.size(); ++i)
        if (i != column && i != label) out.left_out.push_back(header[i]);
    size_t needs = 0;
    while (rows.next(cells)) {
        if (cells.size() != header.size())
            fail(ErrorKind::data, "data.csv.row", cat("a row of ", cells.size(), " cells; the header has ", header.size()), "Texts with commas stand in quotes.", rows.place());
        if (labelled) out.labels.push_back(label_of(cells[label], out.target, rows));
        if (!is_utf8(cells[column])) fail(ErrorKind::data, "data.csv.utf8", "the text is not UTF-8", "Convert the file first: iconv -t UTF-8.", rows.place());
        std::replace_if(cells[column].begin(), cells[column].end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
        needs += cells[column].size() + 2 * sizeof(std::string);
        if (needs > limits().memory_bytes / 2)
            fail(ErrorKind::budget, "memory.limit", cat("the texts need more than ", limits().memory_bytes, " bytes"), {}, rows.place());
        out.texts.push_back(cells[column]);
    }
    if (out.texts.empty()) fail(ErrorKind::data, "data.csv.empty", "a header and no rows", {}, where);
    return out;
}

}  // namespace hone
