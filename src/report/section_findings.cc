// SPDX-License-Identifier: Apache-2.0
#include "report/sections.h"

namespace hone::report {

void findings_section(Html& html, const record::Run& run) {
    if (run.findings.empty()) return;
    const auto section = html.open("section", {{"class", "findings"}});
    html.element("h2", run.findings.size() == 1 ? "Something looks wrong" : "What looks wrong, most telling first");
    const auto list = html.open("ol", {{"class", "steps"}});
    for (const record::Finding& f : run.findings) {
        const auto item = html.open("li");
        html.element("b", f.title);
        html.element("p", f.evidence);
        if (!f.advice.empty()) html.element("p", "What to do: " + f.advice, {{"class", "quiet"}});
    }
}

}  // namespace hone::report
