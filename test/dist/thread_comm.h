// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process, for tests of what ranks say to one another. Sums are added up in the order of
// ranks by whoever comes last, as a transport that gives all ranks the same bits.
//
//   run_ranks(2, [&](dist::Comm& comm) { ... });
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "dist/comm.h"

namespace hone {

/// What the ranks share: the nth collective call of each rank belongs to the nth of every other.
struct ThreadRanks {
    explicit ThreadRanks(int n) : ranks(n) {}
    struct Call {
        std::vector<void*> data;
        std::vector<const void*> from;
        size_t bytes = 0;
        int64_t count = -1;  ///< of a sum; -1: a gather
        DType type = DType::f32;
        int arrived = 0;
        bool done = false;
    };
    int ranks;
    std::mutex mutex;
    std::vector<Call> calls;
    std::exception_ptr error;  ///< of the first rank that ended with one
};

class ThreadComm final : public dist::Comm {
  public:
    ThreadComm(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int ranks() const override { return all_.ranks; }
    std::vector<dist::Reason> stop(const dist::Reason& why, double, std::vector<bool>* heard) override {
        *heard = std::vector<bool>(static_cast<size_t>(ranks()), false);
        return std::vector<dist::Reason>(static_cast<size_t>(ranks()), why);
    }
    int64_t calls() const { return next_; }
    int64_t polls() const { return polls_; }

  protected:
    Request begin_sum(const void* mine, void* sum, int64_t count, DType type) override { return arrive(sum, mine, 0, count, type); }
    Request begin_gather(const void* mine, size_t bytes, void* all) override { return arrive(all, mine, bytes, -1, DType::f32); }
    bool done(Request r) override {
        std::lock_guard lock(all_.mutex);
        ++polls_;
        return all_.calls[static_cast<size_t>(r)].done;
    }
    void check() override {
        std::lock_guard lock(all_.mutex);
        if (all_.error) fail(ErrorKind::data, "dist.stopped", "another rank stopped");
    }

  private:
    Request arrive(void* data, const void* from, size_t bytes, int64_t count, DType type) {
        std::lock_guard lock(all_.mutex);
        const auto n = static_cast<size_t>(ranks()), me = static_cast<size_t>(rank_);
        if (all_.calls.size() <= static_cast<size_t>(next_)) all_.calls.emplace_back();
        ThreadRanks::Call& c = all_.calls[static_cast<size_t>(next_)];
        if (c.data.empty()) c.data.resize(n), c.from.resize(n), c.count = count, c.bytes = bytes, c.type = type;
        HONE_CHECK(c.count == count && c.bytes == bytes && c.type == type, "ranks call different things");
        c.data[me] = data;
        c.from[me] = from;
        if (++c.arrived == ranks()) complete(c);
        return static_cast<Request>(next_++);
    }
    static void complete(ThreadRanks::Call& c) {
        if (c.count < 0) {
            for (void* to : c.data)
                for (size_t r = 0; r < c.from.size(); ++r) std::memcpy(static_cast<char*>(to) + r * c.bytes, c.from[r], c.bytes);
        } else if (c.type == DType::f32) {
            add<float>(c);
        } else {
            add<double>(c);
        }
        c.done = true;
    }
    template <class T>
    static void add(ThreadRanks::Call& c) {
        for (int64_t i = 0; i < c.count; ++i) {
            T sum = 0;
            for (const void* d : c.from) sum += static_cast<const T*>(d)[i];
            for (void* d : c.data) static_cast<T*>(d)[i] = sum;
        }
    }

    ThreadRanks& all_;
    int rank_;
    int64_t next_ = 0, polls_ = 0;
};

/// f(comm) on a thread a rank; the first error is thrown on, and the others' waits end with "dist.stopped".
inline void run_ranks(int n, const std::function<void(ThreadComm&)>& f) {
    ThreadRanks all(n);
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<ThreadComm>> comms;  // what is under way lies in their memory
    for (int r = 0; r < n; ++r) comms.push_back(std::make_unique<ThreadComm>(all, r));
    for (int r = 0; r < n; ++r)
        threads.emplace_back([&, r] {
            try {
                f(*comms[static_cast<size_t>(r)]);
            } catch (...) {
                std::lock_guard lock(all.mutex);
                if (!all.error) all.error = std::current_exception();
            }
        });
    for (std::thread& t : threads) t.join();
    if (all.error) std::rethrow_exception(all.error);
}

}  // namespace hone
