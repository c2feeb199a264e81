// SPDX-License-Identifier: Apache-2.0
// The loader of training batches: the same bits whatever the workers, epochs that are permutations, resuming, errors,
// stopping, the bound on what is prefetched, ranks, soft labels.
#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "data/open.h"
#include "helpers.h"

using namespace hone;

namespace {
/// Sample i is (i, -i); counts what is loaded, and may hold or fail.
class Numbers : public Dataset {
  public:
    explicit Numbers(int64_t n, bool regression = false) {
        name_ = "numbers";
        for (int64_t i = 0; i < n; ++i) labels_.push_back(regression ? 0 : static_cast<int>(i % 3));
        class_names_ = regression ? std::vector<std::string>{"target"} : std::vector<std::string>{"a", "b", "c"};
        set_sample_dims({2});
        if (!regression) return;
        targets_ = Tensor::zeros(DType::f32, {n, 1});
        for (int64_t i = 0; i < n; ++i) targets_.data<float>()[i] = static_cast<float>(10 * i);
    }
    void load(int64_t i, float* out) const override {
        ++loads;
        if (slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        while (hold) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (i == bad) fail(ErrorKind::data, "data.test", "a bad sample", {}, origin(i));
        out[0] = static_cast<float>(i);
        out[1] = -static_cast<float>(i);
    }
    std::string origin(int64_t i) const override { return cat("number ", i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }
    mutable std::atomic<int64_t> loads{0};
    std::atomic<bool> hold{false}, slow{false};
    int64_t bad = -1;
};

/// 50 pictures of 6x5 in 2 classes.
DatasetPtr pictures(const TemporaryFolder& t) {
    std::string pixels, labels;
    Rng rng(1);
    for (int i = 0; i < 50; ++i) {
        labels += static_cast<char>(i % 2);
        for (int k = 0; k < 30; ++k) pixels += static_cast<char>(rng.below(256));
    }
    t.write("images-idx3-ubyte", make_idx({50, 6, 5}, pixels));
    t.write("labels-idx1-ubyte", make_idx({50}, labels));
    return open_data(t.path(), {}).whole;
}

std::vector<Batch> take(const DatasetPtr& data, LoaderOptions o, int workers, int count, LoaderState start = {}, int prefetch = 3) {
    o.workers = workers;
    o.prefetch = prefetch;
    Loader loader(data, o, start);
    std::vector<Batch> out(static_cast<size_t>(count));
    for (Batch& b : out) loader.next(b);
    return out;
}
void expect_same(const Batch& a, const Batch& b) {
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.number, b.number);
    EXPECT_EQ(a.whole, b.whole);
    EXPECT_EQ(a.indices, b.indices);
    EXPECT_TRUE(a.x.same_bits(b.x));
    EXPECT_TRUE(a.labels.same_bits(b.labels));
    ASSERT_EQ(a.soft.defined(), b.soft.defined());
    if (a.soft.defined()) EXPECT_TRUE(a.soft.same_bits(b.soft));
    ASSERT_EQ(a.targets.defined(), b.targets.defined());
    if (a.targets.defined()) EXPECT_TRUE(a.targets.same_bits(b.targets));
}
}  // namespace

TEST(Loader, TheSameBitsUnderAnyWorkers) {
    TemporaryFolder t;
    const DatasetPtr data = pictures(t);
    LoaderOptions o;
    o.batch = 8;
    o.seed = 5;
    o.augment = parse_augmentations("flip,shift=1,rotate=15,noise,mixup");
    const std::vector<Batch> alone = take(data, o, 0, 18);  // seven an epoch
    EXPECT_EQ(alone[6].x.dim(0), 2);
    EXPECT_EQ(alone[17].epoch, 2);
    for (const int workers : {1, 2, 5})
        for (const int prefetch : {1, 4}) {
            const std::vector<Batch> many = take(data, o, workers, 18, {}, prefetch);
            for (size_t i = 0; i < many.size(); ++i) expect_same(alone[i], many[i]);
        }
    ThreadPool pool(3);
    ThreadPool::Use use(&pool);
    const std::vector<Batch> on_pool = take(data, o, 0, 18);
    for (size_t i = 0; i < on_pool.size(); ++i) expect_same(alone[i], on_pool[i]);
    o.seed = 6;
    EXPECT_FALSE(alone[0].x.same_bits(take(data, o, 1, 1)[0].x));
}

TEST(Loader, AnEpochIsAPermutationOfItsOwn) {
    const auto data = std::make_shared<Numbers>(23);
    LoaderOptions o;
    o.batch = 5;
    const std::vector<Batch> all = take(data, o, 2, 10);
    std::vector<std::vector<int64_t>> epochs(2);
    for (const Batch& b : all) {
        EXPECT_EQ(b.x.dims(), (Dims{static_cast<int64_t>(b.indices.size()), 2}));
        for (size_t i = 0; i < b.indices.size(); ++i) {
            EXPECT_EQ(b.x.data<float>()[2 * i], static_cast<float>(b.indices[i]));
            EXPECT_EQ(b.labels.data<int64_t>()[i], b.indices[i] % 3);
            epochs[static_cast<size_t>(b.epoch)].push_back(b.indices[i]);
        }
        EXPECT_FALSE(b.soft.defined());
    }
    EXPECT_NE(epochs[0], epochs[1]);
    std::vector<int64_t> sorted(23);
    std::iota(sorted.begin(), sorted.end(), int64_t{0});
    EXPECT_NE(epochs[0], sorted);
    for (std::vector<int64_t>& e : epochs) {
        EXPECT_EQ(e, epoch_order(23, true, 0, &e - epochs.data()));
        std::sort(e.begin(), e.end());
        EXPECT_EQ(e, sorted);
    }
    o.shuffle = false;
    o.drop_last = true;
    const std::vector<Batch> plain = take(data, o, 1, 5);
    EXPECT_EQ(plain[3].indices, (std::vector<int64_t>{15, 16, 17, 18, 19}));
    EXPECT_EQ(plain[4].epoch, 1);
    EXPECT_EQ(plain[4].indices, plain[0].indices);
}

TEST(Loader, ContinuesFromAnyState) {
    TemporaryFolder t;
    const DatasetPtr data = pictures(t);
    LoaderOptions o;
    o.batch = 16;
    o.seed = 9;
    o.augment = parse_augmentations("crop=1,cutout=2,mixup=p=0.5");
    const std::vector<Batch> whole = take(data, o, 1, 12);
    Loader loader(data, o);
    Batch b;
    for (size_t i = 0; i < whole.size(); ++i) {
        const LoaderState s = loader.state();
        EXPECT_EQ(s, (LoaderState{static_cast<int64_t>(i) / 4, static_cast<int64_t>(i) % 4}));
        expect_same(whole[i], take(data, o, static_cast<int>(i % 3), 1, s)[0]);
        loader.next(b);
        expect_same(whole[i], b);
    }
    EXPECT_EQ(loader.batches_per_epoch(), 4);
    EXPECT_EQ(id_of([&] { Loader(data, o, {0, 4}); }), "data.batch");
}

TEST(Loader, AnErrorComesWithItsBatchAndAgain) {
    for (const int workers : {0, 1, 3}) {
        const auto data = std::make_shared<Numbers>(20);
        data->bad = 13;
        LoaderOptions o;
        o.batch = 4;
        o.shuffle = false;
        o.workers = workers;
        Loader loader(data, o);
        Batch b;
        for (int i = 0; i < 3; ++i) loader.next(b);
        EXPECT_EQ(id_of([&] { loader.next(b); }), "data.test");
        EXPECT_EQ(id_of([&] { loader.next(b); }), "data.test");
        EXPECT_EQ(loader.state(), (LoaderState{0, 3}));
    }
}

TEST(Loader, PrefetchIsBoundedAndMemoryIsUsedAgain) {
    const auto data = std::make_shared<Numbers>(1000);
    LoaderOptions o;
    o.batch = 10;
    o.workers = 3;
    o.prefetch = 2;
    Loader loader(data, o);
    std::set<const void*> memory;
    Batch b;
    for (int64_t given = 1; given <= 30; ++given) {
        loader.next(b);
        memory.insert(b.x.raw());
        if (given % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        EXPECT_LE(data->loads, (given + 2) * 10);
    }
    EXPECT_LE(memory.size(), 6u);
    // A tensor that is still held keeps its values.
    const Tensor kept = b.x;
    const Tensor copy = kept.clone();
    for (int i = 0; i < 10; ++i) loader.next(b);
    EXPECT_TRUE(kept.same_bits(copy));
    EXPECT_GE(loader.seconds_waited(), 0);
}

TEST(Loader, StopsAtOnce) {
    const auto data = std::make_shared<Numbers>(100000);
    data->slow = true;
    LoaderOptions o;
    o.batch = 50000;
    o.workers = 2;
    {
        Loader loader(data, o);
        while (data->loads < 2) std::this_thread::yield();
    }
    EXPECT_LE(data->loads, 10000);  // of a minute's work
}

TEST(Loader, AnInterruptEndsTheWait) {
    const auto data = std::make_shared<Numbers>(10);
    data->hold = true;
    LoaderOptions o;
    o.batch = 5;
    Loader loader(data, o);
    set_interrupted(true);
    Batch b;
    EXPECT_EQ(id_of([&] { loader.next(b); }), "interrupted");
    set_interrupted(false);
    data->hold = false;
    EXPECT_GT(loader.seconds_waited(), 0);
    loader.next(b);
    EXPECT_EQ(b.number, 0);
}

TEST(Loader, RanksTogetherAreOne) {
    TemporaryFolder t;
    const DatasetPtr data = pictures(t);
    LoaderOptions o;
    o.batch = 12;
    o.seed = 2;
    o.augment = parse_augmentations("flip,rotate=30,mixup=1");
    const std::vector<Batch> one = take(data, o, 1, 10);
    EXPECT_EQ(one[4].whole, 2);  // the last of the first epoch
    for (const int ranks : {2, 5}) {
        std::vector<std::vector<Batch>> parts;
        o.ranks = ranks;
        for (o.rank = 0; o.rank < ranks; ++o.rank) parts.push_back(take(data, o, 2, 8));
        for (size_t i = 0, j = 0; i < 8; ++i, ++j) {
            if (ranks == 5 && one[j].whole == 2) ++j;  // left out: two rows for five ranks
            int64_t row = 0;
            for (const auto& part : parts) {
                const int64_t n = part[i].x.dim(0);
                EXPECT_EQ(part[i].whole, one[j].whole);
                EXPECT_TRUE(part[i].x.same_bits(one[j].x.rows(row, row + n)));
                EXPECT_TRUE(part[i].soft.same_bits(one[j].soft.rows(row, row + n)));
                row += n;
            }
            EXPECT_EQ(row, one[j].whole);
        }
        o.rank = 0;
    }
}

TEST(Loader, MixupMixesSamplesAndLabelsAlike) {
    LoaderOptions o;
    o.batch = 6;
    o.augment = parse_augmentations("mixup=1");
    int mixed = 0;
    for (const Batch& b : take(std::make_shared<Numbers>(24), o, 1, 8)) {
        const double lambda = draw_mixup(o.augment[0], 6, {0, static_cast<uint64_t>(b.epoch), static_cast<uint64_t>(b.number)}).lambda;
        for (int64_t i = 0; i < 6; ++i) {
            const int64_t self = b.indices[static_cast<size_t>(i)];
            const double partner = (b.x.data<float>()[2 * i] - lambda * static_cast<double>(self)) / (1 - lambda);
            ASSERT_NEAR(partner, std::round(partner), 1e-2);
            double sum = 0, expected[3] = {};
            expected[self % 3] += lambda;
            expected[std::llround(partner) % 3] += 1 - lambda;
            for (int64_t c = 0; c < 3; ++c) {
                sum += b.soft.data<float>()[3 * i + c];
                EXPECT_NEAR(b.soft.data<float>()[3 * i + c], expected[c], 1e-6);
            }
            EXPECT_NEAR(sum, 1, 1e-6);
            EXPECT_EQ(b.labels.data<int64_t>()[i], self % 3);
            mixed += std::llround(partner) != self;
        }
    }
    EXPECT_GT(mixed, 20);
    for (const Batch& b : take(std::make_shared<Numbers>(24, true), o, 1, 4)) {
        EXPECT_FALSE(b.soft.defined());
        for (int64_t i = 0; i < 6; ++i) EXPECT_NEAR(b.targets.data<float>()[i], 10 * b.x.data<float>()[2 * i], 1e-3);
    }
}

TEST(Loader, WrongOptionsAreRefused) {
    const auto data = std::make_shared<Numbers>(10);
    const auto id = [&](auto change, int64_t n = 10) {
        LoaderOptions o;
        o.batch = 4;
        change(o);
        return id_of([&] { Loader(n ? data : std::make_shared<Numbers>(0), o); });
    };
    EXPECT_EQ(id([](LoaderOptions&) {}), "");
    EXPECT_EQ(id([](LoaderOptions& o) { o.batch = 0; }), "usage.batch");
    EXPECT_EQ(id([](LoaderOptions& o) { o.workers = -1; }), "usage.batch");
    EXPECT_EQ(id([](LoaderOptions& o) { o.prefetch = 0; }), "usage.batch");
    EXPECT_EQ(id([](LoaderOptions& o) { o.rank = 1; }), "usage.batch");
    EXPECT_EQ(id([](LoaderOptions& o) { o.ranks = 5; }), "usage.batch");
    EXPECT_EQ(id([](LoaderOptions& o) { o.augment = parse_augmentations("flip"); }), "usage.augment");
    EXPECT_EQ(id([](LoaderOptions& o) { o.batch = 11, o.drop_last = true; }), "data.batch");
    EXPECT_EQ(id([](LoaderOptions&) {}, 0), "data.empty");
}
