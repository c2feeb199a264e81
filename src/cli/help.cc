// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/parse.h"

namespace hone::cli {

namespace {
std::string padded(std::string s, size_t width) {
    s.resize(std::max(s.size() + 2, width), ' ');
    return s;
}

std::string shown_with_value(const Option& o) {
    if (o.positional) return cat(o.needed ? o.name : "[" + o.name + "]", o.list ? "..." : "");
    if (o.bare) return cat("--", o.name, "[=", o.value_name, "]");
    return o.value_name.empty() ? "--" + o.name : cat("--", o.name, " ", o.value_name);
}
}  // namespace

std::string general_help() {
    std::string s = cat("hone ", version(),
                        ": makes a neural network fast, and proves each step in time and accuracy on your machine.\n\n"
                        "Usage: hone VERB MODEL [options]\n\nVerbs:\n");
    for (const Verb& v : all_verbs())
        if (!v.hidden) s += cat("  ", padded(v.name, 12), v.summary, "\n");
    s += "\nExamples:\n";
    for (const Verb& v : all_verbs())
        if (!v.hidden && !v.examples.empty()) s += cat("  ", v.examples[0].first, "\n");
    s += "\n`hone VERB --help` tells the options of a verb, `hone --version` the version.\n"
         "Exit codes: 0 goal met, 1 goal not met (the original is kept), 2 usage, 3 model refused, 4 unsupported "
         "operator,\n"
         "5 data, 6 file absent or other input/output, 7 time or memory budget, 70 a bug in hone.\n";
    return s;
}

std::string verb_help(const Verb& verb, const Options& options) {
    std::string s = cat("hone ", verb.name, ": ", verb.summary, "\n\nUsage: hone ", verb.name);
    for (const Option& o : options.all())
        if (o.positional) s += " " + shown_with_value(o);
    for (const Option& o : options.all())
        if (!o.positional && o.needed) s += " " + shown_with_value(o);
    s += " [options]\n";
    std::vector<std::string> groups;
    for (const Option& o : options.all())
        if (!o.hidden && std::find(groups.begin(), groups.end(), o.group) == groups.end()) groups.push_back(o.group);
    for (const std::string& group : groups) {
        s += cat("\n", group, ":\n");
        for (const Option& o : options.all()) {
            if (o.hidden || o.group != group) continue;
            s += cat("  ", padded(shown_with_value(o), 26), o.help);
            const std::string fallback = o.get();
            if (!fallback.empty() && fallback != "true" && !o.given) s += cat(" [", fallback, "]");
            s += "\n";
        }
    }
    if (!verb.examples.empty()) s += "\nExamples:\n";
    for (const auto& [command, meaning] : verb.examples) s += cat("  ", command, "\n      ", meaning, "\n");
    if (!verb.notes.empty()) s += "\n" + verb.notes;
    return s;
}

}  // namespace hone::cli
