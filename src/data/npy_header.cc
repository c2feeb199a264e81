// SPDX-License-Identifier: Apache-2.0
#include "data/npy_header.h"

#include <charconv>

#include "base/error.h"

namespace hone {

namespace {
constexpr size_t kMostAxes = 8;

class Parser {
  public:
    Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}
    NpyHeader parse() {
        NpyHeader h;
        bool type = false, order = false, shape = false;
        expect('{');
        while (!take('}')) {
            const std::string key = quoted();
            expect(':');
            bool& seen = key == "descr" ? type : key == "fortran_order" ? order : key == "shape" ? shape : unknown(key);
            if (seen) wrong(cat("`", key, "` stands twice"));
            seen = true;
            if (key == "descr") h.type = type_text();
            if (key == "fortran_order") h.fortran_order = truth();
            if (key == "shape") h.dims = tuple();
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        if (!type || !order || !shape) wrong("`descr`, `fortran_order` or `shape` is missing");
        space();
        if (at_ != text_.size()) wrong("text follows the dictionary");
        return h;
    }

  private:
    [[noreturn]] void wrong(const std::string& what) const {
        fail(ErrorKind::data, "data.npy.header", cat("the header of the array is not NumPy's: ", what), {},
             cat(where_, ", character ", at_, " of the header"));
    }
    bool& unknown(const std::string& key) const { wrong(cat("unknown key `", key.substr(0, 40), "`")); }
    void space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
    }
    bool take(char c) {
        space();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!take(c)) wrong(cat("expected `", c, "`"));
    }
    std::string quoted() {
        space();
        if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) wrong("expected a quoted text");
        const size_t end = text_.find(text_[at_], at_ + 1);
        if (end == std::string_view::npos) wrong("a quote is not closed");
        const std::string_view s = text_.substr(at_ + 1, end - at_ - 1);
        if (s.find('\\') != std::string_view::npos) wrong("a backslash");
        at_ = end + 1;
        return std::string(s);
    }
    std::string type_text() {
        space();
        if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '('))
            fail(ErrorKind::data, "data.npy.type", "an array of records; expected one of plain numbers",
                 "Save each field as an array of its own.", where_);
        return quoted();
    }
    bool word(std::string_view w) {
        space();
        if (!text_.substr(at_).starts_with(w)) return false;
        at_ += w.size();
        return true;
    }
    bool truth() {
        if (word("True")) return true;
        if (!word("False")) wrong("expected True or False");
        return false;
    }
    Dims tuple() {
        Dims dims;
        expect('(');
        while (!take(')')) {
            space();
            int64_t n = 0;
            const auto [end, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), n);
            if (code != std::errc() || n < 0) wrong("expected the size of an axis");
            at_ = static_cast<size_t>(end - text_.data());
            if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2
            if (dims.size() == kMostAxes)
                fail(ErrorKind::data, "data.npy.size", cat("more than ", kMostAxes, " axes"), {}, where_);
            dims.push_back(n);
            if (!take(',')) {
                expect(')');
                break;
            }
        }
        return dims;
    }

    std::string_view text_;
    const std::string& where_;
    size_t at_ = 0;
};
}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& where) { return Parser(text, where).parse(); }

}  // namespace hone
