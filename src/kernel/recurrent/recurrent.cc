// SPDX-License-Identifier: Apache-2.0
#include "kernel/recurrent/recurrent.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "kernel/recurrent/cell.h"

namespace hone::recurrent {

namespace {
const CellTable& cells() {
    const Isa isa = usable_isa();
    if (isa >= Isa::avx512) return cells_avx512();
    return isa == Isa::avx2 ? cells_avx2() : cells_scalar();
}

/// Multiply-adds of a step below which threads cost more than they bring.
constexpr int64_t kWorthSharing = 24000;
constexpr int kMostChunks = 16;

/// One per phase, in scratch: who took which chunk, and how many are done.
struct alignas(64) Gate {
    std::atomic<uint32_t> taken{0};
    std::atomic<int> done{0};
};

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
}  // namespace

/// Parts of the scratch.
struct Recurrent::Shared {
    Gate* gates;
    float* projected;           ///< [D][steps * batch][blocks][gate][lane]
    float *h[2], *c, *z, *reset_h;  ///< [D][batch][blocks * lanes]
    int64_t row, state;         ///< floats of a row of projected; of one state of one direction
};

Recurrent::Recurrent(const Spec& spec, const float* w, const float* r, const float* b)
    : spec_(spec), table_(&cells()), lanes_(table_->lanes), gates_(spec.cell == Cell::lstm ? 4 : 3),
      dirs_(spec.direction == Direction::bidirectional ? 2 : 1), blocks_((spec.hidden + lanes_ - 1) / lanes_) {
    HONE_CHECK(spec.input >= 1 && spec.hidden >= 1);
    const int64_t hidden = spec.hidden, padded = blocks_ * lanes_, n = gates_ * hidden;
    const int64_t w_size = checked_mul(padded, gates_ * spec.input), r_size = checked_mul(padded, gates_ * hidden);
    const int64_t each = w_size + r_size + (gates_ + 1) * padded;
    total_ = each * dirs_;
    memory_ = allocate_aligned(packed_bytes());
    float* out = static_cast<float*>(memory_.get());
    // Gates [first, last) of m [gates * hidden, inner] as [block][k][gate][lane]; what pads stays zero.
    const auto pack = [&](const float* m, int64_t inner, int64_t first, int64_t last, float* to) {
        const int64_t count = last - first;
        for (int64_t g = first; g < last; ++g)
            for (int64_t u = 0; u < hidden; ++u)
                for (int64_t k = 0; k < inner; ++k)
                    to[((u / lanes_ * inner + k) * count + g - first) * lanes_ + u % lanes_] =
                        m[(g * hidden + u) * inner + k];
        return to + padded * inner * count;
    };
    for (int64_t d = 0; d < dirs_; ++d) {
        Packed p{};
        p.w = out;
        out = pack(w + d * n * spec.input, spec.input, 0, gates_, out);
        p.r = out;
        out = pack(r + d * n * hidden, hidden, 0, two_phases() ? 2 : gates_, out);
        p.r_candidate = out;
        if (two_phases()) out = pack(r + d * n * hidden, hidden, 2, 3, out);
        float* bias = out;
        float* candidate = out + gates_ * padded;
        for (int64_t g = 0; b && g < gates_; ++g)
            for (int64_t u = 0; u < hidden; ++u) {
                const float wb = b[d * 2 * n + g * hidden + u], rb = b[d * 2 * n + n + g * hidden + u];
                const bool apart = spec.cell == Cell::gru && spec.linear_before_reset && g == 2;
                bias[(u / lanes_ * gates_ + g) * lanes_ + u % lanes_] = apart ? wb : wb + rb;
                if (apart) candidate[u] = rb;
            }
        p.bias = bias;
        p.candidate_bias = candidate;
        out += (gates_ + 1) * padded;
        packed_.push_back(p);
    }
}

size_t Recurrent::scratch_bytes(int64_t steps, int64_t batch) const {
    const int64_t padded = blocks_ * lanes_;
    const int64_t projected = checked_mul(checked_mul(steps, batch), dirs_ * gates_ * padded);
    const int64_t states = checked_mul(batch, 5 * dirs_ * padded);
    return static_cast<size_t>(2 * steps + 1) * sizeof(Gate) +
           static_cast<size_t>(round_up(projected + states, 16)) * sizeof(float);
}

void Recurrent::init_state(const Arguments& a, Shared& s) const {
    const int64_t padded = blocks_ * lanes_;
    std::memset(s.h[0], 0, static_cast<size_t>(5 * dirs_ * s.state) * sizeof(float));
    for (int64_t i = 0; i < dirs_ * a.batch; ++i) {
        const size_t bytes = static_cast<size_t>(spec_.hidden) * sizeof(float);
        if (a.h0) std::memcpy(s.h[0] + i * padded, a.h0 + i * spec_.hidden, bytes);
        if (a.c0) std::memcpy(s.c + i * padded, a.c0 + i * spec_.hidden, bytes);
    }
}

void Recurrent::project(const Arguments& a, const Shared& s, int64_t d, int64_t begin, int64_t end) const {
    const Packed& p = packed_[static_cast<size_t>(d)];
    const int64_t rows = a.steps * a.batch;
    table_->project({a.x, rows, spec_.input, gates_, p.w, p.bias, s.projected + d * rows * s.row, s.row, begin, end});
}

void Recurrent::step(const Arguments& a, const Shared& s, int64_t phase, int64_t d, int64_t begin, int64_t end) const {
    const Packed& p = packed_[static_cast<size_t>(d)];
    const int64_t n = two_phases() ? phase / 2 : phase;
    const bool backwards = d == 1 || spec_.direction == Direction::reverse;
    const int64_t t = backwards ? a.steps - 1 - n : n, padded = blocks_ * lanes_;
    const bool candidate = two_phases() && phase % 2 == 1;
    Step k;
    k.projected = s.projected + (d * a.steps + t) * a.batch * s.row;
    k.projected_stride = s.row;
    k.weights = candidate ? p.r_candidate : p.r;
    k.candidate_bias = p.candidate_bias;
    k.h = s.h[n % 2] + d * s.state;
    k.h_next = s.h[(n + 1) % 2] + d * s.state;
    k.c = s.c + d * s.state;
    k.z = s.z + d * s.state;
    k.reset_h = s.reset_h + d * s.state;
    k.stride = padded;
    k.y = a.y ? a.y + (t * dirs_ + d) * a.batch * spec_.hidden : nullptr;
    k.batch = a.batch;
    k.hidden = spec_.hidden;
    k.begin = begin;
    k.end = end;
    if (spec_.cell == Cell::lstm) table_->lstm(k);
    else if (!two_phases()) table_->gru_linear(k);
    else if (candidate) table_->gru_candidate(k);
    else table_->gru_gates(k);
}

void Recurrent::run(const Arguments& a) const {
    const int64_t phases = a.steps * (two_phases() ? 2 : 1) + 1, padded = blocks_ * lanes_;
    Shared s;
    s.row = gates_ * padded;
    s.state = a.batch * padded;
    s.gates = static_cast<Gate*>(a.scratch);
    s.projected = reinterpret_cast<float*>(s.gates + 2 * a.steps + 1);
    s.h[0] = s.projected + dirs_ * a.steps * a.batch * s.row;
    s.h[1] = s.h[0] + dirs_ * s.state;
    s.c = s.h[1] + dirs_ * s.state;
    s.z = s.c + dirs_ * s.state;
    s.reset_h = s.z + dirs_ * s.state;
    init_state(a, s);

    const int64_t items = dirs_ * blocks_;
    ThreadPool* pool = ThreadPool::current();
    const bool share = pool && pool->threads() > 1 && !ThreadPool::inside() &&
                       dirs_ * a.batch * gates_ * spec_.hidden * spec_.hidden >= kWorthSharing;
    const int chunks = share ? static_cast<int>(std::min<int64_t>({pool->threads(), items, kMostChunks})) : 1;
    // Phase 0 is the projection; chunk i of a phase is a range of (direction, block).
    const auto work = [&](int64_t phase, int chunk) {
        for (int64_t i = items * chunk / chunks, end = items * (chunk + 1) / chunks; i < end;) {
            const int64_t d = i / blocks_, stop = std::min(end, (d + 1) * blocks_);
            if (phase == 0) project(a, s, d, i - d * blocks_, stop - d * blocks_);
            else step(a, s, phase - 1, d, i - d * blocks_, stop - d * blocks_);
            i = stop;
        }
    };
    if (chunks == 1) {
        for (int64_t p = 0; p < phases; ++p) work(p, 0);
    } else {
        for (int64_t p = 0; p < phases; ++p) new (s.gates + p) Gate;
        // Each thread takes its own chunk of a phase, then any that nobody took: a late thread holds up nobody.
        pool->run(chunks, [&](int self) {
            for (int64_t p = 0; p < phases; ++p) {
                Gate& g = s.gates[p];
                for (int k = 0; k < chunks; ++k) {
                    const int chunk = (self + k) % chunks;
                    if (g.taken.load(std::memory_order_relaxed) >> chunk & 1) continue;
                    if (g.taken.fetch_or(1u << chunk) >> chunk & 1) continue;
                    work(p, chunk);
                    g.done.fetch_add(1, std::memory_order_release);
                }
                for (int spins = 0; g.done.load(std::memory_order_acquire) != chunks; ++spins) {
                    if (spins < 2000) _mm_pause();
                    else std::this_thread::yield();
                }
            }
        });
    }

    const float* h = s.h[a.steps % 2];
    for (int64_t i = 0; i < dirs_ * a.batch; ++i) {
        const size_t bytes = static_cast<size_t>(spec_.hidden) * sizeof(float);
        if (a.y_h) std::memcpy(a.y_h + i * spec_.hidden, h + i * padded, bytes);
        if (a.y_c && spec_.cell == Cell::lstm) std::memcpy(a.y_c + i * spec_.hidden, s.c + i * padded, bytes);
    }
}

}  // namespace hone::recurrent
