// SPDX-License-Identifier: Apache-2.0
#include "suite/answer.h"

#include <algorithm>
#include <cmath>

#include "eval/latency.h"
#include "suite/picture_data.h"

namespace hone::suite {

std::vector<Tensor> picture_inputs(const Graph& g, int64_t batch) {
    std::vector<Tensor> inputs = eval::synthetic_inputs(g, batch);
    for (size_t i = 0; i < inputs.size(); ++i) {
        Tensor& t = inputs[i];
        if (t.rank() != 4 || t.dim(0) != batch || t.dtype() != DType::f32) continue;
        const Dims chw{t.dim(1), t.dim(2), t.dim(3)};
        float* const data = t.data<float>();
        for (int64_t n = 0; n < batch; ++n)
            draw_picture(chw, 1, static_cast<uint64_t>(n) * inputs.size() + i, data + n * (t.count() / batch));
    }
    return inputs;
}

double answer_error(const std::vector<Tensor>& y, const std::vector<Tensor>& r) {
    if (y.size() != r.size()) return INFINITY;
    double worst = 0;
    for (size_t k = 0; k < y.size(); ++k) {
        if (y[k].dims() != r[k].dims()) return INFINITY;
        double peak = 1e-30, off = 0;
        for (int64_t i = 0; i < r[k].count(); ++i) {
            const double d = std::abs(y[k].at(i) - r[k].at(i));
            peak = std::max(peak, std::abs(r[k].at(i)));
            off = std::isfinite(d) ? std::max(off, d) : INFINITY;
        }
        worst = std::max(worst, off / peak);
    }
    return worst;
}

}  // namespace hone::suite
