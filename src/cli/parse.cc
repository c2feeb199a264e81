// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "base/error.h"

namespace hone::cli {

namespace {
std::string see_help(const Verb& verb) { return cat("See `hone ", verb.name, " --help`."); }

[[noreturn]] void unknown_option(const Verb& verb, const Options& options, const std::string& word) {
    const std::string name = word.substr(std::min(word.find_first_not_of('-'), word.size()));
    std::vector<std::string> near = nearest(name.substr(0, name.find('=')), options.names());
    for (std::string& n : near) n = "--" + n;
    fail(ErrorKind::usage, "usage.flag", cat("`hone ", verb.name, "` has no option ", word.substr(0, word.find('='))),
         near.empty() ? see_help(verb) : cat("Did you mean ", join(near, " or "), "? ", see_help(verb)));
}

void apply_recipe(const Verb& verb, Options& options, const std::string& path) {
    for (const auto& [key, values] : read_recipe(path)) {
        std::string name = key;
        std::replace(name.begin(), name.end(), '_', '-');
        if (name == "verb") {
            if (values != std::vector<std::string>{verb.name})
                fail(ErrorKind::usage, "recipe.verb",
                     cat("the recipe is one for `hone ", join(values, ","), "`, not `hone ", verb.name, "`"), "", path);
            continue;
        }
        Option* o = options.find(name);
        if (!o)
            for (Option& p : options.all())
                if (p.positional && CLI::detail::to_lower(p.name) == name) o = &p;
        if (!o || o->hidden || name == "config" || name == "help") {
            std::vector<std::string> known = options.names();
            for (const Option& p : options.all())
                if (p.positional) known.push_back(CLI::detail::to_lower(p.name));
            const std::vector<std::string> near = nearest(name, known);
            fail(ErrorKind::usage, "usage.key", cat("`hone ", verb.name, "` has no option `", key, "`"),
                 near.empty() ? see_help(verb) : cat("Did you mean ", join(near, " or "), "? ", see_help(verb)), path);
        }
        if (o->given) continue;
        try {
            if (o->list)
                for (const std::string& v : values) o->set(v);
            else
                o->set(o->bare && join(values, ",") == "true" ? "-" : join(values, ","));
        } catch (Error& e) {
            throw Error(e.kind, e.id, e.message, e.hint, path);
        }
        o->given = true;
    }
}
}  // namespace

void parse_options(const Verb& verb, Options& options, const std::vector<std::string>& arguments) {
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::deque<std::string> values(options.all().size());
    std::deque<std::vector<std::string>> lists(options.all().size());
    std::vector<CLI::Option*> parsed;
    for (size_t i = 0; i < values.size(); ++i) {
        const Option& o = options.all()[i];
        CLI::Option* p = nullptr;
        if (o.list) {
            parsed.push_back(app.add_option(o.name, lists[i]));
            continue;
        }
        if (o.positional)
            p = app.add_option(o.name, values[i]);
        else if (o.bare)
            p = app.add_flag("--" + o.name + "{-}", values[i]);
        else if (o.value_name.empty())
            p = app.add_flag("--" + o.name, values[i]);
        else
            p = app.add_option("--" + o.name, values[i]);
        p->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        parsed.push_back(p);
    }
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& e) {
        fail(ErrorKind::usage, "usage.argument", e.what(), see_help(verb));
    }
    const std::vector<std::string> rest = app.remaining();
    for (const std::string& word : rest)
        if (word.size() > 1 && word[0] == '-' && word != "--") unknown_option(verb, options, word);
    for (size_t i = 0; i < values.size(); ++i) {
        if (parsed[i]->count() == 0) continue;
        if (options.all()[i].list)
            for (const std::string& v : lists[i]) options.all()[i].set(v);
        else
            options.all()[i].set(values[i]);
        options.all()[i].given = true;
    }
    if (options.given("help")) return;
    for (const std::string& word : rest)
        if (word != "--")
            fail(ErrorKind::usage, "usage.argument",
                 cat("`hone ", verb.name, "` does not know what to do with '", word, "'"), see_help(verb));
    if (const Option* config = options.find("config"); config && config->given)
        apply_recipe(verb, options, config->get());
    for (const Option& o : options.all())
        if (o.needed && !o.given)
            fail(ErrorKind::usage, "usage.missing", cat("`hone ", verb.name, "` needs ", o.shown(), ": ", o.help),
                 see_help(verb));
}

}  // namespace hone::cli
