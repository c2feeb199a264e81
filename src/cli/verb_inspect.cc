// SPDX-License-Identifier: Apache-2.0
// `hone inspect`: what a network consists of, what each layer costs, and what it could cost on this machine.
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/layers.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "record/inspect.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::cli {

namespace {
struct InspectArgs {
    std::string model, precision = "fp32";
    int64_t batch = 1;
    bool plan = false, graph = false;
};

record::Texts types_of(const Graph& g, const std::vector<ValueId>& values) {
    record::Texts out;
    for (const ValueId v : values) out.emplace_back(g.value(v).name, to_text(g.value(v).type));
    return out;
}

std::string human(const record::Inspect& r) {
    std::string s = cat(record::printable(base_name(r.model)), ": ", record::count_text(r.totals.parameters),
                        " parameters, ", record::si_text(static_cast<double>(r.totals.macs)), " MACs, ",
                        human_bytes(static_cast<double>(r.totals.bytes)), "\n");
    return s + record::to_table(r.layers);
}

int inspect(const InspectArgs& a, Call& call) {
    const Graph g = read_model(a.model);
    const Precision precision = choose_precision(a.precision, g);
    record::Inspect r;
    r.model = absolute_path(a.model);
    r.precision = eval::precision_name(precision);
    r.threads = call.common.threads;
    if (const auto opset = g.opsets.find(""); opset != g.opsets.end()) r.opset = opset->second;
    r.inputs = types_of(g, g.inputs);
    r.outputs = types_of(g, g.outputs);
    r.layers = layers_of(specialise(g, eval::synthetic_dims(g, a.batch)));
    for (const record::InspectLayer& l : r.layers) r.totals.macs += l.macs;
    r.totals.parameters = count_parameters(a.model);
    r.totals.bytes = static_cast<int64_t>(map_file(a.model).size);
    r.warnings = call.warnings;
    call.emit(record::to_json(r), human(r), "inspect.json");
    return 0;
}
}  // namespace

Verb inspect_verb() {
    auto a = std::make_shared<InspectArgs>();
    Verb v;
    v.name = "inspect";
    v.summary = "what a network consists of, and what each layer costs on this machine";
    v.examples = {{"hone inspect net.onnx", "parameters, MACs, bytes, roofline class and measured time of each layer"},
                  {"hone inspect net.onnx --plan --batch 8", "with the kernels that would run"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("batch", "N", a->batch, "samples a run").at_least(1).at_most(1 << 20);
        add_precision(o, a->precision);
        o.flag("plan", a->plan, "print the plan: kernels, layouts, memory");
        o.flag("graph", a->graph, "print the graph after each pass that changed something");
    };
    v.run = [a](Call& call) { return inspect(*a, call); };
    return v;
}

}  // namespace hone::cli
