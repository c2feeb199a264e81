// SPDX-License-Identifier: Apache-2.0
// A run with every section filled, as the tests of the report need it. The figures are made up.
//
//   record::Run run = sample_run();
//   report::html_report(run);
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "record/run.h"

namespace hone::report {

inline std::vector<double> sample_times(double base, uint64_t seed) {
    Rng rng(seed);
    std::vector<double> v;
    for (int i = 0; i < 200; ++i)
        v.push_back(base * std::exp(0.03 * std::fabs(rng.normal())) * (rng.uniform() < 0.03 ? 1.8 : 1));
    return v;
}

inline std::vector<record::LayerRow> sample_layers() {
    std::vector<record::LayerRow> rows;
    Rng rng(8);
    const auto add = [&](std::string name, std::string op, int64_t macs, double before) {
        const bool first = rows.empty();
        const double price = 0.0016 * rng.uniform() * rng.uniform() + (first ? 0.0031 : 0);
        rows.push_back({.name = std::move(name),
                        .op = std::move(op),
                        .decision = first ? "kept bf16" : "int8",
                        .reason = first
                                      ? "int8 alone costs 0.33 points, more than half of the bound, for 4 % of the time"
                                      : "int8 is exact here and 3 times as fast; fewer bits have no faster kernel",
                        .macs = macs,
                        .parameters = macs / 100,
                        .sensitivity = price,
                        .time_before_ms = before,
                        .time_after_ms = before / (first ? 1.4 : 2.6 + rng.uniform())});
    };
    add("/conv1/Conv", "Conv", 1806336, 0.09);
    for (int block = 1; block <= 4; ++block)
        for (int part = 0; part < 2; ++part) {
            const std::string at =
                "/layer" + std::to_string(block) + "/layer" + std::to_string(block) + "." + std::to_string(part);
            add(at + "/conv1/Conv", "Conv", 28901376, 0.19 + 0.02 * block);
            add(at + "/conv2/Conv", "Conv", 28901376, 0.21 + 0.02 * block);
            if (part == 0 && block > 1) add(at + "/downsample/downsample.0/Conv", "Conv", 1605632, 0.05);
        }
    add("/avgpool/GlobalAveragePool", "GlobalAveragePool", 25088, 0.006);
    add("/fc/Gemm", "Gemm", 5120, 0.004);
    for (int i = 0; i < 8; ++i) add("/layer4/Relu_" + std::to_string(i), "Relu", 0, 0.01);
    for (size_t i = rows.size() - 9; i < rows.size(); ++i) {
        rows[i].decision = i % 2 ? "fused" : "kept";
        rows[i].reason = i % 2 ? "part of the convolution before it" : "too little time to be worth a change";
        rows[i].sensitivity.reset();
    }
    return rows;
}

inline record::Run sample_run() {
    record::Run r;
    r.accepted = true;
    r.reason =
        "int8 with 24 filters pruned and recovery training is 2.83 times as fast on this machine, and 10,000 test "
        "samples show that it loses less than the bound.";
    r.original = "/home/me/models/fashion_resnet18.onnx";
    r.model = "/home/me/out/model.onnx";
    r.goal.max_drop = 0.005;
    r.before = {.metric = 0.9312,
                .precision = "fp32",
                .runtime = "hone",
                .latency_ms = {3.12, 3.21, 3.95},
                .load_ms = 41,
                .bytes = 44710673,
                .parameters = 11172810,
                .macs = 457728000};
    r.before_best = r.before;
    r.before_best->precision = "bf16";
    r.before_best->metric = 0.9311;
    r.before_best->latency_ms = {1.61, 1.66, 2.02};
    r.after = r.before;
    r.after->precision = "int8 + bf16";
    r.after->metric = 0.9302;
    r.after->latency_ms = {1.11, 1.135, 1.38};
    r.after->load_ms = 12;
    r.after->bytes = 8914021;
    r.after->parameters = 8712810;
    r.after->macs = 301728000;
    r.drop = record::Drop{.estimate = 0.0010,
                          .low = -0.00041,
                          .high = 0.00243,
                          .samples = 10000,
                          .lost = 43,
                          .gained = 33,
                          .mcnemar_p = 0.302};
    r.speedup = record::Interval{2.83, 2.74, 2.92};
    r.robustness = record::Robustness{"validation", 2000, {}};
    const auto corrupted = [&](std::string name, int64_t severity, double amount, double before, double after) {
        r.robustness->rows.push_back({std::move(name), severity, amount, before, after, {before - after, before - after - 0.002, before - after + 0.003}});
    };
    corrupted("", 0, 0, 0.936, 0.935);
    corrupted("noise", 3, 0.12, 0.861, 0.859);
    corrupted("blur", 3, 0.03, 0.792, 0.786);
    corrupted("shift", 3, 0.11, 0.744, 0.745);
    corrupted("contrast", 3, 0.4, 0.905, 0.901);
    r.layers = sample_layers();
    const auto candidate = [&](std::string name, double drop, double ms, int64_t bytes, bool kept, std::string reason) {
        r.candidates.push_back({.name = std::move(name),
                                .metric = 0.935 - drop,
                                .drop = drop,
                                .latency_ms = ms,
                                .bytes = bytes,
                                .speedup = record::Interval{3.21 / ms, 3.1 / ms, 3.3 / ms},
                                .kept = kept,
                                .reason = std::move(reason)});
    };
    candidate("bf16", 0.0001, 1.66, 22356000, false, "slower than int8 at no better accuracy");
    candidate("int8, static, min-max", 0.0112, 1.31, 11203000, false,
              "beyond the bound: two layers with outlier channels");
    candidate("int8, static, MSE, bias corrected", 0.0021, 1.31, 11203000, false,
              "pruning on top is faster within the bound");
    candidate("int8, first layer in bf16", 0.0009, 1.35, 11260000, false, "as above");
    candidate("int8 + 24 filters pruned, recovered", 0.0013, 1.135, 8914021, true, "fastest within the bound");
    candidate("int8 + 96 filters pruned, recovered", 0.0084, 0.92, 6100000, false, "beyond the bound");
    r.decisions = {{.step = 1,
                    .at_seconds = 3,
                    .what = "Measured the original",
                    .why = "The times of everything else are compared with it, interleaved.",
                    .figures = {{"latency p50 ms", 3.21}, {"spread", 0.03}}},
                   {.step = 2,
                    .at_seconds = 21,
                    .what = "Judged each layer alone in int8",
                    .why = "20 of 22 layers cost less than 0.1 points; the first one costs 0.33.",
                    .figures = {}},
                   {.step = 3,
                    .at_seconds = 64,
                    .what = "Kept the first layer in bf16",
                    .why = "Its price is more than half of the bound and its gain 4 % of the time.",
                    .figures = {{"drop", 0.0033}, {"gain ms", 0.03}}},
                   {.step = 4,
                    .at_seconds = 402,
                    .what = "Pruned 24 filters and trained 2 epochs",
                    .why = "The last two blocks are bound by memory; fewer filters save time that int8 cannot.",
                    .figures = {{"validation drop", 0.0013}}},
                   {.step = 5,
                    .at_seconds = 437,
                    .what = "Verdict on the test part: accepted",
                    .why = "The upper limit of the drop, 0.24 points, is below the bound of 0.50.",
                    .figures = {}}};
    r.latency_samples = {sample_times(3.12, 1), sample_times(1.11, 2)};
    r.parts = {
        {.name = "training", .samples = 55000, .used_for = "calibration, recovery", .origin = "train, 0 to 54999"},
        {.name = "validation", .samples = 5000, .used_for = "choosing", .origin = "train, 55000 to 59999"},
        {.name = "test", .samples = 10000, .used_for = "the verdict, once", .origin = "t10k"}};
    r.version = "0.1.0";
    r.command = "hone optimize fashion_resnet18.onnx --data fashion-mnist --max-drop 0.5% --out out";
    r.recipe = {{"max_drop", "0.005"}, {"threads", "2"}, {"precision", "auto"}};
    r.hashes = {{"model", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                {"data", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}};
    r.seed = 7;
    r.machine = {.cpu = "Intel(R) Xeon(R) Platinum 8481C", .isa = "amx", .threads = 2, .cores = 2, .load = {0.12, 1.9}};
    r.started = "2025-11-23 21:49:02 UTC";
    r.finished = "2025-11-23 21:56:19 UTC";
    r.seconds = 437;
    r.files = {"/home/me/out/model.onnx", "/home/me/out/run.json", "/home/me/out/report.html"};
    r.warnings = {"the machine was busier at the end (load 1.9 on 2 cores); the interleaved ratio is not affected"};
    return r;
}

/// The same, refused: too few samples to decide.
inline record::Run refused_run() {
    record::Run r = sample_run();
    r.accepted = false;
    r.reason =
        "The best candidate is 2.83 times as fast, but 1,000 test samples cannot show that it stays within the bound.";
    r.model = r.original;
    r.after.reset();
    r.drop = record::Drop{.estimate = 0.002,
                          .low = -0.0021,
                          .high = 0.0079,
                          .samples = 1000,
                          .lost = 5,
                          .gained = 3,
                          .samples_needed = 6200};
    r.best_rejected = record::Rejected{.file = "/home/me/out/rejected.onnx",
                                       .reason = "The drop may be larger than the bound.",
                                       .drop = 0.002,
                                       .speedup = 2.83};
    for (auto& c : r.candidates) c.kept = false;
    return r;
}

}  // namespace hone::report
