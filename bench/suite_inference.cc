// SPDX-License-Identifier: Apache-2.0
// Networks of the zoo: hone beside onnxruntime and OpenVINO, all on the same files and inputs. What is measured of each
// network is in suite/rows.cc.
#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "suite/rows.h"
#include "suite/suites.h"

namespace hone::suite {
namespace {

/// One contest, in a fresh process of its own.
int contest_process(const Args& a) {
    const RowKind& kind = find_row_kind(a.rows.at(0));
    HONE_CHECK(kind.contest, kind.name, " has no contest");
    const Contest contest = kind.contest(network_paths(a.networks.at(0), a.out), a.batches.at(0));
    const std::vector<Seen> seen = measure(contest.entries, contest_options(a, a.threads.at(0), contest));
    std::fputs(raw_text(seen).c_str(), stdout);
    return 0;
}

}  // namespace

int inference(const Args& a) {
    if (!a.words.empty()) fail(ErrorKind::usage, "args.words", cat("what is '", a.words[0], "'?"), usage_text());
    if (a.raw) return contest_process(a);
    const std::vector<std::string> networks = a.networks.empty() ? network_names() : a.networks;
    std::vector<RowKind> kinds;
    for (const std::string& name : a.rows.empty() ? row_names() : a.rows) kinds.push_back(find_row_kind(name));
    for (const std::string& name : networks) network_paths(name, a.out);  // refuses unknown ones before work begins
    Result result;
    const int most = *std::max_element(a.threads.begin(), a.threads.end());
    for (const std::string& name : networks) {
        const Network n = make_network(name, a.out, most);
        for (const int threads : a.threads) {
            RowContext context(result, a, n, threads);
            for (const RowKind& kind : kinds)
                if (kind.each_threads || threads == most) add_rows(context, kind);
        }
    }
    result.remark(cat("Answers: fp32 within ", fp32_bound, " and bf16 within ", bf16_bound,
                      " of the greatest output of onnxruntime in fp32; int8 within ", int8_bound,
                      "\nof onnxruntime's on the same file, which at latency is as near to fp32."));
    result.print(a);
    return 0;
}

}  // namespace hone::suite
