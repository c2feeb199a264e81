// SPDX-License-Identifier: Apache-2.0
// `hone inspect`: what a network consists of, what each layer costs, and what it could cost on this machine.
#include <algorithm>
#include <memory>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/inspect_models.h"
#include "cli/layers.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "record/inspect.h"
#include "record/json.h"
#include "record/table.h"
#include "run/profile.h"

namespace hone::cli {

namespace {
struct InspectArgs {
    std::string model, precision = "fp32";
    int64_t batch = 1;
    ManyArgs many;
    DataArgs data;
    std::string data_for;
    bool plan = false, graph = false, no_time = false;
};

record::Texts types_of(const Graph& g, const std::vector<ValueId>& values) {
    record::Texts out;
    for (const ValueId v : values) out.emplace_back(g.value(v).name, to_text(g.value(v).type));
    return out;
}

/// Operators of steps that run by a plain loop because no kernel takes them.
std::vector<std::string> without_kernel(const Plan& plan) {
    std::vector<std::string> out;
    for (const Step& s : plan.steps) {
        if (s.kind != StepKind::reference && s.kind != StepKind::dynamic) continue;
        if (std::find(out.begin(), out.end(), s.op) == out.end()) out.push_back(s.op);
    }
    return out;
}

std::string milliseconds(const std::optional<double>& ms) { return ms ? record::number_text(*ms) : ""; }

std::string human(const record::Inspect& r, int64_t batch, int64_t runs) {
    std::string s = cat(record::printable(base_name(r.model)), ": ", record::count_text(r.totals.parameters),
                        " parameters, ", record::si_text(static_cast<double>(r.totals.macs)), " MACs, ",
                        human_bytes(static_cast<double>(r.totals.bytes)), ", opset ", r.opset, "\n");
    for (const auto& [name, type] : r.inputs) s += cat("input ", record::printable(name), " ", type, "\n");
    for (const auto& [name, type] : r.outputs) s += cat("output ", record::printable(name), " ", type, "\n");
    record::Table t({"layer", "op", "output", "parameters", "MACs", "bytes", "op/byte", "bound", "floor ms", "ms"});
    for (const record::InspectLayer& l : r.layers)
        t.add({record::printable(l.name), record::printable(l.op), record::printable(l.output),
               l.parameters ? record::count_text(l.parameters) : "",
               l.macs ? record::si_text(static_cast<double>(l.macs)) : "",
               l.bytes ? human_bytes(static_cast<double>(l.bytes)) : "",
               l.intensity > 0 ? record::number_text(l.intensity) : "", l.bound, milliseconds(l.floor_ms),
               milliseconds(l.time_ms)});
    s += "\n" + t.text(40);
    if (!r.totals.time_ms) return s;
    double floor = 0;
    for (const record::InspectLayer& l : r.layers) floor += l.floor_ms.value_or(0);
    return s + cat("\nlayers: ", record::number_text(*r.totals.layers_ms), " ms, ",
                   record::number_text(100 * *r.totals.layers_ms / *r.totals.time_ms), " % of the whole\nwhole: ",
                   record::number_text(*r.totals.time_ms), " ms (middle half of ", runs, " runs; with timers ",
                   record::number_text(*r.totals.timed_ms), " ms), floor ",
                   record::number_text(floor), " ms (", record::number_text(100 * floor / *r.totals.time_ms),
                   " % reached); in hone, ", r.precision, ", ", r.threads, " threads, batch ", batch, "; ",
                   record::printable(cpu_model()), ", load ", record::number_text(load_average()),
                   "\nbound: what limits the layer here; overhead: less than the time of a call; "
                   "fused: done within another layer; folded: constant or a change of shape alone\n");
}

int inspect(const InspectArgs& a, Call& call) {
    const Graph g = read_model(a.model);
    const Precision precision = choose_precision(a.precision, g);
    const std::vector<Dims> dims = eval::synthetic_dims(g, a.batch);
    record::Inspect r;
    r.model = absolute_path(a.model);
    r.precision = eval::precision_name(precision);
    r.threads = call.common.threads;
    if (const auto opset = g.opsets.find(""); opset != g.opsets.end()) r.opset = opset->second;
    r.inputs = types_of(g, g.inputs);
    r.outputs = types_of(g, g.outputs);
    Layers layers(g, dims);
    r.totals.parameters = count_parameters(a.model) + layers.made;
    r.totals.bytes = model_file_bytes(a.model);
    for (const record::InspectLayer& l : layers.rows) r.totals.macs += l.macs;

    std::string extra;
    int64_t runs = 0;
    if (a.plan || a.graph || !a.no_time) {
        PlanOptions po;
        po.threads = call.common.threads;
        po.precision = precision;
        if (a.graph)
            po.dump = [&](const std::string& pass, const std::string& text) {
                extra += cat("after ", pass, ":\n", text, "\n");
            };
        Graph portable = g;
        PassOptions before;
        before.dump = po.dump;
        run_passes(portable, Stage::portable, before);
        const auto plan = make_plan(portable, dims, po);
        if (a.plan) extra += to_text(*plan);
        if (const std::vector<std::string> slow = without_kernel(*plan); !slow.empty())
            call.warn(cat("no fast kernel takes ", join(slow, ", "), " here; a plain loop does, which is slow"));
        if (!a.no_time) {
            ThreadPool pool(po.threads);
            Session session(plan, &pool);
            const Profile m =
                profile_runs(session, eval::synthetic_inputs(portable, a.batch, call.common.seed + 1), {});
            layers.measure(*plan, m.step_ms, eval::known_machine(po.threads), po.threads);
            r.totals.time_ms = m.whole_ms;
            r.totals.timed_ms = m.timed_ms;
            r.totals.layers_ms = m.steps_ms();
            runs = m.runs;
        }
    }
    r.layers = std::move(layers.rows);
    r.warnings = call.warnings;
    if (call.json_on_stdout() && !extra.empty()) call.say(extra);
    call.emit(record::to_json(r), human(r, a.batch, runs) + (extra.empty() ? "" : "\n" + extra), "inspect.json");
    return 0;
}
}  // namespace

Verb inspect_verb() {
    auto a = std::make_shared<InspectArgs>();
    Verb v;
    v.name = "inspect";
    v.summary = "what a network consists of, and what each layer costs on this machine; or several side by side";
    v.examples = {{"hone inspect net.onnx", "parameters, MACs, bytes, roofline class and measured time of each layer"},
                  {"hone inspect net.onnx --no-time --json", "only what can be counted, as JSON"},
                  {"hone inspect a.onnx b.onnx c.onnx --data fashion-mnist --mean 0.286 --std 0.353 --out side-by-side",
                   "FLOPs, time and accuracy of several, their rank correlation, and a page with plots"},
                  {"hone inspect *.onnx --data-for 'f*=fashion-mnist mean=0.286 std=0.353; l*=letters'",
                   "the same where the data differ by model"},
                  {"hone inspect net.onnx --plan --batch 8", "with the kernels that run"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->many.models, "the network, an ONNX file; or several to compare").required();
        o.add("batch", "N", a->batch, "samples a run").at_least(1).at_most(1 << 20);
        add_precision(o, a->precision);
        o.flag("plan", a->plan, "print the plan too: kernels, layouts, memory");
        o.flag("graph", a->graph, "print the graph after each pass that changed something");
        o.flag("no-time", a->no_time, "count only; measure nothing");
        add_data(o, a->data, true);
        o.find("data")->needed = false;
        o.custom(
            "data-for", "PATTERN=D ...", "data by file name, for models of different kinds: see the examples",
            [a](const std::string& s) {
                a->many.data = data_for_from(s);
                a->data_for = s;
            },
            [a] { return a->data_for; });
        o.add("samples", "N", a->many.samples, "of the data, at most; 0: all").at_least(0);
    };
    v.run = [a](Call& call) {
        if (!a->data.data.empty()) a->many.data.push_back({"*", a->data});
        if (a->many.models.size() == 1 && a->many.data.empty()) {
            a->model = a->many.models[0];
            return inspect(*a, call);
        }
        for (const char* one : {"plan", "graph", "no-time"})
            if (call.options.given(one))
                fail(ErrorKind::usage, "usage.argument", cat("--", one, " is for one model without data"));
        a->many.precision = a->precision;
        a->many.batch = a->batch;
        return inspect_models(a->many, call);
    };
    return v;
}

}  // namespace hone::cli
