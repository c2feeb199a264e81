// SPDX-License-Identifier: Apache-2.0
// The page of a training.
#include "base/error.h"
#include "base/file.h"
#include "record/table.h"
#include "record/train.h"
#include "report/plots.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

std::string base64(std::string_view bytes) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t word = 0;
        for (size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0U);
        for (size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[word >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

/// Figures of the names, epoch by epoch.
Curve curve_of(const record::Train& t, const std::string& name) {
    Curve c{name, {}};
    for (const record::TrainEpoch& e : t.history) {
        double v = std::numeric_limits<double>::quiet_NaN();
        for (const auto& [key, value] : e.metrics)
            if (key == name) v = value;
        c.values.push_back(v);
    }
    return c;
}

void curves(Html& html, const record::Train& t) {
    if (t.history.empty()) return;
    const auto section = html.open("section");
    html.element("h2", "Epoch by epoch");
    Curve loss{t.discriminator.empty() ? "loss" : "generator's loss", {}};
    for (const record::TrainEpoch& e : t.history) loss.values.push_back(e.loss);
    const auto number = [](double v) { return record::number_text(v); };
    html.element("h3", "Training");
    if (t.discriminator.empty()) {
        curve_plot(html, {loss}, number);
        for (const auto& [name, value] : t.history.back().metrics) {
            html.element("h3", cat(metric_name(name), ", validation part"));
            curve_plot(html, {curve_of(t, name)}, [name = name](double v) { return metric_text(name, v); });
        }
    } else {
        Curve other = curve_of(t, "discriminator_loss"), real = curve_of(t, "real"), fake = curve_of(t, "fake");
        other.name = "discriminator's loss", real.name = "real taken for real", fake.name = "generated taken for real";
        curve_plot(html, {loss, other}, number);
        html.element("h3", "What the discriminator believes");
        curve_plot(html, {real, fake}, number);
    }
}

void samples(Html& html, const record::Train& t, const std::map<std::string, std::string>& pictures) {
    std::vector<const record::TrainSamples*> shown;
    for (const record::TrainSamples& s : t.samples)
        if (pictures.contains(s.file)) shown.push_back(&s);
    if (shown.empty()) return;
    const auto section = html.open("section");
    html.element("h2", "Samples");
    html.element("p", "Made of the same latent numbers after every epoch, the last first.");
    const auto grid = html.open("div", {{"class", "samples"}});
    for (size_t i = shown.size(); i-- > 0;) {
        const auto figure = html.open("figure");
        html.shape("img", {{"src", "data:image/png;base64," + base64(pictures.at(shown[i]->file))}, {"alt", cat("samples after epoch ", shown[i]->epoch)}});
        html.element("figcaption", cat("epoch ", shown[i]->epoch), {{"class", "small"}});
    }
}

void fact(Html& html, const std::string& figure, const std::string& what) {
    const auto one = html.open("div");
    html.element("b", figure);
    html.element("span", what);
}

}  // namespace

std::string train_page(const record::Train& t, const std::map<std::string, std::string>& pictures) {
    Html html;
    html.raw("<!DOCTYPE html>\n");
    {
        const auto page = html.open("html", {{"lang", "en"}});
        page_head(html, cat("Training of ", base_name(t.original)));
        const auto body = html.open("body");
        const auto main = html.open("main");
        html.element("h1", cat("Training of ", base_name(t.original)));
        html.element("p", cat("On ", t.data, ", ", t.history.size(), " epochs, loss ", t.loss, ", ", t.optimizer, ", ", t.precision, ", seed ", t.seed, "."), {{"class", "lead"}});
        {
            const auto facts = html.open("div", {{"class", "facts"}});
            for (const auto& [name, value] : t.metrics) fact(html, metric_text(name, value), cat(metric_name(name), t.part.empty() ? "" : cat(", ", t.part, t.part == "generated" ? "" : " part")));
            fact(html, record::si_text(static_cast<double>(t.parameters)), "parameters trained");
            fact(html, record::number_text(t.samples_per_second), "samples a second");
        }
        for (const std::string& w : t.warnings) html.element("p", "Note: " + w, {{"class", "note warn"}});
        curves(html, t);
        samples(html, t, pictures);
        const auto section = html.open("section");
        html.element("h2", "Where and with what");
        html.element("p", cat(t.machine.cpu, ", ", t.machine.isa, ", ", t.machine.threads, " threads"));
        const auto list = html.open("ul");
        html.element("li", t.model, {{"class", "path"}});
        for (const std::string& file : {t.discriminator, t.classifier})
            if (!file.empty()) html.element("li", file, {{"class", "path"}});
    }
    return html.str();
}

}  // namespace hone::report
