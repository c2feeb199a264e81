// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/error.h"

namespace hone::cli {

namespace {
template <class T>
std::optional<T> parse_number(std::string_view s) {
    if (!s.empty() && s[0] == '+') s.remove_prefix(1);
    T v{};
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (s.empty() || code != std::errc() || end != s.data() + s.size()) return std::nullopt;
    if constexpr (std::is_floating_point_v<T>)
        if (!std::isfinite(v)) return std::nullopt;
    return v;
}

template <class T>
std::string number_text(T v) {
    char buffer[40];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

[[noreturn]] void wrong_value(const std::string& option, const std::string& got, const std::string& expected) {
    fail(ErrorKind::usage, "usage.value", cat(option, " takes ", expected, "; got '", got, "'"));
}

template <class T>
T need_number(const std::string& name, const std::string& text, const char* expected) {
    const auto v = parse_number<T>(text);
    if (!v) wrong_value("--" + name, text, expected);
    return *v;
}

/// A number with one of the suffixes.
double scaled(const std::string& name, const std::string& text,
              const std::vector<std::pair<std::string, double>>& units, const char* expected) {
    std::string_view number = text;
    double factor = 1;
    for (const auto& [suffix, f] : units)
        if (number.size() > suffix.size() && number.ends_with(suffix)) {
            number.remove_suffix(suffix.size());
            factor = f;
            break;
        }
    const auto v = parse_number<double>(number);
    if (!v || *v < 0) wrong_value("--" + name, text, expected);
    return *v * factor;
}

template <class T>
Option number_option(const std::string& name, const std::string& value_name, T& to, const std::string& help,
                     const char* expected) {
    Option o;
    o.name = name;
    o.value_name = value_name;
    o.help = help;
    o.set = [&to, name, expected](const std::string& s) { to = need_number<T>(name, s, expected); };
    o.get = [&to] { return number_text(to); };
    return o;
}
}  // namespace

std::string Option::shown() const { return positional ? name : "--" + name; }

Option& Option::one_of(std::vector<std::string> words) {
    set = [this, inner = set, words = std::move(words)](const std::string& s) {
        if (std::find(words.begin(), words.end(), s) == words.end()) {
            const std::vector<std::string> near = nearest(s, words);
            fail(ErrorKind::usage, "usage.value", cat(shown(), " takes one of ", join(words, ", "), "; got '", s, "'"),
                 near.empty() ? "" : cat("Did you mean ", join(near, " or "), "?"));
        }
        inner(s);
    };
    return *this;
}

Option& Option::at_least(double least) {
    set = [this, inner = set, least](const std::string& s) {
        inner(s);
        if (parse_number<double>(get()).value_or(0) < least) wrong_value(shown(), s, cat("at least ", least));
    };
    return *this;
}

Option& Option::at_most(double most) {
    set = [this, inner = set, most](const std::string& s) {
        inner(s);
        if (parse_number<double>(get()).value_or(0) > most) wrong_value(shown(), s, cat("at most ", most));
    };
    return *this;
}

Option& Options::push(Option o) {
    HONE_CHECK(!find(o.name), "option declared twice: ", o.name);
    o.group = group_;
    all_.push_back(std::move(o));
    return all_.back();
}

Option& Options::positional(const std::string& name, std::string& to, const std::string& help) {
    Option o;
    o.name = name;
    o.value_name = name;
    o.help = help;
    o.positional = true;
    o.set = [&to](const std::string& s) { to = s; };
    o.get = [&to] { return to; };
    return push(std::move(o));
}

Option& Options::positional(const std::string& name, std::vector<std::string>& to, const std::string& help) {
    Option o;
    o.name = name;
    o.value_name = name;
    o.help = help;
    o.positional = o.list = true;
    o.set = [&to](const std::string& s) { to.push_back(s); };
    o.get = [&to] { return join(to, ","); };
    return push(std::move(o));
}

Option& Options::custom(const std::string& name, const std::string& value_name, const std::string& help,
                        std::function<void(const std::string&)> set, std::function<std::string()> get) {
    Option o;
    o.name = name;
    o.value_name = value_name;
    o.help = help;
    o.set = std::move(set);
    o.get = std::move(get);
    return push(std::move(o));
}

Option& Options::add(const std::string& name, const std::string& value_name, std::string& to, const std::string& help) {
    return custom(
        name, value_name, help, [&to](const std::string& s) { to = s; }, [&to] { return to; });
}
Option& Options::add(const std::string& name, const std::string& value_name, int& to, const std::string& help) {
    return push(number_option(name, value_name, to, help, "a whole number"));
}
Option& Options::add(const std::string& name, const std::string& value_name, int64_t& to, const std::string& help) {
    return push(number_option(name, value_name, to, help, "a whole number"));
}
Option& Options::add(const std::string& name, const std::string& value_name, uint64_t& to, const std::string& help) {
    return push(number_option(name, value_name, to, help, "a whole number that is not negative"));
}
Option& Options::add(const std::string& name, const std::string& value_name, double& to, const std::string& help) {
    return push(number_option(name, value_name, to, help, "a number"));
}

Option& Options::add(const std::string& name, const std::string& value_name, std::optional<int64_t>& to,
                     const std::string& help) {
    return custom(
        name, value_name, help,
        [&to, name](const std::string& s) { to = need_number<int64_t>(name, s, "a whole number"); },
        [&to] { return to ? number_text(*to) : std::string(); });
}
Option& Options::add(const std::string& name, const std::string& value_name, std::optional<double>& to,
                     const std::string& help) {
    return custom(
        name, value_name, help, [&to, name](const std::string& s) { to = need_number<double>(name, s, "a number"); },
        [&to] { return to ? number_text(*to) : std::string(); });
}

Option& Options::add(const std::string& name, const std::string& value_name, std::optional<std::vector<double>>& to,
                     const std::string& help) {
    return custom(
        name, value_name, help,
        [&to, name](const std::string& s) {
            std::vector<double> v;
            for (size_t at = 0; at <= s.size();) {
                const size_t comma = std::min(s.find(',', at), s.size());
                const auto x = parse_number<double>(std::string_view(s).substr(at, comma - at));
                if (!x) wrong_value("--" + name, s, "numbers separated by commas");
                v.push_back(*x);
                at = comma + 1;
            }
            to = std::move(v);
        },
        [&to] {
            std::vector<std::string> parts;
            if (to)
                for (const double x : *to) parts.push_back(number_text(x));
            return join(parts, ",");
        });
}

Option& Options::flag(const std::string& name, bool& to, const std::string& help) {
    return custom(
        name, "", help,
        [&to, name](const std::string& s) {
            if (s != "true" && s != "false") wrong_value("--" + name, s, "true or false");
            to = s == "true";
        },
        [&to] { return std::string(to ? "true" : ""); });
}

Option& Options::fraction(const std::string& name, double& to, const std::string& help) {
    return custom(
        name, "X", help,
        [&to, name](const std::string& s) {
            to = scaled(name, s, {{"%", 0.01}}, "a share such as 0.5% or 0.005");
            if (to > 1) wrong_value("--" + name, s, "a share such as 0.5% or 0.005, at most 100%");
        },
        [&to] { return number_text(to); });
}

Option& Options::bytes(const std::string& name, size_t& to, const std::string& help) {
    const double k = 1024;
    const std::vector<std::pair<std::string, double>> units = {
        {"KiB", k},  {"MiB", k * k}, {"GiB", k * k * k}, {"TiB", k * k * k * k},
        {"KB", 1e3}, {"MB", 1e6},    {"GB", 1e9},        {"TB", 1e12},
        {"K", k},    {"M", k * k},   {"G", k * k * k},   {"T", k * k * k * k}};
    return custom(
        name, "SIZE", help,
        [&to, name, units](const std::string& s) {
            const double v = scaled(name, s, units, "a size such as 512M or 4G");
            if (v < 1 || v > 0x1p62) wrong_value("--" + name, s, "a size such as 512M or 4G");
            to = static_cast<size_t>(v);
        },
        [&to] {
            size_t v = to;
            const char* unit = "";
            for (const char* next : {"K", "M", "G", "T"}) {
                if (v == 0 || v % 1024 != 0) break;
                v /= 1024;
                unit = next;
            }
            return number_text(v) + unit;
        });
}

Option& Options::seconds(const std::string& name, double& to, const std::string& help) {
    return custom(
        name, "TIME", help,
        [&to, name](const std::string& s) {
            to = scaled(name, s, {{"ms", 1e-3}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}},
                        "a time such as 90s, 10m or 2h");
        },
        [&to] { return number_text(to); });
}

Option* Options::find(const std::string& name) {
    for (Option& o : all_)
        if (o.name == name) return &o;
    return nullptr;
}

bool Options::given(const std::string& name) const {
    return std::any_of(all_.begin(), all_.end(), [&](const Option& o) { return o.name == name && o.given; });
}

std::vector<std::string> Options::names() const {
    std::vector<std::string> out;
    for (const Option& o : all_)
        if (!o.positional && !o.hidden) out.push_back(o.name);
    return out;
}

std::vector<std::pair<std::string, std::string>> Options::resolved() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const Option& o : all_) {
        if (o.hidden || o.name == "config" || o.name == "help") continue;
        const std::string v = o.get();
        if (v.empty() && (!o.given || o.value_name.empty())) continue;  // a switch that is off
        std::string name = o.name;
        if (o.positional) std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
        out.emplace_back(name, v);
    }
    return out;
}

}  // namespace hone::cli
