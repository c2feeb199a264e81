// SPDX-License-Identifier: Apache-2.0
// Lists of augmentations from text and back.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "data/augment.h"

namespace hone {

namespace {
constexpr const char* kExample = "Write for example flip,shift=2,rotate=10,cutout=8.";

std::string number(double v) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, v).ptr);
}
std::string shown(const AugmentParameter& p, double v) {
    return p.choices.empty() ? number(v) : p.choices[static_cast<size_t>(v)];
}
std::string range_of(const AugmentParameter& p) {
    std::vector<std::string> choices(p.choices.begin(), p.choices.end());
    return choices.empty() ? cat(number(p.low), " to ", number(p.high)) : join(choices, ", ");
}
std::string nearest_of(std::string_view got, const std::vector<std::string>& names, const char* all) {
    const std::vector<std::string> near = nearest(got, names);
    return near.empty() ? cat(all, join(names, ", "), ".") : cat("Nearest: ", join(near, ", "), ".");
}

double value_of(const AugmentKind& kind, const AugmentParameter& p, std::string_view text) {
    if (!p.choices.empty()) {
        for (size_t i = 0; i < p.choices.size(); ++i)
            if (text == p.choices[i]) return static_cast<double>(i);
        fail(ErrorKind::usage, "usage.augment", cat(kind.name, ": ", p.name, " cannot be `", text, "`"),
             nearest_of(text, {p.choices.begin(), p.choices.end()}, "It is one of "));
    }
    double v = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), v);
    const bool number = !text.empty() && code == std::errc() && end == text.data() + text.size();
    if (!number || !(v >= p.low && v <= p.high) || (p.whole && v != std::floor(v)))
        fail(ErrorKind::usage, "usage.augment",
             cat(kind.name, ": ", p.name, " is `", text, "`; expected ", p.whole ? "a whole number of " : "", range_of(p)),
             cat(p.name, ": ", p.help, "."));
    return v;
}

/// The parameter that `text` names before a '=', which it then loses; else the next by position.
size_t parameter_of(const AugmentKind& kind, std::string_view& text, size_t next) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        if (next >= kind.parameters.size())
            fail(ErrorKind::usage, "usage.augment",
                 cat(kind.name, " has ", kind.parameters.size(), " parameters; `", text, "` is one too many"), kExample);
        return next;
    }
    const std::string_view name = text.substr(0, equals);
    std::vector<std::string> names;
    for (size_t i = 0; i < kind.parameters.size(); ++i) {
        if (name == kind.parameters[i].name) {
            text.remove_prefix(equals + 1);
            return i;
        }
        names.emplace_back(kind.parameters[i].name);
    }
    fail(ErrorKind::usage, "usage.augment", cat(kind.name, " has no parameter `", name, "`"), nearest_of(name, names, "It has "));
}

void read_values(Augmentation& a, std::string_view text) {
    std::vector<bool> given(a.values.size());
    for (size_t next = 0;;) {
        const size_t colon = text.find(':');
        std::string_view piece = text.substr(0, colon);
        const size_t at = parameter_of(*a.kind, piece, next);
        if (given[at])
            fail(ErrorKind::usage, "usage.augment", cat(a.kind->name, ": ", a.kind->parameters[at].name, " is given twice"), kExample);
        given[at] = true;
        a.values[at] = value_of(*a.kind, a.kind->parameters[at], piece);
        next = at + 1;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
    }
    const auto& ps = a.kind->parameters;
    for (size_t i = 0; i + 1 < ps.size(); ++i)
        if (std::string_view(ps[i].name) == "low" && std::string_view(ps[i + 1].name) == "high" && a.values[i] > a.values[i + 1])
            fail(ErrorKind::usage, "usage.augment",
                 cat(a.kind->name, ": low is ", number(a.values[i]), ", above high, which is ", number(a.values[i + 1])),
                 cat("Give both: ", a.kind->name, "=", number(a.values[i + 1]), ":", number(a.values[i]), "."));
}

Augmentation read_one(std::string_view item) {
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    Augmentation a{find_augment_kind(name), {}};
    if (!a.kind) {
        std::vector<std::string> names;
        for (const AugmentKind& k : augment_kinds()) names.emplace_back(k.name);
        fail(ErrorKind::usage, "usage.augment", cat("`", name, "` is no augmentation"), nearest_of(name, names, "Known: "));
    }
    for (const AugmentParameter& p : a.kind->parameters) a.values.push_back(p.initial);
    if (equals != std::string_view::npos) read_values(a, item.substr(equals + 1));
    return a;
}
}  // namespace

Augmentations parse_augmentations(const std::string& list) {
    Augmentations out;
    if (list == "none") return out;
    std::string_view rest = list;
    for (bool more = true; more;) {
        const size_t comma = rest.find(',');
        Augmentation a = read_one(rest.substr(0, comma));
        for (const Augmentation& b : out)
            if (a.kind == b.kind) fail(ErrorKind::usage, "usage.augment", cat(a.kind->name, " is listed twice"), "Keep one of them.");
        out.push_back(std::move(a));
        more = comma != std::string_view::npos;
        if (more) rest.remove_prefix(comma + 1);
    }
    return out;
}

std::string to_text(const Augmentations& list) {
    std::vector<std::string> items;
    for (const Augmentation& a : list) {
        std::vector<std::string> values;
        for (size_t i = 0; i < a.values.size(); ++i) values.push_back(shown(a.kind->parameters[i], a.values[i]));
        items.push_back(cat(a.kind->name, "=", join(values, ":")));
    }
    return items.empty() ? "none" : join(items, ",");
}

std::string augment_help() {
    std::string out;
    for (const AugmentKind& k : augment_kinds()) {
        out += cat(k.name, ": ", k.help, "\n");
        for (const AugmentParameter& p : k.parameters)
            out += cat("    ", p.name, " = ", shown(p, p.initial), " (", range_of(p), "): ", p.help, "\n");
    }
    return out;
}

}  // namespace hone
