// SPDX-License-Identifier: Apache-2.0
// The typed graph builder: adds nodes and infers their types at once, so that what is built next can ask for dims. Gradient
// rules, losses, optimisers and networks are written with it. Works on values of any dtype: constants take the dtype of the
// value they meet.
//
//   Builder b(graph, "loss");
//   ValueId y = b.mul(x, b.sigmoid(x));
//   ValueId total = b.sum(y, {}, false);                    // over all axes
#pragma once
#include <string>
#include <vector>

#include "op/op.h"

namespace hone {

class Builder {
  public:
    /// Nodes are named `stem` + "." + operator, made unique; `origins` is what they all come from.
    explicit Builder(Graph& g, std::string stem = {}, std::vector<std::string> origins = {})
        : g_(g), stem_(std::move(stem)), origins_(std::move(origins)) {}
    Graph& graph() { return g_; }

    /// Any operator with one output, or with several.
    ValueId node(const std::string& op, std::vector<ValueId> in, Attributes attributes = {}, const std::string& domain = {});
    std::vector<ValueId> nodes(const std::string& op, std::vector<ValueId> in, int outputs, Attributes attributes = {},
                               const std::string& domain = {});

    ValueId constant(Tensor t);
    ValueId integers(const std::vector<int64_t>& v);  ///< i64 [n]
    ValueId scalar(DType t, double v);
    ValueId like(ValueId x, double v) { return scalar(dtype(x), v); }  ///< a scalar of x's dtype
    ValueId filled(ValueId x, double v);                               ///< of x's dtype and dims

    ValueId add(ValueId a, ValueId b) { return node("Add", {a, b}); }
    ValueId sub(ValueId a, ValueId b) { return node("Sub", {a, b}); }
    ValueId mul(ValueId a, ValueId b) { return node("Mul", {a, b}); }
    ValueId div(ValueId a, ValueId b) { return node("Div", {a, b}); }
    ValueId shift(ValueId a, double by) { return add(a, like(a, by)); }
    ValueId scale(ValueId a, double by) { return mul(a, like(a, by)); }
    ValueId neg(ValueId a) { return node("Neg", {a}); }
    ValueId square(ValueId a) { return mul(a, a); }
    ValueId sqrt(ValueId a) { return node("Sqrt", {a}); }
    ValueId exp(ValueId a) { return node("Exp", {a}); }
    ValueId log(ValueId a) { return node("Log", {a}); }
    ValueId sigmoid(ValueId a) { return node("Sigmoid", {a}); }
    ValueId matmul(ValueId a, ValueId b) { return node("MatMul", {a, b}); }
    ValueId less(ValueId a, ValueId b) { return node("Less", {a, b}); }
    ValueId greater(ValueId a, ValueId b) { return node("Greater", {a, b}); }
    ValueId equal(ValueId a, ValueId b) { return node("Equal", {a, b}); }
    ValueId where(ValueId condition, ValueId a, ValueId b) { return node("Where", {condition, a, b}); }
    ValueId cast(ValueId a, DType t);  ///< a itself when it has that dtype
    /// a where the condition holds, else 0.
    ValueId keep(ValueId condition, ValueId a) { return where(condition, a, like(a, 0)); }

    ValueId reshape(ValueId a, const Dims& dims);  ///< a itself when it has these dims
    ValueId expand(ValueId a, const Dims& dims);   ///< broadcast to these dims; a itself when it has them
    ValueId transpose(ValueId a, const std::vector<int64_t>& permutation);
    ValueId swap_last(ValueId a);                  ///< the last two axes change places
    ValueId concat(std::vector<ValueId> parts, int64_t axis);
    ValueId slice(ValueId a, int64_t axis, int64_t begin, int64_t end);
    ValueId fit(ValueId a, int64_t axis, int64_t n);  ///< an axis cut, or filled with zeros, at its end to n
    /// Over `axes`, all when empty.
    ValueId sum(ValueId a, const std::vector<int64_t>& axes, bool keepdims) { return reduce("ReduceSum", a, axes, keepdims); }
    ValueId mean(ValueId a, const std::vector<int64_t>& axes, bool keepdims) { return reduce("ReduceMean", a, axes, keepdims); }
    ValueId reduce(const std::string& op, ValueId a, const std::vector<int64_t>& axes, bool keepdims);
    /// The adjoint of broadcasting: sums over what broadcasting from `dims` repeats.
    ValueId sum_to(ValueId a, const Dims& dims);

    DType dtype(ValueId v) const { return g_.value(v).type.dtype; }
    Dims dims(ValueId v) const;  ///< must be known
    size_t rank(ValueId v) const { return g_.value(v).type.shape.size(); }

  private:
    Graph& g_;
    std::string stem_;
    std::vector<std::string> origins_;
};

}  // namespace hone
