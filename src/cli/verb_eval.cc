// SPDX-License-Identifier: Apache-2.0
// `hone eval`: metrics of a model on labelled data; how they stand corruption, and beside another model's.
#include <charconv>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "cli/common.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "eval/metric_verdict.h"
#include "eval/metrics.h"
#include "eval/robustness.h"
#include "record/eval.h"
#include "record/json.h"
#include "record/table.h"
#include "train/task.h"

namespace hone::cli {

namespace {
struct EvalArgs {
    std::string model, precision = "fp32", against;
    int batch = 0;
    std::vector<int> top{1, 5};
    std::vector<Corruption> corruptions;
    DataArgs data;
};

/// Scores kept for the area under the ROC curve; beyond it is left out.
constexpr int64_t kMostScores = 40'000'000;

std::vector<int> parse_top(const std::string& list) {
    std::vector<int> out;
    for (std::string_view rest = list;;) {
        const size_t comma = rest.find(',');
        const std::string_view one = rest.substr(0, comma);
        int k = 0;
        const auto [end, code] = std::from_chars(one.data(), one.data() + one.size(), k);
        if (one.empty() || code != std::errc() || end != one.data() + one.size() || k < 1)
            fail(ErrorKind::usage, "usage.value", cat("--top-k takes whole numbers of at least 1; got '", list, "'"),
                 "Write for example 1,3,5.");
        out.push_back(k);
        if (comma == std::string_view::npos) return out;
        rest.remove_prefix(comma + 1);
    }
}

/// Runs the models on the data and fills the record.
class Evaluation {
  public:
    Evaluation(const EvalArgs& a, Call& call)
        : args_(a), call_(call), graph_(load_model(a.model)), parts_(open_for(graph_, a.data, call)) {
        data_ = choose_part(parts_, a.data.part, &e.part);
        e.model = absolute_path(a.model);
        e.data = a.data.data;
        const Precision precision = choose_precision(a.precision, graph_);
        e.precision = eval::precision_name(precision);
        e.runtime = "hone";
        e.samples = data_->size();
        options_.threads = call.common.threads;
        options_.precision = precision;
        options_.batch = a.batch;
        const auto classes = static_cast<int64_t>(data_->class_names().size());
        options_.keep_logits = classes * e.samples <= kMostScores;
    }
    void run() {
        if (e.part == "all")
            call_.say(cat("note: all ", e.samples,
                          " samples are evaluated; --part test takes the part that `optimize` would judge by"));
        if (train::alike_inputs(graph_) || train::reads_texts(graph_)) return by_task();
        const double start = now_seconds();
        answers_ = answer(graph_, args_.model, options_);
        e.seconds = now_seconds() - start;
        if (data_->regression())
            regression();
        else
            classes();
        if (!args_.corruptions.empty()) corruptions();
        if (!args_.against.empty()) compare();
        e.warnings = call_.warnings;
    }
    record::Eval e;

  private:
    /// Siamese pairs and two towers, as their training judges them.
    void by_task() {
        if (!args_.corruptions.empty() || !args_.against.empty())
            fail(ErrorKind::usage, "usage.conflict", "--corrupt and --against are for models of one input", "Leave them out.");
        const double start = now_seconds();
        const auto task = train::make_task(graph_, *data_, {train::natural_loss(graph_)});
        for (const auto& [name, value] : task->measure(graph_, *data_, options_)) e.metrics.emplace_back(name, value);
        e.seconds = now_seconds() - start;
        e.warnings = call_.warnings;
    }
    eval::Answers answer(const Graph& g, const std::string& path, const eval::EvalOptions& o) {
        eval::Answers a = eval::answer(g, *data_, o);
        if (const int64_t n = a.undefined())
            call_.warn(cat(base_name(path), " gives NaN for ", n, " of ", e.samples, " samples: ",
                           data_->regression() ? "its errors are not defined" : "they count as answered wrongly"));
        return a;
    }
    void regression() {
        const eval::RegressionMetrics m = eval::regression_metrics(answers_.logits, data_->targets());
        e.metrics = {{"mse", m.mse}, {"mae", m.mae}};
        if (!std::isnan(m.r2)) e.metrics.emplace_back("r2", m.r2);
    }
    void classes() {
        const auto named = static_cast<int64_t>(data_->class_names().size());
        if (answers_.classes > named)
            call_.warn(cat("the model scores ", answers_.classes, " classes, the data has ", named,
                           ": the first of the model are taken to be those of the data, in the order of their names"));
        for (const int k : args_.top)
            if (k == 1 || k < answers_.classes) e.metrics.emplace_back(cat("top", k), answers_.top(k));
        const eval::ClassMetrics m = eval::class_metrics(data_->labels(), answers_.predicted, answers_.classes);
        e.metrics.insert(e.metrics.end(), {{"precision_macro", m.precision_macro},
                                           {"recall_macro", m.recall_macro},
                                           {"f1_macro", m.f1_macro}});
        if (options_.keep_logits) {
            const double auc = eval::metric_value(eval::Metric::auc, answers_, *data_);
            if (!std::isnan(auc)) e.metrics.emplace_back("auc", auc);
        }
        for (size_t c = 0; c < m.classes.size(); ++c) {
            const eval::ClassScore& k = m.classes[c];
            const std::string name = c < data_->class_names().size() ? data_->class_names()[c] : cat("class ", c);
            e.classes.push_back({name, k.precision, k.recall, k.f1, k.support});
        }
        e.confusion = m.confusion;
    }
    void corruptions() {
        e.corruptions = eval::robustness(graph_, data_, parts_.preprocess, args_.corruptions, call_.common.seed, options_,
                                         &answers_);
        std::vector<std::string> left_out;
        for (const Corruption& c : args_.corruptions)
            if (!applies(c, *data_)) left_out.push_back(to_text(c));
        if (!left_out.empty()) call_.warn(cat(join(left_out, ", "), " need pictures and are left out"));
    }
    void compare() {
        const Graph other = load_model(args_.against);
        e.against = absolute_path(args_.against);
        eval::EvalOptions o = options_;
        o.precision = choose_precision(args_.precision, other);
        const eval::Answers before = answer(other, args_.against, o);
        if (before.classes != answers_.classes)
            fail(ErrorKind::model, "eval.against",
                 cat("the models give ", before.classes, " and ", answers_.classes, " values a sample"),
                 "Both need the same classes in the same order.", e.against);
        ThreadPool pool(options_.threads);
        ThreadPool::Use use(&pool);
        for (const eval::Metric m : eval::metrics_for(*data_)) {
            const eval::MetricInfo& info = eval::info_of(m);
            if ((info.scores && !options_.keep_logits) || (m == eval::Metric::top5 && answers_.classes <= 5)) continue;
            const eval::MetricVerdict v = eval::judge_metric(m, before, answers_, *data_, 0, {.seed = call_.common.seed});
            if (std::isnan(v.before)) continue;
            e.differences.push_back({info.name, v.before, v.after, {v.estimate, v.low, v.high}, v.exact ? "exact" : "bootstrap"});
        }
    }

    const EvalArgs& args_;
    Call& call_;
    Graph graph_;
    DataParts parts_;
    DatasetPtr data_;
    eval::EvalOptions options_;
    eval::Answers answers_;
};

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", share * 100);
    return text;
}

/// Errors and r2 are plain numbers, the rest are shares.
std::string value_text(const std::string& metric, double v) {
    const bool plain = metric == "mse" || metric == "mae" || metric == "r2" || metric == "auc";
    return plain ? record::number_text(v) : percent(v);
}

std::string class_table(const record::Eval& e) {
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
    return classes.text();
}

std::string range_text(const std::string& metric, const record::Interval& i) {
    return cat(value_text(metric, i.low), " to ", value_text(metric, i.high));
}

std::string human(const record::Eval& e) {
    std::string s =
        cat(record::printable(base_name(e.model)), " on ", e.samples, " samples of ", record::printable(e.data), " (",
            e.part, "), ", e.precision, " in hone, ", human_seconds(e.seconds), "\n");
    record::Table metrics({"metric", "value"});
    for (const auto& [name, value] : e.metrics) metrics.add({name, value_text(name, value)});
    s += metrics.text();
    if (!e.classes.empty()) s += "\n" + class_table(e);
    if (!e.corruptions.empty()) {
        const std::string metric = e.corruptions[0].metrics[0].first;
        record::Table rows({"corruption", "severity", metric, "worse by", "95 % limits"});
        for (const record::CorruptionRow& r : e.corruptions)
            rows.add({r.corruption, cat(r.severity), value_text(metric, r.metrics[0].second),
                      value_text(metric, r.worse.estimate), range_text(metric, r.worse)});
        s += "\n" + rows.text();
    }
    if (!e.differences.empty()) {
        record::Table rows({"metric", record::printable(base_name(e.against)), record::printable(base_name(e.model)),
                            "worse by", "95 % limits"});
        for (const record::DifferenceRow& r : e.differences)
            rows.add({r.metric, value_text(r.metric, r.other), value_text(r.metric, r.model),
                      value_text(r.metric, r.worse.estimate), range_text(r.metric, r.worse)});
        s += "\n" + rows.text();
    }
    return s;
}

int evaluate_model(const EvalArgs& a, Call& call) {
    Evaluation evaluation(a, call);
    evaluation.run();
    call.emit(record::to_json(evaluation.e), human(evaluation.e), "eval.json");
    return 0;
}
}  // namespace

Verb eval_verb() {
    auto a = std::make_shared<EvalArgs>();
    Verb v;
    v.name = "eval";
    v.summary = "accuracy, F1, AUC and confusions of a classifier, or errors of a regression, on labelled data";
    v.examples = {
        {"hone eval net.onnx --data fashion-mnist --mean 0.286 --std 0.353", "on the test part of a known data set"},
        {"hone eval net.onnx --data photos/ --resize 224x224 --json", "a folder of pictures by class; JSON on stdout"},
        {"hone eval small.onnx --data photos/ --against large.onnx --corrupt noise,blur:1-5",
         "beside another model, and on corrupted pictures"},
        {"hone eval siamese_trained.onnx --data fashion-mnist", "AUC and equal error rate on pairs; of two towers top-1 by text"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        add_precision(o, a->precision);
        o.custom(
            "top-k", "K,...", "shares of samples whose class is among the K greatest scores; 1,5 unless given",
            [a](const std::string& s) { a->top = parse_top(s); },
            [a] {
                std::vector<std::string> parts;
                for (const int k : a->top) parts.push_back(cat(k));
                return join(parts, ",");
            });
        o.add("against", "MODEL", a->against, "another model: how much worse MODEL is, with limits");
        o.custom(
            "corrupt", "LIST", "also on corrupted samples: noise, blur, shift, contrast, with severities (blur:1-5), or all",
            [a](const std::string& s) { a->corruptions = parse_corruptions(s); },
            [a] {
                std::vector<std::string> parts;
                for (const Corruption& c : a->corruptions) parts.push_back(to_text(c));
                return join(parts, ",");
            });
        o.add("batch", "N", a->batch, "samples a run; 0: chosen").at_least(0);
        add_data(o, a->data, true);
    };
    v.run = [a](Call& call) { return evaluate_model(*a, call); };
    return v;
}

}  // namespace hone::cli
