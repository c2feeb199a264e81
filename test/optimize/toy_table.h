// SPDX-License-Identifier: Apache-2.0
// A network of random dense layers and a table that it answers rightly, mostly: small enough that all of `optimize` runs
// on it, large enough that int8 makes the file smaller.
//
//   const Toy toy = write_toy(folder, 3, false);     // toy.model, toy.data
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "onnx/writer.h"
#include "op/op.h"
#include "plan/plan.h"
#include "run/session.h"

namespace hone {

struct Toy {
    std::string model, data;
};

/// `outputs` scores of rows of 16 numbers. Labels are the network's own answers, one in ten another class; of a
/// regression the targets are its outputs with noise.
inline Toy write_toy(const std::string& folder, int64_t outputs, bool regression, int rows = 600) {
    const int64_t features = 16, width = 128;
    Rng rng(5);
    Graph g;
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), features}));
    int64_t in = features;
    for (const int64_t out : {width, width, outputs}) {
        const std::string name = cat("fc", g.node_count());
        Tensor w = Tensor::zeros(DType::f32, {in, out}), b = Tensor::zeros(DType::f32, {out});
        for (int64_t i = 0; i < w.count(); ++i) w.set(i, rng.normal() * std::sqrt(2.0 / static_cast<double>(in)));
        for (int64_t i = 0; i < b.count(); ++i) b.set(i, 0.1 * rng.normal());
        x = g.node(g.add_node("", "Gemm", {x, g.add_constant(name + ".w", w), g.add_constant(name + ".b", b)}, 1, {}, name, {name})).out();
        if (out != outputs) x = g.node(g.add_node("", "Relu", {x}, 1, {}, name + "_relu", {name + "_relu"})).out();
        in = out;
    }
    g.outputs = {x};
    infer_graph(g);
    make_directories(folder);
    Toy toy{folder + "/toy.onnx", folder + "/toy.csv"};
    write_model(g, toy.model);

    Tensor data = Tensor::zeros(DType::f32, {rows, features});
    for (int64_t i = 0; i < data.count(); ++i) data.set(i, std::nearbyint(1000 * rng.normal()) / 1000);
    Session session(make_plan(g, {data.dims()}, {}), nullptr);
    session.execute({data});
    const Tensor scores = session.output(0);
    std::string csv;
    for (int64_t f = 0; f < features; ++f) csv += cat("f", f, ",");
    csv += regression ? "target\n" : "label\n";
    for (int64_t r = 0; r < rows; ++r) {
        for (int64_t f = 0; f < features; ++f) csv += cat(data.at(r * features + f), ",");
        int64_t best = 0;
        for (int64_t c = 1; c < outputs; ++c)
            if (scores.at(r * outputs + c) > scores.at(r * outputs + best)) best = c;
        if (rng.below(10) == 0) best = static_cast<int64_t>(rng.below(static_cast<uint64_t>(outputs)));
        csv += regression ? cat(scores.at(r * outputs) + 0.3 * rng.normal(), "\n") : cat("c", best, "\n");
    }
    write_file_atomic(toy.data, csv);
    return toy;
}

}  // namespace hone
