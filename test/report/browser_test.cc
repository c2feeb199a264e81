// SPDX-License-Identifier: Apache-2.0
// The page in a real browser (Debian's chromium, headless): no error on the console, no request to anywhere, nothing
// wider than the window, at a desk's width and a phone's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/process.h"
#include "report/report.h"
#include "sample_run.h"
#include "support.h"

using namespace hone;

namespace {

/// Notes errors and requests where the dumped page shows them.
std::string watched(std::string html) {
    const std::string head = "<head>", body = "</body>";
    const std::string watch =
        "<script>window.seen=[];const say=console.error;console.error=(...a)=>{seen.push('console: '+a.join(' '));say(...a)};"
        "addEventListener('error',e=>seen.push('error: '+(e.message||(e.target&&e.target.outerHTML))),true);</script>";
    const std::string tell =
        "<script>addEventListener('load',()=>{for(const r of performance.getEntriesByType('resource'))seen.push('request: '+r.name);"
        "if(document.documentElement.scrollWidth>innerWidth+1)seen.push('wide: '+document.documentElement.scrollWidth+' in '+innerWidth);"
        "parent.postMessage('['+seen.join('; ')+'] at '+innerWidth,'*')})</script>";
    html.insert(html.find(head) + head.size(), watch);
    html.insert(html.rfind(body), tell);
    return html;
}

/// What the page noted, in a frame of this width: a window of its own would be 500 wide at least.
std::string seen(const std::string& html, int width) {
    std::string folder = cat(testing::TempDir(), "/browser_XXXXXX");
    if (!mkdtemp(folder.data())) return "no folder";
    write_file_atomic(folder + "/page.html", watched(html));
    write_file_atomic(folder + "/frame.html", cat("<html><body><script>onmessage=e=>document.body.setAttribute('data-seen',e.data)</script><iframe src=\"page.html\" style=\"border:0\" width=\"", width, "\" height=\"1200\"></iframe></body></html>"));
    const ProcessResult r = run_process({"/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
                                         "--no-first-run", "--user-data-dir=" + folder + "/profile", "--window-size=1400,1300", "--virtual-time-budget=2000", "--dump-dom", "file://" + folder + "/frame.html"});
    std::filesystem::remove_all(folder);
    const size_t at = r.out.find("data-seen=\"");
    if (at == std::string::npos) return cat("exit ", r.exit_code, ": ", r.err.substr(0, 500));
    return r.out.substr(at + 11, r.out.find('"', at + 11) - at - 11);
}

bool browser_present() { return access("/usr/bin/chromium", X_OK) == 0; }

}  // namespace

TEST(Browser, PEER_OpensWithoutErrorsOrRequests) {
    HONE_REQUIRE(browser_present(), "chromium (scripts/setup --dev)");
    for (const record::Run& run : {report::sample_run(), report::refused_run()})
        for (const int width : {1280, 390}) {
            const std::string noted = seen(report::html_report(run), width);
            EXPECT_EQ(noted, cat("[] at ", width));
        }
}

TEST(Browser, PEER_SeesWhatIsWrongWithABrokenPage) {
    HONE_REQUIRE(browser_present(), "chromium (scripts/setup --dev)");
    const std::string broken = "<html><head></head><body><img src=\"http://127.0.0.1:9/absent.png\"><div style=\"width:3000px\">x</div><script>nothing.here()</script></body></html>";
    const std::string noted = seen(broken, 1280);
    for (const char* what : {"request: ", "error: ", "wide: "}) EXPECT_NE(noted.find(what), std::string::npos) << what << noted;
}
