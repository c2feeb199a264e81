// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/parse.h"

namespace hone::cli {

namespace {
constexpr size_t kLargestRecipe = size_t{4} << 20;

std::string scalar(const YAML::Node& n, const std::string& key, const std::string& path) {
    if (!n.IsScalar())
        fail(ErrorKind::usage, "recipe.value", cat("the value of `", key, "` is no scalar or list of scalars"), "",
             path);
    return n.Scalar();
}

/// The verb of a record by its schema, "hone.train/1"; empty where this is none.
std::string verb_of_record(const YAML::Node& root) {
    const YAML::Node schema = root["schema"];
    const std::string begin = "hone.";
    if (!schema || !schema.IsScalar() || !schema.Scalar().starts_with(begin)) return {};
    const std::string name = schema.Scalar().substr(begin.size(), schema.Scalar().find('/') - begin.size());
    return name == "run" || name == "forecast" ? "optimize" : name;
}
}  // namespace

std::map<std::string, std::vector<std::string>> read_recipe(const std::string& path) {
    const MappedFile file = map_file(path);
    if (file.size > kLargestRecipe)
        fail(ErrorKind::usage, "recipe.size",
             cat("a recipe has at most ", kLargestRecipe, " bytes; this file has ", file.size), "", path);
    std::map<std::string, std::vector<std::string>> out;
    try {
        YAML::Node root = YAML::Load(std::string(file.text()));
        if (root.IsNull()) return out;
        if (!root.IsMap())
            fail(ErrorKind::usage, "recipe.form", "a recipe is a map of option to value", "For example `batch: 8`.",
                 path);
        if (const std::string verb = verb_of_record(root); !verb.empty()) {
            const YAML::Node recipe = root["recipe"];
            if (!recipe || !recipe.IsMap())
                fail(ErrorKind::usage, "recipe.form", cat("this record of `hone ", verb, "` holds no recipe"), "Records of train, optimize and tune do.", path);
            root.reset(recipe);
            out["verb"] = {verb};
        }
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
