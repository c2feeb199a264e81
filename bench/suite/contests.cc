// SPDX-License-Identifier: Apache-2.0
// Which engines meet in a contest, on the same files and inputs, and who is held against whom.
#include "base/error.h"
#include "suite/rows.h"

namespace hone::suite {
namespace {

using eval::RateKind;

/// Entries of one network, each judged by those on the same file.
class Entries {
  public:
    Entries(const Network& n, std::vector<size_t> fp32_judges, std::vector<size_t> int8_judges)
        : network_(n), fp32_judges_(std::move(fp32_judges)), int8_judges_(std::move(int8_judges)) {}
    Entry fp32(const char* engine) const { return {engine, network_.fp32, "fp32", false, fp32_judges_, fp32_bound}; }
    Entry bf16(const char* engine) const { return {engine, network_.fp32, "bf16", false, fp32_judges_, bf16_bound}; }
    Entry int8(const char* engine) const { return {engine, network_.int8, "fp32", false, int8_judges_, int8_bound}; }

  private:
    const Network& network_;
    std::vector<size_t> fp32_judges_, int8_judges_;
};

Entry spinning(Entry e) {
    e.spin = true;
    return e;
}
Entry tuned(Entry e) {
    e.tuned = true;
    return e;
}
Entry judged_by(std::vector<size_t> judges, Entry e) {
    e.judges = std::move(judges);
    return e;
}

}  // namespace

Contest latency_contest(const Network& n, int64_t batch) {
    enum Place : size_t {
        hone_fp32,
        hone_bf16,
        hone_int8,
        ort_fp32,
        ov_fp32,
        ov_bf16,
        ort_int8,
        ov_int8,
        ort_fp32_spinning,
        ort_int8_spinning,
        tuned_fp32,
        tuned_int8
    };
    const std::vector<size_t> fp32_judges{ort_fp32, ov_fp32, hone_fp32};
    const Entries e(n, fp32_judges, {ort_int8, ov_int8, hone_int8});
    return {.row = "latency",
            .entries = {e.fp32("hone"), e.bf16("hone"), e.int8("hone"), e.fp32("onnxruntime"), e.fp32("openvino"),
                        e.bf16("openvino"), judged_by(fp32_judges, e.int8("onnxruntime")), e.int8("openvino"),
                        spinning(e.fp32("onnxruntime")), spinning(e.int8("onnxruntime")), tuned(e.fp32("hone")),
                        tuned(e.int8("hone"))},
            .comparisons = {{hone_fp32, ort_fp32, "fp32", "onnxruntime fp32", RateKind::fp32},
                            {hone_fp32, ort_fp32_spinning, "fp32", "onnxruntime fp32, spinning", RateKind::fp32},
                            {hone_fp32, ov_fp32, "fp32", "openvino fp32", RateKind::fp32},
                            {hone_bf16, ov_bf16, "bf16", "openvino bf16", RateKind::bf16},
                            {hone_bf16, ort_fp32, "bf16", "onnxruntime fp32", RateKind::bf16},
                            {hone_int8, ort_int8, "int8", "onnxruntime int8", RateKind::int8},
                            {hone_int8, ort_int8_spinning, "int8", "onnxruntime int8, spinning", RateKind::int8},
                            {hone_int8, ov_int8, "int8", "openvino int8", RateKind::int8},
                            {hone_int8, ort_fp32, "int8", "onnxruntime fp32", RateKind::int8},
                            {tuned_fp32, ort_fp32, "fp32 tuned", "onnxruntime fp32", RateKind::fp32},
                            {tuned_fp32, ov_fp32, "fp32 tuned", "openvino fp32", RateKind::fp32},
                            {tuned_int8, ort_int8, "int8 tuned", "onnxruntime int8", RateKind::int8},
                            {tuned_int8, ov_int8, "int8 tuned", "openvino int8", RateKind::int8}},
            .batch = batch};
}

Contest throughput_contest(const Network& n, int64_t batch) {
    enum Place : size_t { hone_fp32, hone_int8, ort_fp32, ort_int8 };
    const Entries e(n, {ort_fp32, hone_fp32}, {ort_int8, hone_int8});
    return {.row = cat("throughput batch ", batch),
            .entries = {e.fp32("hone"), e.int8("hone"), e.fp32("onnxruntime"), e.int8("onnxruntime")},
            .comparisons = {{hone_fp32, ort_fp32, "fp32", "onnxruntime fp32", RateKind::fp32},
                            {hone_int8, ort_int8, "int8", "onnxruntime int8", RateKind::int8}},
            .batch = batch};
}

Contest busy_contest(const Network& n, int64_t batch) {
    enum Place : size_t { hone_fp32, hone_int8, ort_fp32, ort_int8, ort_fp32_spinning, ort_int8_spinning };
    const Entries e(n, {ort_fp32, hone_fp32}, {ort_int8, hone_int8});
    return {.row = "beside a busy loop on one core",
            .entries = {e.fp32("hone"), e.int8("hone"), e.fp32("onnxruntime"), e.int8("onnxruntime"),
                        spinning(e.fp32("onnxruntime")), spinning(e.int8("onnxruntime"))},
            .comparisons = {{hone_fp32, ort_fp32, "fp32", "onnxruntime fp32", RateKind::fp32},
                            {hone_fp32, ort_fp32_spinning, "fp32", "onnxruntime fp32, spinning", RateKind::fp32},
                            {hone_int8, ort_int8, "int8", "onnxruntime int8", RateKind::int8},
                            {hone_int8, ort_int8_spinning, "int8", "onnxruntime int8, spinning", RateKind::int8}},
            .batch = batch,
            .busy = true,
            .floors = false};
}

}  // namespace hone::suite
