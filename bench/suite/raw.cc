// SPDX-License-Identifier: Apache-2.0
// What one process measured, as text: a line an entry, fields separated by tabs.
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "suite/contest.h"

namespace hone::suite {
namespace {
std::string one_line(std::string s) {
    for (char& c : s)
        if (c == '\t' || c == '\n' || c == '\r') c = ' ';
    return s;
}
std::string number(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.9g", v);
    return text;
}
}  // namespace

std::string raw_text(const std::vector<Seen>& seen) {
    std::string out;
    for (const Seen& s : seen) {
        out += cat(one_line(s.version), "\t", one_line(s.trouble), "\t", s.error ? number(*s.error) : "", "\t",
                   one_line(s.note), "\t");
        for (const double v : s.values()) out += number(v) + " ";
        out += "\n";
    }
    return out;
}

std::vector<Seen> seen_from_raw(const std::string& text) {
    std::vector<Seen> all;
    std::istringstream lines(text);
    for (std::string line, error; std::getline(lines, line);) {
        Seen s;
        std::istringstream fields(line);
        std::getline(fields, s.version, '\t');
        std::getline(fields, s.trouble, '\t');
        std::getline(fields, error, '\t');
        std::getline(fields, s.note, '\t');
        if (!error.empty()) s.error = std::strtod(error.c_str(), nullptr);
        std::vector<double> series;
        for (double v; fields >> v;) series.push_back(v);
        if (!series.empty()) s.series.push_back(series);
        all.push_back(std::move(s));
    }
    return all;
}

std::vector<Seen> measure_in_processes(const std::string& program, const std::vector<std::string>& argv,
                                       int processes) {
    std::vector<Seen> all;
    Progress progress("processes", processes);
    for (int p = 0; p < processes; ++p) {
        std::vector<std::string> words{program};
        words.insert(words.end(), argv.begin(), argv.end());
        const ProcessResult r = run_process(words);
        if (r.exit_code != 0) fail(ErrorKind::internal, "bench.process", cat("a measuring process failed: ", r.err));
        const std::vector<Seen> one = seen_from_raw(r.out);
        if (all.empty()) {
            all = one;
        } else {
            HONE_CHECK(one.size() == all.size(), "a measuring process printed ", r.out.substr(0, 200));
            for (size_t i = 0; i < all.size(); ++i) {
                if (all[i].trouble.empty()) all[i].trouble = one[i].trouble;
                if (one[i].error) all[i].error = std::max(all[i].error.value_or(0), *one[i].error);
                all[i].series.insert(all[i].series.end(), one[i].series.begin(), one[i].series.end());
            }
        }
        progress.update(p + 1);
    }
    return all;
}

}  // namespace hone::suite
