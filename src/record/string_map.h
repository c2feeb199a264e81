// SPDX-License-Identifier: Apache-2.0
// What a model's metadata `hone.preprocess` holds, as JSON: a schema number, the preprocessing as a flat map of strings
// (data/preprocess.h), the class names, of texts how they are numbered (data/text.h) and, of data without parts, how it was split
// (data/split.h). Read by the verbs that take data; written by those that write a model.
//
//   graph.metadata["hone.preprocess"] = record::to_json(record::StoredPreprocess{to_map(p), parts.class_names});
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {

struct StoredPreprocess {
    static constexpr int schema = 1;
    std::map<std::string, std::string> map{};
    std::vector<std::string> class_names{};  ///< empty: not known
    std::map<std::string, std::string> text{};  ///< of a TextEncoder; empty: no texts
    std::map<std::string, std::string> split{};  ///< of a MadeSplit; empty: the data had its parts
};

/// {"schema":1,"preprocess":{...},"class_names":[...],"text":{...},"split":{...}} on one line; "text" and "split" only where they are not empty.
std::string to_json(const StoredPreprocess& s);
/// Throws model "preprocess.json", "preprocess.schema". Unknown fields are skipped.
StoredPreprocess stored_preprocess_from_json(std::string_view text);

}  // namespace hone::record
