// SPDX-License-Identifier: Apache-2.0
#include "kernel/recurrent/recurrent.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/shape.h"
#include "base/tensor.h"
#include "base/thread_pool.h"

namespace hone::recurrent {

const CellTable& cells_f32() {
    const Isa isa = usable_isa();
    if (isa >= Isa::avx512) return cells_avx512();
    return isa == Isa::avx2 ? cells_avx2() : cells_scalar();
}

namespace {
/// Multiply-adds of a step below which threads cost more than they bring.
constexpr int64_t kWorthSharing = 24000;
constexpr int kMostChunks = 16;

/// One per phase, in scratch: who took which chunk, and how many are done.
struct alignas(64) Gate {
    std::atomic<uint32_t> taken{0};
    std::atomic<int> done{0};
};

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

struct Panels {
    int64_t hidden, inner, gates, lanes;
};
/// [gates * hidden, inner] to [block][inner][gate][lane], writing in order: training packs its weights in every step.
void pack_f32(const float* from, const Panels& p, float* to) {
    for (int64_t first = 0; first < p.hidden; first += p.lanes) {
        const int64_t units = std::min(p.lanes, p.hidden - first);
        for (int64_t k = 0; k < p.inner; ++k)
            for (int64_t g = 0; g < p.gates; ++g, to += p.lanes)
                for (int64_t u = 0; u < units; ++u) to[u] = from[(g * p.hidden + first + u) * p.inner + k];
    }
}
}  // namespace

/// Parts of the scratch.
struct Recurrent::Shared {
    Gate* gates;
    float* projected;           ///< [D][steps * batch][blocks][gate][lane]
    float *h[2], *c, *z, *reset_h;  ///< [D][batch][blocks * lanes]
    uint16_t *x, *h_narrow[2], *reset_h_narrow;  ///< the rows as cell.h has them; not for fp32
    float* x_scales;
    int64_t row, state;         ///< floats of a row of projected; of one state of one direction
};

Recurrent::Recurrent(const Spec& spec, const float* w, const float* r, const float* b)
    : spec_(spec), table_(&cells_f32()) {
    pack(b, nullptr, w, r);
}
Recurrent::Recurrent(const Spec& spec) : spec_(spec), table_(&cells_f32()) { measure(false); }
Recurrent Recurrent::with_weights(const float* w, const float* r, const float* b, void* memory) const {
    Recurrent packed(*this);
    packed.memory_ = std::shared_ptr<void>(std::shared_ptr<void>(), memory);
    packed.pack(b, nullptr, w, r);
    return packed;
}
Recurrent::Recurrent(const Spec& spec, const float* w, const float* r, const float* b, InBf16)
    : spec_(spec), table_(&cells_avx512bf16()) {
    HONE_CHECK(usable_isa() >= Isa::avx512_bf16);
    pack(b, nullptr, w, r);
}
Recurrent::Recurrent(const Spec& spec, const Quantised& q, const float* b) : spec_(spec), table_(&cells_avx512vnni()) {
    HONE_CHECK(usable_isa() >= Isa::avx512_vnni && spec.input <= 65536 && spec.hidden <= 65536);
    pack(b, &q, nullptr, nullptr);
}

/// One direction: both matrices, then scales and offsets of each gate's rows, then biases.
void Recurrent::measure(bool scaled) {
    lanes_ = table_->lanes;
    gates_ = gates_of(spec_.cell);
    dirs_ = spec_.direction == Direction::bidirectional ? 2 : 1;
    blocks_ = (spec_.hidden + lanes_ - 1) / lanes_;
    HONE_CHECK(spec_.input >= 1 && spec_.hidden >= 1);
    const int64_t padded = blocks_ * lanes_, size = 4 / group();
    const int64_t w_bytes = checked_mul(padded * size, checked_mul(gates_, round_up(spec_.input, group())));
    const int64_t r_bytes = checked_mul(padded * size, checked_mul(gates_, round_up(spec_.hidden, group())));
    bytes_ = static_cast<size_t>((w_bytes + r_bytes + (scaled ? 4 * gates_ : 0) * padded * 4 + (gates_ + 1) * padded * 4) * dirs_);
}
int64_t Recurrent::group() const { return table_->form == Form::f32 ? 1 : table_->form == Form::bf16 ? 2 : 4; }

void Recurrent::pack(const float* b, const Quantised* q, const float* w, const float* r) {
    measure(q != nullptr);
    const int64_t hidden = spec_.hidden, padded = blocks_ * lanes_, n = gates_ * hidden;
    const int64_t group = this->group(), size = 4 / group;  // a group takes four bytes
    if (!memory_) memory_ = allocate_aligned(bytes_);
    std::memset(memory_.get(), 0, bytes_);
    char* out = static_cast<char*>(memory_.get());
    const auto take = [&out](int64_t bytes) {
        char* at = out;
        out += bytes;
        return at;
    };
    // Gates [first, last) of a matrix [gates * hidden, inner]; what pads stays zero.
    const auto matrix = [&](bool recurrent, int64_t d, int64_t inner, int64_t first, int64_t last) {
        const int64_t count = last - first, deep = round_up(inner, group);
        Matrix m{take(padded * size * count * deep), nullptr, nullptr, inner};
        char* to = static_cast<char*>(const_cast<void*>(m.weights));
        float* scales = q ? reinterpret_cast<float*>(take(padded * count * 4)) : nullptr;
        int32_t* offsets = q ? reinterpret_cast<int32_t*>(take(padded * count * 4)) : nullptr;
        if (group == 1) {
            const float* from = (recurrent ? r : w) + (d * n + first * hidden) * inner;
            pack_f32(from, {hidden, inner, count, lanes_}, reinterpret_cast<float*>(to));
            return m;
        }
        for (int64_t g = first; g < last; ++g)
            for (int64_t u = 0; u < hidden; ++u) {
                const int64_t row = g * hidden + u, from = (d * n + row) * inner, lane = (u / lanes_ * count + g - first) * lanes_ + u % lanes_;
                int32_t sum = 0;
                for (int64_t k = 0; k < inner; ++k) {
                    const int64_t at = (((u / lanes_ * deep / group + k / group) * count + g - first) * lanes_ + u % lanes_) * group + k % group;
                    if (q) {
                        const int8_t v = (recurrent ? q->r : q->w)[from + k];
                        to[at] = static_cast<char>(v);
                        sum += v;
                    } else {
                        reinterpret_cast<uint16_t*>(to)[at] = f32_to_bf16((recurrent ? r : w)[from + k]);
                    }
                }
                if (!q) continue;
                const float* s = recurrent ? q->r_scale : q->w_scale;
                scales[lane] = s[(recurrent ? q->r_scales : q->w_scales) == 1 ? 0 : row];
                offsets[lane] = -128 * sum;
            }
        m.scales = scales;
        m.offsets = offsets;
        return m;
    };
    for (int64_t d = 0; d < dirs_; ++d) {
        Packed p{};
        p.w = matrix(false, d, spec_.input, 0, gates_);
        p.r = matrix(true, d, hidden, 0, two_phases() ? 2 : gates_);
        if (two_phases()) p.r_candidate = matrix(true, d, hidden, 2, 3);
        float* bias = reinterpret_cast<float*>(take(gates_ * padded * 4));
        float* candidate = reinterpret_cast<float*>(take(padded * 4));
        for (int64_t g = 0; b && g < gates_; ++g)
            for (int64_t u = 0; u < hidden; ++u) {
                const float wb = b[d * 2 * n + g * hidden + u], rb = b[d * 2 * n + n + g * hidden + u];
                const bool apart = spec_.cell == Cell::gru && spec_.linear_before_reset && g == 2;
                bias[(u / lanes_ * gates_ + g) * lanes_ + u % lanes_] = apart ? wb : wb + rb;
                if (apart) candidate[u] = rb;
            }
        p.bias = bias;
        p.candidate_bias = candidate;
        packed_.push_back(p);
    }
}

size_t Recurrent::scratch_bytes(int64_t steps, int64_t batch) const {
    const int64_t padded = blocks_ * lanes_, rows = checked_mul(steps, batch);
    const int64_t projected = checked_mul(rows, dirs_ * gates_ * padded);
    const int64_t states = checked_mul(batch, 5 * dirs_ * padded);
    const int64_t narrow = table_->form == Form::f32 ? 0 : (checked_mul(rows, x_stride()) + 3 * batch * dirs_ * padded) / 2 + rows;
    return static_cast<size_t>(2 * steps + 1) * sizeof(Gate) +
           static_cast<size_t>(round_up(projected + states + narrow, 16)) * sizeof(float);
}

void Recurrent::init_state(const Arguments& a, Shared& s) const {
    const int64_t padded = blocks_ * lanes_, rows = dirs_ * a.batch;
    std::memset(s.h[0], 0, static_cast<size_t>(5 * dirs_ * s.state) * sizeof(float));
    for (int64_t i = 0; i < rows; ++i) {
        const size_t bytes = static_cast<size_t>(spec_.hidden) * sizeof(float);
        if (a.h0) std::memcpy(s.h[0] + i * padded, a.h0 + i * spec_.hidden, bytes);
        if (a.c0) std::memcpy(s.c + i * padded, a.c0 + i * spec_.hidden, bytes);
    }
    if (table_->form == Form::f32) return;
    table_->narrow(s.h[0], rows, padded, padded, s.h_narrow[0], padded, nullptr);
    table_->narrow(a.x, a.steps * a.batch, spec_.input, spec_.input, s.x, x_stride(), table_->form == Form::s8 ? s.x_scales : nullptr);
}

void Recurrent::project(const Arguments& a, const Shared& s, int64_t d, int64_t begin, int64_t end) const {
    const Packed& p = packed_[static_cast<size_t>(d)];
    const int64_t rows = a.steps * a.batch;
    const bool wide = table_->form == Form::f32;
    table_->project({{a.x, s.x, s.x_scales, wide ? spec_.input : x_stride()}, p.w, rows, gates_, p.bias, s.projected + d * rows * s.row, s.row, begin, end});
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
    k.r = candidate ? p.r_candidate : p.r;
    k.candidate_bias = p.candidate_bias;
    k.h = {s.h[n % 2] + d * s.state, s.h_narrow[n % 2] + d * s.state, nullptr, padded};
    k.h_next = s.h[(n + 1) % 2] + d * s.state;
    k.h_next_narrow = s.h_narrow[(n + 1) % 2] + d * s.state;
    k.c = s.c + d * s.state;
    k.z = s.z + d * s.state;
    k.reset_h = s.reset_h + d * s.state;
    k.reset_h_narrow = s.reset_h_narrow + d * s.state;
    k.stride = padded;
    k.y = a.y ? a.y + (t * dirs_ + d) * a.batch * spec_.hidden : nullptr;
    k.batch = a.batch;
    k.hidden = spec_.hidden;
    k.begin = begin;
    k.end = end;
    if (spec_.cell == Cell::lstm) table_->lstm(k);
    else if (spec_.cell == Cell::rnn) table_->rnn_tanh(k);
    else if (spec_.cell == Cell::rnn_relu) table_->rnn_relu(k);
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
    s.x_scales = s.reset_h + dirs_ * s.state;
    s.x = reinterpret_cast<uint16_t*>(s.x_scales + a.steps * a.batch);
    s.h_narrow[0] = s.x + a.steps * a.batch * x_stride();
    s.h_narrow[1] = s.h_narrow[0] + dirs_ * s.state;
    s.reset_h_narrow = s.h_narrow[1] + dirs_ * s.state;
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
