// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <numeric>

namespace hone {

Error::Error(ErrorKind k, std::string i, std::string m, std::string h, std::string w)
    : kind(k), id(std::move(i)), message(std::move(m)), hint(std::move(h)), where(std::move(w)) {
    text_ = message + " [" + id + "]";
    if (!where.empty()) text_ = where + ": " + text_;
    if (!hint.empty()) text_ += "\n  " + hint;
}

void fail(ErrorKind kind, std::string id, std::string message, std::string hint, std::string where) {
    throw Error(kind, std::move(id), std::move(message), std::move(hint), std::move(where));
}

void check_failed(const char* condition, const char* file, int line, const std::string& what) {
    throw Error(ErrorKind::internal, "bug", cat("check failed: ", condition, what.empty() ? "" : ": ", what),
                "This is a bug in hone; please report it with the command and the model.", cat(file, ":", line));
}

Piece::Piece(int v) : text(std::to_string(v)) {}
Piece::Piece(unsigned v) : text(std::to_string(v)) {}
Piece::Piece(long v) : text(std::to_string(v)) {}
Piece::Piece(unsigned long v) : text(std::to_string(v)) {}
Piece::Piece(long long v) : text(std::to_string(v)) {}
Piece::Piece(unsigned long long v) : text(std::to_string(v)) {}
Piece::Piece(double v) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.6g", v);
    text = buffer;
}

std::string cat_pieces(std::initializer_list<Piece> pieces) {
    std::string out;
    for (const Piece& p : pieces) out += p.text;
    return out;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (size_t i = 0; i < parts.size(); ++i) {
        if (i) out += separator;
        out += parts[i];
    }
    return out;
}

static size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t up = row[j];
            const bool same = std::tolower(static_cast<unsigned char>(a[i - 1])) ==
                              std::tolower(static_cast<unsigned char>(b[j - 1]));
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1)});
            diagonal = up;
        }
    }
    return row[b.size()];
}

std::vector<std::string> nearest(std::string_view got, const std::vector<std::string>& candidates, int limit) {
    std::vector<std::pair<size_t, std::string>> scored;
    for (const std::string& c : candidates) {
        const size_t d = edit_distance(got, c);
        if (d <= std::max<size_t>(2, got.size() / 3)) scored.emplace_back(d, c);
    }
    std::sort(scored.begin(), scored.end());
    std::vector<std::string> out;
    for (auto& [d, c] : scored)
        if (static_cast<int>(out.size()) < limit) out.push_back(c);
    return out;
}

}  // namespace hone
