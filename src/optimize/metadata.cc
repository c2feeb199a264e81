// SPDX-License-Identifier: Apache-2.0
#include "optimize/metadata.h"

#include "record/string_map.h"

namespace hone {

void set_metadata(Graph& g, const DataParts& parts, const std::string& precision) {
    record::StoredPreprocess stored{to_map(parts.preprocess), parts.class_names};
    if (parts.encoder) stored.text = to_map(*parts.encoder);
    if (parts.split_from) stored.split = to_map(MadeSplit{parts.split.shares, parts.split.seed, parts.split_from->hash()});
    g.metadata["hone.preprocess"] = record::to_json(stored);
    g.metadata["hone.precision"] = precision;
}

}  // namespace hone
