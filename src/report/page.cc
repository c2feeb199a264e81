// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {

void page_head(Html& html, const std::string& title) {
    const auto head = html.open("head");
    html.raw(
        "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.element("title", title);
    const auto sheet = html.open("style");
    html.raw(style());
}

std::string html_report(const record::Run& run) {
    const std::string& given = run.original.empty() ? run.model : run.original;
    Html html;
    html.raw("<!DOCTYPE html>\n");
    {
        const auto page = html.open("html", {{"lang", "en"}});
        page_head(html, base_name(given) + ": " + headline(run));
        const auto body = html.open("body");
        const auto main = html.open("main");
        verdict_section(html, run);
        findings_section(html, run);
        accuracy_section(html, run);
        speed_section(html, run);
        robustness_section(html, run);
        layers_section(html, run);
        sensitivity_section(html, run);
        candidates_section(html, run);
        decisions_section(html, run);
        machine_section(html, run);
        glossary_section(html, run);
        html.element("footer", "Written by hone" + (run.version.empty() ? "" : " " + run.version) +
                                   ". Every figure was measured on the machine named above.");
    }
    return html.str();
}

}  // namespace hone::report
