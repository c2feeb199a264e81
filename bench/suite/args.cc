// SPDX-License-Identifier: Apache-2.0
#include "suite/args.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "suite/networks.h"
#include "suite/rows.h"

namespace hone::suite {
namespace {

std::vector<std::string> list_of(const std::string& text) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        parts.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return parts;
}

int number_of(const std::string& name, const std::string& text, int least, int most) {
    char* end = nullptr;
    const long v = std::strtol(text.c_str(), &end, 10);
    if (text.empty() || *end || v < least || v > most)
        fail(ErrorKind::usage, "args.number",
             cat(name, " needs a number from ", least, " to ", most, ", got '", text, "'"));
    return static_cast<int>(v);
}

void set_option(Args& a, const std::string& name, const std::string& value) {
    if (name == "--threads") {
        a.threads.clear();
        for (const std::string& t : list_of(value)) a.threads.push_back(number_of(name, t, 1, 256));
    } else if (name == "--batches") {
        a.batches.clear();
        for (const std::string& b : list_of(value)) a.batches.push_back(number_of(name, b, 1, 4096));
    } else if (name == "--networks") {
        a.networks = list_of(value);
    } else if (name == "--rows") {
        a.rows = list_of(value);
    } else if (name == "--seconds") {
        a.seconds = number_of(name, value, 1, 100000);
    } else if (name == "--runs") {
        a.rounds = number_of(name, value, 5, 100000);
    } else if (name == "--processes") {
        a.processes = number_of(name, value, 1, 1000);
    } else if (name == "--out") {
        a.out = value;
    } else if (name == "--root") {
        a.root = value;
    } else {
        fail(ErrorKind::usage, "args.unknown", cat("unknown option ", name), usage_text());
    }
}

}  // namespace

std::string usage_text() {
    std::string rows;
    for (const RowKind& kind : row_kinds()) {
        const std::string name = kind.name;
        rows += cat("    ", name, std::string(15 - name.size(), ' '), kind.summary, "\n");
    }
    return cat("bench_suite inference [--networks ", join(network_names(), ","), "] [--rows ", join(row_names(), ","),
               "]\n",
               rows,
               "bench_suite models ORIGINAL NEW [ORIGINAL NEW ...]\n"
               "bench_suite training [--networks resnet18,lenet5] [--rows step,memory,epochs,profile]\n"
               "  --threads 1,2    numbers of threads (1 and 2; models: 2)\n"
               "  --batches 1,8    batch sizes of throughput (1,8,32) and memory (1,32)\n"
               "  --runs N         timed turns of each engine, interleaved (40)\n"
               "  --seconds S      throughput of a batch ends after so long, with at least 10 turns (30)\n"
               "  --processes N    in so many fresh processes, one after another (1); from 3 on the interval rests on\n"
               "                   them\n"
               "  --json[=FILE]    hone.benchsuite/1 instead of the table, or to a file beside it\n"
               "  --out FOLDER     where the models that are made go (ROOT/build/bench)\n"
               "  --root FOLDER    the repository (.)\n");
}

Args parse_args(int argc, char** argv) {
    Args a;
    a.program = this_program();
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--raw") {
            a.raw = true;
        } else if (word == "--json") {
            a.json = true;
        } else if (word.starts_with("--json=")) {
            a.json = true;
            a.json_file = word.substr(7);
        } else if (word.starts_with("--")) {
            const size_t equals = word.find('=');
            if (equals == std::string::npos && i + 1 == argc)
                fail(ErrorKind::usage, "args.value", cat(word, " needs a value"), usage_text());
            set_option(a, word.substr(0, equals), equals == std::string::npos ? argv[++i] : word.substr(equals + 1));
        } else if (a.suite.empty()) {
            a.suite = word;
        } else {
            a.words.push_back(word);
        }
    }
    if (a.threads.empty()) {
        const int cores = available_cores();
        if (a.suite == "inference" && cores > 1) a.threads.push_back(1);
        a.threads.push_back(std::min(2, cores));
    }
    if (a.out.empty()) a.out = a.root + "/build/bench";
    return a;
}

}  // namespace hone::suite
