// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "base/usage.h"
#include "cli/train_networks.h"
#include "data/picture_grid.h"
#include "eval/generated.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
#include "record/json.h"
#include "record/table.h"
#include "record/train.h"
#include "train/gan.h"
#include "train/log.h"

namespace hone::cli {

namespace {
constexpr double kLeastShare = 0.02;  ///< of the samples that a class needs to count as found

/// What does nothing here, and has no place in the recipe that repeats the run.
constexpr const char* kIdle[] = {"loss", "freeze", "freeze-layers", "patience", "metric", "dropout", "loss-scale", "loss-scale-every", "texts", "new-head", "standardise", "explain"};

void check_gan(const Call& call) {
    for (const char* other : kIdle)
        if (call.options.given(other)) fail(ErrorKind::usage, "usage.conflict", cat("--", other, " does nothing with --gan"), "Leave it out.");
}

record::Texts recipe_of(const Call& call) {
    record::Texts recipe = call.options.resolved();
    std::erase_if(recipe, [](const auto& option) { return std::find(std::begin(kIdle), std::end(kIdle), option.first) != std::end(kIdle); });
    return recipe;
}

train::GanOptions gan_options(const train::LoopOptions& o) {
    train::GanOptions g{.loop = o};
    const auto smoothing = o.step.loss.hyper.find("label_smoothing");
    if (smoothing != o.step.loss.hyper.end()) g.label_smoothing = smoothing->second;
    return g;
}

std::string numbered(int64_t epoch) {
    char text[32];
    std::snprintf(text, sizeof text, "samples_%03lld.png", static_cast<long long>(epoch));
    return text;
}

std::string human(const record::Train& t) {
    std::string s = "epoch  generator  discriminator  D(real)  D(fake)  seconds\n";
    const auto of = [](const record::TrainEpoch& e, const char* name) {
        for (const auto& [key, v] : e.metrics)
            if (key == name) return v;
        return std::nan("");
    };
    for (const record::TrainEpoch& e : t.history) {
        char line[160];
        std::snprintf(line, sizeof line, "%5lld  %9.4f  %13.4f  %7.3f  %7.3f  %7.1f\n", static_cast<long long>(e.epoch), e.loss, of(e, "discriminator_loss"), of(e, "real"), of(e, "fake"), e.seconds);
        s += line;
    }
    if (!t.metrics.empty()) s += "\ngenerated:";
    for (const auto& [name, v] : t.metrics) s += cat(" ", name, " ", record::number_text(v));
    s += cat("\n", record::si_text(static_cast<double>(t.parameters)), " parameters trained, ", record::number_text(t.samples_per_second), " samples/s\n");
    if (t.stopped == "time") s += "stopped by --time-budget; with --out, --resume goes on from there\n";
    s += cat("written    ", record::printable(t.model), "\n           ", record::printable(t.discriminator), "\n");
    if (!t.samples.empty()) s += cat("samples    ", record::printable(t.samples.back().file), "\n");
    return s;
}

std::string trained_file(const std::string& model, const Call& call) {
    std::string stem = base_name(model);
    if (stem.ends_with(".onnx")) stem.resize(stem.size() - 5);
    return cat(call.common.out.empty() ? "." : call.common.out, "/", stem, "_trained.onnx");
}
}  // namespace

int train_gan_verb(const std::string& file, const NetworkArgs& a, DataArgs data, const train::LoopOptions& o, bool tensorboard, Call& call) {
    check_gan(call);
    const Graph generator = read_model(file), discriminator = read_model(a.discriminator);
    std::optional<Graph> judge;
    if (!a.judge.empty()) judge = load_model(a.judge);
    if (judge && !judge->metadata.contains("hone.preprocess") && !call.options.given("judge-mean") && !call.options.given("judge-std"))
        call.warn("the judge carries no preprocessing: it is shown pixels of 0 to 1 (--judge-mean and --judge-std say otherwise)");
    if (!discriminator.metadata.contains("hone.preprocess")) {  // tanh makes [-1, 1]
        if (!data.preprocess.mean) data.preprocess.mean = {0.5};
        if (!data.preprocess.std) data.preprocess.std = {0.5};
    }
    const DataParts parts = open_for(discriminator, data, call);
    if (!parts.training) fail(ErrorKind::data, "data.part", cat("'", data.data, "' has no training part"), "Give a data set with one, or all of it in one part.");
    train::GanOptions options = gan_options(o);

    record::Train t;
    std::map<std::string, std::string> pictures;
    Progress progress("training", 1);
    train::GanHooks hooks;
    hooks.step = [&](const train::StepInfo& s) { progress.update(static_cast<double>(s.step) / static_cast<double>(s.steps), static_cast<double>(s.resumed_at) / static_cast<double>(s.steps)); };
    hooks.say = [&](const std::string& text) { call.say(text); };
    hooks.warn = [&](const std::string& text) { call.warn(text); };
    hooks.epoch = [&](const train::Epoch& e) {
        call.say(cat("epoch ", e.epoch, ": generator ", record::number_text(e.loss), ", discriminator ", record::number_text(e.metrics.at("discriminator_loss")), ", D(real) ",
                     record::number_text(e.metrics.at("real")), ", D(fake) ", record::number_text(e.metrics.at("fake")), ", ", human_seconds(e.seconds)));
    };
    const std::string folder = call.common.out.empty() ? "." : call.common.out;
    std::unique_ptr<train::TrainingLog> log;
    if (tensorboard) {
        log = std::make_unique<train::TrainingLog>(folder + "/tensorboard", hooks.warn);
        log->pictures(parts, options.loop);
        log->watch(options.loop, hooks, "epoch/");
    }
    hooks.samples = [&](int64_t epoch, const Tensor& samples) {
        if (samples.rank() != 4) return;
        const Image grid = picture_grid(samples, parts.preprocess);
        if (log) log->picture("generated/samples", grid);
        const std::vector<uint8_t> png = encode_png(grid);
        const std::string path = cat(folder, "/", numbered(epoch));
        pictures[absolute_path(path)] = std::string(png.begin(), png.end());
        write_file_atomic(path, pictures[absolute_path(path)]);
        t.samples.push_back({epoch, absolute_path(path)});
    };
    train::Gan trained = train::train_gan(generator, discriminator, parts.training, options, hooks);
    t.model = absolute_path(trained_file(file, call)), t.discriminator = absolute_path(trained_file(a.discriminator, call));
    if (t.model == t.discriminator) fail(ErrorKind::usage, "usage.value", "the two networks would be written to one file", "Give them different names.");
    for (Graph* g : {&trained.generator, &trained.discriminator}) {
        set_metadata(*g, parts, eval::precision_name(options.loop.precision));
        write_model(*g, g == &trained.generator ? t.model : t.discriminator);
    }
    t.original = absolute_path(file), t.data = data.data;
    t.precision = eval::precision_name(options.loop.precision), t.loss = "non_saturating", t.optimizer = options.loop.step.update.optimizer, t.schedule = options.loop.schedule.name;
    t.seed = static_cast<int64_t>(call.common.seed);
    t.machine = this_machine(call.common.threads);
    t.recipe = recipe_of(call);
    t.parameters = trained.parameters;
    t.samples_per_second = static_cast<double>(trained.samples) / std::max(1e-9, trained.seconds);
    t.waited_seconds = trained.waited;
    t.stopped = trained.stopped, t.resumed_at = trained.resumed_at;
    for (const train::Epoch& e : trained.history) t.history.push_back({e.epoch, e.loss, e.rate, e.seconds, {e.metrics.begin(), e.metrics.end()}});
    if (judge) {
        const DataOptions used = data_options_for(*judge, a.judge_preprocess, call);
        const Preprocess preprocess = resolve(used.preprocess, DataKind::image, used.channels);
        const Tensor made = train::generate(trained.generator, a.judged, call.common.seed + 1, call.common.threads);
        const eval::GeneratedVerdict v = eval::judge_generated(made, parts.preprocess, *judge, preprocess, call.common.threads);
        t.part = "generated";
        t.metrics = {{"classes_found", static_cast<double>(v.found(kLeastShare))}, {"confidence", v.confidence}, {"least_share", v.least()}};
    }
    t.peak_bytes = peak_resident_bytes();
    t.warnings = call.warnings;
    emit_training(t, human(t), pictures, call);
    return 0;
}

}  // namespace hone::cli
