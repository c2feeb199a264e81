// SPDX-License-Identifier: Apache-2.0
#include "record/string_map.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace hone::record {

namespace {
using Json = nlohmann::ordered_json;

[[noreturn]] void wrong(const std::string& what) {
    fail(ErrorKind::model, "preprocess.json", cat("the model's metadata `hone.preprocess` is wrong: ", what),
         "Write the model again with hone, or remove that entry and give the preprocessing by flags.");
}

std::string text_of(const Json& j, const char* what) {
    if (!j.is_string()) wrong(cat(what, " is ", j.type_name(), "; expected text"));
    return j.get<std::string>();
}
}  // namespace

std::string to_json(const StoredPreprocess& s) {
    Json j = Json::object();
    j["schema"] = StoredPreprocess::schema;
    j["preprocess"] = Json::object();
    for (const auto& [key, value] : s.map) j["preprocess"][key] = value;
    j["class_names"] = Json::array();
    for (const std::string& name : s.class_names) j["class_names"].push_back(name);
    for (const auto& [key, value] : s.text) j["text"][key] = value;
    for (const auto& [key, value] : s.split) j["split"][key] = value;
    return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

StoredPreprocess stored_preprocess_from_json(std::string_view text) {
    const Json j = Json::parse(text, nullptr, false);
    if (j.is_discarded() || !j.is_object()) wrong("it is no JSON object");
    const auto schema = j.find("schema");
    if (schema == j.end() || !schema->is_number_integer()) wrong("it has no schema number");
    if (*schema != StoredPreprocess::schema)
        fail(ErrorKind::model, "preprocess.schema",
             cat("the model's metadata `hone.preprocess` has schema ", schema->dump(), "; this version of hone reads ",
                 StoredPreprocess::schema),
             "Use the version of hone that wrote the model.");
    StoredPreprocess s;
    for (const auto& [name, into] : {std::pair{"preprocess", &s.map}, std::pair{"text", &s.text}, std::pair{"split", &s.split}}) {
        const auto map = j.find(name);
        if (map == j.end()) continue;
        if (!map->is_object()) wrong(cat("`", name, "` is no object"));
        for (const auto& item : map->items()) (*into)[item.key()] = text_of(item.value(), "a value");
    }
    if (const auto names = j.find("class_names"); names != j.end()) {
        if (!names->is_array()) wrong("`class_names` is no list");
        for (const Json& name : *names) s.class_names.push_back(text_of(name, "a class name"));
    }
    return s;
}

}  // namespace hone::record
