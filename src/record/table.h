// SPDX-License-Identifier: Apache-2.0
// Tables for a terminal: aligned columns, numbers right-aligned, widths counted in characters as a terminal shows them.
// Called by the verbs and by report/terminal.cc.
//
//   Table t({"", "before", "after"});
//   t.add({"latency p50", "12.1 ms", "2.3 ms"});
//   std::fputs(t.text().c_str(), stdout);
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {

struct InspectLayer;
struct LayerRow;
struct Candidate;
struct BenchModel;
struct ClassRow;
struct RateRow;
struct MemoryRow;
struct SuiteRow;

/// Columns that a terminal needs for `utf8`: combining marks take none, East Asian wide characters and emoji two.
int display_width(std::string_view utf8);
/// Control characters (colours, line breaks, backspace) of a stranger's text replaced by '?', so that a name in a model
/// file cannot write to the terminal.
std::string printable(std::string_view text);
/// At most `width` columns; what is cut in the middle is shown as one "…".
std::string shortened(std::string_view utf8, int width);

/// 4 significant digits, no exponent between 1e-4 and 1e7; "-" for NaN.
std::string number_text(double v);
/// 1234567 -> "1 234 567".
std::string count_text(long long v);
/// 1816012416 -> "1.816 G".
std::string si_text(double v);

class Table {
  public:
    explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
    /// Missing cells are empty. A column whose filled cells all begin like a number is right-aligned.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }
    /// Lines that end in '\n'; columns wider than `limit` are shortened in the middle.
    std::string text(int limit = 48) const;

  private:
    std::vector<std::string> headings_;
    std::vector<std::vector<std::string>> rows_;
};

/// One row a record, one column a field ("latency_ms.p50" for nested ones); columns that are empty everywhere are left
/// out, lists too.
std::string to_table(const std::vector<InspectLayer>& rows);
std::string to_table(const std::vector<LayerRow>& rows);
std::string to_table(const std::vector<Candidate>& rows);
std::string to_table(const std::vector<BenchModel>& rows);
std::string to_table(const std::vector<ClassRow>& rows);
std::string to_table(const std::vector<RateRow>& rows);
std::string to_table(const std::vector<MemoryRow>& rows);
std::string to_table(const std::vector<SuiteRow>& rows);

}  // namespace hone::record
