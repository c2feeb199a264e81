// SPDX-License-Identifier: Apache-2.0
// From words to options: the command line (CLI11) first, then what a recipe holds for options that it left open.
// Called by cli.cc.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cli/verb.h"

namespace hone::cli {

/// Sets the options of `verb` from `arguments` and, where "config" is given, from that recipe. Throws usage errors:
/// "usage.flag" and "usage.key" with the nearest names, "usage.value", "usage.argument", "usage.missing".
void parse_options(const Verb& verb, Options& options, const std::vector<std::string>& arguments);
/// A YAML map of scalars and lists of scalars; a scalar is a list of one. Of a record (a map with a `schema` of hone's and a
/// `recipe`) it is that recipe, with the record's verb as `verb`. Throws usage "recipe.*", io "file.absent".
std::map<std::string, std::vector<std::string>> read_recipe(const std::string& path);

std::string general_help();
std::string verb_help(const Verb& verb, const Options& options);

}  // namespace hone::cli
