// SPDX-License-Identifier: Apache-2.0
#include "data/assemble.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "base/thread_pool.h"

namespace hone {

namespace {
constexpr uint64_t kShuffle = 0x6f72646572;  // apart from the streams of augmentation

Tensor one_hot(const Tensor& labels, int64_t classes) {
    Tensor t = Tensor::zeros(DType::f32, {labels.dim(0), classes});
    for (int64_t i = 0; i < labels.dim(0); ++i) t.data<float>()[i * classes + labels.data<int64_t>()[i]] = 1;
    return t;
}
Tensor targets_of(const Dataset& data, std::span<const int64_t> indices) {
    const int64_t k = data.targets().dim(1);
    Tensor t = Tensor::zeros(DType::f32, {static_cast<int64_t>(indices.size()), k});
    float* to = t.data<float>();
    for (const int64_t i : indices) to = std::copy_n(data.targets().data<float>() + i * k, k, to);
    return t;
}
}  // namespace

std::vector<int64_t> epoch_order(int64_t n, bool shuffle, uint64_t seed, int64_t epoch) {
    if (shuffle) return Rng(derive_seed(seed, kShuffle, static_cast<uint64_t>(epoch))).permutation(n);
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
    return order;
}

BatchMaker::BatchMaker(DatasetPtr data, LoaderOptions options) : data_(std::move(data)), options_(std::move(options)) {
    samples_ = data_->size();
    if (options_.order && samples_ > 0) samples_ = static_cast<int64_t>(options_.order(0).size());
    const int64_t n = samples_, size = options_.batch;
    if (size < 1 || options_.ranks < 1 || options_.rank < 0 || options_.rank >= options_.ranks || size < options_.ranks)
        fail(ErrorKind::usage, "usage.batch",
             cat("a batch of ", size, " for rank ", options_.rank, " of ", options_.ranks), "Give --batch at least one sample a rank.");
    if (n == 0) fail(ErrorKind::data, "data.empty", cat(data_->description(), ": nothing to train on"));
    check_augmentations(options_.augment, *data_);
    mixup_ = mixup_of(options_.augment);
    for (const Augmentation& a : options_.augment) pictures_ |= a.kind->image != nullptr, texts_ |= a.kind->text != nullptr;
    // A rest that is smaller than the ranks would leave one of them without a row.
    const bool drop = options_.drop_last || n % size < options_.ranks;
    batches_ = drop ? n / size : (n + size - 1) / size;
    if (batches_ == 0)
        fail(ErrorKind::data, "data.batch", cat("no whole batch: ", n, " samples, batches of ", size), cat("Give --batch ", n, " or less."),
             data_->description());
}

BatchMaker::Order BatchMaker::order_of(int64_t epoch) const {
    std::lock_guard lock(order_mutex_);
    const auto slot = static_cast<size_t>(epoch % 2);
    if (order_epoch_[slot] == epoch) return order_[slot];
    Order made = std::make_shared<const std::vector<int64_t>>(
        options_.order ? options_.order(epoch) : epoch_order(samples_, options_.shuffle, options_.seed, epoch));
    HONE_CHECK(static_cast<int64_t>(made->size()) == samples_, "epoch ", epoch);
    if (order_epoch_[slot] < epoch) {
        order_epoch_[slot] = epoch;
        order_[slot] = made;
    }
    return made;
}

void BatchMaker::load(int64_t epoch, int64_t index, void* out, Image& image) const {
    const SampleKey key{options_.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(index)};
    if (const TextEncoder* encoder = data_->encoder()) {
        if (!texts_) return data_->load_ids(index, static_cast<int64_t*>(out));
        Tokens tokens = tokens_of(data_->line(index), encoder->unit);
        augment_text(tokens, options_.augment, key, *encoder);
        return encoder->encode(tokens, static_cast<int64_t*>(out));
    }
    if (!pictures_) return data_->load(index, static_cast<float*>(out));
    data_->load_pixels(index, image);
    augment_image(image, options_.augment, key);
    data_->normalise(image, static_cast<float*>(out));
}

bool BatchMaker::make(int64_t epoch, int64_t number, Batch& b, const std::function<bool()>& stop) const {
    const Order order = order_of(epoch);
    const int64_t begin = number * options_.batch, whole = std::min(options_.batch, samples_ - begin);
    const int64_t first = whole * options_.rank / options_.ranks, last = whole * (options_.rank + 1) / options_.ranks;
    const std::span<const int64_t> all(order->data() + begin, static_cast<size_t>(whole));
    b.epoch = epoch;
    b.number = number;
    b.whole = whole;
    b.indices.assign(all.begin() + first, all.begin() + last);
    Dims dims = data_->sample_dims();
    dims.insert(dims.begin(), last - first);
    if (!b.x.defined() || b.x.dims() != dims) b.x = Tensor::zeros(data_->sample_type(), dims);
    std::atomic<bool> stopped{false};
    const int64_t rows = last - first, row_bytes = data_->sample_count() * static_cast<int64_t>(dtype_size(data_->sample_type()));
    const auto some = [&](int64_t from, int64_t to) {
        Image image;
        for (int64_t i = from; i < to; ++i) {
            if (stop()) return stopped.store(true, std::memory_order_relaxed);
            load(epoch, b.indices[static_cast<size_t>(i)], static_cast<char*>(b.x.raw_mut()) + i * row_bytes, image);
        }
    };
    if (ThreadPool* pool = ThreadPool::current(); pool && rows > 1) {
        const int chunks = static_cast<int>(std::min<int64_t>(rows, 32));
        pool->run(chunks, [&](int c) { some(rows * c / chunks, rows * (c + 1) / chunks); });
    } else {
        some(0, rows);
    }
    if (stopped) return false;
    b.labels = batch_labels(*data_, b.indices);
    b.targets = data_->regression() ? targets_of(*data_, b.indices) : Tensor();
    b.soft = mixup_ && !data_->regression() ? one_hot(b.labels, static_cast<int64_t>(data_->class_names().size())) : Tensor();
    if (mixup_) mix_rows(epoch, number, all, first, b);
    return true;
}

// Partners are of the whole batch, so that several ranks together mix what one would; a partner of another rank is loaded
// here too.
void BatchMaker::mix_rows(int64_t epoch, int64_t number, std::span<const int64_t> whole, int64_t first, Batch& b) const {
    const Mixup m = draw_mixup(*mixup_, static_cast<int64_t>(whole.size()),
                               {options_.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(number)});
    if (!m.mixes()) return;
    const int64_t rows = static_cast<int64_t>(b.indices.size()), count = data_->sample_count();
    const Tensor before = b.x.clone();
    std::vector<float> loaded(options_.ranks > 1 ? static_cast<size_t>(count) : 0);
    Image image;
    for (int64_t i = 0; i < rows; ++i) {
        const int64_t partner = m.partner[static_cast<size_t>(first + i)], own = partner - first;
        const int64_t index = whole[static_cast<size_t>(partner)];
        const float* other = before.data<float>() + own * count;
        if (own < 0 || own >= rows) {
            load(epoch, index, loaded.data(), image);
            other = loaded.data();
        }
        mix(b.x.data<float>() + i * count, other, count, m.lambda);
        if (b.soft.defined()) {
            float* label = b.soft.data<float>() + i * b.soft.dim(1);
            std::fill_n(label, b.soft.dim(1), 0.f);
            label[b.labels.data<int64_t>()[i]] += static_cast<float>(m.lambda);
            label[data_->label(index)] += static_cast<float>(1 - m.lambda);
        }
        if (b.targets.defined()) {
            const int64_t k = b.targets.dim(1);
            mix(b.targets.data<float>() + i * k, data_->targets().data<float>() + index * k, k, m.lambda);
        }
    }
}

}  // namespace hone
