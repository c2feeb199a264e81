// SPDX-License-Identifier: Apache-2.0
// The options of one verb: declared once, bound to variables, and from that list come parsing (parse.h), recipes, help
// and the resolved values that a record keeps. A value is text until its option checks and stores it.
//
//   options.positional("MODEL", args->model, "the network, an ONNX file");
//   options.add("batch", "N", args->batch, "samples a run").at_least(1);
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hone::cli {

struct Option {
    std::string name;        ///< "threads"; of a positional "MODEL"
    std::string value_name;  ///< "N"; empty for a switch
    std::string help;
    std::string group;
    bool positional = false, needed = false, hidden = false;
    bool bare = false;   ///< may stand without a value, which then is "-"; a value is given with '='
    bool given = false;  ///< on the command line or in the recipe
    bool list = false;   ///< takes any number of values; `set` appends one
    std::function<void(const std::string&)> set;  ///< throws usage errors that name the option
    std::function<std::string()> get;             ///< the value as text; empty when unset

    Option& required() { return needed = true, *this; }
    Option& hide() { return hidden = true, *this; }
    Option& may_be_bare() { return bare = true, *this; }
    /// One of these; others are usage errors with the nearest.
    Option& one_of(std::vector<std::string> words);
    Option& at_least(double least);
    Option& at_most(double most);
    std::string shown() const;  ///< "--batch" or "MODEL"
};

class Options {
  public:
    /// Options declared from here on are listed under this heading.
    void group(std::string heading) { group_ = std::move(heading); }
    Option& positional(const std::string& name, std::string& to, const std::string& help);
    /// All words that are left; the last positional.
    Option& positional(const std::string& name, std::vector<std::string>& to, const std::string& help);

    Option& add(const std::string& name, const std::string& value_name, std::string& to, const std::string& help);
    Option& add(const std::string& name, const std::string& value_name, int& to, const std::string& help);
    Option& add(const std::string& name, const std::string& value_name, int64_t& to, const std::string& help);
    Option& add(const std::string& name, const std::string& value_name, uint64_t& to, const std::string& help);
    Option& add(const std::string& name, const std::string& value_name, double& to, const std::string& help);
    /// Numbers without a default.
    Option& add(const std::string& name, const std::string& value_name, std::optional<int64_t>& to,
                const std::string& help);
    Option& add(const std::string& name, const std::string& value_name, std::optional<double>& to,
                const std::string& help);
    /// "0.1,0.2"
    Option& add(const std::string& name, const std::string& value_name, std::optional<std::vector<double>>& to,
                const std::string& help);
    Option& flag(const std::string& name, bool& to, const std::string& help);
    /// "0.5%" or "0.005".
    Option& fraction(const std::string& name, double& to, const std::string& help);
    /// "512M", "4G", "1000000".
    Option& bytes(const std::string& name, size_t& to, const std::string& help);
    /// "90", "90s", "10m", "2h".
    Option& seconds(const std::string& name, double& to, const std::string& help);
    /// Any other type: `set` may throw usage errors.
    Option& custom(const std::string& name, const std::string& value_name, const std::string& help,
                   std::function<void(const std::string&)> set, std::function<std::string()> get);

    std::deque<Option>& all() { return all_; }
    const std::deque<Option>& all() const { return all_; }
    Option* find(const std::string& name);
    bool given(const std::string& name) const;
    std::vector<std::string> names() const;  ///< of options that are not positional or hidden
    /// Every visible option that is given or has a value, in order: what a recipe of this run holds. A positional goes by
    /// its name in small letters.
    std::vector<std::pair<std::string, std::string>> resolved() const;

  private:
    Option& push(Option o);
    std::string group_ = "Options";
    std::deque<Option> all_;  // references stay valid
};

}  // namespace hone::cli
