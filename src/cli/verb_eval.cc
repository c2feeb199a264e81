// SPDX-License-Identifier: Apache-2.0
// `hone eval`: accuracy of a classifier on labelled data.
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "cli/common.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "record/eval.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::cli {

namespace {
struct EvalArgs {
    std::string model, precision = "fp32";
    int batch = 0;
    DataArgs data;
};

double over(double a, double b) { return b > 0 ? a / b : 0; }

void count_classes(const eval::Answers& a, const Dataset& data, record::Eval& e) {
    const auto classes = static_cast<size_t>(a.classes);
    e.confusion.assign(classes, std::vector<int64_t>(classes, 0));
    std::vector<int64_t> answered(classes, 0);
    for (size_t i = 0; i < a.predicted.size(); ++i) {
        ++e.confusion[static_cast<size_t>(data.label(static_cast<int64_t>(i)))][static_cast<size_t>(a.predicted[i])];
        ++answered[static_cast<size_t>(a.predicted[i])];
    }
    double precision = 0, recall = 0, f1 = 0, present = 0;
    for (size_t c = 0; c < classes; ++c) {
        record::ClassRow row;
        row.name = c < data.class_names().size() ? data.class_names()[c] : cat("class ", c);
        for (const int64_t n : e.confusion[c]) row.support += n;
        const auto right = static_cast<double>(e.confusion[c][c]);
        row.precision = over(right, static_cast<double>(answered[c]));
        row.recall = over(right, static_cast<double>(row.support));
        row.f1 = over(2 * row.precision * row.recall, row.precision + row.recall);
        if (row.support > 0 || answered[c] > 0) {
            precision += row.precision;
            recall += row.recall;
            f1 += row.f1;
            ++present;
        }
        e.classes.push_back(row);
    }
    e.metrics.insert(e.metrics.end(), {{"precision_macro", over(precision, present)},
                                       {"recall_macro", over(recall, present)},
                                       {"f1_macro", over(f1, present)}});
}

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", share * 100);
    return text;
}

std::string human(const record::Eval& e) {
    std::string s =
        cat(record::printable(base_name(e.model)), " on ", e.samples, " samples of ", record::printable(e.data), " (",
            e.part, "), ", e.precision, " in hone, ", human_seconds(e.seconds), "\n");
    record::Table metrics({"metric", "value"});
    for (const auto& [name, value] : e.metrics) metrics.add({name, percent(value)});
    record::Table classes({"class", "precision", "recall", "F1", "samples", "mistaken for"});
    for (size_t c = 0; c < e.classes.size(); ++c) {
        const record::ClassRow& r = e.classes[c];
        size_t worst = c;
        for (size_t k = 0; k < e.classes.size(); ++k)
            if (k != c && e.confusion[c][k] > (worst == c ? 0 : e.confusion[c][worst])) worst = k;
        classes.add(
            {record::printable(r.name), percent(r.precision), percent(r.recall), percent(r.f1),
             record::count_text(r.support),
             worst == c ? "" : cat(record::printable(e.classes[worst].name), " (", e.confusion[c][worst], ")")});
    }
    return s + metrics.text() + "\n" + classes.text();
}

int evaluate_model(const EvalArgs& a, Call& call) {
    const Graph g = load_model(a.model);
    const DataParts parts = open_for(g, a.data, call);
    record::Eval e;
    const DatasetPtr data = choose_part(parts, a.data.part, &e.part);
    if (e.part == "all")
        call.say(cat("note: all ", data->size(),
                     " samples are evaluated; --part test takes the part that `optimize` would judge by"));
    const Precision precision = choose_precision(a.precision, g);
    eval::EvalOptions o;
    o.threads = call.common.threads;
    o.precision = precision;
    o.batch = a.batch;
    const double start = now_seconds();
    const eval::Answers answers = eval::evaluate(g, *data, o);
    e.seconds = now_seconds() - start;
    e.model = absolute_path(a.model);
    e.data = a.data.data;
    e.precision = eval::precision_name(precision);
    e.runtime = "hone";
    e.samples = data->size();
    e.metrics = {{"top1", answers.top1()}};
    if (answers.classes > 5) e.metrics.emplace_back("top5", answers.top5());
    count_classes(answers, *data, e);
    if (answers.classes > static_cast<int64_t>(data->class_names().size()))
        call.warn(cat("the model scores ", answers.classes, " classes, the data has ", data->class_names().size(),
                      ": the first of the model are taken to be those of the data, in the order of their names"));
    e.warnings = call.warnings;
    call.emit(record::to_json(e), human(e), "eval.json");
    return 0;
}
}  // namespace

Verb eval_verb() {
    auto a = std::make_shared<EvalArgs>();
    Verb v;
    v.name = "eval";
    v.summary = "accuracy, precision, recall, F1 and confusions of a classifier on labelled data";
    v.examples = {
        {"hone eval net.onnx --data fashion-mnist --mean 0.286 --std 0.353", "on the test part of a known data set"},
        {"hone eval net.onnx --data photos/ --resize 224x224 --json", "a folder of pictures by class; JSON on stdout"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        add_precision(o, a->precision);
        o.add("batch", "N", a->batch, "samples a run; 0: chosen").at_least(0);
        add_data(o, a->data, true);
    };
    v.run = [a](Call& call) { return evaluate_model(*a, call); };
    return v;
}

}  // namespace hone::cli
