// SPDX-License-Identifier: Apache-2.0
// Where, comparisons and logic of any broadcast, in any layout: the output is walked in rows of its last axis.
#include <algorithm>
#include <array>

#include "plan/elementwise.h"

namespace hone::lower {

namespace {

constexpr int64_t kGrain = 16384;  // elements a chunk

/// Steps of the operands in memory, those of a row last.
struct Rows {
    Dims y;
    std::vector<Dims> strides;
    int64_t n = 1, rows = 1;

    Rows(const LowerContext& c, size_t operands, Layout layout) : y(physical(c.out(), layout)) {
        if (y.empty()) y = {1};
        for (size_t i = 0; i < operands; ++i) strides.push_back(broadcast_strides(*operand_dims(c.in(i), c.out(), layout), y));
        n = y.back(), rows = count_of(Dims(y.begin(), y.end() - 1));
    }
    int64_t step(size_t operand) const { return strides[operand].back(); }
    /// f(row, offsets of the operands) for rows cut over the pool.
    template <class F>
    void each(F f) const {
        parallel_ranges(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n)), [&](int64_t begin, int64_t end) {
            for (int64_t r = begin; r < end; ++r) {
                std::array<int64_t, 3> at{};
                int64_t rest = r;
                for (size_t d = y.size() - 1; d-- > 0; rest /= y[d])
                    for (size_t i = 0; i < strides.size(); ++i) at[i] += rest % y[d] * strides[i][d];
                f(r, at);
            }
        });
    }
};

template <class F>
void offer(const LowerContext& c, const char* name, size_t operands, F make, std::vector<Candidate>& list) {
    bool any = true;
    for (size_t i = 0; i < operands; ++i) any = any && operand_dims(c.in(i), c.out(), Layout::channels_last);
    Candidate k;
    k.name = name;
    k.layout = any ? LayoutRule::any : LayoutRule::plain;
    for (size_t i = 0; i < operands; ++i)
        if (c.in(i) == c.out() && dtype_size(c.in_dtype(i)) == dtype_size(c.out_dtype())) k.in_place.push_back(static_cast<int>(i));
    std::array<Rows, 2> both{Rows(c, operands, Layout::plain), Rows(c, operands, any ? Layout::channels_last : Layout::plain)};
    k.make = [=](Layout layout) { return make(both[layout == Layout::plain ? 0 : 1]); };
    list.push_back(std::move(k));
}

/// y = condition ? a : b
template <class T>
void where(const LowerContext& c, std::vector<Candidate>& list) {
    offer(c, "where", 3, [](const Rows& rows) {
        return step_kernel("where", [rows](const StepArgs& args) {
            const int64_t sc = rows.step(0), sa = rows.step(1), sb = rows.step(2);
            rows.each([&](int64_t r, const std::array<int64_t, 3>& at) {
                const auto* condition = in<uint8_t>(args, 0) + at[0];
                const T *a = in<T>(args, 1) + at[1], *b = in<T>(args, 2) + at[2];
                T* to = out<T>(args) + r * rows.n;
                for (int64_t i = 0; i < rows.n; ++i) to[i] = condition[i * sc] ? a[i * sa] : b[i * sb];
            });
        });
    }, list);
}

/// y = a op b, bytes of 0 and 1.
template <class T, class Op>
void pairwise(const LowerContext& c, Op op, std::vector<Candidate>& list) {
    offer(c, "compare", 2, [op](const Rows& rows) {
        return step_kernel("compare", [rows, op](const StepArgs& args) {
            const int64_t sa = rows.step(0), sb = rows.step(1);
            rows.each([&](int64_t r, const std::array<int64_t, 3>& at) {
                const T *a = in<T>(args, 0) + at[0], *b = in<T>(args, 1) + at[1];
                auto* to = out<uint8_t>(args) + r * rows.n;
                if (sa == 1 && sb == 1)
                    for (int64_t i = 0; i < rows.n; ++i) to[i] = op(a[i], b[i]);
                else if (sa == 1 && sb == 0)
                    for (int64_t i = 0; i < rows.n; ++i) to[i] = op(a[i], b[0]);
                else
                    for (int64_t i = 0; i < rows.n; ++i) to[i] = op(a[i * sa], b[i * sb]);
            });
        });
    }, list);
}
template <class T>
void comparison(const LowerContext& c, std::vector<Candidate>& list) {
    const std::string& op = c.node.op;
    if (op == "Greater") pairwise<T>(c, [](T a, T b) { return a > b; }, list);
    else if (op == "GreaterOrEqual") pairwise<T>(c, [](T a, T b) { return a >= b; }, list);
    else if (op == "Less") pairwise<T>(c, [](T a, T b) { return a < b; }, list);
    else if (op == "LessOrEqual") pairwise<T>(c, [](T a, T b) { return a <= b; }, list);
    else if (op == "Equal") pairwise<T>(c, [](T a, T b) { return a == b; }, list);
}
void logic(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "And") return pairwise<uint8_t>(c, [](uint8_t a, uint8_t b) { return a && b; }, list);
    if (c.node.op == "Or") return pairwise<uint8_t>(c, [](uint8_t a, uint8_t b) { return a || b; }, list);
    if (c.node.op == "Equal") return pairwise<uint8_t>(c, [](uint8_t a, uint8_t b) { return a == b; }, list);
    if (c.node.op != "Not") return;
    offer(c, "compare", 1, [](const Rows& rows) {
        return step_kernel("compare", [rows](const StepArgs& args) {
            rows.each([&](int64_t r, const std::array<int64_t, 3>& at) {
                for (int64_t i = 0; i < rows.n; ++i) out<uint8_t>(args)[r * rows.n + i] = !in<uint8_t>(args, 0)[at[0] + i * rows.step(0)];
            });
        });
    }, list);
}

}  // namespace

void compare(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "Where") {
        const size_t size = dtype_size(c.out_dtype());
        if (size == 1) where<uint8_t>(c, list);
        else if (size == 2) where<uint16_t>(c, list);
        else if (size == 4) where<uint32_t>(c, list);
        else if (size == 8) where<uint64_t>(c, list);
        return;
    }
    switch (c.in_dtype(0)) {
        case DType::f32: return comparison<float>(c, list);
        case DType::i32: return comparison<int32_t>(c, list);
        case DType::i64: return comparison<int64_t>(c, list);
        case DType::boolean: return logic(c, list);
        default: return;
    }
}

}  // namespace hone::lower
