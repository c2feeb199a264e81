// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/parse.h"

namespace hone::cli {

namespace {
constexpr size_t kLargestRecipe = size_t{1} << 20;

std::string scalar(const YAML::Node& n, const std::string& key, const std::string& path) {
    if (!n.IsScalar())
        fail(ErrorKind::usage, "recipe.value", cat("the value of `", key, "` is no scalar or list of scalars"), "",
             path);
    return n.Scalar();
}
}  // namespace

std::map<std::string, std::vector<std::string>> read_recipe(const std::string& path) {
    const MappedFile file = map_file(path);
    if (file.size > kLargestRecipe)
        fail(ErrorKind::usage, "recipe.size",
             cat("a recipe has at most ", kLargestRecipe, " bytes; this file has ", file.size), "", path);
    std::map<std::string, std::vector<std::string>> out;
    try {
        const YAML::Node root = YAML::Load(std::string(file.text()));
        if (root.IsNull()) return out;
        if (!root.IsMap())
            fail(ErrorKind::usage, "recipe.form", "a recipe is a map of option to value", "For example `batch: 8`.",
                 path);
        for (const auto& item : root) {
            const std::string key = scalar(item.first, "a key", path);
            std::vector<std::string> values;
            if (item.second.IsSequence())
                for (const YAML::Node& part : item.second) values.push_back(scalar(part, key, path));
            else
                values.push_back(item.second.IsNull() ? "" : scalar(item.second, key, path));
            if (!out.emplace(key, values).second)
                fail(ErrorKind::usage, "recipe.twice", cat("`", key, "` is given twice"), "", path);
        }
    } catch (const YAML::Exception& e) {
        fail(ErrorKind::usage, "recipe.yaml", cat("this is not YAML: ", e.msg), "",
             e.mark.is_null() ? path : cat(path, ":", e.mark.line + 1));
    }
    return out;
}

}  // namespace hone::cli
