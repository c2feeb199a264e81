// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "data/hash.h"
#include "data/parts.h"

namespace hone {

namespace {
class TextDataset : public Dataset {
  public:
    TextDataset(Labelled l, std::vector<std::string> texts, std::shared_ptr<const TextEncoder> encoder, std::string where)
        : texts_(std::move(texts)), encoder_(std::move(encoder)), where_(std::move(where)) {
        name_ = std::move(l.name);
        labels_ = std::move(l.labels);
        class_names_ = std::move(l.class_names);
        targets_ = std::move(l.targets);
        set_sample_dims({encoder_->length});
        sample_type_ = DType::i64;
        HONE_CHECK(static_cast<int64_t>(texts_.size()) == size());
    }
    void load(int64_t i, float* out) const override {
        std::vector<int64_t> ids(static_cast<size_t>(sample_count()));
        load_ids(i, ids.data());
        for (const int64_t id : ids) *out++ = static_cast<float>(id);
    }
    void load_ids(int64_t i, int64_t* out) const override { encoder_->encode(tokens_of(line(i), encoder_->unit), out); }
    const TextEncoder* encoder() const override { return encoder_.get(); }
    const std::string& line(int64_t i) const override { return texts_[static_cast<size_t>(i)]; }
    std::string origin(int64_t i) const override { return cat(where_, ", text ", i); }
    uint64_t content(int64_t i) const override {
        Hasher h;
        h.add(line(i));
        return h.value();
    }

  private:
    std::vector<std::string> texts_;
    std::shared_ptr<const TextEncoder> encoder_;
    std::string where_;
};
}  // namespace

DatasetPtr make_text_dataset(Labelled labelled, std::vector<std::string> texts, std::shared_ptr<const TextEncoder> encoder, std::string where) {
    return std::make_shared<TextDataset>(std::move(labelled), std::move(texts), std::move(encoder), std::move(where));
}

}  // namespace hone
