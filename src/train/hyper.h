// SPDX-License-Identifier: Apache-2.0
// Hyper-parameters by name, as losses, optimisers and schedules declare them: a fallback and a range each. Their lists are
// read by flags, recipes and help alike.
//
//   const HyperValues h = resolve({{"momentum", 0, 0, 1}}, {{"momentum", 0.9}}, "optimiser 'sgd'");
#pragma once
#include <map>
#include <string>
#include <vector>

namespace hone::train {

struct Hyper {
    const char* name;
    double fallback;
    double low, high;    ///< low <= value < high; the fallback may lie outside (then it means: off)
    bool whole = false;  ///< an integer; of [0, 2) a switch
};
using HyperValues = std::map<std::string, double>;

/// All of `declared`, at the given values where there are some. Throws usage "train.hyper" for a name that is not declared
/// and for a value outside its range.
HyperValues resolve(const std::vector<Hyper>& declared, const HyperValues& given, const std::string& what);

/// The entry of `list` with that name. Throws usage "train.name" with the nearest of the names.
[[noreturn]] void fail_name(const std::string& kind, const std::string& got, const std::vector<std::string>& names);
template <class Decl>
const Decl& find_declared(const std::vector<Decl>& list, const std::string& name, const char* kind) {
    std::vector<std::string> names;
    for (const Decl& d : list) {
        if (name == d.name) return d;
        names.push_back(d.name);
    }
    fail_name(kind, name, names);
}

}  // namespace hone::train
