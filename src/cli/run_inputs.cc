// SPDX-License-Identifier: Apache-2.0
#include "cli/run_inputs.h"

#include "base/error.h"
#include "data/sample.h"

namespace hone::cli {

Dims sample_dims(const Graph& g) {
    Dims dims;
    if (g.inputs.empty()) return dims;
    const TypeInfo& t = g.value(g.inputs[0]).type;
    for (size_t i = 1; t.rank_known && i < t.shape.size(); ++i) dims.push_back(t.shape[i].known() ? t.shape[i].value : -1);
    return dims;
}

std::vector<Tensor> named_inputs(const Graph& g, const std::vector<std::string>& words) {
    std::vector<std::string> names;
    for (const ValueId v : g.inputs) names.push_back(g.value(v).name);
    std::vector<Tensor> inputs(names.size());
    size_t given = 0;
    for (const std::string& word : words) {
        size_t i = 0;
        while (i < names.size() && !word.starts_with(names[i] + "=")) ++i;
        if (i == names.size()) continue;
        ++given;
        const std::string path = word.substr(names[i].size() + 1);
        const TypeInfo& type = g.value(g.inputs[i]).type;
        Tensor t = load_array(path);
        if (t.dtype() != type.dtype && t.dtype() != DType::string && type.dtype != DType::string) t = t.cast(type.dtype);
        bool fits = t.dtype() == type.dtype && (!type.rank_known || t.rank() == type.shape.size());
        for (size_t d = 0; fits && type.rank_known && d < t.rank(); ++d)
            fits = !type.shape[d].known() || type.shape[d].value == t.dim(d);
        if (!fits)
            fail(ErrorKind::data, "data.shape",
                 cat("input `", names[i], "` takes ", to_text(type), "; the array is ", to_text(TypeInfo::of(t))), "", path);
        inputs[i] = std::move(t);
    }
    std::vector<std::string> missing;
    for (size_t i = 0; i < names.size(); ++i)
        if (!inputs[i].defined()) missing.push_back(names[i] + "=FILE.npy");
    if (given == 0 && names.size() == 1) return {};
    if (given != words.size() || !missing.empty())
        fail(ErrorKind::usage, "usage.inputs",
             cat("the model has ", names.size(), " inputs; ", given, " of ", words.size(), " words give one by name"),
             missing.empty() ? "Each once." : cat("Give ", join(missing, " "), ", arrays that nothing is done to."));
    return inputs;
}

}  // namespace hone::cli
