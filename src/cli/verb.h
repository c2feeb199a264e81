// SPDX-License-Identifier: Apache-2.0
// A verb: its name and help, the options that it declares, and what it does. One file a verb (verb_<name>.cc), one line
// in the list of verbs.cc.
//
//   Verb eval_verb() {
//       auto a = std::make_shared<EvalArgs>();
//       return {.name = "eval", .summary = "...", .examples = {...}, .declare = [a](Options& o) { ... },
//               .run = [a](Call& call) { ...; call.emit(record::to_json(r), text, "eval.json"); return 0; }};
//   }
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace hone::cli {

/// Options of every verb.
struct Common {
    std::string json;    ///< empty: none; "-": stdout; else a file
    std::string out;     ///< folder; empty: none
    std::string config;  ///< recipe; empty: none
    std::string device = "cpu";
    int threads = 1;  ///< available cores unless given
    uint64_t seed = 0;
    bool quiet = false;
    bool silent = false;  ///< a rank of several other than the first: says nothing at all, writes no result
};

/// One call of a verb.
struct Call {
    const Common& common;
    const Options& options;
    std::string command;                ///< as typed, for records
    std::vector<std::string> warnings;  ///< said so far; for the record's field

    bool json_on_stdout() const { return common.json == "-"; }
    /// A line on stderr ("warning: ..."), remembered in `warnings`.
    void warn(const std::string& text);
    /// A line on stderr unless --quiet.
    void say(const std::string& text) const;
    /// The result: JSON where --json says, else (and with --json=FILE too) the text on stdout; the JSON also as
    /// `file_in_out` in --out, unless that is empty. Throws io errors.
    void emit(const std::string& json, const std::string& text, const std::string& file_in_out) const;
};

struct Verb {
    std::string name, summary;
    std::vector<std::pair<std::string, std::string>> examples;  ///< command, what it does
    std::string notes = {};    ///< behind the examples in its help
    bool hidden = false;
    bool out_is_file = false;  ///< --out names a file, of which only the folder is made
    std::function<void(Options&)> declare;
    std::function<int(Call&)> run;  ///< the exit code: 0 or 1
};

/// In the order of `hone --help`.
const std::vector<Verb>& all_verbs();

}  // namespace hone::cli
