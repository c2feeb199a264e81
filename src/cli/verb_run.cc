// SPDX-License-Identifier: Apache-2.0
// `hone run`: single inputs through preprocess, infer, postprocess: class names and scores.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/timing.h"
#include "cli/common.h"
#include "cli/run_inputs.h"
#include "data/sample.h"
#include "data/text_lines.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "eval/scores.h"
#include "record/infer.h"
#include "record/json.h"
#include "record/table.h"
#include "run/session.h"

namespace hone::cli {

namespace {
constexpr int64_t kShownValues = 16;

struct RunArgs {
    std::string model, precision = "fp32", classes, data;
    std::vector<std::string> inputs;
    PreprocessOptions preprocess;
    std::optional<int64_t> row;
    int top = 5;
    bool raw = false, no_plan = false;
};

/// --classes: names separated by commas, or a file of one a line.
std::vector<std::string> named_classes(const std::string& given) {
    if (file_exists(given)) return read_lines(given);
    std::vector<std::string> names;
    for (size_t at = 0; at < given.size();) {
        const size_t end = std::min(given.find(',', at), given.size());
        names.push_back(given.substr(at, end - at));
        at = end + 1;
    }
    return names;
}

/// From --classes, the model, or the data, in this order.
std::vector<std::string> class_names(const RunArgs& a, const DataOptions& o) {
    if (!a.classes.empty()) return named_classes(a.classes);
    if (!o.class_names.empty() || a.data.empty()) return o.class_names;
    return open_data(a.data, o).class_names;
}

record::OutputSummary summary(const std::string& name, const Tensor& t) {
    record::OutputSummary s;
    s.name = name;
    s.type = cat(dtype_name(t.dtype()), to_text(t.dims()));
    if (t.dtype() == DType::string || t.count() == 0) return s;
    double sum = 0, squares = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < t.count(); ++i) {
        const double v = t.at(i);
        if (i < kShownValues) s.values.push_back(v);
        if (!std::isfinite(v)) {
            ++s.not_finite;
            continue;
        }
        s.min = n ? std::min(s.min, v) : v;
        s.max = n ? std::max(s.max, v) : v;
        sum += v;
        squares += v * v;
        ++n;
    }
    if (n == 0) return s;
    s.mean = sum / static_cast<double>(n);
    s.std = std::sqrt(std::max(0.0, squares / static_cast<double>(n) - s.mean * s.mean));
    return s;
}

/// One plan a size of input; pictures of a model with open dims may differ. The plan file's serves the size it is of.
class Runner {
  public:
    Runner(const Graph& g, const RunArgs& a, Precision precision, Call& call) : g_(g), pool_(call.common.threads) {
        options_.threads = call.common.threads;
        options_.precision = precision;
        if (!a.no_plan) kept_file_ = plan_file_beside({a.model, {}, 1, options_}, call, &kept_);
    }
    /// Empty until an input has run by it.
    const std::string& plan_file() const { return taken_; }

    /// x is [1, ...]; a model of a fixed batch gets it as the first row, zeros behind it. The outputs of that row.
    std::vector<Tensor> run(const Tensor& x) {
        const Dims sample(x.dims().begin() + 1, x.dims().end());
        const Dims dims = eval::input_dims_for(g_, sample, 1);
        Tensor whole = x;
        if (dims[0] != 1) {
            whole = Tensor::zeros(x.dtype(), dims);
            std::memcpy(whole.raw_mut(), x.raw(), x.bytes());
        }
        std::vector<Tensor> out = run_as_is({whole});
        for (Tensor& t : out)
            if (dims[0] > 1 && t.rank() > 0 && t.dim(0) == dims[0]) t = t.rows(0, 1);
        return out;
    }

    /// All inputs of the model.
    std::vector<Tensor> run_as_is(const std::vector<Tensor>& inputs) {
        std::vector<Dims> dims;
        for (const Tensor& t : inputs) dims.push_back(t.dims());
        auto& session = sessions_[dims];
        if (!session) {
            const bool kept = kept_ && kept_->input_dims == dims;
            if (kept) taken_ = kept_file_;
            session = std::make_unique<Session>(kept ? kept_ : make_plan(g_, dims, options_), &pool_);
        }
        return session->run(inputs);
    }

  private:
    const Graph& g_;
    ThreadPool pool_;
    PlanOptions options_;
    std::shared_ptr<const Plan> kept_;
    std::string kept_file_, taken_;
    std::map<std::vector<Dims>, std::unique_ptr<Session>> sessions_;
};

class Postprocess {
  public:
    Postprocess(const Graph& g, std::vector<std::string> names, const RunArgs& a)
        : g_(g), names_(std::move(names)), kind_(eval::score_kind(g)), top_(a.top), raw_(a.raw) {}

    void operator()(const std::vector<Tensor>& outputs, record::Answer& answer, record::Infer& r, Call& call) {
        if (raw_ || outputs.size() != 1 || !eval::is_class_output(outputs[0])) {
            for (size_t i = 0; i < outputs.size(); ++i)
                answer.outputs.push_back(summary(g_.value(g_.outputs[i]).name, outputs[i]));
            return;
        }
        r.score = eval::score_name(kind_);
        const Tensor scores = outputs[0].cast(DType::f32);
        const auto classes = static_cast<size_t>(scores.dim(1));
        if (!names_.empty() && names_.size() != classes && !warned_) {
            warned_ = true;
            call.warn(cat("the model scores ", classes, " classes; ", names_.size(),
                          " names are known: they are taken to be those of the first"));
        }
        const std::vector<double> p = eval::class_scores(kind_, {scores.data<float>(), classes});
        for (const size_t c : eval::best_classes(p, static_cast<size_t>(top_)))
            answer.scores.push_back(
                {static_cast<int64_t>(c), c < names_.size() ? names_[c] : cat("class ", c), p[c]});
    }

  private:
    const Graph& g_;
    std::vector<std::string> names_;
    eval::ScoreKind kind_;
    int top_;
    bool raw_, warned_ = false;
};

std::string human(const record::Infer& r) {
    const bool labels = std::any_of(r.results.begin(), r.results.end(), [](const auto& a) { return !a.label.empty(); });
    record::Table scores({"input", labels ? "label" : "", "class", "score"});
    record::Table outputs({"input", "output", "type", "min", "max", "mean", "std", "first values"});
    for (const record::Answer& a : r.results) {
        for (size_t i = 0; i < a.scores.size(); ++i) {
            char score[32];
            std::snprintf(score, sizeof score, "%.5f", a.scores[i].score);
            scores.add({i ? "" : record::printable(a.input), i ? "" : record::printable(a.label),
                        record::printable(a.scores[i].name), score});
        }
        for (size_t i = 0; i < a.outputs.size(); ++i) {
            const record::OutputSummary& o = a.outputs[i];
            std::vector<std::string> first;
            for (size_t k = 0; k < std::min<size_t>(o.values.size(), 4); ++k)
                first.push_back(record::number_text(o.values[k]));
            if (o.values.size() > 4) first.push_back("...");
            outputs.add({i ? "" : record::printable(a.input), record::printable(o.name), o.type,
                         record::number_text(o.min), record::number_text(o.max), record::number_text(o.mean),
                         record::number_text(o.std), join(first, " ")});
        }
    }
    std::string s = cat(record::printable(base_name(r.model)), ", ", r.precision, " in hone");
    if (!r.score.empty()) s += cat("; scores: ", r.score == "softmax" ? "softmax of the output" : r.score);
    return cat(s, "\n", scores.empty() ? "" : scores.text(), outputs.empty() ? "" : outputs.text());
}

int finish(record::Infer& r, double start, Call& call) {
    r.seconds = now_seconds() - start;
    r.warnings = call.warnings;
    call.emit(record::to_json(r), human(r), "infer.json");
    return 0;
}

int run_inputs(const RunArgs& a, Call& call) {
    const double start = now_seconds();
    const Graph g = load_model(a.model);
    const DataOptions o = data_options_for(g, a.preprocess, call);
    const Precision precision = choose_precision(a.precision, g);
    record::Infer r;
    r.model = absolute_path(a.model);
    r.precision = eval::precision_name(precision);
    r.runtime = "hone";
    r.threads = call.common.threads;
    Runner runner(g, a, precision, call);
    Postprocess post(g, class_names(a, o), a);
    const std::vector<Tensor> whole = named_inputs(g, a.inputs);
    if (!whole.empty()) {
        const std::vector<Tensor> outputs = runner.run_as_is(whole);
        const bool classes = outputs.size() == 1 && eval::is_class_output(outputs[0]);
        for (int64_t i = 0; i < (classes ? outputs[0].dim(0) : 1); ++i) {
            record::Answer answer;
            answer.input = join(a.inputs, " ");
            if (classes && outputs[0].dim(0) > 1) answer.row = i;
            post(classes ? std::vector<Tensor>{outputs[0].rows(i, i + 1)} : outputs, answer, r, call);
            r.results.push_back(std::move(answer));
        }
        r.plan_file = runner.plan_file();
        return finish(r, start, call);
    }
    Progress progress("running", static_cast<double>(a.inputs.size()));
    const Dims dims = sample_dims(g);
    bool resized = false;
    for (size_t i = 0; i < a.inputs.size(); ++i) {
        Preprocess used;
        for (const Sample& s : load_samples(a.inputs[i], o, dims, a.row, &used)) {
            check_interrupt();
            record::Answer answer;
            answer.input = s.origin;
            answer.row = s.row;
            answer.label = s.label;
            post(runner.run(s.x), answer, r, call);
            r.results.push_back(std::move(answer));
        }
        if (used.resize && !o.preprocess.resize && !resized) {
            call.say(cat("note: pictures are resized to ", to_text(*used.resize), ", the model's input"));
            resized = true;
        }
        const auto map = to_map(used);
        r.preprocess.assign(map.begin(), map.end());
        progress.update(static_cast<double>(i + 1));
    }
    r.plan_file = runner.plan_file();
    return finish(r, start, call);
}
}  // namespace

Verb run_verb() {
    auto a = std::make_shared<RunArgs>();
    Verb v;
    v.name = "run";
    v.summary = "single inputs through preprocess, infer, postprocess: class names and scores";
    v.examples = {{"hone run net_hone/model.onnx photo.jpg", "preprocessing and class names are in the model's file"},
                  {"hone run net.onnx a.png b.jpg --mean 0.5 --std 0.5 --data photos/ --top 3",
                   "class names from the data that it was trained on"},
                  {"hone run letters.onnx test.csv --row 7 --classes A,B,C --json", "one row of a table, from 0"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.positional("INPUT", a->inputs, "JPEG or PNG pictures, CSV tables with a header, .txt or .tsv files of a text a line, .npy arrays; NAME=FILE.npy for each input of a model of several").required();
        o.add("row", "N", a->row, "of a table, from 0; unless given all").at_least(0);
        o.add("top", "K", a->top, "classes shown").at_least(1);
        o.flag("raw", a->raw, "the outputs as they are, no scores");
        add_precision(o, a->precision);
        add_no_plan(o, a->no_plan);
        o.group("Data");
        o.add("classes", "A,B,... or FILE", a->classes, "names of the classes in order; FILE has one a line");
        o.add("data", "D", a->data, "take the names of the classes from this data, where the model carries none");
        add_preprocess(o, a->preprocess);
    };
    v.run = [a](Call& call) { return run_inputs(*a, call); };
    return v;
}

}  // namespace hone::cli
