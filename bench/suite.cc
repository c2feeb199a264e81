// SPDX-License-Identifier: Apache-2.0
// bench_suite: the speed tables, measured. scripts/bench builds and runs it.
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "base/interrupt.h"
#include "suite/suites.h"

int main(int argc, char** argv) {
    using namespace hone;
    install_interrupt_handlers();  // what was started is ended on the way out
    try {
        const suite::Args args = suite::parse_args(argc, argv);
        if (args.raw) prctl(PR_SET_PDEATHSIG, SIGTERM);  // nothing is measured for a parent that is gone
        if (args.suite == "inference") return suite::inference(args);
        if (args.suite == "start") return suite::start(args);
        if (args.suite == "memory") return suite::memory(args);
        if (args.suite == "models") return suite::models(args);
        if (args.suite == "training") return suite::training(args);
        std::fputs(suite::usage_text().c_str(), stderr);
        return static_cast<int>(ErrorKind::usage);
    } catch (const Error& e) {
        std::fprintf(stderr, "%s: %s\n%s%s", e.id.c_str(), e.message.c_str(), e.hint.c_str(),
                     e.hint.empty() ? "" : "\n");
        return e.exit_code();
    }
}
