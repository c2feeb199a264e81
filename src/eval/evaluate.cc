// SPDX-License-Identifier: Apache-2.0
#include "eval/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/two_classes.h"
#include "run/session.h"

namespace hone::eval {

namespace {
double share(const std::vector<uint8_t>& v) {
    return v.empty() ? 0 : static_cast<double>(std::accumulate(v.begin(), v.end(), int64_t{0})) / static_cast<double>(v.size());
}

bool has_nan(const float* s, int64_t n) {
    return std::any_of(s, s + n, [](float v) { return std::isnan(v); });
}

const TypeInfo& only_input(const Graph& g) {
    if (g.inputs.size() != 1)
        fail(ErrorKind::model, "eval.inputs", cat("the model has ", static_cast<unsigned long>(g.inputs.size()), " inputs; evaluation takes models of one"));
    const TypeInfo& t = g.value(g.inputs[0]).type;
    if (t.dtype != DType::f32 && t.dtype != DType::i64)
        fail(ErrorKind::model, "eval.inputs", cat("the model's input is ", to_text(t), "; evaluation takes f32, and i64 for texts"));
    return t;
}
}  // namespace

double Answers::top1() const { return share(right); }
double Answers::top5() const { return share(right5); }

double Answers::top(int k) const {
    const auto right = std::count_if(ahead.begin(), ahead.end(), [most = std::min<int64_t>(k, classes)](int32_t a) { return a < most; });
    return ahead.empty() ? 0 : static_cast<double>(right) / static_cast<double>(ahead.size());
}

int64_t Answers::undefined() const {
    int64_t n = std::count(predicted.begin(), predicted.end(), -1);
    if (predicted.empty() && logits.defined())
        for (int64_t r = 0; r < logits.dim(0); ++r) n += has_nan(logits.data<float>() + r * classes, classes);
    return n;
}

Dims input_dims_for(const Graph& g, const Dims& sample, int64_t batch) {
    const TypeInfo& t = only_input(g);
    Dims dims = {batch};
    dims.insert(dims.end(), sample.begin(), sample.end());
    bool fits = !t.rank_known || t.shape.size() == dims.size();
    if (fits && t.rank_known)
        for (size_t i = 1; i < dims.size(); ++i) fits &= !t.shape[i].known() || t.shape[i].value == dims[i];
    if (!fits)
        fail(ErrorKind::data, "data.shape", cat("the model takes ", to_text(t.shape), " but the samples are ", to_text(sample)),
             "Images: --resize HxW makes them fit. Tables: check the columns.");
    if (t.rank_known && t.shape[0].known()) dims[0] = t.shape[0].value;
    return dims;
}

int64_t natural_batch(const Graph& g, const Dims& sample) {
    const int64_t fixed = input_dims_for(g, sample, 1)[0];
    const TypeInfo& t = only_input(g);
    if (t.rank_known && t.shape[0].known()) return fixed;
    // The largest power of two, at most 32, whose plan keeps within 64 MB of activations.
    const auto plan = make_plan(g, {input_dims_for(g, sample, 1)}, {});
    int64_t batch = 32;
    while (batch > 1 && static_cast<double>(plan->arena_bytes) * static_cast<double>(batch) > 64e6) batch /= 2;
    return batch;
}

void for_each_batch(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const EvalOptions& o,
                    const std::function<void(int64_t, const std::vector<Tensor>&, int64_t)>& sink) {
    std::vector<int64_t> all;
    if (indices.empty()) {
        all.resize(static_cast<size_t>(data.size()));
        std::iota(all.begin(), all.end(), int64_t{0});
        indices = all;
    }
    if (only_input(g).dtype != data.sample_type())
        fail(ErrorKind::data, "data.type",
             cat("the model takes ", dtype_name(only_input(g).dtype), "; the samples are ", dtype_name(data.sample_type())),
             "Models of i64 input take texts, lines `label<TAB>text`.", data.description());
    const auto n = static_cast<int64_t>(indices.size());
    const int64_t batch = std::min(o.batch > 0 ? o.batch : natural_batch(g, data.sample_dims()), std::max<int64_t>(n, 1));
    const Dims dims = input_dims_for(g, data.sample_dims(), batch);
    const int64_t rows = dims[0];
    PlanOptions po;
    po.precision = o.precision;
    po.references = o.references;
    const auto plan = make_plan(g, {dims}, po);
    const int64_t batches = (n + rows - 1) / rows;
    ThreadPool pool(o.threads);
    std::mutex mutex;
    std::vector<std::unique_ptr<Session>> free;
    std::atomic<int64_t> done{0};
    Progress progress(o.progress, static_cast<double>(n));
    pool.run(static_cast<int>(batches), [&](int b) {
        check_interrupt();
        std::unique_ptr<Session> session;
        {
            std::lock_guard lock(mutex);
            if (!free.empty()) {
                session = std::move(free.back());
                free.pop_back();
            }
        }
        if (!session) session = std::make_unique<Session>(plan, nullptr);
        const int64_t first = b * rows, count = std::min(rows, n - first);
        Tensor x = Tensor::zeros(data.sample_type(), dims);
        load_batch(data, indices.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), x.raw_mut());
        // A last batch is filled up with copies of its last sample: values whose samples are not the first axis are read whole.
        const int64_t one = data.sample_count() * static_cast<int64_t>(dtype_size(data.sample_type()));
        char* bytes = static_cast<char*>(x.raw_mut());
        for (int64_t r = count; r < rows; ++r) std::copy_n(bytes + (count - 1) * one, one, bytes + r * one);
        session->execute({x});
        std::vector<Tensor> out;
        for (size_t i = 0; i < plan->outputs.size(); ++i) out.push_back(session->output(i));
        sink(first, out, count);
        std::lock_guard lock(mutex);
        free.push_back(std::move(session));
        progress.update(static_cast<double>(done += count));
    });
}

namespace {
void needs_classes(const Dataset& data) {
    if (data.regression())
        fail(ErrorKind::data, "data.targets", "the data holds numbers to predict; classes are needed here",
             "`hone eval` measures a regression (mse, mae). Where the labels are classes, give them names or whole numbers.");
}
}  // namespace

Answers answers_for(int64_t samples) {
    Answers a;
    a.predicted.resize(static_cast<size_t>(samples));
    a.right.resize(static_cast<size_t>(samples));
    a.right5.resize(static_cast<size_t>(samples));
    a.ahead.resize(static_cast<size_t>(samples));
    return a;
}

void add_scores(Answers& a, const Tensor& raw, const Dataset& data, int64_t first, int64_t rows, std::span<const int64_t> indices) {
    needs_classes(data);
    if (raw.rank() < 2 || raw.dim(0) < rows || !is_float(raw.dtype()))
        fail(ErrorKind::model, "eval.output", cat("the first output is ", to_text(raw.dims()), "; expected scores [N, classes]"));
    const int64_t classes = raw.count() / raw.dim(0);
    if (classes < static_cast<int64_t>(data.class_names().size()))
        fail(ErrorKind::data, "data.labels", cat("the data has ", static_cast<unsigned long>(data.class_names().size()), " classes but the model scores ", classes));
    const Tensor scores = raw.cast(DType::f32);
    for (int64_t r = 0; r < rows; ++r) {
        const float* s = scores.data<float>() + r * classes;
        const auto at = static_cast<size_t>(first + r);
        const int label = data.label(indices.empty() ? first + r : indices[at]);
        const bool defined = !has_nan(s, classes);
        a.predicted[at] = defined ? static_cast<int>(std::max_element(s, s + classes) - s) : -1;
        a.right[at] = a.predicted[at] == label;
        int64_t ahead = 0;
        for (int64_t c = 0; c < classes; ++c) ahead += !defined || s[c] > s[label] || (s[c] == s[label] && c < label);
        a.right5[at] = defined && ahead < 5;
        a.ahead[at] = static_cast<int32_t>(ahead);
        if (a.logits.defined()) std::memcpy(a.logits.data<float>() + (first + r) * classes, s, static_cast<size_t>(classes) * 4);
    }
}

Answers predict(const Graph& g, const Dataset& data, const EvalOptions& o, std::span<const int64_t> indices) {
    const int64_t n = indices.empty() ? data.size() : static_cast<int64_t>(indices.size());
    if (n == 0) fail(ErrorKind::data, "data.empty", "there are no samples to evaluate");
    Answers a;
    std::once_flag once;
    for_each_batch(g, data, indices, o, [&](int64_t first, const std::vector<Tensor>& outputs, int64_t rows) {
        if (outputs.empty() || outputs[0].rank() < 1 || outputs[0].dim(0) < rows || !is_float(outputs[0].dtype()))
            fail(ErrorKind::model, "eval.output", cat("the first output is ", outputs.empty() ? "absent" : to_text(outputs[0].dims()), "; expected [N, values]"));
        const int64_t width = outputs[0].count() / outputs[0].dim(0);
        std::call_once(once, [&] {
            if (data.regression() && data.targets().dim(1) != width)
                fail(ErrorKind::data, "data.targets", cat("the data has ", data.targets().dim(1), " targets a sample but the model gives ", width));
            a.classes = width;
            a.logits = Tensor::zeros(DType::f32, {n, width});
        });
        const Tensor values = outputs[0].cast(DType::f32);
        std::memcpy(a.logits.data<float>() + first * width, values.data<float>(), static_cast<size_t>(rows * width) * 4);
    });
    return a;
}

Answers evaluate(const Graph& g, const Dataset& data, const EvalOptions& o, std::span<const int64_t> indices) {
    const int64_t n = indices.empty() ? data.size() : static_cast<int64_t>(indices.size());
    if (n == 0) fail(ErrorKind::data, "data.empty", "there are no samples to evaluate");
    needs_classes(data);
    Answers a = answers_for(n);
    std::once_flag once;
    const bool probability = ends_in_sigmoid(g);
    for_each_batch(g, data, indices, o, [&](int64_t first, const std::vector<Tensor>& outputs, int64_t rows) {
        if (outputs.empty()) fail(ErrorKind::model, "eval.output", "the model has no output; expected scores [N, classes]");
        const Tensor scores = two_columns(outputs[0], probability, data);
        const int64_t classes = scores.rank() && scores.dim(0) ? scores.count() / scores.dim(0) : 0;
        std::call_once(once, [&] {
            a.classes = classes;
            if (o.keep_logits) a.logits = Tensor::zeros(DType::f32, {n, classes});
        });
        add_scores(a, scores, data, first, rows, indices);
    });
    return a;
}

Answers answer(const Graph& g, const Dataset& data, const EvalOptions& o, std::span<const int64_t> indices) {
    return data.regression() ? predict(g, data, o, indices) : evaluate(g, data, o, indices);
}

}  // namespace hone::eval
