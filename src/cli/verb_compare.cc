// SPDX-License-Identifier: Apache-2.0
// `hone compare`: where do the answers of two models part? Of one model: which pass or kernel changes them?
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "eval/compare.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::cli {

namespace {
struct CompareArgs {
    std::string first, second, precision = "fp32";
    DataArgs data;
    int64_t samples = 4;
    std::optional<double> threshold;
    bool passes = false, all = false;
};

/// Samples of the data, evenly over the part, or seeded normal values.
std::vector<Tensor> inputs_for(const Graph& g, const CompareArgs& a, Call& call, std::string* said) {
    const uint64_t seed = call.common.seed ? call.common.seed : 1;
    if (a.data.data.empty()) {
        *said = cat("synthetic, seed ", seed);
        return eval::synthetic_inputs(g, a.samples, seed);
    }
    const DataParts parts = open_for(g, a.data, call);
    std::string part;
    const DatasetPtr data = choose_part(parts, a.data.part, &part);
    if (data->size() == 0) fail(ErrorKind::data, "data.empty", cat("the ", part, " part has no samples"), "", a.data.data);
    const Dims dims = eval::input_dims_for(g, data->sample_dims(), std::min(a.samples, data->size()));
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < dims[0]; ++i) indices.push_back(i * data->size() / dims[0]);
    *said = cat(a.data.data, " (", part, ")");
    return {batch(*data, indices).reshaped(dims)};
}

std::string error_text(const std::optional<double>& error) {
    if (!error) return "not finite";
    if (*error == 0) return "0";
    char text[32];
    std::snprintf(text, sizeof text, "%.1e", *error);
    return text;
}

std::string verdict(const record::Compare& c) {
    const std::string within = cat("threshold ", record::number_text(c.threshold));
    if (c.agree) return cat("They agree (", within, ").\n");
    const record::Parting& p = *c.parting;
    std::string s;
    if (p.kind == "pass")
        s = cat("They part at the pass ", p.name);
    else if (p.kind == "kernel")
        s = cat("They part in a kernel: ", p.implementation, " for ", p.op, " ", p.name);
    else if (p.kind == "node")
        s = cat("They part at ", p.name, " (", p.op, ")");
    else
        s = cat("They part at the output ", p.name, " as executed, and at no value before it");
    s += cat(": relative error ", error_text(p.relative_error));
    if (p.before) s += cat(", before it at most ", error_text(p.before));
    return cat(record::printable(s), " (", within, ").\n");
}

/// The row of the parting; past the last where it is at none.
size_t parting_row(const record::Compare& c) {
    const auto found = std::find_if(c.values.begin(), c.values.end(), [&](const record::ComparedValue& v) {
        return c.parting && v.node == c.parting->name && v.op == c.parting->op;
    });
    return static_cast<size_t>(found - c.values.begin());
}

/// Rows that a reader needs: with many, the first values, those around the parting, the last.
std::vector<bool> shown_rows(const record::Compare& c, bool all, size_t parting) {
    const size_t n = c.values.size();
    std::vector<bool> shown(n, all || n <= 60);
    for (size_t i = 0; i < n; ++i)
        if (i < 8 || i + 8 >= n || (parting < n && i + 8 >= parting && i <= parting + 8)) shown[i] = true;
    return shown;
}

std::string human(const record::Compare& c, bool all) {
    std::string s = record::printable(base_name(c.models[0]));
    s += c.models.size() > 1 ? cat(" and ", record::printable(base_name(c.models[1])))
                             : ", as it runs and by the references of its operators";
    s += cat("; ", c.samples, c.samples == 1 ? " sample, " : " samples, ", record::printable(c.inputs), ", ",
             c.precision, "\n", verdict(c), "\n");
    record::Table outputs({"output", "type", "relative error", "greatest error", "other class"});
    for (const record::ComparedOutput& o : c.outputs)
        outputs.add({record::printable(o.name), o.type, error_text(o.relative_error), error_text(o.greatest_error),
                     o.other_class ? cat(record::number_text(100 * *o.other_class), " %") : ""});
    s += outputs.text();
    if (!c.passes.empty()) {
        record::Table passes({"pass", "changed the graph", "error up to it", "error without it"});
        for (const record::ComparedPass& p : c.passes)
            passes.add({p.name, p.changed ? "yes" : "", error_text(p.up_to_here), p.changed ? error_text(p.without) : ""});
        s += "\n" + passes.text();
    }
    const bool own = c.models.size() == 1;
    record::Table values({"", "node", "op", "type", "relative error", own ? "own error" : "matched by", own ? "kernel" : ""});
    const size_t at = parting_row(c);
    const std::vector<bool> shown = shown_rows(c, all, at);
    size_t left_out = 0;
    for (size_t i = 0; i < c.values.size(); ++i) {
        const record::ComparedValue& v = c.values[i];
        if (!shown[i]) {
            if (left_out++ == 0 || shown[i - 1]) values.add({"", "..."});
            continue;
        }
        const bool here = i == at;
        values.add({here ? ">" : "", record::printable(v.node), v.op, v.type, v.matched.empty() ? "" : error_text(v.relative_error),
                    !own          ? v.matched
                    : v.own_error ? error_text(v.own_error)
                                  : "",
                    v.implementation});
    }
    s += "\n" + values.text(40);
    if (left_out) s += cat(left_out, " rows left out; --all shows them\n");
    if (!own && c.unmatched_first + c.unmatched_second > 0)
        s += cat(c.unmatched_first, " values of the first and ", c.unmatched_second,
                 " of the second model have no partner\n");
    return s;
}

int compare(const CompareArgs& a, Call& call) {
    const bool two = !a.second.empty();
    if (two && a.passes)
        fail(ErrorKind::usage, "usage.passes", "--passes is for one model",
             "hone compare MODEL --passes bisects over the passes of that model.");
    const Graph first = two ? load_model(a.first) : read_model(a.first);
    eval::CompareOptions o;
    o.threads = call.common.threads;
    o.precision = choose_precision(a.precision, first);
    o.passes = a.passes;
    o.threshold = a.threshold;
    std::string said;
    const std::vector<Tensor> inputs = inputs_for(first, a, call, &said);
    record::Compare c = two ? eval::compare_models(first, load_model(a.second), inputs, o)
                            : eval::compare_with_references(first, inputs, o);
    if (two && a.data.data.empty() && c.threshold >= 0.2)
        c.warnings.push_back("only one of the models is quantised: normal values may lie outside its ranges; --data "
                             "compares on samples");
    c.models = {absolute_path(a.first)};
    if (two) c.models.push_back(absolute_path(a.second));
    c.inputs = said;
    for (const std::string& w : c.warnings) call.warn(w);
    c.warnings = call.warnings;
    call.emit(record::to_json(c), human(c, a.all), "compare.json");
    return c.agree ? 0 : 1;
}
}  // namespace

Verb compare_verb() {
    auto a = std::make_shared<CompareArgs>();
    Verb v;
    v.name = "compare";
    v.summary = "two models node by node: where do their answers part? Of one: which pass or kernel changes them?";
    v.examples = {{"hone compare net.onnx net_hone/model.onnx --data fashion-mnist --mean 0.286 --std 0.353",
                   "relative error of every value that both have; exit code 1 where they part"},
                  {"hone compare net.onnx", "as it runs here against the references of its operators"},
                  {"hone compare net.onnx --passes", "... with each pass switched off, and each prefix of passes"}};
    v.declare = [a](Options& o) {
        o.positional("A", a->first, "the network, an ONNX file").required();
        o.positional("B", a->second, "a second one; without it A is held against its references");
        o.add("threshold", "X", a->threshold, "relative error past which answers part; unless given 1e-3, 0.05 for int8 or bf16, 0.2 between int8 and float")
            .at_least(0);
        o.add("samples", "N", a->samples, "compared").at_least(1).at_most(1 << 16);
        o.flag("passes", a->passes, "the table of passes even where they change nothing");
        o.flag("all", a->all, "every value in the table");
        add_precision(o, a->precision);
        o.group("Data");
        o.add("data", "D", a->data.data, "samples to compare on; unless given seeded normal values");
        o.add("part", "P", a->data.part, "training, validation or test")
            .one_of({"training", "validation", "test"});
        add_preprocess(o, a->data.preprocess);
    };
    v.run = [a](Call& call) { return compare(*a, call); };
    return v;
}

}  // namespace hone::cli
