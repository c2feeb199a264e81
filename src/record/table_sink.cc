// SPDX-License-Identifier: Apache-2.0
// Records as tables: a sink that flattens each record into a row.
#include <algorithm>

#include "record/bench.h"
#include "record/doctor.h"
#include "record/eval.h"
#include "record/inspect.h"
#include "record/run.h"
#include "record/table.h"
#include "record/visit.h"

namespace hone::record {
namespace {

class TableSink final : public Sink {
  public:
    void begin_object(std::string_view name) override {
        if (path_.empty()) rows_.emplace_back();
        path_.emplace_back(name);
    }
    void end_object() override { path_.pop_back(); }
    void begin_array(std::string_view) override { ++lists_; }
    void end_array() override { --lists_; }
    void null(std::string_view) override {}
    void value(std::string_view name, bool v) override { put(name, v ? "yes" : "no"); }
    void value(std::string_view name, int64_t v) override { put(name, count_text(v)); }
    void value(std::string_view name, double v) override { put(name, number_text(v)); }
    void value(std::string_view name, std::string_view v) override { put(name, std::string(v)); }

    std::string text() const {
        std::vector<size_t> shown;
        for (size_t c = 0; c < names_.size(); ++c)
            if (std::any_of(rows_.begin(), rows_.end(), [&](const auto& r) { return c < r.size() && !r[c].empty(); }))
                shown.push_back(c);
        const auto pick = [&](const std::vector<std::string>& from) {
            std::vector<std::string> line;
            for (size_t c : shown) line.push_back(c < from.size() ? from[c] : "");
            return line;
        };
        Table table(pick(names_));
        for (const auto& row : rows_) table.add(pick(row));
        return table.text();
    }

  private:
    void put(std::string_view name, std::string cell) {
        if (lists_ > 0) return;
        std::string column;
        for (size_t i = 1; i < path_.size(); ++i) column += path_[i] + ".";
        column += name;
        const auto found = std::find(names_.begin(), names_.end(), column);
        const auto index = static_cast<size_t>(found - names_.begin());
        if (found == names_.end()) names_.push_back(column);
        if (rows_.back().size() <= index) rows_.back().resize(index + 1);
        rows_.back()[index] = std::move(cell);
    }

    std::vector<std::string> names_, path_;
    std::vector<std::vector<std::string>> rows_;
    int lists_ = 0;
};

template <class T>
std::string table_of(const std::vector<T>& rows) {
    TableSink sink;
    for (const T& row : rows) Write{sink}("", row);
    return sink.text();
}

}  // namespace

std::string to_table(const std::vector<InspectLayer>& rows) { return table_of(rows); }
std::string to_table(const std::vector<LayerRow>& rows) { return table_of(rows); }
std::string to_table(const std::vector<Candidate>& rows) { return table_of(rows); }
std::string to_table(const std::vector<BenchModel>& rows) { return table_of(rows); }
std::string to_table(const std::vector<ClassRow>& rows) { return table_of(rows); }
std::string to_table(const std::vector<RateRow>& rows) { return table_of(rows); }
std::string to_table(const std::vector<MemoryRow>& rows) { return table_of(rows); }
std::string to_table(const std::vector<SuiteRow>& rows) { return table_of(rows); }

}  // namespace hone::record
