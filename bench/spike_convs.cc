// SPDX-License-Identifier: Apache-2.0
// The measurement behind docs/decisions/threads.md: the 53 convolutions of ResNet-50 (224x224, batch 1, channels-last)
// through the oneDNN adapter, run back to back, in fp32, bf16 and int8, in ways that are interleaved:
//   one      one thread
//   shim     two threads, oneDNN's parallel regions on our pool (`gomp` in the executable spike_convs_gomp, which
//            has no shim: libgomp's own two threads)
//   slices   single-thread kernels over dense slices of output rows, 8 or 2 a layer, from our pool
// Each round waits a little for a quiet machine. Usage: spike_convs [--rounds N] [--neighbour]
// --neighbour: beside one busy process, a child of this one
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "base/cpu.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "kernel/onednn/omp_shim.h"
#include "kernel/onednn/onednn.h"

using namespace hone;

#ifdef HONE_SPIKE_GOMP
extern "C" void omp_set_num_threads(int);
namespace hone::omp {
Width::Width(int threads) : before_(1) { omp_set_num_threads(threads); }
Width::~Width() { omp_set_num_threads(before_); }
}  // namespace hone::omp
constexpr bool kGomp = true;
#else
constexpr bool kGomp = false;
#endif

namespace {
struct Layer {
    int64_t in, out, size, kernel, stride;
    bool residual;
};

std::vector<Layer> resnet50() {
    std::vector<Layer> layers = {{3, 64, 224, 7, 2, false}};
    const int64_t widths[] = {64, 128, 256, 512}, repeats[] = {3, 4, 6, 3};
    int64_t in = 64, size = 56;
    for (int stage = 0; stage < 4; ++stage)
        for (int64_t block = 0; block < repeats[stage]; ++block) {
            const int64_t w = widths[stage], stride = block == 0 && stage > 0 ? 2 : 1;
            if (block == 0) layers.push_back({in, 4 * w, size, 1, stride, false});
            layers.push_back({in, w, size, 1, 1, false});
            layers.push_back({w, w, size, 3, stride, false});
            size /= stride;
            layers.push_back({w, 4 * w, size, 1, 1, true});
            in = 4 * w;
        }
    return layers;
}

onednn::ConvSpec spec_of(const Layer& l, DType type) {
    onednn::ConvSpec s;
    const int64_t pad = l.kernel / 2, out = (l.size + 2 * pad - l.kernel) / l.stride + 1;
    s.src_dims = {1, l.in, l.size, l.size};
    s.weight_dims = {l.out, l.in, l.kernel, l.kernel};
    s.dst_dims = {1, l.out, out, out};
    s.strides = {l.stride, l.stride};
    s.pads_begin = s.pads_end = {pad, pad};
    s.dilations = {1, 1};
    s.epilogue.act = onednn::Act::relu;
    s.epilogue.residual = l.residual;
    s.src = s.dst = type;
    s.weights = type == DType::u8 ? DType::i8 : type;
    s.bias = type == DType::u8 ? DType::i32 : DType::f32;
    if (type == DType::u8) s.scales.assign(static_cast<size_t>(l.out), 1e-3f);
    return s;
}

/// Rows [begin, end) of the output as a convolution of its own.
struct Slice {
    std::unique_ptr<onednn::Kernel> kernel;
    size_t src_offset = 0, dst_offset = 0;
};

struct Work {
    std::unique_ptr<onednn::Kernel> one, two;
    std::vector<Slice> slices;
    Tensor src, dst;
};

Slice make_slice(onednn::ConvSpec s, const Tensor& w, const Tensor& b, int64_t begin, int64_t end) {
    const int64_t size = s.src_dims[2], pad = s.pads_begin[0], k = s.weight_dims[2], stride = s.strides[0];
    const int64_t first = begin * stride - pad, last = (end - 1) * stride - pad + k;
    const int64_t from = std::max<int64_t>(first, 0), to = std::min(last, size);
    s.pads_begin[0] = from - first;
    s.pads_end[0] = last - to;
    Slice slice;
    slice.src_offset = static_cast<size_t>(from * size * s.src_dims[1]) * dtype_size(s.src);
    slice.dst_offset = static_cast<size_t>(begin * s.dst_dims[3] * s.dst_dims[1]) * dtype_size(s.dst);
    s.src_dims[2] = to - from;
    s.dst_dims[2] = end - begin;
    slice.kernel = onednn::make_conv(s, w.raw(), b.raw());
    return slice;
}

Work make_work(const Layer& l, DType type, int slices) {
    Rng rng(7, static_cast<uint64_t>(l.in * 4096 + l.out));
    onednn::ConvSpec s = spec_of(l, type);
    Work work;
    work.src = Tensor::zeros(s.src, s.src_dims);
    work.dst = Tensor::zeros(s.dst, s.dst_dims);
    Tensor w = Tensor::zeros(s.weights, s.weight_dims), b = Tensor::zeros(s.bias, {l.out});
    const bool quantised = type == DType::u8;
    for (int64_t i = 0; i < work.src.count(); ++i) work.src.set(i, quantised ? rng.next_u32() % 200 : rng.uniform());
    for (int64_t i = 0; i < w.count(); ++i)
        w.set(i, quantised ? static_cast<int>(rng.next_u32() % 101) - 50 : (rng.uniform() - 0.5) * 0.05);
    work.one = onednn::make_conv(s, w.raw(), b.raw());
    s.threads = 2;
    work.two = onednn::make_conv(s, w.raw(), b.raw());
    s.threads = 1;
    const int64_t rows = s.dst_dims[2], n = std::min<int64_t>(slices, rows);
    for (int64_t i = 0; i < n; ++i) work.slices.push_back(make_slice(s, w, b, rows * i / n, rows * (i + 1) / n));
    HONE_CHECK(work.one && work.two && work.slices[0].kernel, "oneDNN offers nothing for ", to_text(s.src_dims));
    return work;
}

struct Scratch {
    std::vector<std::shared_ptr<void>> each;
    explicit Scratch(const std::vector<Work>& all) {
        size_t bytes = 64;
        for (const Work& w : all) {
            bytes = std::max({bytes, w.one->scratch_bytes(), w.two->scratch_bytes()});
            for (const Slice& s : w.slices) bytes = std::max(bytes, s.kernel->scratch_bytes());
        }
        for (int i = 0; i < 8; ++i) each.push_back(allocate_aligned(bytes));
    }
};

void run_slices(ThreadPool& pool, const Work& w, const Scratch& scratch) {
    pool.run(static_cast<int>(w.slices.size()), [&](int i) {
        const Slice& s = w.slices[static_cast<size_t>(i)];
        auto* dst = static_cast<char*>(const_cast<void*>(w.dst.raw())) + s.dst_offset;
        s.kernel->run({static_cast<const char*>(w.src.raw()) + s.src_offset, dst, dst,
                       scratch.each[static_cast<size_t>(i)].get(), nullptr});
    });
}
void run_whole(const onednn::Kernel& k, const Work& w, const Scratch& scratch) {
    void* dst = const_cast<void*>(w.dst.raw());
    k.run({w.src.raw(), dst, dst, scratch.each[0].get(), nullptr});
}

pid_t start_neighbour() {
    const pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    volatile double x = 1;
    for (;;) x = x * 1.0000001 + 1e-9;
}

/// Processor-seconds that all processes have used.
double busy_seconds() {
    FILE* f = std::fopen("/proc/stat", "r");
    long user = 0, nice = 0, system = 0, idle, wait, irq = 0, soft = 0, steal = 0;
    const int got = f ? std::fscanf(f, "cpu %ld %ld %ld %ld %ld %ld %ld %ld", &user, &nice, &system, &idle, &wait, &irq,
                                    &soft, &steal)
                      : 0;
    if (f) std::fclose(f);
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    return got == 8 ? static_cast<double>(user + nice + system + irq + soft + steal) / ticks : 0;
}

/// Until others use at most `expected` processors, at most four seconds.
void wait_for_quiet(double expected) {
    for (int i = 0; i < 20; ++i) {
        const double start = now_seconds(), busy = busy_seconds();
        usleep(200000);
        if (busy_seconds() - busy <= (expected + 0.1) * (now_seconds() - start)) return;
    }
}

void measure(ThreadPool& pool, DType type, int rounds, bool neighbour) {
    std::vector<Work> all, halves;
    for (const Layer& l : resnet50()) {
        all.push_back(make_work(l, type, 8));
        halves.push_back(make_work(l, type, 2));
    }
    const Scratch scratch(all), half_scratch(halves);
    using Way = std::pair<const char*, std::function<void(const Work&)>>;
    std::vector<Way> ways;
    ways.emplace_back("one", [&](const Work& w) { run_whole(*w.one, w, scratch); });
    ways.emplace_back(kGomp ? "gomp" : "shim", [&](const Work& w) { run_whole(*w.two, w, scratch); });
    ways.emplace_back("8 slices", [&](const Work& w) { run_slices(pool, w, scratch); });
    ways.emplace_back("2 slices", [&](const Work& w) { run_slices(pool, w, half_scratch); });
    std::vector<std::vector<double>> totals(ways.size());
    for (int round = 0; round < rounds + 3; ++round) {
        wait_for_quiet(neighbour ? 1 : 0);
        for (size_t i = 0; i < ways.size(); ++i) {
            const double start = now_seconds();
            for (const Work& w : i == 3 ? halves : all) ways[i].second(w);
            if (round >= 3) totals[i].push_back((now_seconds() - start) * 1e3);
        }
    }
    for (size_t i = 0; i < ways.size(); ++i)
        printf("%-5s %-8s min %8.2f  p25 %8.2f  p50 %8.2f  p90 %8.2f ms\n", std::string(dtype_name(type)).c_str(),
               ways[i].first, minimum(totals[i]), quantile(totals[i], 0.25), median(totals[i]),
               quantile(totals[i], 0.9));
    fflush(stdout);
}
}  // namespace

int main(int argc, char** argv) {
    int rounds = 30;
    bool neighbour = false;
    for (int i = 1; i < argc; ++i) {
        if (!std::strcmp(argv[i], "--rounds") && i + 1 < argc)
            rounds = std::atoi(argv[++i]);
        else if (!std::strcmp(argv[i], "--neighbour"))
            neighbour = true;
    }
    ThreadPool pool(2);
    const ThreadPool::Use use(&pool);
    const pid_t child = neighbour ? start_neighbour() : 0;
    double macs = 0;
    for (const Layer& l : resnet50()) {
        const Dims d = spec_of(l, DType::f32).dst_dims;
        macs += static_cast<double>(d[2] * d[3] * l.in * l.out * l.kernel * l.kernel);
    }
    printf("%s, %s, oneDNN %s, load %.2f, %s, ResNet-50's 53 convolutions, %.2f Gop\n", cpu_model().c_str(),
           isa_name(usable_isa()).c_str(), onednn::version().c_str(), load_average(),
           neighbour ? "one busy neighbour" : "no neighbour of ours", 2e-9 * macs);
    measure(pool, DType::f32, rounds, neighbour);
    if (usable_isa() >= Isa::avx512_bf16) measure(pool, DType::bf16, rounds, neighbour);
    if (usable_isa() >= Isa::avx512_vnni) measure(pool, DType::u8, rounds, neighbour);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
}
