// SPDX-License-Identifier: Apache-2.0
// `hone quantize`: static int8 quantisation alone, every setting exposed; no verdict.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/timing.h"
#include "cli/common.h"
#include "compress/explain.h"
#include "compress/recipe.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"

namespace hone::cli {

namespace {
struct QuantizeArgs {
    std::string model, file, bits = "8/8", range = "min_max", weights = "peak", curved = "float", weight_only = "float32", keep_float, save_samples;
    bool equalize = false, correct_bias = false, explain = false;
    double percentile = 0.9999;
    int64_t samples = 512;
    DataArgs data;
};

std::set<std::string> names_kept(const std::string& list, const std::vector<compress::Layer>& layers) {
    std::set<std::string> keep;
    std::vector<std::string> known;
    for (const compress::Layer& l : layers) known.push_back(l.name);
    for (size_t at = 0; at < list.size();) {
        const size_t comma = std::min(list.find(',', at), list.size());
        const std::string name = list.substr(at, comma - at);
        at = comma + 1;
        if (name.empty()) continue;
        if (std::find(known.begin(), known.end(), name) == known.end())
            fail(ErrorKind::usage, "quantize.layer", cat("the model has no layer '", name, "' that could be int8"),
                 cat("Nearest: ", join(nearest(name, known), ", "), ". hone inspect lists them."));
        keep.insert(name);
    }
    return keep;
}

/// The samples as the network sees them, for other tools: npy (version 1.0) of f32.
void save_samples(const std::string& path, const Dataset& data, std::span<const int64_t> samples) {
    std::string dims = cat(samples.size());
    for (int64_t d : data.sample_dims()) dims += cat(", ", d);
    std::string header = cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", dims, "), }");
    header.resize((10 + header.size()) / 64 * 64 + 53, ' ');
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    const Tensor x = batch(data, samples);
    write_file_atomic(path, {bytes, header, {static_cast<const char*>(x.raw()), x.bytes()}});
}

constexpr size_t kExplainSamples = 64;

std::string explanation_table(const std::vector<compress::LayerExplanation>& rows) {
    std::string out = "SQNR dB alone  in network  saturated  levels used  dead channels  weight range  outlier channel  layer\n";
    for (const compress::LayerExplanation& e : rows) {
        char line[160];
        const std::string outlier = e.outlier_channel < 0 ? "-" : cat(e.outlier_channel, " (", static_cast<int64_t>(e.outlier_ratio), "x)");
        if (e.int8)
            std::snprintf(line, sizeof line, "%13.1f  %10.1f  %8.3f%%  %10.0f%%  %6lld of %4lld  %12.1f  %15s  ", e.sqnr_db, e.sqnr_network_db, e.saturated_share * 100, e.used_levels * 100,
                          static_cast<long long>(e.dead_channels), static_cast<long long>(e.channels), e.weight_range_ratio, outlier.c_str());
        else
            std::snprintf(line, sizeof line, "%13s  %10s  %9s  %11s  %6lld of %4lld  %12.1f  %15s  ", "float", "", "", "", static_cast<long long>(e.dead_channels), static_cast<long long>(e.channels),
                          e.weight_range_ratio, outlier.c_str());
        out += line + e.layer + "\n";
    }
    return out;
}

int run_quantize(const QuantizeArgs& a, Call& call) {
    if (a.bits != "8/8")
        fail(ErrorKind::usage, "quantize.bits", cat("--bits ", a.bits, " is not among the methods yet"),
             "Known: 8/8 (weights s8, activations u8).");
    const Graph g = load_model(a.model);
    const DataParts parts = open_for(g, a.data, call);
    if (!parts.training) fail(ErrorKind::data, "quantize.training", "there are no training samples to calibrate on");
    const std::vector<compress::Layer> layers = compress::quantizable_layers(g);
    compress::QuantizeOptions q;
    for (compress::Range r : {compress::Range::percentile, compress::Range::entropy, compress::Range::mse})
        if (a.range == compress::range_name(r)) q.range = r;
    if (a.weights == "mse") q.weights = compress::WeightRange::mse;
    q.curved = a.curved == "table" ? compress::Curved::table : a.curved == "nodes" ? compress::Curved::every_node : compress::Curved::stays_float;
    q.weight_only = a.weight_only == "cast" ? compress::WeightOnly::cast : a.weight_only == "dequantize" ? compress::WeightOnly::dequantize : compress::WeightOnly::float32;
    q.equalize = a.equalize;
    q.correct_bias = a.correct_bias;
    if (a.keep_float == "all")
        for (const compress::Layer& l : layers) q.keep_float.insert(l.name);
    else
        q.keep_float = names_kept(a.keep_float, layers);
    q.percentile = a.percentile;
    std::vector<int64_t> samples = Rng(call.common.seed, 1).permutation(parts.training->size());
    samples.resize(static_cast<size_t>(std::min<int64_t>(a.samples, parts.training->size())));
    std::sort(samples.begin(), samples.end());
    if (!a.save_samples.empty()) save_samples(a.save_samples, *parts.training, samples);
    eval::EvalOptions o;
    o.threads = call.common.threads;
    compress::Quantizer quantizer(g, *parts.training, samples, o);
    Graph out = quantizer.make(q);
    std::string explained;
    if (a.explain) {
        const std::span<const int64_t> some(samples.data(), std::min<size_t>(samples.size(), kExplainSamples));
        const auto rows = compress::explain_layers(quantizer.prepared(q.equalize), out, quantizer.calibration(q.equalize), *parts.training, some, o);
        explained = explanation_table(rows);
    }
    set_metadata(out, parts, "fp32");
    write_model(out, a.file);
    const auto bytes = static_cast<double>(map_file(a.file).size), before = static_cast<double>(model_file_bytes(a.model));
    const size_t in_int8 = layers.size() - q.keep_float.size();
    call.emit(cat("{\"schema\":\"hone.quantize/1\",\"layers\":", in_int8, ",\"samples\":", samples.size(),
                  ",\"bytes\":", static_cast<int64_t>(bytes), "}\n"),
              cat("wrote ", a.file, ": ", in_int8, " of ", layers.size(), " layers in int8, ", human_bytes(bytes), " (",
                  bytes / before * 100, " % of the original)\n",
                  explained, "No accuracy was judged; hone eval or hone optimize does.\n"),
              "");
    return 0;
}
}  // namespace

Verb quantize_verb() {
    auto a = std::make_shared<QuantizeArgs>();
    Verb v;
    v.name = "quantize";
    v.summary = "static int8 quantisation alone: weights per channel, activations per tensor, written as QDQ";
    v.examples = {
        {"hone quantize net.onnx --data fashion-mnist --mean 0.286 --std 0.353 --out net_int8.onnx", "every layer"},
        {"hone quantize net.onnx --data photos/ --range percentile --keep-float /fc/Gemm --out q.onnx",
         "one layer stays float"}};
    v.out_is_file = true;
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("bits", "W/A", a->bits, "bits of weights and activations");
        o.add("range", "R", a->range, "how activation ranges are chosen").one_of({"min_max", "percentile", "entropy", "mse"});
        o.add("percentile", "P", a->percentile, "share of values inside the range").at_least(0.5).at_most(1);
        o.add("weights", "R", a->weights, "scale of a weight channel: its peak, or of least squared error").one_of({"peak", "mse"});
        o.flag("equalize", a->equalize, "cross-layer equalisation before calibration");
        o.flag("correct-bias", a->correct_bias, "empirical bias correction");
        o.add("activations", "HOW", a->curved, "SiLU, sigmoid and products: float, table (8 bits around each), nodes (behind every node)").one_of({"float", "table", "nodes"});
        o.add("weight-only", "HOW", a->weight_only, "weights of float and recurrent layers: float32, s8 behind Cast, or s8 behind DequantizeLinear").one_of({"float32", "cast", "dequantize"});
        o.flag("explain", a->explain, "also print what each layer's 8 bits hold and lose");
        o.add("samples", "N", a->samples, "training samples to calibrate on").at_least(1);
        o.add("save-samples", "FILE", a->save_samples, "also write the calibration samples, preprocessed, as npy");
        o.add("keep-float", "NAMES", a->keep_float, "layers that stay float, separated by commas; or all");
        add_data(o, a->data, false);
    };
    v.run = [a](Call& call) {
        a->file = call.common.out;
        if (a->file.empty())
            fail(ErrorKind::usage, "quantize.out", "--out FILE is needed: where the quantised model goes");
        return run_quantize(*a, call);
    };
    return v;
}

}  // namespace hone::cli
