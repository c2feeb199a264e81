// SPDX-License-Identifier: Apache-2.0
// Einsum: an equation in Einstein's notation, with ellipsis, diagonals and implicit outputs.
#include <algorithm>
#include <cctype>
#include <map>
#include <type_traits>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

/// A term's labels; `ellipsis` is where "..." stands, or -1.
struct Term {
    std::string labels;
    int ellipsis = -1;
};
struct Equation {
    std::vector<Term> inputs;
    Term output;
    bool ellipsis = false;
};

Term parse_term(const OpContext& c, std::string_view text) {
    Term t;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 3) == "...") {
            if (t.ellipsis >= 0) c.refuse("the equation has a term with two ellipses");
            t.ellipsis = static_cast<int>(t.labels.size());
            i += 2;
        } else if (std::isalpha(static_cast<unsigned char>(text[i])))
            t.labels += text[i];
        else
            c.refuse(cat("the equation has '", text[i], "'; expected letters, commas, ... and ->"));
    }
    return t;
}

Equation parse(const OpContext& c, size_t inputs) {
    std::string text = c.text("equation");
    std::erase(text, ' ');
    const size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    Equation e;
    for (size_t begin = 0; begin <= left.size();) {
        const size_t end = std::min(left.find(',', begin), left.size());
        e.inputs.push_back(parse_term(c, std::string_view(left).substr(begin, end - begin)));
        e.ellipsis |= e.inputs.back().ellipsis >= 0;
        begin = end + 1;
    }
    if (e.inputs.size() != inputs)
        c.refuse(cat("the equation has ", number(e.inputs.size()), " terms for ", number(inputs), " inputs"));
    std::string all;
    for (const Term& t : e.inputs) all += t.labels;
    if (arrow == std::string::npos) {  // implicit: what occurs once, in order
        std::sort(all.begin(), all.end());
        for (char l : all)
            if (std::count(all.begin(), all.end(), l) == 1) e.output.labels += l;
        e.output.ellipsis = e.ellipsis ? 0 : -1;
        return e;
    }
    e.output = parse_term(c, std::string_view(text).substr(arrow + 2));
    if (e.output.ellipsis >= 0 && !e.ellipsis) c.refuse("the equation has an ellipsis only in its output");
    for (char l : e.output.labels) {
        if (all.find(l) == std::string::npos) c.refuse(cat("the output's '", l, "' is in no input"));
        if (std::count(e.output.labels.begin(), e.output.labels.end(), l) > 1)
            c.refuse(cat("the output has '", l, "' twice"));
    }
    return e;
}

/// The label of every axis: letters, and for an ellipsis 256 + position from the right.
std::vector<int> labels_of(const Term& t, size_t covered) {
    std::vector<int> all;
    for (size_t i = 0; i <= t.labels.size(); ++i) {
        if (t.ellipsis == static_cast<int>(i))
            for (size_t k = covered; k-- > 0;) all.push_back(256 + static_cast<int>(k));
        if (i < t.labels.size()) all.push_back(static_cast<unsigned char>(t.labels[i]));
    }
    return all;
}
size_t covered_by(const OpContext& c, const Term& t, size_t rank) {
    if (rank < t.labels.size() || (t.ellipsis < 0 && rank != t.labels.size()))
        c.refuse(cat("a term of ", number(t.labels.size()), " labels for an input of rank ", number(rank)));
    return rank - t.labels.size();
}

void infer_einsum(InferContext& c) {
    const Equation e = parse(c, c.inputs());
    DType t = DType::undefined;
    bool ranks = true;
    for (size_t i = 0; i < c.inputs(); ++i) {
        const DType ti = require_type(c, {i}, is_number, "a number");
        if (t == DType::undefined) t = ti;
        if (ti != DType::undefined && ti != t)
            c.refuse(cat("input ", number(i), " is ", dtype_name(ti), "; expected ", dtype_name(t)));
        ranks &= c.rank_known(i);
    }
    if (!ranks) return e.output.ellipsis < 0 ? c.set(0, t, Shape(e.output.labels.size())) : c.set(0, t);
    std::map<int, Dim> dims;
    size_t widest = 0;
    for (size_t i = 0; i < c.inputs(); ++i) {
        const size_t covered = covered_by(c, e.inputs[i], c.shape(i).size());
        widest = std::max(widest, covered);
        const std::vector<int> labels = labels_of(e.inputs[i], covered);
        for (size_t a = 0; a < labels.size(); ++a) {
            const auto [it, fresh] = dims.emplace(labels[a], c.shape(i)[a]);
            if (!fresh) it->second = broadcast(c, {it->second}, {c.shape(i)[a]})[0];
        }
    }
    Shape y;
    for (int l : labels_of(e.output, e.output.ellipsis >= 0 ? widest : 0)) y.push_back(dims.at(l));
    c.set(0, t, y);
}

/// The loop nest: the output's labels, then those summed over; strides of each input along them.
struct Loops {
    Dims dims;
    std::vector<Dims> strides;
    int64_t summed = 1;
};
Loops loops(const OpContext& c, const std::vector<Dims>& inputs) {
    const Equation e = parse(c, inputs.size());
    std::map<int, int64_t> sizes;
    size_t widest = 0;
    std::vector<std::vector<int>> labels;
    for (size_t i = 0; i < inputs.size(); ++i) {
        const size_t covered = covered_by(c, e.inputs[i], inputs[i].size());
        widest = std::max(widest, covered);
        labels.push_back(labels_of(e.inputs[i], covered));
        for (size_t a = 0; a < labels[i].size(); ++a) {
            int64_t& n = sizes.emplace(labels[i][a], 1).first->second;
            if (n == 1) n = inputs[i][a];
        }
    }
    std::vector<int> order = labels_of(e.output, e.output.ellipsis >= 0 ? widest : 0);
    const size_t outer = order.size();
    for (const auto& [label, n] : sizes)
        if (std::find(order.begin(), order.end(), label) == order.end()) order.push_back(label);
    Loops l;
    for (size_t i = 0; i < order.size(); ++i) {
        l.dims.push_back(sizes.at(order[i]));
        if (i >= outer) l.summed = checked_mul(l.summed, l.dims.back());
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
        const Dims own = strides_of(inputs[i]);
        Dims s(order.size(), 0);
        for (size_t a = 0; a < labels[i].size(); ++a)
            if (inputs[i][a] != 1)
                s[static_cast<size_t>(std::find(order.begin(), order.end(), labels[i][a]) - order.begin())] += own[a];
        l.strides.push_back(s);
    }
    return l;
}

template <class T>
void contract(RefContext& c, const Loops& l) {
    std::vector<std::vector<T>> x;
    for (const Tensor& t : c.in) x.push_back(values<T>(t));
    std::vector<T> y(static_cast<size_t>(c.out[0].count()));
    walk(l.dims, l.strides, [&](int64_t i, const int64_t* at) {
        if constexpr (std::is_same_v<T, double>) {
            T product = 1;
            for (size_t k = 0; k < x.size(); ++k) product *= x[k][static_cast<size_t>(at[k])];
            y[static_cast<size_t>(i / l.summed)] += product;
        } else {
            uint64_t product = 1;
            for (size_t k = 0; k < x.size(); ++k) product *= static_cast<uint64_t>(x[k][static_cast<size_t>(at[k])]);
            T& sum = y[static_cast<size_t>(i / l.summed)];
            sum = static_cast<T>(static_cast<uint64_t>(sum) + product);
        }
    });
    assign(c.out[0], y);
}
void run_einsum(RefContext& c) {
    std::vector<Dims> dims;
    for (const Tensor& t : c.in) dims.push_back(t.dims());
    const Loops l = loops(c, dims);
    is_float(c.out[0].dtype()) ? contract<double>(c, l) : contract<int64_t>(c, l);
}
Cost cost_einsum(const CostContext& c) {
    std::vector<Dims> dims;
    for (const TypeInfo& t : c.in) {
        if (!t.fixed()) return {};
        dims.push_back(dims_of(t.shape));
    }
    Cost cost;
    cost.macs = 1;
    for (int64_t d : loops(c, dims).dims) cost.macs *= static_cast<double>(d);
    return cost;
}

/// dx_i is the product of dy and the other inputs, summed to the term of x_i: one Einsum. A label twice in the term is
/// another label tied by an identity matrix; a label of this term alone is repeated.
void gradient_einsum(GradientContext& c) {
    Builder& b = c.b;
    const size_t n = c.node.inputs.size();
    const Equation e = parse(c, n);
    std::vector<std::vector<int>> labels;
    size_t widest = 0;
    for (size_t i = 0; i < n; ++i) {
        const size_t covered = covered_by(c, e.inputs[i], b.rank(c.x(i)));
        widest = std::max(widest, covered);
        labels.push_back(labels_of(e.inputs[i], covered));
    }
    std::map<int, char> letters;
    const auto term = [&](const std::vector<int>& all) {
        std::string s;
        for (int l : all) {
            const auto next = static_cast<int>(letters.size());
            const char letter = letters.try_emplace(l, static_cast<char>(next < 26 ? 'a' + next : 'A' + next - 26)).first->second;
            if (letters.size() > 52) c.unsupported("has no gradient with more than 52 axes");
            s += letter;
        }
        return s;
    };
    const auto count = [](const std::vector<int>& all, int l) { return std::count(all.begin(), all.end(), l); };
    for (size_t i = 0; i < n; ++i) {
        if (!c.wants(i)) continue;
        const Dims x = b.dims(c.x(i));
        std::vector<ValueId> in{c.dy()};
        std::vector<int> known = labels_of(e.output, e.output.ellipsis >= 0 ? widest : 0), result;
        std::string equation = term(known);
        const auto operand = [&](ValueId v, const std::vector<int>& l) {
            in.push_back(v);
            known.insert(known.end(), l.begin(), l.end());
            equation += "," + term(l);
        };
        for (size_t j = 0; j < n; ++j)
            if (j != i) operand(c.x(j), labels[j]);
        std::vector<int> own = labels[i];
        for (size_t a = 0; a < own.size(); ++a) {
            const auto first = static_cast<size_t>(std::find(own.begin(), own.end(), own[a]) - own.begin());
            if (first == a) continue;
            if (x[first] != x[a]) c.unsupported("has no gradient of a diagonal that broadcasts");
            Tensor eye = Tensor::zeros(b.dtype(c.x(i)), {x[a], x[a]});
            for (int64_t k = 0; k < x[a]; ++k) eye.set(k * x[a] + k, 1);
            own[a] = 1000 + static_cast<int>(a);
            operand(b.constant(eye), {own[first], own[a]});
        }
        for (int l : own)
            if (count(known, l)) result.push_back(l);
        ValueId d = b.node("Einsum", in, {{"equation", equation + "->" + term(result)}});
        Dims deep, full = x;
        for (size_t a = 0, from = 0; a < own.size(); ++a) {
            deep.push_back(count(known, own[a]) ? b.dims(d)[from++] : 1);
            if (deep[a] != 1) full[a] = deep[a];
        }
        c.give(i, b.expand(b.reshape(d, deep), full));
    }
}

}  // namespace

std::vector<OpDecl> einsum() {
    return {
        {.name = "Einsum",
         .min_inputs = 1,
         .max_inputs = -1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"equation", AttrKind::text, std::nullopt, true}},
         .infer = infer_einsum,
         .reference = run_einsum,
         .cost = cost_einsum,
         .gradient = gradient_einsum,
         .since = 12},
    };
}

}  // namespace hone::ops
