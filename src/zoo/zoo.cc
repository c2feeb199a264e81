// SPDX-License-Identifier: Apache-2.0
#include "zoo/zoo.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "zoo/build.h"

namespace hone::zoo {
namespace {

constexpr int64_t most_side = 1 << 16;
constexpr int64_t most_size = 1 << 24;
constexpr double most_width = 64;

std::string said(const Dims& dims) {
    std::string s;
    for (int64_t d : dims) s += cat(s.empty() ? "" : "x", d);
    return s;
}

void check_input(const Architecture& a, const Request& r) {
    const char* forms[] = {"", a.takes("vocabulary") ? "L" : "F", "TxF", "CxHxW"};
    if (r.input.size() < a.least_rank || r.input.size() > a.most_rank) {
        std::vector<std::string> taken;
        for (size_t rank = a.least_rank; rank <= a.most_rank; ++rank) taken.emplace_back(forms[rank]);
        fail(ErrorKind::usage, "zoo.input", cat(a.name, " takes an input of ", join(taken, " or "), ", got '", said(r.input), "'"),
             "Give --input, for example 3x224x224.");
    }
    for (int64_t d : r.input)
        if (d < 1 || d > most_side)
            fail(ErrorKind::usage, "zoo.input", cat("the input ", said(r.input), " has a side of ", d),
                 cat("Sides are 1 to ", most_side, "."));
}

void check_depth(const Architecture& a, const Request& r) {
    const bool known = a.depths.empty() ? r.depth >= 1 && r.depth <= a.most_depth
                                        : std::find(a.depths.begin(), a.depths.end(), r.depth) != a.depths.end();
    if (known) return;
    std::vector<int64_t> near = a.depths;
    const auto away = [&](int64_t d) { return std::abs(d - r.depth); };
    std::stable_sort(near.begin(), near.end(), [&](int64_t x, int64_t y) { return away(x) < away(y); });
    std::vector<std::string> words;
    for (int64_t d : a.depths) words.push_back(cat(d));
    fail(ErrorKind::usage, "zoo.depth", cat("there is no ", a.name, " of depth ", r.depth),
         near.empty() ? cat("Depths are 1 to ", a.most_depth, ".") : cat("Nearest: ", near[0], ". Known: ", join(words, ", "), "."));
}

Request checked(const Architecture& a, Request r) {
    check_input(a, r);
    if (a.takes("classes") && (r.classes < 1 || r.classes > most_size))
        fail(ErrorKind::usage, "zoo.classes", cat(a.name, " needs classes, got ", r.classes), cat("1 to ", most_size, "."));
    if (!(r.width > 0 && r.width <= most_width))
        fail(ErrorKind::usage, "zoo.width", cat("a width of ", r.width), cat("Above 0, at most ", most_width, "."));
    for (int64_t size : {r.embedding, r.vocabulary, r.text_length, r.latent})
        if (size < 1 || size > most_size) fail(ErrorKind::usage, "zoo.size", cat("a size of ", size), cat("1 to ", most_size, "."));
    if (r.dropout && !(*r.dropout >= 0 && *r.dropout < 1)) fail(ErrorKind::usage, "zoo.dropout", cat("a dropout of ", *r.dropout), "In [0, 1); 0 leaves it out.");
    if (a.takes("depth") && r.depth != 0) check_depth(a, r);
    else r.depth = a.depth;
    return r;
}

/// What the network was made from, as JSON; numbers and known words only.
std::string as_json(const Architecture& a, const Request& r) {
    std::string dims;
    for (int64_t d : r.input) dims += cat(dims.empty() ? "" : ",", d);
    std::string s = cat("{\"schema\":\"hone.architecture/1\",\"name\":\"", a.name, "\",\"input\":[", dims, "]");
    const bool no_tokens = a.least_rank == 1 && r.input.size() > 1;  // a picture or a series
    const auto put = [&](const char* option, const std::string& value) {
        if (!a.takes(option) || (no_tokens && (std::string(option) == "embedding" || std::string(option) == "vocabulary"))) return;
        std::string key = option;
        std::replace(key.begin(), key.end(), '-', '_');
        s += cat(",\"", key, "\":", value);
    };
    put("classes", cat(r.classes));
    put("width", cat(r.width));
    put("depth", cat(r.depth));
    put("stem", r.stem == Stem::by_size ? "\"auto\"" : r.stem == Stem::cifar ? "\"cifar\"" : "\"imagenet\"");
    put("batch-norm", cat(r.batch_norm));
    if (r.dropout) put("dropout", cat(*r.dropout));
    put("embedding", cat(r.embedding));
    put("vocabulary", cat(r.vocabulary));
    put("text-length", cat(r.text_length));
    put("latent", cat(r.latent));
    return s + cat(",\"seed\":", static_cast<unsigned long>(r.seed), "}");
}

}  // namespace

bool Architecture::takes(const std::string& option) const {
    return std::find(options.begin(), options.end(), option) != options.end();
}

const Architecture& find_architecture(const std::string& name) {
    std::vector<std::string> known;
    for (const Architecture& a : architectures()) {
        if (a.name == name) return a;
        known.push_back(a.name);
    }
    const std::vector<std::string> near = nearest(name, known, 1);
    fail(ErrorKind::usage, "zoo.architecture", cat("there is no architecture '", name, "'"),
         cat(near.empty() ? "" : cat("Did you mean ", near[0], "? "), "Known: ", join(known, ", "), "."));
}

std::vector<Network> make_networks(const std::string& architecture, const Request& asked) {
    const Architecture& a = find_architecture(architecture);
    const Request r = checked(a, asked);
    std::vector<Network> out = a.build(r);
    for (Network& n : out) n.graph.metadata["hone.architecture"] = as_json(a, r);
    return out;
}

int64_t scaled(int64_t channels, double width) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(channels) * width));
}

bool small_stem(const Request& r) {
    if (r.stem != Stem::by_size) return r.stem == Stem::cifar;
    constexpr int64_t most = 64;
    return r.input.size() == 3 && r.input[1] <= most && r.input[2] <= most;
}

float dropout_of(const Request& r, double published) { return static_cast<float>(r.dropout.value_or(published)); }

Asked asked(const std::string& what, const Request& r) { return {what, r.input, r.classes, r.seed}; }

std::vector<Network> classifies(Builder& b, ValueId logits) {
    std::vector<Network> out;
    out.push_back(b.finish({{"logits", logits}}));
    return out;
}

}  // namespace hone::zoo
