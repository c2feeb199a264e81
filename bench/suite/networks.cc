// SPDX-License-Identifier: Apache-2.0
#include "suite/networks.h"

#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "compress/quantize.h"
#include "onnx/writer.h"
#include "suite/picture_data.h"
#include "zoo/mobilenet.h"
#include "zoo/resnet.h"

namespace hone::suite {
namespace {

constexpr int64_t side = 224, calibration_samples = 4;
constexpr int classes = 1000;
constexpr uint64_t seed = 1;

struct Known {
    const char* name;
    Graph (*make)(const Dims& image);
};
const Known known[] = {
    {"resnet18", [](const Dims& image) { return zoo::resnet(18, image, classes, seed); }},
    {"resnet50", [](const Dims& image) { return zoo::resnet(50, image, classes, seed); }},
    {"mobilenetv2", [](const Dims& image) { return zoo::mobilenet_v2(image, classes, seed); }},
};

const Known& find(const std::string& name) {
    for (const Known& k : known)
        if (name == k.name) return k;
    fail(ErrorKind::usage, "bench.network", cat("unknown network '", name, "'"),
         cat("Known: ", join(network_names(), ", "), "."));
}

}  // namespace

std::vector<std::string> network_names() {
    std::vector<std::string> names;
    for (const Known& k : known) names.emplace_back(k.name);
    return names;
}

Network network_paths(const std::string& name, const std::string& folder) {
    find(name);
    return {name, cat(folder, "/", name, "_fp32.onnx"), cat(folder, "/", name, "_int8.onnx")};
}

Network make_network(const std::string& name, const std::string& folder, int threads) {
    std::fprintf(stderr, "%s: making the fp32 and int8 files\n", name.c_str());
    Network n = network_paths(name, folder);
    const Dims image{3, side, side};
    Graph g = find(name).make(image);
    make_directories(folder);
    write_model(g, n.fp32);
    const Graph fixed = specialise(g, {{1, 3, side, side}});
    for (NodeId id : fixed.order()) n.macs += cost_of(fixed, id).macs;
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (g.value(v).is_constant()) n.weights += static_cast<double>(g.value(v).constant.count());
    run_passes(g, Stage::portable);
    eval::EvalOptions o;
    o.threads = threads;
    const compress::Calibration c = compress::calibrate(g, PictureData(image, calibration_samples, 2), {}, o);
    write_model(compress::quantize(g, c, {}), n.int8);
    return n;
}

}  // namespace hone::suite
