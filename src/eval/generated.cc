// SPDX-License-Identifier: Apache-2.0
#include "eval/generated.h"

#include <algorithm>

#include "base/interrupt.h"
#include "data/picture_grid.h"
#include "data/pixels.h"
#include "eval/evaluate.h"
#include "eval/scores.h"
#include "run/session.h"

namespace hone::eval {

int64_t GeneratedVerdict::found(double least) const {
    return std::count_if(share.begin(), share.end(), [&](double s) { return s >= least; });
}
double GeneratedVerdict::least() const { return share.empty() ? 0 : *std::min_element(share.begin(), share.end()); }

GeneratedVerdict judge_generated(const Tensor& samples, const Preprocess& made, const Graph& classifier, const Preprocess& used, int threads) {
    constexpr int64_t kBatch = 100;
    HONE_CHECK(samples.rank() == 4 && samples.dim(0) > 0);
    const int64_t n = samples.dim(0);
    Preprocess p = used;
    if (p.channels == 0) p.channels = samples.dim(1) == 3 ? 3 : 1;
    const PixelPipeline pipeline(p, {static_cast<int>(samples.dim(2)), static_cast<int>(samples.dim(3))});
    const ScoreKind kind = score_kind(classifier);
    ThreadPool pool(threads);
    std::unique_ptr<Session> session;
    std::vector<uint8_t> planar(pipeline.count());
    GeneratedVerdict v;
    v.samples = n;
    for (int64_t at = 0; at < n; at += kBatch) {
        check_interrupt();
        const int64_t rows = std::min(kBatch, n - at);
        const Dims dims = input_dims_for(classifier, pipeline.dims(), rows);
        Tensor x = Tensor::zeros(DType::f32, dims);
        for (int64_t i = 0; i < rows; ++i) {
            pipeline.prepare(picture_grid(samples.rows(at + i, at + i + 1), made, 1), planar.data(), cat("generated picture ", at + i));
            pipeline.normalise(planar.data(), x.data<float>() + i * static_cast<int64_t>(pipeline.count()));
        }
        if (!session || session->plan().input_dims[0] != dims) session = std::make_unique<Session>(make_plan(classifier, {dims}, {.threads = threads}), &pool);
        session->execute({x});
        const Tensor scores = session->output(0).cast(DType::f32);
        if (!is_class_output(scores)) fail(ErrorKind::model, "eval.output", cat("the judge's first output is ", to_text(scores.dims()), "; expected scores [N, classes]"));
        const int64_t classes = scores.count() / scores.dim(0);
        v.share.resize(static_cast<size_t>(classes));
        for (int64_t i = 0; i < rows; ++i) {
            const std::vector<double> s = class_scores(kind, {scores.data<float>() + i * classes, static_cast<size_t>(classes)});
            const size_t best = best_classes(s, 1)[0];
            v.share[best] += 1 / static_cast<double>(n);
            v.confidence += s[best] / static_cast<double>(n);
        }
    }
    return v;
}

}  // namespace hone::eval
