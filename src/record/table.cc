// SPDX-License-Identifier: Apache-2.0
#include "record/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "record/utf8.h"

namespace hone::record {
namespace {

bool numeric(std::string_view cell) {
    const size_t digit = cell.find_first_not_of("+-<>~×x ");
    return cell == "-" || (digit != std::string_view::npos && cell[digit] >= '0' && cell[digit] <= '9');
}

bool filled_cells_numeric(const std::vector<std::vector<std::string>>& rows, size_t column) {
    bool any = false;
    for (const auto& row : rows) {
        if (column >= row.size() || row[column].empty()) continue;
        if (!numeric(row[column])) return false;
        any = true;
    }
    return any;
}

std::string padded(const std::string& cell, int width, bool right) {
    const std::string gap(static_cast<size_t>(std::max(0, width - display_width(cell))), ' ');
    return right ? gap + cell : cell + gap;
}

}  // namespace

int display_width(std::string_view text) {
    int width = 0;
    for (size_t at = 0; at < text.size();) width += code_point_width(next_code_point(text, at));
    return width;
}

std::string printable(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const char32_t c = next_code_point(text, at);
        const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
                             (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
        append_utf8(out, control ? U'?' : c);
    }
    return out;
}

std::string shortened(std::string_view text, int width) {
    if (display_width(text) <= width) return std::string(text);
    std::vector<std::string> units;  // a character with the marks that follow it
    for (size_t at = 0; at < text.size();) {
        const char32_t c = next_code_point(text, at);
        if (units.empty() || code_point_width(c) > 0) units.emplace_back();
        append_utf8(units.back(), c);
    }
    const int room = std::max(0, width - 1), head_room = (room + 1) / 2;
    std::string head, tail;
    int used = 0;
    size_t i = 0, j = units.size();
    for (; i < units.size() && used + display_width(units[i]) <= head_room; ++i) {
        used += display_width(units[i]);
        head += units[i];
    }
    for (; j > i && used + display_width(units[j - 1]) <= room; --j) {
        used += display_width(units[j - 1]);
        tail = units[j - 1] + tail;
    }
    return head + "…" + tail;
}

std::string number_text(double v) {
    if (!std::isfinite(v)) return std::isnan(v) ? "-" : v > 0 ? "inf" : "-inf";
    const double size = std::fabs(v);
    char text[64];
    if (v == std::floor(v) && size < 1e7) {
        std::snprintf(text, sizeof text, "%.0f", v == 0 ? 0.0 : v);
    } else if (size >= 1e7 || size < 1e-4) {
        std::snprintf(text, sizeof text, "%.3e", v);
    } else {
        const int digits = std::clamp(3 - static_cast<int>(std::floor(std::log10(size))), 0, 7);
        std::snprintf(text, sizeof text, "%.*f", digits, v);
    }
    return text;
}

std::string count_text(long long v) {
    std::string digits = std::to_string(v);
    const long first = v < 0 ? 1 : 0;
    for (long at = static_cast<long>(digits.size()) - 3; at > first; at -= 3)
        digits.insert(static_cast<size_t>(at), " ");
    return digits;
}

std::string si_text(double v) {
    constexpr const char* units[] = {"", " k", " M", " G", " T", " P"};
    size_t unit = 0;
    while (std::fabs(v) >= 1000 && unit + 1 < std::size(units)) {
        v /= 1000;
        ++unit;
    }
    return number_text(v) + units[unit];
}

std::string Table::text(int limit) const {
    size_t columns = headings_.size();
    for (const auto& row : rows_) columns = std::max(columns, row.size());
    std::vector<std::vector<std::string>> lines{headings_};
    lines.insert(lines.end(), rows_.begin(), rows_.end());
    for (auto& line : lines) {
        line.resize(columns);
        for (std::string& cell : line) cell = shortened(printable(cell), limit);
    }
    std::vector<int> widths(columns, 0);
    std::vector<bool> right(columns);
    for (size_t c = 0; c < columns; ++c) {
        right[c] = filled_cells_numeric(rows_, c);
        for (const auto& line : lines) widths[c] = std::max(widths[c], display_width(line[c]));
    }
    std::string out;
    for (const auto& line : lines) {
        std::string row;
        for (size_t c = 0; c < columns; ++c) row += (c ? "  " : "") + padded(line[c], widths[c], right[c]);
        row.erase(row.find_last_not_of(' ') + 1);
        out += row + "\n";
    }
    return out;
}

}  // namespace hone::record
