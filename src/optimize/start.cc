// SPDX-License-Identifier: Apache-2.0
#include "optimize/start.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "onnx/reader.h"
#include "pass/pass.h"
#include "plan/plan_file.h"

namespace hone {

namespace {
std::shared_ptr<const Plan> planned_anew(const StartRequest& r) {
    Graph g = read_model(r.model);
    run_passes(g, Stage::portable);
    return make_plan(g, eval::synthetic_dims(g, r.batch), r.options);
}
}  // namespace

std::string default_plan_file(const std::string& model) {
    const std::string ending = ".onnx";
    const bool onnx = model.size() > ending.size() && model.compare(model.size() - ending.size(), ending.size(), ending) == 0;
    return (onnx ? model.substr(0, model.size() - ending.size()) : model) + ".plan";
}

std::string model_plan_key(const StartRequest& r) { return plan_key(cat(files_hash(model_files(r.model)), " batch ", r.batch), {}, r.options); }

std::shared_ptr<const Plan> plan_from_file(const StartRequest& r, std::string* why) {
    return load_plan(r.plan_file, model_plan_key(r), r.options, why);
}

Started start_plan(const StartRequest& r) {
    Started s;
    if (!r.plan_file.empty()) s.plan = plan_from_file(r, &s.why);
    s.from_file = s.plan != nullptr;
    if (!s.plan) s.plan = planned_anew(r);
    return s;
}

std::shared_ptr<const Plan> start_model(const eval::TimedModel& m, int64_t batch, const PlanOptions& options) {
    return start_plan({m.path, m.plan_file, batch, options}).plan;
}

bool leave_plan(const StartRequest& r, std::string* why) {
    ::remove(r.plan_file.c_str());  // of another model, if any
    try {
        return save_plan(*planned_anew(r), r.plan_file, model_plan_key(r), why);
    } catch (const Error& e) {
        if (e.kind != ErrorKind::io) throw;
        *why = e.message;
        return false;
    }
}

}  // namespace hone
