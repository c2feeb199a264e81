// SPDX-License-Identifier: Apache-2.0
// bench_suite: the speed tables, measured. scripts/bench builds and runs it.
#include <cstdio>

#include "base/error.h"
#include "suite/suites.h"

int main(int argc, char** argv) {
    using namespace hone;
    try {
        const suite::Args args = suite::parse_args(argc, argv);
        if (args.suite == "inference") return suite::inference(args);
        if (args.suite == "start") return suite::start(args);
        if (args.suite == "models") return suite::models(args);
        std::fputs(suite::usage_text, stderr);
        return static_cast<int>(ErrorKind::usage);
    } catch (const Error& e) {
        std::fprintf(stderr, "%s: %s\n%s%s", e.id.c_str(), e.message.c_str(), e.hint.c_str(),
                     e.hint.empty() ? "" : "\n");
        return e.exit_code();
    }
}
