// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <algorithm>

#include "record/utf8.h"

namespace hone::report {
namespace {

bool forbidden(char32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || (c & 0xFFFE) == 0xFFFE;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const char32_t c = record::next_code_point(text, at);
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: record::append_utf8(out, forbidden(c) ? record::replacement : c);
        }
    }
    return out;
}

Html::Tag::~Tag() {
    html_.out_ += "</";
    html_.out_ += name_;
    html_.out_ += ">\n";
}

void Html::begin(std::string_view name, const Attributes& attributes) {
    out_ += "<";
    out_ += name;
    for (const auto& [key, value] : attributes) {
        out_ += " ";
        out_ += key;
        out_ += "=\"" + escaped(value) + "\"";
    }
}

Html::Tag Html::open(std::string_view name, const Attributes& attributes) {
    begin(name, attributes);
    out_ += ">";
    return Tag(*this, name);
}

void Html::element(std::string_view name, std::string_view text, const Attributes& attributes) {
    const Tag tag = open(name, attributes);
    out_ += escaped(text);
}

void Html::name(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
        const size_t stop = std::min(text.find_first_of("/._:", at + 1), text.size());
        if (at > 0) out_ += "<wbr/>";
        out_ += escaped(text.substr(at, stop - at));
        at = stop;
    }
}

void Html::shape(std::string_view name, const Attributes& attributes) {
    begin(name, attributes);
    out_ += "/>";
}

}  // namespace hone::report
