// SPDX-License-Identifier: Apache-2.0
#include "cli/common.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "cli/text_input.h"
#include "onnx/reader.h"
#include "record/string_map.h"

namespace hone::cli {

Graph load_model(const std::string& path) {
    Graph g = read_model(path);
    run_passes(g, Stage::portable);
    return g;
}

Option& add_precision(Options& options, std::string& to) {
    return options.add("precision", "P", to, "of the float parts: fp32, bf16, or auto (what the model permits here)")
        .one_of({"fp32", "bf16", "auto"});
}

Precision choose_precision(const std::string& name, const Graph& g) {
    if (name == "bf16") return Precision::bf16;
    if (name != "auto") return Precision::fp32;
    const auto permitted = g.metadata.find("hone.precision");
    const bool bf16 = permitted != g.metadata.end() && permitted->second == "bf16" && usable_isa() >= Isa::avx512_bf16;
    return bf16 ? Precision::bf16 : Precision::fp32;
}

namespace {
void add_size(Options& options, const char* name, std::optional<ImageSize>& to, const char* help) {
    options.custom(
        name, "HxW", help, [&to](const std::string& s) { to = parse_size(s); },
        [&to] { return to ? to_text(*to) : std::string(); });
}

/// Channels and size of an image input [N,C,H,W]; zeros where they are unknown or it is no image.
void follow_input(const Graph& g, DataOptions& o) {
    if (g.inputs.empty()) return;
    const TypeInfo& t = g.value(g.inputs[0]).type;
    if (!t.rank_known || t.shape.size() != 4) return;
    auto known = [&](size_t i) {
        return t.shape[i].known() ? static_cast<int>(std::min<int64_t>(t.shape[i].value, 1 << 20)) : 0;
    };
    o.channels = known(1);
    o.height = known(2);
    o.width = known(3);
}
}  // namespace

void add_data(Options& options, DataArgs& to, bool with_part) {
    options.group("Data");
    options.add("data", "D", to.data, "a folder, archive or file of samples, or a known name (fashion-mnist)")
        .required();
    if (with_part)
        options.add("part", "P", to.part, "training, validation or test; unless given the test part, else the only one")
            .one_of({"training", "validation", "test"});
    options.custom(
        "split", "A/B/C", "shares of training, validation and test where the data has no such parts (stratified, by --seed); 70/10/20 unless given",
        [&to](const std::string& s) { parse_split(s), to.split = s; }, [&to] { return to.split; });
    add_preprocess(options, to.preprocess);
}

void add_text(Options& options, TextOptions& to) {
    options.group("Texts, where the model has no vocabulary yet");
    options.custom(
        "tokens", "UNIT", "what is numbered: word (unless given) or character", [&to](const std::string& s) { to.unit = parse_text_unit(s); },
        [&to] { return std::string(to.unit ? to_text(*to.unit) : ""); });
    options.add("vocabulary", "N", to.max_size, "ids at most, padding and unknown counted; unless given as many as the model has embeddings of").at_least(3);
    options.add("min-count", "N", to.min_count, "tokens that are rarer in the training part are unknown").at_least(1);
    options.add("text-length", "N", to.length, "tokens of a text; unless given the model's, else the longest text's, at most 256").at_least(1);
}

void add_preprocess(Options& options, PreprocessOptions& to) {
    options.add("scale", "X", to.scale, "x = (pixel * scale - mean) / std; 1/255 for images and 1 for tables unless given");
    options.add("mean", "X,...", to.mean, "one value for all channels, or one a channel");
    options.add("std", "X,...", to.std, "likewise");
    add_size(options, "resize", to.resize, "resize images as Pillow does");
    options
        .custom(
            "resample", "NAME", "the filter that resizes; bilinear unless given",
            [&to](const std::string& s) { to.resample = parse_resample(s); },
            [&to] { return to.resample ? to_text(*to.resample) : std::string(); })
        .one_of(resample_names());
    add_size(options, "crop", to.crop, "then take the middle");
}

DataOptions data_options_for(const Graph& g, const PreprocessOptions& flags, Call& call) {
    DataOptions o;
    o.seed = call.common.seed;
    o.preprocess = flags;
    follow_input(g, o);
    if (const auto stored = g.metadata.find("hone.preprocess"); stored != g.metadata.end()) {
        const record::StoredPreprocess s = record::stored_preprocess_from_json(stored->second);
        std::vector<std::string> warnings;
        o.preprocess = merge(flags, options_of(preprocess_from_map(s.map)), &warnings);
        o.class_names = s.class_names;
        if (!s.split.empty()) o.made_split = made_split_from_map(s.split);
        if (!s.text.empty()) o.text.stored = std::make_shared<const TextEncoder>(text_encoder_from_map(s.text));
        for (const std::string& w : warnings) call.warn(w);
    }
    return o;
}

DataParts open_for(const Graph& g, const DataArgs& args, Call& call) {
    DataOptions o = data_options_for(g, args.preprocess, call);
    if (!args.split.empty()) o.split = parse_split(args.split);
    follow_text_input(g, args.text, o.text, call);
    DataParts parts = open_data(args.data, o);
    for (const std::string& note : parts.notes) call.say("note: " + note);
    return parts;
}

DatasetPtr choose_part(const DataParts& parts, const std::string& wanted, std::string* name) {
    const std::vector<std::pair<std::string, DatasetPtr>> all = {
        {"test", parts.test}, {"validation", parts.validation}, {"training", parts.training}};
    std::vector<std::string> present;
    for (const auto& [part, data] : all)
        if (data) present.push_back(part);
    if (wanted.empty() && parts.whole && !parts.split_as_made) {
        *name = parts.gave_test         ? "test"
                : parts.gave_validation ? "validation"
                : parts.gave_training   ? "training"
                                        : "all";
        return parts.whole;
    }
    for (const auto& [part, data] : all)
        if (data && (wanted.empty() || part == wanted)) {
            *name = part;
            return data;
        }
    fail(ErrorKind::data, "data.part", cat("the data has no ", wanted.empty() ? "test" : wanted, " part"),
         cat("It has: ", join(present, ", "), "."), parts.name);
}

void add_no_plan(Options& options, bool& to) {
    options.flag("no-plan", to, "do not take the plan file beside the model (net.plan, of `tune` or `optimize`)");
}

std::string plan_file_beside(StartRequest r, Call& call, std::shared_ptr<const Plan>* plan) {
    r.plan_file = default_plan_file(r.model);
    if (!file_exists(r.plan_file)) return {};
    std::string why;
    const std::shared_ptr<const Plan> found = plan_from_file(r, &why);
    if (!found) {
        call.say(cat("note: ", r.plan_file, " is not taken: ", why));
        return {};
    }
    if (plan) *plan = found;
    return absolute_path(r.plan_file);
}

record::Machine this_machine(int threads) {
    record::Machine m;
    m.cpu = cpu_model();
    m.isa = isa_name(usable_isa());
    m.threads = threads;
    m.cores = available_cores();
    m.load = {load_average()};
    return m;
}

}  // namespace hone::cli
