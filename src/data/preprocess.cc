// SPDX-License-Identifier: Apache-2.0
#include "data/preprocess.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace hone {

namespace {
constexpr const char* kSchema = "1";
constexpr int kLargestSide = 16384;

template <class T>
std::optional<T> parse_number(std::string_view s) {
    T v{};
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (s.empty() || code != std::errc() || end != s.data() + s.size()) return std::nullopt;
    return v;
}

std::string exact(double v) {
    char buffer[32];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}

std::string exact(const std::vector<double>& v) {
    std::vector<std::string> parts;
    for (const double x : v) parts.push_back(exact(x));
    return join(parts, ",");
}

std::optional<std::vector<double>> parse_list(std::string_view s) {
    std::vector<double> out;
    for (;;) {
        const size_t comma = s.find(',');
        const auto v = parse_number<double>(s.substr(0, comma));
        if (!v) return std::nullopt;
        out.push_back(*v);
        if (comma == std::string_view::npos) return out;
        s.remove_prefix(comma + 1);
    }
}

std::optional<ImageSize> try_size(std::string_view s) {
    const size_t x = s.find_first_of("xX");
    const auto h = parse_number<int>(s.substr(0, x));
    const auto w = x == std::string_view::npos ? h : parse_number<int>(s.substr(x + 1));
    if (!h || !w) return std::nullopt;
    return ImageSize{*h, *w};
}

std::optional<Resample> try_resample(const std::string& name) {
    const auto& all = resample_names();
    const auto found = std::find(all.begin(), all.end(), name);
    if (found == all.end()) return std::nullopt;
    return static_cast<Resample>(found - all.begin());
}

void check_values(const std::vector<double>& v, const char* name, bool may_be_zero, int channels, ErrorKind kind) {
    const std::string id = cat("preprocess.", name);
    for (const double x : v)
        if (!std::isfinite(x) || (!may_be_zero && x == 0))
            fail(kind, id, cat(name, " is ", x, "; expected a finite number", may_be_zero ? "" : " other than 0"));
    const bool fits = v.size() == 1 || channels == 0 || v.size() == static_cast<size_t>(channels);
    if (v.empty() || !fits)
        fail(kind, id,
             cat(name, " has ", v.size(), " values; the data has ", channels, channels == 1 ? " channel" : " channels"),
             "Give one value, which serves all channels, or one a channel.");
}

void check_size(const std::optional<ImageSize>& s, const char* name, ErrorKind kind) {
    if (s && (s->height < 1 || s->width < 1 || s->height > kLargestSide || s->width > kLargestSide))
        fail(kind, "preprocess.size", cat(name, " is ", to_text(*s), "; each side must be 1 to ", kLargestSide));
}

std::string shown(double v) { return exact(v); }
std::string shown(const std::vector<double>& v) { return exact(v); }
std::string shown(const ImageSize& v) { return to_text(v); }
std::string shown(Resample v) { return to_text(v); }
std::string shown(int v) { return cat(v); }

template <class T>
std::optional<T> pick(const char* name, const std::optional<T>& flag, const std::optional<T>& stored,
                      std::vector<std::string>* warnings) {
    if (!flag) return stored;
    if (stored && *stored != *flag && warnings)
        warnings->push_back(cat("--", name, " ", shown(*flag), " is used; the model was made with ", shown(*stored)));
    return flag;
}

template <class T, class Parse>
void read_key(const std::map<std::string, std::string>& map, const char* key, T& into, Parse parse) {
    const auto found = map.find(key);
    if (found == map.end()) return;
    const auto v = parse(found->second);
    if (!v)
        fail(ErrorKind::model, "preprocess.map",
             cat("the model's preprocessing has ", key, " = '", found->second.substr(0, 40), "'"),
             "Give the preprocessing by flags, or repair the model's metadata `hone.preprocess`.");
    into = *v;
}

std::optional<DataKind> try_kind(const std::string& s) {
    if (s == "image") return DataKind::image;
    if (s == "table") return DataKind::table;
    if (s == "text") return DataKind::text;
    return std::nullopt;
}
}  // namespace

std::string to_text(ImageSize size) { return cat(size.height, "x", size.width); }

ImageSize parse_size(const std::string& text) {
    const auto s = try_size(text);
    if (!s)
        fail(ErrorKind::usage, "preprocess.size", cat("'", text, "' is no size"), "Write HxW, for example 224x224.");
    check_size(s, "the size", ErrorKind::usage);
    return *s;
}

const std::vector<std::string>& resample_names() {
    static const std::vector<std::string> names{"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"};
    return names;
}

std::string to_text(Resample filter) { return resample_names()[static_cast<size_t>(filter)]; }

Resample parse_resample(const std::string& name) {
    if (const auto r = try_resample(name)) return *r;
    const std::vector<std::string> near = nearest(name, resample_names());
    fail(ErrorKind::usage, "preprocess.resample", cat("`", name, "` is no filter for resizing"),
         near.empty() ? cat("Filters: ", join(resample_names(), ", "), ".")
                      : cat("Did you mean ", join(near, ", "), "?"));
}

PreprocessOptions merge(const PreprocessOptions& flags, const PreprocessOptions& stored,
                        std::vector<std::string>* warnings) {
    PreprocessOptions o;
    o.scale = pick("scale", flags.scale, stored.scale, warnings);
    o.mean = pick("mean", flags.mean, stored.mean, warnings);
    o.std = pick("std", flags.std, stored.std, warnings);
    o.resize = pick("resize", flags.resize, stored.resize, warnings);
    o.crop = pick("crop", flags.crop, stored.crop, warnings);
    o.resample = pick("resample", flags.resample, stored.resample, warnings);
    o.channels = pick("channels", flags.channels, stored.channels, warnings);
    return o;
}

PreprocessOptions options_of(const Preprocess& p) {
    PreprocessOptions o{p.scale, p.mean, p.std, p.resize, p.crop, {}, {}};
    if (p.resize) o.resample = p.resample;
    if (p.channels) o.channels = p.channels;
    return o;
}

Preprocess resolve(const PreprocessOptions& o, DataKind kind, int channels) {
    Preprocess p;
    p.kind = kind;
    p.scale = o.scale.value_or(kind == DataKind::image ? 1.0 / 255 : 1.0);
    p.mean = o.mean.value_or(std::vector<double>{0});
    p.std = o.std.value_or(std::vector<double>{1});
    if (kind == DataKind::image) {
        p.resize = o.resize;
        p.crop = o.crop;
        p.resample = o.resample.value_or(Resample::bilinear);
        p.channels = channels;
    }
    check(p, channels);
    return p;
}

void check(const Preprocess& p, int channels, ErrorKind kind) {
    check_values({p.scale}, "scale", false, 0, kind);
    check_values(p.mean, "mean", true, channels, kind);
    check_values(p.std, "std", false, channels, kind);
    check_size(p.resize, "resize", kind);
    check_size(p.crop, "crop", kind);
    if (p.channels != 0 && p.channels != 1 && p.channels != 3)
        fail(kind, "preprocess.channels", cat("channels is ", p.channels, "; expected 1 (grey) or 3 (RGB)"));
    if (p.resize && p.crop && (p.crop->height > p.resize->height || p.crop->width > p.resize->width))
        fail(kind, "preprocess.size", cat("crop ", to_text(*p.crop), " is larger than resize ", to_text(*p.resize)));
}

std::map<std::string, std::string> to_map(const Preprocess& p) {
    std::map<std::string, std::string> m{{"schema", kSchema},
                                         {"kind", p.kind == DataKind::image ? "image" : p.kind == DataKind::table ? "table" : "text"},
                                         {"scale", exact(p.scale)},
                                         {"mean", exact(p.mean)},
                                         {"std", exact(p.std)}};
    if (p.resize) {
        m["resize"] = to_text(*p.resize);
        m["resample"] = to_text(p.resample);
    }
    if (p.crop) m["crop"] = to_text(*p.crop);
    if (p.channels) m["channels"] = cat(p.channels);
    return m;
}

Preprocess preprocess_from_map(const std::map<std::string, std::string>& map) {
    const auto schema = map.find("schema");
    if (schema == map.end() || schema->second != kSchema)
        fail(ErrorKind::model, "preprocess.schema",
             cat("the model's preprocessing has schema ", schema == map.end() ? "none" : schema->second.substr(0, 20),
                 "; this hone reads ", kSchema),
             "Give the preprocessing by flags, or use a newer hone.");
    Preprocess p;
    read_key(map, "kind", p.kind, try_kind);
    p.scale = p.kind == DataKind::image ? 1.0 / 255 : 1.0;
    read_key(map, "scale", p.scale, parse_number<double>);
    read_key(map, "mean", p.mean, parse_list);
    read_key(map, "std", p.std, parse_list);
    read_key(map, "resize", p.resize, try_size);
    read_key(map, "resample", p.resample, try_resample);
    read_key(map, "crop", p.crop, try_size);
    read_key(map, "channels", p.channels, parse_number<int>);
    check(p, p.channels, ErrorKind::model);
    return p;
}

}  // namespace hone
