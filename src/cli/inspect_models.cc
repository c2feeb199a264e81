// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_models.h"

#include <fnmatch.h>

#include <algorithm>
#include <numeric>
#include <sstream>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/layers.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "record/json.h"
#include "record/models.h"
#include "record/table.h"
#include "report/models.h"
#include "run/profile.h"

namespace hone::cli {

namespace {
void set_word(DataFor& d, const std::string& word) {
    const size_t equals = word.find('=');
    Options o;
    add_data(o, d.data, true);
    Option* option = equals == std::string::npos ? nullptr : o.find(word.substr(0, equals));
    if (!option)
        fail(ErrorKind::usage, "usage.value", cat("--data-for does not know '", word, "'"),
             cat("After the data: ", join(o.names(), "=..., "), "=..."));
    option->set(word.substr(equals + 1));
}

record::ModelRow measure(const std::string& path, const ManyArgs& a, Call& call, Graph& portable) {
    const Graph as_read = read_model(path);
    const Precision precision = choose_precision(a.precision, as_read);
    const std::vector<Dims> dims = eval::synthetic_dims(as_read, a.batch);
    Layers layers(as_read, dims);
    record::ModelRow r;
    r.model = absolute_path(path);
    r.precision = eval::precision_name(precision);
    r.parameters = count_parameters(path) + layers.made;
    r.bytes = model_file_bytes(path);
    for (const record::InspectLayer& l : layers.rows) {
        r.macs += l.macs;
        r.flops += l.intensity * static_cast<double>(l.bytes);
    }
    portable = as_read;
    run_passes(portable, Stage::portable);
    PlanOptions po;
    po.threads = call.common.threads;
    po.precision = precision;
    const auto plan = make_plan(portable, dims, po);
    ThreadPool pool(po.threads);
    Session session(plan, &pool);
    ProfileOptions o;
    o.seconds = 0.5;
    const Profile p = profile_runs(session, eval::synthetic_inputs(portable, a.batch, call.common.seed + 1), o);
    layers.measure(*plan, p.step_ms, eval::known_machine(po.threads), po.threads);
    r.time_ms = p.whole_ms;
    for (const record::InspectLayer& l : layers.rows) {
        r.layers_ms += l.time_ms.value_or(0);
        r.floor_ms += l.floor_ms.value_or(0);
    }
    if (r.time_ms > 0) r.gops = r.flops / r.time_ms * 1e-6;
    return r;
}

/// A model that the data does not fit keeps its row, with the reason.
void judge(record::ModelRow& r, const Graph& g, const DataFor& d, const ManyArgs& a, Call& call) {
    try {
        const DatasetPtr data = choose_part(open_for(g, d.data, call), d.data.part, &r.part);
        std::vector<int64_t> some(static_cast<size_t>(a.samples > 0 ? std::min(a.samples, data->size()) : 0));
        std::iota(some.begin(), some.end(), int64_t{0});
        eval::EvalOptions o;
        o.threads = call.common.threads;
        o.precision = eval::precision_from_name(r.precision);
        r.top1 = eval::evaluate(g, *data, o, some).top1();
        r.samples = some.empty() ? data->size() : static_cast<int64_t>(some.size());
        r.data = d.data.data;
    } catch (const Error& e) {
        if (e.kind != ErrorKind::data && e.kind != ErrorKind::model) throw;
        r.note = cat("no accuracy: ", e.message);
    }
}

std::string human(const record::InspectModels& all) {
    record::Table t({"", "model", "FLOPs", "parameters", "ms", "layers", "floor ms", "Gop/s", "top-1", "samples"});
    for (size_t i = 0; i < all.models.size(); ++i) {
        const record::ModelRow& m = all.models[i];
        t.add({cat(i + 1), record::printable(base_name(m.model)), record::si_text(m.flops),
               record::count_text(m.parameters), record::number_text(m.time_ms),
               cat(record::number_text(100 * m.layers_ms / m.time_ms), " %"), record::number_text(m.floor_ms),
               record::number_text(m.gops), m.top1 ? cat(record::number_text(100 * *m.top1), " %") : "",
               m.samples ? record::count_text(m.samples) : ""});
    }
    std::string s = t.text();
    for (const record::ModelRow& m : all.models)
        if (!m.note.empty()) s += cat(record::printable(base_name(m.model)), ": ", record::printable(m.note), "\n");
    const std::string sentence = report::correlation_sentence(all);
    return s + (sentence.empty() ? "" : "\n" + sentence + "\n") +
           cat("in hone, ", all.threads, " threads, batch ", all.batch, "; ", record::printable(all.machine.cpu), ", load ",
               record::number_text(all.machine.load.back()), "\nlayers: the sum of the layers' times, of the whole\n");
}
}  // namespace

std::vector<DataFor> data_for_from(const std::string& text) {
    std::vector<DataFor> out;
    std::istringstream entries(text);
    for (std::string entry; std::getline(entries, entry, ';');) {
        std::istringstream words(entry);
        std::string word;
        if (!(words >> word)) continue;
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
            fail(ErrorKind::usage, "usage.value", cat("--data-for takes PATTERN=DATA; got '", word, "'"));
        DataFor d{word.substr(0, equals), {}};
        d.data.data = word.substr(equals + 1);
        while (words >> word) set_word(d, word);
        out.push_back(std::move(d));
    }
    return out;
}

int inspect_models(const ManyArgs& a, Call& call) {
    record::InspectModels all;
    all.batch = a.batch;
    all.threads = call.common.threads;
    all.machine = this_machine(call.common.threads);
    Progress progress("models", static_cast<double>(a.models.size()));
    for (const std::string& path : a.models) {
        Graph g;
        record::ModelRow r = measure(path, a, call, g);
        for (const DataFor& d : a.data)
            if (::fnmatch(d.pattern.c_str(), base_name(path).c_str(), 0) == 0) {
                judge(r, g, d, a, call);
                break;
            }
        all.models.push_back(std::move(r));
        progress.add(1);
    }
    all.machine.load.push_back(load_average());
    std::vector<double> flops, parameters, ms;
    for (const record::ModelRow& m : all.models) {
        flops.push_back(m.flops);
        parameters.push_back(static_cast<double>(m.parameters));
        ms.push_back(m.time_ms);
    }
    if (const double c = rank_correlation(flops, ms); c == c) all.flops_time = c;
    if (const double c = rank_correlation(parameters, ms); c == c) all.parameters_time = c;
    all.warnings = call.warnings;
    call.emit(record::to_json(all), human(all), "models.json");
    if (!call.common.out.empty()) {
        const std::string page = call.common.out + "/models.html";
        write_file_atomic(page, report::models_page(all));
        call.say(cat("plot: ", page));
    }
    return 0;
}

}  // namespace hone::cli
