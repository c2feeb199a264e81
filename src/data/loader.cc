// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/timing.h"
#include "data/assemble.h"

namespace hone {

namespace {
constexpr std::chrono::milliseconds kGlance{50};  // how often a waiting caller looks for an interrupt

/// One batch under way or finished.
struct Slot {
    Batch batch;
    std::exception_ptr error;
    bool ready = false;
};
}  // namespace

// Positions count batches from the start of epoch 0. Those of [given, taken) are in slots, position p in slot
// p modulo their number; workers take positions in order, the caller gets them in order.
struct Loader::Impl {
    Impl(DatasetPtr data, LoaderOptions options) : maker(std::move(data), options), slots(static_cast<size_t>(std::max(1, options.prefetch))) {}
    ~Impl() { stop(); }

    Slot& slot_of(int64_t position) { return slots[static_cast<size_t>(position) % slots.size()]; }
    bool make(int64_t position, Batch& b) {
        return maker.make(position / maker.batches(), position % maker.batches(), b, [this] { return stopping.load(std::memory_order_relaxed); });
    }
    void start(int workers) {
        try {
            for (int i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
        } catch (...) {
            stop();
            throw;
        }
    }
    void stop() {
        {
            std::lock_guard lock(mutex);
            stopping = true;
        }
        room.notify_all();
        for (std::thread& t : threads) t.join();
        threads.clear();
    }
    void work() {
        std::unique_lock lock(mutex);
        for (;;) {
            room.wait(lock, [&] { return stopping || taken < given + static_cast<int64_t>(slots.size()); });
            if (stopping) return;
            const int64_t position = taken++;
            Slot& slot = slot_of(position);
            if (!slot.batch.x.defined() && !spare.empty()) {
                slot.batch.x = std::move(spare.back());
                spare.pop_back();
            }
            lock.unlock();
            std::exception_ptr error;
            bool made = true;
            try {
                made = make(position, slot.batch);
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            if (!made) return;
            slot.error = std::move(error);
            slot.ready = true;
            if (position == given) finished.notify_one();
        }
    }
    /// The caller's former batch: its largest memory is used again.
    void take_back(Tensor x) {
        if (x.defined() && x.owner() && x.owner().use_count() == 1 && spare.size() < slots.size()) spare.push_back(std::move(x));
    }
    void next(Batch& into) {
        const double begin = now_seconds();
        std::unique_lock lock(mutex);
        Slot& slot = slot_of(given);
        while (!finished.wait_for(lock, kGlance, [&] { return slot.ready; })) {
            if (!interrupted()) continue;
            waited += now_seconds() - begin;
            check_interrupt();
        }
        waited += now_seconds() - begin;
        if (slot.error) std::rethrow_exception(slot.error);
        take_back(std::move(into.x));
        into = std::move(slot.batch);
        slot.batch = Batch();
        slot.ready = false;
        ++given;
        lock.unlock();
        room.notify_one();
    }
    void next_here(Batch& into) {
        const double begin = now_seconds();
        check_interrupt();
        if (into.x.defined() && (!into.x.owner() || into.x.owner().use_count() != 1)) into.x = Tensor();
        make(given, into);
        ++given;
        waited += now_seconds() - begin;
    }

    BatchMaker maker;
    std::vector<Slot> slots;
    std::vector<Tensor> spare;
    std::vector<std::thread> threads;
    mutable std::mutex mutex;
    std::condition_variable room, finished;
    std::atomic<bool> stopping{false};
    int64_t given = 0, taken = 0;
    double waited = 0;
};

Loader::Loader(DatasetPtr data, LoaderOptions options, LoaderState start) {
    const int workers = options.workers;
    if (workers < 0 || workers > 256 || options.prefetch < 1)
        fail(ErrorKind::usage, "usage.batch", cat(workers, " workers that prefetch ", options.prefetch, " batches"),
             "Workers are 0 to 256; at least one batch is prefetched.");
    HONE_CHECK(start.epoch >= 0 && start.batch >= 0);
    impl_ = std::make_unique<Impl>(std::move(data), std::move(options));
    if (start.batch >= impl_->maker.batches())
        fail(ErrorKind::data, "data.batch", cat("batch ", start.batch, " of an epoch of ", impl_->maker.batches(), " batches"),
             "Resume with the data, the batch size and the seed that the state was saved with.");
    impl_->given = impl_->taken = start.epoch * impl_->maker.batches() + start.batch;
    impl_->start(workers);
}

Loader::~Loader() = default;

void Loader::next(Batch& into) {
    if (impl_->threads.empty()) return impl_->next_here(into);
    impl_->next(into);
}

LoaderState Loader::state() const {
    std::lock_guard lock(impl_->mutex);
    return {impl_->given / impl_->maker.batches(), impl_->given % impl_->maker.batches()};
}
int64_t Loader::batches_per_epoch() const { return impl_->maker.batches(); }
double Loader::seconds_waited() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->waited;
}

}  // namespace hone
