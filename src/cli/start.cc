// SPDX-License-Identifier: Apache-2.0
#include "cli/start.h"

#include "cli/common.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "plan/plan_file.h"

namespace hone::cli {

std::string default_plan_file(const std::string& model) {
    const std::string ending = ".onnx";
    const bool onnx = model.size() > ending.size() && model.compare(model.size() - ending.size(), ending.size(), ending) == 0;
    return (onnx ? model.substr(0, model.size() - ending.size()) : model) + ".plan";
}

std::string model_plan_key(const StartRequest& r) { return plan_key(cat(files_hash(model_files(r.model)), " batch ", r.batch), {}, r.options); }

Started start_plan(const StartRequest& r) {
    Started s;
    if (!r.plan_file.empty()) {
        s.plan = load_plan(r.plan_file, model_plan_key(r), r.options, &s.why);
        s.from_file = s.plan != nullptr;
        if (s.plan) return s;
    }
    const Graph g = load_model(r.model);
    s.plan = make_plan(g, eval::synthetic_dims(g, r.batch), r.options);
    return s;
}

}  // namespace hone::cli
