// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "data/hash.h"
#include "data/parts.h"

namespace hone {

namespace {
class RowDataset : public Dataset {
  public:
    RowDataset(Labelled l, Tensor rows, const Preprocess& p, std::string where)
        : rows_(std::move(rows)), p_(p), where_(std::move(where)) {
        name_ = std::move(l.name);
        labels_ = std::move(l.labels);
        class_names_ = std::move(l.class_names);
        targets_ = std::move(l.targets);
        set_sample_dims(Dims(rows_.dims().begin() + 1, rows_.dims().end()));
        HONE_CHECK(rows_.dim(0) == size());
        plain_ = p_.scale == 1 && p_.mean == std::vector<double>{0} && p_.std == std::vector<double>{1};
    }
    void load(int64_t i, float* out) const override {
        const float* from = row(i);
        const auto channels = static_cast<size_t>(sample_dims()[0]);
        const size_t each = static_cast<size_t>(sample_count()) / channels;
        if (plain_) {
            std::copy(from, from + sample_count(), out);
            return;
        }
        for (size_t c = 0; c < channels; ++c) {
            const double mean = p_.mean[p_.mean.size() == 1 ? 0 : c], std = p_.std[p_.std.size() == 1 ? 0 : c];
            for (size_t k = 0; k < each; ++k) *out++ = static_cast<float>((*from++ * p_.scale - mean) / std);
        }
    }
    std::string origin(int64_t i) const override { return cat(where_, ", row ", i); }
    uint64_t content(int64_t i) const override {
        Hasher h;
        h.add(row(i), static_cast<size_t>(sample_count()) * sizeof(float));
        return h.value();
    }

  private:
    const float* row(int64_t i) const { return rows_.data<float>() + i * sample_count(); }
    Tensor rows_;
    Preprocess p_;
    std::string where_;
    bool plain_ = false;
};
}  // namespace

DatasetPtr make_row_dataset(Labelled labelled, Tensor rows, const Preprocess& p, std::string where) {
    return std::make_shared<RowDataset>(std::move(labelled), std::move(rows), p, std::move(where));
}

}  // namespace hone
