// SPDX-License-Identifier: Apache-2.0
// The loader: parse, types, portable passes; what was read is written and must be read again.
#include "base/error.h"
#include "base/file.h"
#include "fuzz/target.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "pass/pass.h"
#include "record/journal.h"
#include "record/json.h"
#include "record/run.h"
#include "record/string_map.h"

namespace hone::fuzz {

namespace {

Tensor ramp(const Dims& dims) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, 0.1 * static_cast<double>(i % 7) - 0.3);
    return t;
}

std::string convolutional() {
    Graph g;
    g.opsets[""] = 13;
    g.metadata["hone.precision"] = "fp32";
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 2, 6, 6}));
    auto then = [&](const char* op, std::vector<ValueId> in, Attributes a = {}) { return g.node(g.add_node("", op, std::move(in), 1, std::move(a))).out(); };
    ValueId y = then("Conv", {x, g.add_constant("w", ramp({4, 2, 3, 3})), g.add_constant("b", ramp({4}))}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}});
    y = then("Relu", {y});
    y = then("Add", {y, then("MaxPool", {y}, {{"kernel_shape", std::vector<int64_t>{1, 1}}})});
    y = then("GlobalAveragePool", {y});
    const ValueId shape = g.add_constant("shape", [] {
        Tensor t = Tensor::zeros(DType::i64, {2});
        t.set_int(0, 0);
        t.set_int(1, -1);
        return t;
    }());
    y = then("Reshape", {y, shape});
    y = then("Gemm", {y, g.add_constant("fc", ramp({3, 4}))}, {{"transB", int64_t{1}}});
    y = then("Softmax", {y}, {{"axis", int64_t{1}}});
    g.outputs = {y};
    infer_graph(g);
    return model_bytes(g);
}

}  // namespace

std::vector<std::string> onnx_seeds() {
    std::vector<std::string> all = {convolutional()};
    for (const char* folder : {"test/exports", "test/exports/models"}) {  // what exporters write, where it is small
        if (!is_directory(folder)) continue;
        for (const std::string& name : list_directory(folder)) {
            if (!name.ends_with(".onnx")) continue;
            const std::string bytes = read_file(std::string(folder) + "/" + name);
            if (bytes.size() < (1 << 16)) all.push_back(bytes);
        }
    }
    return all;
}

void run_onnx(const std::string& bytes) {
    Graph g = read_model_bytes(bytes);
    run_passes(g, Stage::portable);
    std::string again;
    try {
        again = model_bytes(g);
    } catch (const Error& e) {
        if (e.kind == ErrorKind::internal) throw;
        return;  // what cannot be written in its opset
    }
    read_model_bytes(again);
}

std::vector<std::string> json_seeds() {
    record::Run run;
    run.layers.push_back({.name = "conv1", .op = "Conv", .decision = "int8", .reason = "fast"});
    run.candidates.push_back({.name = "int8", .metric = 0.9});
    run.decisions.push_back({.step = 1, .what = "a", .why = "b", .figures = {{"x", 1.5}}});
    run.journal = {{.key = "k", .values = {1, 2.5}}};
    return {record::to_json(run), record::to_json_line({.key = "k", .values = {1, 0.1}, .text = "t"}),
            record::to_json(record::StoredPreprocess{{{"scale", "0.5"}}, {"a", "b"}})};
}

void run_json(const std::string& bytes) {
    auto tried = [](auto f) {
        try {
            f();
        } catch (const Error& e) {
            if (e.kind == ErrorKind::internal) throw;
        }
    };
    tried([&] { record::to_json(record::run_from_json(bytes)); });
    tried([&] { record::journal_entry_from_json(bytes); });
    tried([&] { record::stored_preprocess_from_json(bytes); });
}

}  // namespace hone::fuzz
