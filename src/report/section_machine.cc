// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/error.h"
#include "base/timing.h"
#include "record/table.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

void fact(Html& html, const std::string& name, const std::string& value, bool code = false) {
    if (value.empty()) return;
    html.element("dt", name);
    html.element("dd", value, {{"class", code ? "code" : ""}});
}

std::string load_text(const std::vector<double>& load) {
    std::vector<std::string> parts;
    for (double v : load)
        if (std::isfinite(v)) parts.push_back(fixed(v, 2));
    return join(parts, " at the start, ") + (parts.size() > 1 ? " at the end" : "");
}

void parts_table(Html& html, const record::Run& run) {
    if (run.parts.empty()) return;
    html.element("h3", "Data");
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto table = html.open("table", {{"class", "stack"}});
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "Part");
        html.element("th", "Samples", {{"class", "n"}});
        html.element("th", "Used for");
        html.element("th", "From");
    }
    const auto body = html.open("tbody");
    for (const auto& part : run.parts) {
        const auto row = html.open("tr");
        html.element("td", part.name, {{"class", "layer"}});
        html.element("td", record::count_text(part.samples), {{"class", "n"}, {"data-label", "samples"}});
        html.element("td", part.used_for, {{"class", "wide"}, {"data-label", "used for"}});
        html.element("td", part.origin, {{"class", "wide"}, {"data-label", "from"}});
    }
}

void texts(Html& html, const std::string& title, const record::Texts& all) {
    if (all.empty()) return;
    const auto fold = html.open("details");
    html.element("summary", title);
    const auto list = html.open("dl", {{"class", "facts-list"}});
    for (const auto& [name, value] : all) fact(html, name, value.empty() ? "–" : value, true);
}

}  // namespace

void machine_section(Html& html, const record::Run& run) {
    const auto section = html.open("section");
    html.element("h2", "Where this was measured, and how to repeat it");
    if (!run.command.empty()) html.element("pre", run.command);
    {
        const auto list = html.open("dl", {{"class", "facts-list"}});
        fact(html, "Processor", run.machine.cpu + (run.machine.isa.empty() ? "" : " (" + run.machine.isa + ")"));
        if (run.machine.threads > 0)
            fact(html, "Threads",
                 cat(run.machine.threads, run.machine.cores > 0 ? cat(" of ", run.machine.cores, " cores") : ""));
        fact(html, "Load of the machine", load_text(run.machine.load));
        fact(html, "Seed", std::to_string(run.seed));
        fact(html, "Started", run.started);
        fact(html, "Finished", run.finished + (run.seconds > 0 ? " (" + human_seconds(run.seconds) + ")" : ""));
        fact(html, "hone", run.version);
        fact(html, "Original", run.original, true);
        fact(html, "Result", run.model, true);
        for (const std::string& file : run.files)
            if (file != run.model) fact(html, "Written", file, true);
    }
    parts_table(html, run);
    texts(html, "Hashes (SHA-256)", run.hashes);
    texts(html, cat("Recipe: all ", run.recipe.size(), " options as they were resolved"), run.recipe);
}

void glossary_section(Html& html, const record::Run& run) {
    const auto section = html.open("section");
    html.element("h2", "Words used here");
    const auto list = html.open("dl", {{"class", "words"}});
    const auto word = [&](const char* name, const std::string& meaning) {
        html.element("dt", name);
        html.element("dd", meaning);
    };
    if (run.metric == "top1") word("Top-1 accuracy", "Share of samples whose most likely class is the right one.");
    if (run.metric.ends_with("_macro")) word("Macro", "The mean over the classes, each counting the same, however many samples it has.");
    if (run.metric == "auc") word("AUC", "How often a sample of a class scores higher for it than one of another; the mean over the classes.");
    if (run.metric == "top1" || run.metric == "top5") word("Point", "A hundredth of all samples: from 93 % to 92 % is one point.");
    else if (is_share(run.metric)) word("Point", "A hundredth: from 93 % to 92 % is one point.");
    if (is_error(run.metric)) word("Growth", "How much larger the new network's error is than the original's, on the same samples.");
    else word("Drop", cat("How much ", run.metric == "top1" ? "accuracy" : spoken_metric(run.metric), " the new network lost against the original, on the same samples."));
    word("Bound", run.goal.max_latency_ms ? "The most that you allowed: of time, of drop, of size." : "The largest drop you allowed.");
    word("Latency", "Time from an input to its answer, one at a time. The median is the middle of all runs.");
    word("Multiply-adds", "Multiplications with their additions that one answer takes: the work of a layer.");
    word("int8, bf16, fp32", "How many bits a number takes: 8, 16, 32. Fewer are smaller and faster, and coarser.");
    word("Calibrated", "The network was run on training samples to see which range of values each layer has; 8 bits are spread over that range.");
    word("Min-max, MSE, percentile, entropy ranges", "Ways to choose that range: all that was seen, or what loses least in squared error, but for a few outliers, or in information.");
    word("Equalised, bias corrected", "Weights of neighbouring layers were scaled against each other; the mean error of 8 bits was taken out of a layer's bias.");
    word("dB", "How far a layer's values are above the noise that 8 bits add to them: 20 is ten times, 40 a hundred times.");
    if (run.drop && run.drop->mcnemar_p) word("McNemar's test", "How often chance alone would make as many answers worse as this, were both networks equally good.");
    word("Validation, test", "Two parts of the data: one to choose by, one kept back for the verdict.");
}

}  // namespace hone::report
