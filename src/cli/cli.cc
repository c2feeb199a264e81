// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "cli/parse.h"
#include "record/table.h"

namespace hone::cli {

namespace {
constexpr int kBug = 70;

/// Names in a stranger's file must not write to the terminal.
std::string clean(const std::string& text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        out += record::printable(std::string_view(text).substr(at, end - at));
        if (end < text.size()) out += '\n';
        at = end + 1;
    }
    return out;
}

void print(std::FILE* to, const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
    if (!written && to == stdout)
        fail(ErrorKind::io, "stdout.write", cat("cannot write the result to stdout: ", std::strerror(errno)));
}

void declare_common(Options& o, Common& c, bool& help) {
    o.group("Everywhere");
    o.add("json", "FILE", c.json, "the result as JSON: on stdout, where then nothing else is printed, or to FILE")
        .may_be_bare();
    o.add("out", "DIR", c.out, "a folder for what the verb writes; made when absent");
    o.add("threads", "N", c.threads, "threads").at_least(1).at_most(1024);
    o.add("seed", "N", c.seed, "of everything random");
    o.add("device", "NAME", c.device, "where to run; present: cpu");
    o.bytes("max-memory", limits().memory_bytes, "no buffer and no plan larger than this");
    o.add("config", "FILE", c.config, "a recipe: a YAML file of options, or the record of a run to repeat (train.json); flags win over it");
    o.flag("quiet", c.quiet, "no progress on stderr");
    o.flag("help", help, "this text");
}

void check_common(const Common& c, const Verb& verb, const Options& options) {
    if (c.device != "cpu")
        fail(ErrorKind::usage, "device.absent", cat("there is no device '", c.device, "'"), "Present: cpu.");
    set_quiet(c.quiet);
    if (!c.out.empty() && !options.given("dry-run"))
        make_directories(verb.out_is_file ? parent_directory(c.out) : c.out);
}

const Verb& find_verb(const std::string& name) {
    std::vector<std::string> known;
    for (const Verb& v : all_verbs()) {
        if (v.name == name) return v;
        if (!v.hidden) known.push_back(v.name);
    }
    const std::vector<std::string> near = nearest(name, known);
    const bool is_file = name.size() > 5 && name.ends_with(".onnx");
    fail(ErrorKind::usage, "usage.verb", cat("unknown verb '", name, "'"),
         is_file        ? "The verb stands before the model: hone VERB MODEL."
         : near.empty() ? cat("Known: ", join(known, ", "), ".")
                        : cat("Did you mean ", join(near, " or "), "? Known: ", join(known, ", "), "."));
}

int run_verb(const Verb& verb, const std::vector<std::string>& arguments) {
    Common common;
    common.threads = available_cores();
    bool help = false;
    Options options;
    verb.declare(options);
    declare_common(options, common, help);
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    parse_options(verb, options, rest);
    if (help) {
        print(stdout, verb_help(verb, options));
        return 0;
    }
    check_common(common, verb, options);
    Call call{common, options, "hone " + join(arguments, " "), {}};
    return verb.run(call);
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.empty()) fail(ErrorKind::usage, "usage.verb", "what shall be done? No verb was given", "hone --help");
    const std::string& first = arguments[0];
    if (first == "--help" || first == "-h" || (first == "help" && arguments.size() == 1))
        return print(stdout, general_help()), 0;
    if (first == "--version") return print(stdout, cat("hone ", version(), "\n")), 0;
    if (first == "help") return run_verb(find_verb(arguments[1]), {arguments[1], "--help"});
    if (first.starts_with('-')) {
        fail(ErrorKind::usage, "usage.flag", cat("unknown option ", first, " before the verb"),
             "hone VERB MODEL [options]; known here: --help, --version.");
    }
    return run_verb(find_verb(first), arguments);
}

int report(const Error& e) {
    std::string text = cat("error: ", e.where.empty() ? "" : e.where + ": ", e.message, " [", e.id, "]\n");
    if (!e.hint.empty()) text += cat("  ", e.hint, "\n");
    print(stderr, clean(text));
    return e.exit_code();
}

int report_bug(const char* what) {
    print(stderr,
          cat("error: ", what, " [bug]\n  This is a bug in hone; please report it with the command and the model.\n"));
    return kBug;
}
}  // namespace

std::string version() { return HONE_VERSION; }

void Call::warn(const std::string& text) {
    warnings.push_back(text);
    if (!common.silent) print(stderr, clean(cat("warning: ", text, "\n")));
}

void Call::say(const std::string& text) const {
    if (!common.quiet) print(stderr, clean(text + "\n"));
}

void Call::emit(const std::string& json, const std::string& text, const std::string& file_in_out) const {
    if (common.silent) return;
    if (!common.out.empty() && !file_in_out.empty()) write_file_atomic(cat(common.out, "/", file_in_out), json + "\n");
    if (json_on_stdout()) return print(stdout, json + "\n");
    if (!common.json.empty()) write_file_atomic(common.json, json + "\n");
    print(stdout, clean(text));
}

int run_command_line(const std::vector<std::string>& arguments) noexcept {
    try {
        install_interrupt_handlers();
        return run(arguments);
    } catch (const Error& e) {
        return report(e);
    } catch (const std::bad_alloc&) {
        print(stderr, "error: out of memory [memory.out]\n  Try --max-memory, a smaller --batch or fewer --threads.\n");
        return static_cast<int>(ErrorKind::budget);
    } catch (const std::exception& e) {
        return report_bug(e.what());
    } catch (...) {
        return report_bug("an unknown exception");
    }
}

}  // namespace hone::cli
