// SPDX-License-Identifier: Apache-2.0
#include "eval/probe.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/cpu.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "kernel/onednn/onednn.h"

namespace hone::eval {

namespace {
constexpr double kStretch = 4e-3;  // seconds; short, so that some fall between a neighbour's bursts
constexpr int kLeastStretches = 4;
constexpr int64_t kWindow = 4 << 20;  // bytes read in one call

/// Runs `body(rank)` again and again on `width` threads at once and gives the calls a second of all together, in the
/// best of a few stretches: a neighbour's burst is not what the machine can do.
double calls_per_second(ThreadPool& pool, int width, double seconds, const std::function<void(int)>& body) {
    struct Team {
        const std::function<void(int)>* body;
        double stretch;
        std::vector<double> rate;
    } team{&body, kStretch, std::vector<double>(static_cast<size_t>(width))};
    auto work = [](void* argument) {
        Team& t = *static_cast<Team*>(argument);
        const int rank = ThreadPool::team_rank();
        const double start = now_seconds();
        double spent = 0;
        int64_t calls = 0;
        while (spent < t.stretch) {
            (*t.body)(rank);
            ++calls;
            spent = now_seconds() - start;
        }
        t.rate[static_cast<size_t>(rank)] = static_cast<double>(calls) / spent;
    };
    double best = 0;
    const double end = now_seconds() + seconds;
    for (int i = 0; i < kLeastStretches || now_seconds() < end; ++i) {
        check_interrupt();
        pool.run_team(width, work, &team);
        double sum = 0;
        for (const double r : team.rate) sum += r;
        best = std::max(best, sum);
    }
    return best;
}

/// One kernel with operands of its own for each thread.
struct Job {
    std::unique_ptr<onednn::Kernel> kernel;
    Tensor src, dst, scratch;
    double operations = 0;
    void run() const {
        onednn::Arguments a;
        a.src = src.raw();
        a.dst = const_cast<void*>(dst.raw());
        a.scratch = const_cast<void*>(scratch.raw());
        kernel->run(a);
    }
};

struct Types {
    DType src, weights, dst;
};
Types types_of(RateKind kind) {
    switch (kind) {
        case RateKind::bf16: return {DType::bf16, DType::bf16, DType::bf16};
        case RateKind::int8: return {DType::u8, DType::i8, DType::u8};
        default: return {DType::f32, DType::f32, DType::f32};
    }
}

Tensor filled(DType type, const Dims& dims) {
    Tensor t = Tensor::zeros(type, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, static_cast<double>(i % 7) - (type == DType::u8 ? 0 : 3));
    return t;
}

bool finish(Job& job, std::unique_ptr<onednn::Kernel> kernel) {
    if (!kernel) return false;
    job.scratch = Tensor::zeros(DType::u8, {static_cast<int64_t>(kernel->scratch_bytes())});
    job.kernel = std::move(kernel);
    return true;
}

bool make_product(Job& job, RateKind kind) {
    const Types t = types_of(kind);
    onednn::MatmulSpec s;
    s.src = t.src;
    s.weights = t.weights;
    s.dst = t.dst;
    s.m = 256;
    s.k = s.n = kind == RateKind::fp32 ? 256 : 512;
    if (kind == RateKind::int8) s.scales = {0.001f};
    job.src = filled(t.src, {s.m, s.k});
    job.dst = Tensor::zeros(t.dst, {s.m, s.n});
    job.operations = 2.0 * static_cast<double>(s.m * s.k * s.n);
    return finish(job, onednn::make_matmul(s, filled(t.weights, {s.k, s.n}).raw(), nullptr));
}

bool make_convolution(Job& job, RateKind kind) {
    const Types t = types_of(kind);
    constexpr int64_t c = 64, side = 28;
    onednn::ConvSpec s;
    s.src = t.src;
    s.weights = t.weights;
    s.dst = t.dst;
    s.src_dims = s.dst_dims = {1, c, side, side};
    s.weight_dims = {c, c, 3, 3};
    s.strides = s.pads_begin = s.pads_end = s.dilations = {1, 1};
    if (kind == RateKind::int8) s.scales = {0.001f};
    job.src = filled(t.src, {1, side, side, c});
    job.dst = Tensor::zeros(t.dst, {1, side, side, c});
    job.operations = 2.0 * c * c * 9 * side * side;
    return finish(job, onednn::make_conv(s, filled(t.weights, s.weight_dims).raw(), nullptr));
}

Rate best_of(ThreadPool& pool, RateKind kind, double seconds) {
    Rate best;
    for (auto* make : {make_product, make_convolution}) {
        std::vector<Job> jobs(static_cast<size_t>(pool.threads()));
        if (!std::all_of(jobs.begin(), jobs.end(), [&](Job& j) { return make(j, kind); })) continue;
        const std::function<void(int)> body = [&](int rank) { jobs[static_cast<size_t>(rank)].run(); };
        const double giga = jobs[0].operations * 1e-9;
        const double core = calls_per_second(pool, 1, seconds / 4, body) * giga;
        best.core = std::max(best.core, core);
        best.all = std::max(best.all, core);
        best.all = std::max(
            best.all, pool.threads() == 1 ? core : calls_per_second(pool, pool.threads(), seconds / 4, body) * giga);
    }
    return best;
}

// Reading: vectors of the compiler, widest that the machine has, in four independent sums.
typedef uint64_t Lanes2 __attribute__((vector_size(16)));
typedef uint64_t Lanes4 __attribute__((vector_size(32)));
typedef uint64_t Lanes8 __attribute__((vector_size(64)));

#if defined(__x86_64__)
#define HONE_PROBE_TARGET(isa) __attribute__((target(isa)))
#else
#define HONE_PROBE_TARGET(isa)
#endif
#define HONE_PROBE_READER(name, isa, Lanes)                                   \
    HONE_PROBE_TARGET(isa) uint64_t name(const void* memory, int64_t bytes) { \
        const Lanes* p = static_cast<const Lanes*>(memory);                   \
        const int64_t n = bytes / static_cast<int64_t>(sizeof(Lanes));        \
        Lanes a = {}, b = {}, c = {}, d = {};                                 \
        for (int64_t i = 0; i + 4 <= n; i += 4) {                             \
            a ^= p[i];                                                        \
            b ^= p[i + 1];                                                    \
            c ^= p[i + 2];                                                    \
            d ^= p[i + 3];                                                    \
        }                                                                     \
        a ^= b ^ c ^ d;                                                       \
        return a[0] ^ a[1];                                                   \
    }
HONE_PROBE_READER(read_128, "sse2", Lanes2)
HONE_PROBE_READER(read_256, "avx2", Lanes4)
HONE_PROBE_READER(read_512, "avx512f", Lanes8)

using Reader = uint64_t (*)(const void*, int64_t);
Reader best_reader() {
    return usable_isa() >= Isa::avx512 ? read_512 : usable_isa() >= Isa::avx2 ? read_256 : read_128;
}

double read_rate(ThreadPool& pool, int width, int64_t bytes, double seconds) {
    std::vector<std::shared_ptr<void>> memory;
    for (int i = 0; i < width; ++i) {
        memory.push_back(allocate_aligned(static_cast<size_t>(bytes)));
        for (int64_t k = 0; k < bytes; k += 4096) static_cast<char*>(memory.back().get())[k] = 1;  // pages of its own
    }
    const Reader read = best_reader();
    struct alignas(64) Place {
        uint64_t sink = 0;
        int64_t at = 0;
    };
    std::vector<Place> places(static_cast<size_t>(width));
    const int64_t window = std::min(bytes, kWindow);
    const double calls = calls_per_second(pool, width, seconds, [&](int rank) {
        Place& p = places[static_cast<size_t>(rank)];
        if (p.at + window > bytes) p.at = 0;
        const auto* from = static_cast<const char*>(memory[static_cast<size_t>(rank)].get()) + p.at;
        p.sink ^= read(from, window);
        p.at += window;
    });
    return calls * static_cast<double>(window) * 1e-9;
}

std::vector<MemoryRate> memory_rates(ThreadPool& pool, double seconds) {
    const CacheSizes c = cache_sizes();
    const int threads = pool.threads();
    const int64_t l1 = c.l1d, l2 = c.l2, l3 = c.l3;
    const int64_t most = static_cast<int64_t>(std::min<size_t>(limits().memory_bytes / 4, size_t{512} << 20));
    struct Level {
        const char* name;
        int64_t size, core, all;  ///< bytes of a buffer: one core alone, and each of all
    };
    std::vector<Level> levels;
    auto rounded = [](int64_t b) { return std::max<int64_t>(b / 4096 * 4096, 4096); };
    if (l1 > 0) levels.push_back({"L1", l1, rounded(l1 / 2), rounded(l1 / 2)});
    if (l2 > 0) levels.push_back({"L2", l2, rounded(l2 / 2), rounded(l2 / 2)});
    // A buffer must be clearly larger than the caches before it; of a large shared L3 others may hold the most.
    const int64_t in_l3 = std::min<int64_t>(l3 / 2, std::max<int64_t>(8 * l2, 16 << 20));
    if (l3 > 0 && in_l3 / threads > l2) levels.push_back({"L3", l3, rounded(in_l3), rounded(in_l3 / threads)});
    const int64_t outside = std::min<int64_t>(std::max<int64_t>(4 * l3, 64 << 20), most);
    levels.push_back({"memory", 0, rounded(outside), rounded(outside / threads)});
    std::vector<MemoryRate> out;
    for (const Level& l : levels) {
        MemoryRate m{l.name, l.size, {}};
        const double each = seconds / static_cast<double>(levels.size()) / 2;
        m.gbs.core = read_rate(pool, 1, l.core, each);
        m.gbs.all = threads == 1 ? m.gbs.core : std::max(m.gbs.core, read_rate(pool, threads, l.all, each));
        out.push_back(m);
    }
    return out;
}

/// The same product on all threads, some 2 ms a time.
NoiseSeen noise_of(ThreadPool& pool, double seconds) {
    std::vector<Job> jobs(static_cast<size_t>(pool.threads()));
    for (Job& j : jobs)
        if (!make_product(j, RateKind::fp32)) return {};
    auto once = [&](int repeats) {
        const double start = now_seconds();
        pool.run(pool.threads(), [&](int i) {
            for (int k = 0; k < repeats; ++k) jobs[static_cast<size_t>(i)].run();
        });
        return now_seconds() - start;
    };
    double quickest = 1;
    for (int i = 0; i < 8; ++i) quickest = std::min(quickest, once(1));
    const int repeats = static_cast<int>(std::clamp(2e-3 / std::max(quickest, 1e-6), 1.0, 1000.0));
    std::vector<double> ms;
    for (const double end = now_seconds() + seconds; ms.size() < 20 || (now_seconds() < end && ms.size() < 5000);) {
        check_interrupt();
        ms.push_back(once(repeats) * 1e3);
    }
    NoiseSeen n;
    n.runs = static_cast<int64_t>(ms.size());
    n.median_ms = median(ms);
    n.spread = (quantile(ms, 0.9) - quantile(ms, 0.1)) / n.median_ms;
    n.worst = *std::max_element(ms.begin(), ms.end()) / n.median_ms;
    return n;
}

double between(const Rate& r, int threads, int all) {
    if (threads >= all || all == 1) return r.all;
    return r.core + (r.all - r.core) * (threads - 1) / (all - 1);
}
}  // namespace

const char* rate_name(RateKind kind) {
    return kind == RateKind::fp32 ? "fp32" : kind == RateKind::bf16 ? "bf16" : "int8";
}

double Probe::gops(RateKind kind, int t) const { return between(rates[static_cast<int>(kind)], t, threads); }

double Probe::gbs(double working_set, int t) const {
    for (const MemoryRate& m : memory) {
        const double room = static_cast<double>(m.bytes) * (m.level == "L3" ? 1 : std::min(t, threads));
        if (m.bytes == 0 || working_set <= room) return between(m.gbs, t, threads);
    }
    return 0;
}

Probe probe_machine(const ProbeOptions& o) {
    Probe p;
    p.threads = std::max(o.threads, 1);
    ThreadPool pool(p.threads);
    for (const RateKind kind : {RateKind::fp32, RateKind::bf16, RateKind::int8})
        p.rates[static_cast<int>(kind)] = best_of(pool, kind, o.seconds * 0.15);
    p.memory = memory_rates(pool, o.seconds * 0.3);
    p.noise = noise_of(pool, o.seconds * 0.25);
    return p;
}

const Probe& known_machine(int threads) {
    static std::mutex mutex;
    static std::map<int, Probe> known;
    const std::lock_guard lock(mutex);
    const auto found = known.find(threads);
    return found != known.end() ? found->second : known.emplace(threads, probe_machine({threads, 0.6})).first->second;
}

}  // namespace hone::eval
